"""From a photo to a saved avatar, as a person goes."""

from __future__ import annotations

import json
import re
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
    cut_out,
    draw,
    draw_another,
    drawing,
    drawings,
    heading,
    style,
    to_gallery,
)

_DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


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
    style(page, "Comic").wait_for()
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

    expect(button(page, "Cut out my head")).to_have_accessible_description(
        "Keeps the head for good and clears away the other drawings."
    )
    cut_out(page)
    heading(page, "Your avatar").wait_for()
    assert_accessible(page)
    page.get_by_role("radio", name="Yellow").check(force=True)
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

    to_gallery(page, "Photos")
    expect(page.get_by_role("button", name="Photo of")).to_have_count(2)  # open, and delete
    assert_accessible(page)
    to_gallery(page, "Avatars")
    page.get_by_role("button", name="open").click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    assert_accessible(page)


def _saved(page: Page) -> Image.Image:
    with page.expect_download() as downloading:
        button(page, "Save as PNG").click()
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
    assert page.url.endswith("#/photo")


def test_the_smallest_phone_shows_everything(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(SMALL_PHONE)
    button(page, "Choose a photo").wait_for()
    assert_accessible(page)
    page = open_page(SMALL_PHONE, visitor=drawn)
    button(page, "Cut out my head").wait_for()
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
          // Not the bar of a drawing that takes long, which begins anew.
          const bar = document.querySelector("progress[aria-label='Sent']");
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


def test_a_style_chosen_at_the_start_is_shown_and_then_drawn(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()
    expect(page.get_by_alt_text("drawn in Painted")).to_be_visible()
    style(page, "Noir").click()
    expect(page.get_by_alt_text("drawn in Noir")).to_be_visible()
    draw(page, portrait)
    expect(page.get_by_alt_text("Drawing 1, Noir")).to_be_visible()


def test_tapping_a_style_draws_it(open_page: Callable[..., Page], drawn: dict[str, str]) -> None:
    page = open_page(visitor=drawn)
    expect(drawings(page).first).to_be_attached()
    before = drawings(page).count()
    with drawing(page):
        style(page, "Pencil").click()
        style(page, "Noir").click()  # its turn comes
        expect(page.get_by_text("Noir is drawn next.")).to_be_visible()
    expect(drawings(page)).to_have_count(before + 2)
    expect(page.get_by_alt_text(f"Drawing {before + 1}, Pencil")).to_be_visible()
    expect(page.get_by_alt_text("Cartoon in the style Noir")).to_be_visible()
    expect(style(page, "Noir")).to_have_attribute("aria-current", "true")


def test_the_tiles_become_ones_own_face(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn)
    tiles = page.locator(".choice img")
    expect(tiles.first).to_be_attached()
    shown = page.evaluate(
        """fetch("api/styles", { headers: { "X-Device-Id": "x" } }).then((answer) => answer.json())
          .then(({ items }) => items.map(({ preview }) => preview))"""
    )
    for at, somebody in enumerate(shown):
        expect(tiles.nth(at)).not_to_have_attribute("src", somebody)
        expect(tiles.nth(at)).to_have_attribute("src", re.compile("^data:image/webp"))


def test_a_style_is_first_drawn_as_its_tile_shows_it(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn)
    page.route(
        "**/previews?face=0",
        lambda route: route.fulfill(json={"items": [{"style": "pop", "image": _DOT}]}),
    )
    page.reload()
    expect(style(page, "Pop art").get_by_role("presentation")).to_have_attribute("src", _DOT)
    before = drawings(page).count()
    for at, seed in enumerate((0, None)):
        with page.expect_request("**/api/regenerate/*") as asking:
            style(page, "Pop art").click()
        assert asking.value.post_data_json.get("seed") == seed
        expect(drawings(page)).to_have_count(before + at + 1)


def test_a_surprise_is_a_style_that_was_not_drawn_yet(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn)
    expect(drawings(page).first).to_be_attached()
    before = page.locator(".strip .name").all_inner_texts()
    style(page, "Surprise me").click()
    expect(drawings(page)).to_have_count(len(before) + 1)
    assert page.locator(".strip .name").all_inner_texts()[-1] not in before


def test_a_cartoon_is_saved_and_shared_as_it_is(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()
    style(page, "Ink").click()
    draw(page, portrait)
    for kind in ("PNG", "WebP", "SVG"):
        with page.expect_download() as saving:
            button(page, f"Save as {kind}").click()
        assert saving.value.suggested_filename == f"ink.{kind.lower()}"
        if kind == "SVG":
            assert saving.value.path().read_text().startswith("<svg ")
        else:
            with Image.open(saving.value.path()) as picture:
                assert picture.format == kind.upper()
                assert picture.size == (1024, 1024)
    button(page, "Share").click()
    expect(page.get_by_text("Shared.").first).to_be_visible()
    assert page.evaluate("shared.size") > 10_000
    style(page, "Noir").click()
    expect(drawings(page)).to_have_count(2)
    expect(button(page, "Save as SVG")).to_have_count(0)  # it has none


@pytest.mark.parametrize("name", ["Try Eileen", "Try the two of them"])
def test_a_sample_is_drawn_for_whoever_has_no_photo(
    open_page: Callable[..., Page], name: str
) -> None:
    page = open_page()
    button(page, name).click()
    heading(page, "Your cartoon").wait_for()
    expect(page.get_by_alt_text("Your photo")).to_be_visible()


def test_the_person_to_draw_is_chosen_in_a_group(open_page: Callable[..., Page]) -> None:
    page = open_page()
    button(page, "Try the two of them").click()
    heading(page, "Your cartoon").wait_for()
    circles = page.get_by_role("group", name="Who is it?").get_by_role("button")
    expect(circles).to_have_count(2)
    expect(circles.nth(0)).to_have_attribute("aria-current", "true")
    assert_accessible(page)
    first = circles.nth(0).bounding_box()
    second = circles.nth(1).bounding_box()
    assert abs(first["x"] - second["x"]) > first["width"]
    with page.expect_request("**/api/regenerate/*") as asking:
        circles.nth(1).click()
    assert asking.value.post_data_json["face"] == 1
    expect(drawings(page)).to_have_count(2)
    expect(circles.nth(1)).to_have_attribute("aria-current", "true")
    drawings(page).nth(0).check(force=True)
    expect(circles.nth(0)).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("width", [320, 360, 375, 390, 393, 412, 430, 600, 768, 859])
def test_the_row_of_styles_shows_that_it_goes_on(
    open_page: Callable[..., Page], width: int
) -> None:
    page = open_page({**PHONE, "viewport": {"width": width, "height": 800}})
    style(page, "Comic").wait_for()
    page.locator(".choices").evaluate("row => row.scrollTo(0, 0)")
    shown = page.locator(".choice").evaluate_all(
        """tiles => tiles.map((tile) => {
          const { left, width } = tile.getBoundingClientRect();
          return (innerWidth - left) / width;
        })"""
    )
    cut_off = [share for share in shown if 0 < share < 1]
    assert len(cut_off) == 1
    assert 0.2 < cut_off[0] < 0.8


def test_back_goes_a_step_back(open_page: Callable[..., Page], portrait: Path) -> None:
    page = open_page()
    draw(page, portrait)
    cut_out(page)
    heading(page, "Your avatar").wait_for()
    page.go_back()
    heading(page, "No drawings right now").wait_for()
    page.get_by_role("button", name="Avatar 1").click()  # what became of them
    heading(page, "Your avatar").wait_for()
    page.go_back()
    heading(page, "No drawings right now").wait_for()
    page.go_back()
    heading(page, "Become a cartoon").wait_for()
    page.go_forward()
    heading(page, "No drawings right now").wait_for()
    page.reload()
    heading(page, "No drawings right now").wait_for()
    page.go_forward()
    heading(page, "Your avatar").wait_for()


def test_galleries_load_on_while_scrolling_and_delete(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()
    draw(page, portrait)
    _fill_gallery(page, 30)

    to_gallery(page, "Photos")
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

    page.mouse.wheel(0, 20_000)
    button(page, "Delete everything of mine").click()
    assert_accessible(page)
    button(page, "Delete everything").click()
    expect(page.get_by_text("No photos yet.")).to_be_visible()
    page.get_by_role("link", name="Draw the first one").click()
    expect(heading(page, "Become a cartoon")).to_be_visible()


def _fill_gallery(page: Page, count: int) -> None:
    """Shows the one stored photo as one of many: drawing 30 takes a minute."""

    def respond(route: Any) -> None:
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
    page.route("**/api/originals?*", respond)
