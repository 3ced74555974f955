"""From a photo to a saved avatar, as a person goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from .conftest import DESKTOP, PHONE, SMALL_PHONE
from .steps import (
    assert_accessible,
    assert_nothing_jumped,
    bring,
    button,
    choose,
    draw,
    draw_another,
    drawing,
    drawings,
    heading,
)


@pytest.mark.parametrize(
    ("window", "colours"),
    [(PHONE, "light"), (DESKTOP, "dark")],
    ids=["phone", "desktop"],
)
def test_a_photo_becomes_an_avatar(
    open_page: Callable[..., Page], portrait: Path, window: dict[str, Any], colours: str
) -> None:
    page = open_page({**window, "color_scheme": colours})
    expect(button(page, "Take a photo")).to_be_visible(visible=window is PHONE)
    page.get_by_role("radio", name="Comic").wait_for()
    assert_accessible(page)

    with drawing(page):
        choose(page, portrait)
        heading(page, "Drawing your cartoon…").wait_for()
        assert_accessible(page)
    heading(page, "Your cartoon").wait_for()
    assert_nothing_jumped(page)
    assert_accessible(page)

    draw_another(page, 2)
    expect(drawings(page).nth(1)).to_be_checked()
    drawings(page).nth(0).check(force=True)
    expect(heading(page, "Which one is it?")).to_be_visible()

    page.get_by_role("radio", name="Yellow").check(force=True)
    button(page, "Use this one").click()
    heading(page, "Your avatar").wait_for()
    assert_accessible(page)
    assert _saved(page).getpixel((0, 0)) == (255, 213, 74, 255)
    page.get_by_role("radio", name="Transparent").check(force=True)
    assert _saved(page).getpixel((0, 0))[3] == 0
    button(page, "Copy").click()
    expect(page.get_by_text("Copied.").first).to_be_visible()
    copied = page.evaluate("navigator.clipboard.read().then(([item]) => item.types)")
    assert copied == ["image/png"]
    button(page, "Share").click()
    expect(page.get_by_text("Shared.").first).to_be_visible()
    assert page.evaluate("shared.type") == "image/png"

    page.get_by_role("link", name="My photos").click()
    expect(page.get_by_role("button", name="Photo of")).to_have_count(2)  # open, and delete
    assert_accessible(page)
    page.get_by_role("navigation").get_by_role("link", name="My avatars").click()
    page.get_by_role("button", name="open").click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    assert_accessible(page)


def _saved(page: Page) -> Image.Image:
    with page.expect_download() as downloading:
        button(page, "Save").click()
    assert downloading.value.suggested_filename.endswith(".png")
    picture = Image.open(downloading.value.path()).convert("RGBA")
    assert min(picture.size) >= 128
    return picture


@pytest.mark.parametrize(
    ("event", "transfer"), [("drop", "dataTransfer"), ("paste", "clipboardData")]
)
def test_a_photo_can_be_dropped_or_pasted_anywhere(
    open_page: Callable[..., Page], event: str, transfer: str
) -> None:
    page = open_page(path="/#/photos")
    page.route("**/api/upload", lambda route: None)  # on its way for ever
    bring(page, event, transfer)
    expect(page.get_by_alt_text("Your photo")).to_be_visible()
    assert page.url.endswith("#/")


def test_the_smallest_phone_shows_everything(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(SMALL_PHONE)
    button(page, "Choose a photo").wait_for()
    assert_accessible(page)
    page = open_page(SMALL_PHONE, visitor=drawn)
    button(page, "Use this one").wait_for()
    assert_accessible(page)


def test_sending_over_a_slow_line_is_a_bar_that_grows(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()
    network = {"offline": False, "latency": 0, "downloadThroughput": -1}
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions", {**network, "uploadThroughput": 40_000}
    )
    page.evaluate(
        """window.shares = [];
        new MutationObserver(() => {
          const bar = document.querySelector("progress");
          if (bar && shares.at(-1) !== bar.value) shares.push(bar.value);
        }).observe(document.getElementById("app"),
                   { subtree: true, childList: true, attributes: true })"""
    )
    with drawing(page):
        choose(page, portrait)
        heading(page, "Sending your photo…").wait_for()
        assert_accessible(page)
        heading(page, "Drawing your cartoon…").wait_for()
    shares = page.evaluate("shares")
    assert shares == sorted(shares)
    assert any(0 < share < 100 for share in shares)


def test_the_slider_moves_between_photo_and_cartoon(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn)
    slider = page.get_by_role("slider", name="Compare photo and cartoon")
    expect(slider).to_have_attribute("aria-valuetext", "50 % cartoon")

    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    page.mouse.up()

    assert int(slider.get_attribute("aria-valuetext").split()[0]) > 90


def test_the_photo_shows_what_of_it_the_cartoon_shows(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page()
    crop = {"left": 128, "top": 60, "width": 256, "height": 256}

    def cropped(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        for cartoon in body["cartoons"]:
            cartoon["crop"] = crop
        route.fulfill(response=response, json=body)

    page.route("**/api/originals/*", cropped)
    page.evaluate(
        """who => {
          localStorage["cartoon-avatar.identity"] = who;
          localStorage["cartoon-avatar.session"] = who;
          location.reload();
        }""",
        json.dumps(drawn),
    )
    page.get_by_role("slider", name="Compare photo and cartoon").wait_for()
    frame = page.locator(".frame .cartoon").bounding_box()
    photo = page.get_by_alt_text("Your photo").bounding_box()
    # Grace Hopper is 512 × 600 px.
    assert frame["width"] == pytest.approx(frame["height"], abs=1)
    assert photo["width"] == pytest.approx(frame["width"] * 512 / 256, abs=1)
    assert photo["height"] == pytest.approx(frame["height"] * 600 / 256, abs=1)
    assert photo["x"] == pytest.approx(frame["x"] - frame["width"] * 128 / 256, abs=1)
    assert photo["y"] == pytest.approx(frame["y"] - frame["height"] * 60 / 256, abs=1)


def test_a_chosen_style_is_the_one_drawn(open_page: Callable[..., Page], portrait: Path) -> None:
    page = open_page()
    styles = page.locator(".styles").get_by_role("radio")
    expect(styles.nth(1)).to_be_attached()
    last = page.locator(".styles .choice").last
    title = last.inner_text().split("\n")[-1]
    last.get_by_role("radio").check(force=True)
    draw(page, portrait)
    expect(page.get_by_text(f"Drawn in {title}")).to_be_visible()


def test_a_drawing_of_shapes_is_saved_as_svg(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()
    page.locator(".styles").get_by_role("radio", name="Ink").check(force=True)
    draw(page, portrait)
    with page.expect_download() as saving:
        button(page, "Save as SVG").click()
    assert saving.value.suggested_filename == "ink.svg"
    assert saving.value.path().read_text().startswith("<svg ")


def test_galleries_load_on_while_scrolling_and_delete(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()
    draw(page, portrait)
    _fill_gallery(page, 30)

    page.get_by_role("link", name="My photos").click()
    opening = page.get_by_role("button", name=", open")
    expect(opening.nth(23)).to_be_attached()
    page.mouse.wheel(0, 20_000)
    expect(opening).to_have_count(31)

    page.get_by_role("button", name=", delete").first.click()
    expect(button(page, "Keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opening).to_have_count(31)
    page.get_by_role("button", name=", delete").first.click()
    button(page, "Delete").click()
    expect(opening).to_have_count(30)

    button(page, "Delete everything of mine").click()
    assert_accessible(page)
    button(page, "Delete everything").click()
    expect(page.get_by_text("No photos yet.")).to_be_visible()
    page.get_by_role("link", name="Draw the first one").click()
    expect(heading(page, "Turn a portrait into a cartoon")).to_be_visible()


def _fill_gallery(page: Page, count: int) -> None:
    """Shows the one stored photo as one of many: drawing 30 takes a minute."""

    def answer(route: Any) -> None:
        if "cursor=" in route.request.url:
            rest = [{**item, "id": f"copy-{at}"} for at in range(24, count + 1) for item in first]
            route.fulfill(json={"items": rest, "nextCursor": None})
            return
        real = route.fetch()
        first[:] = real.json()["items"]
        copies = [{**item, "id": f"copy-{at}"} for at in range(1, 24) for item in first]
        cursor = "next" if first else None
        route.fulfill(response=real, json={"items": first + copies, "nextCursor": cursor})

    first: list[dict[str, Any]] = []
    page.route("**/api/originals?*", answer)
