"""A reload in the middle loses nothing and does nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from .steps import (
    bring,
    button,
    choose,
    cut_out,
    draw,
    draw_another,
    drawings,
    heading,
    to_gallery,
)


def test_a_reload_while_drawing_goes_on_with_the_same_photo(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)  # 409 while the first request is still at work
    # By the page itself, the moment it draws: a cartoon may be there before we could ask for it.
    page.evaluate(
        """new MutationObserver((changes, observer) => {
          if (!document.body.textContent.includes("Drawing your cartoon…")) return;
          observer.disconnect();
          sessionStorage.reloaded = "yes";
          location.reload();
        }).observe(document.body, { subtree: true, childList: true, characterData: true })"""
    )
    choose(page, portrait)
    heading(page, "Your cartoon").wait_for()
    assert page.evaluate("sessionStorage.reloaded") == "yes"

    to_gallery(page, "Photos")
    expect(page.get_by_role("button", name=", open")).to_have_count(1)


def test_a_reload_brings_the_drawings_back_and_then_the_head(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    draw(page, portrait)
    with page.expect_request("**/api/regenerate/*") as asking:
        button(page, "Another one").click()
    assert asking.value.headers["authorization"].startswith("Bearer ")
    page.reload()
    expect(drawings(page)).to_have_count(2)

    with page.expect_request("**/api/download/*"):
        cut_out(page)
    page.reload()
    heading(page, "Your avatar").wait_for()
    page.get_by_role("radio", name="Mint").check(force=True)
    page.reload()
    expect(page.get_by_role("radio", name="Mint")).to_be_checked()
    page.reload()
    heading(page, "Your avatar").wait_for()


def test_a_photo_is_opened_again_from_the_gallery_with_its_drawings(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn)
    button(page, "Start with another photo").click()
    heading(page, "Become a cartoon").wait_for()

    to_gallery(page, "Photos")
    page.get_by_role("button", name=", open").click()
    expect(drawings(page).first).to_be_attached()


Hold = Callable[[Page, str, str], Callable[[], None]]


# Where a request can be when the page goes: not yet with the service, answered but not heard, or
# heard while the picture is still being fetched.
@pytest.fixture(params=["asked", "answered", "picture"])
def hold(request: pytest.FixtureRequest) -> Hold:
    """Holds the next request of its kind at one of these points; returns what waits until it is."""

    def hold_(page: Page, path: str, picture: str) -> Callable[[], None]:
        held: list[str] = []
        devtools = page.context.new_cdp_session(page)

        def on_paused(paused: dict[str, Any]) -> None:
            if held:
                devtools.send("Fetch.continueRequest", {"requestId": paused["requestId"]})
            else:
                held.append(paused["requestId"])

        devtools.on("Fetch.requestPaused", on_paused)
        pattern = {
            "urlPattern": picture if request.param == "picture" else path,
            "requestStage": "Response" if request.param == "answered" else "Request",
        }
        devtools.send("Fetch.enable", {"patterns": [pattern]})

        def until_held() -> None:
            while not held:
                page.wait_for_timeout(10)

        return until_held

    return hold_


def test_an_upload_survives_a_reload_at_any_point(
    open_page: Callable[..., Page], hold: Hold, portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    until_held = hold(page, "*/api/upload", "*/uploads/temp/*")
    choose(page, portrait)
    until_held()
    page.reload()
    expect(drawings(page)).to_have_count(1)
    expect(heading(page, "Your cartoon")).to_be_visible()
    to_gallery(page, "Photos")
    expect(page.get_by_role("button", name=", open")).to_have_count(1)


def test_another_drawing_survives_a_reload_at_any_point(
    open_page: Callable[..., Page], hold: Hold, portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    draw(page, portrait)
    until_held = hold(page, "*/api/regenerate/*", "*/uploads/temp/*")
    button(page, "Another one").click()
    until_held()
    page.reload()
    expect(heading(page, "Which one is it?")).to_be_visible()
    expect(drawings(page)).to_have_count(2)


def test_a_cut_survives_a_reload_at_any_point(
    open_page: Callable[..., Page], hold: Hold, portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    draw(page, portrait)
    until_held = hold(page, "*/api/download/*", "*/uploads/downloaded/*")
    cut_out(page)
    until_held()
    page.reload()
    heading(page, "Your avatar").wait_for()
    to_gallery(page, "Avatars")
    expect(page.get_by_role("button", name=", open")).to_have_count(1)


def test_what_is_answered_before_the_first_frame_is_drawn(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn)
    expect(drawings(page).first).to_be_attached()
    page.clock.install()
    page.clock.pause_at(datetime.now() + timedelta(hours=1))
    with (
        page.expect_response("**/api/originals/*") as work,
        page.expect_response("**/api/styles") as styles,
    ):
        page.reload()
    work.value.finished()
    styles.value.finished()
    page.clock.resume()
    expect(drawings(page).first).to_be_attached()


def test_a_photo_put_away_while_its_cartoon_comes_stays_away(
    open_page: Callable[..., Page], portrait: Path, evening_sky: Path
) -> None:
    page = open_page()
    draw(page, portrait)
    draw_another(page, 2)
    button(page, "Start with another photo").click()
    held: list[Route] = []
    page.route("**/uploads/temp/*", lambda route: held.append(route), times=1)
    with page.expect_request("**/uploads/temp/*"):
        choose(page, evening_sky)

    to_gallery(page, "Photos")
    page.get_by_role("button", name=", open").last.click()
    expect(drawings(page)).to_have_count(2)
    with page.expect_event("requestfinished"):
        held[0].continue_()
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(drawings(page)).to_have_count(2)


def test_a_photo_dropped_while_an_earlier_one_is_taken_up_stays(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn, errors_expected=True)
    expect(drawings(page).first).to_be_attached()
    held: list[Route] = []
    page.route("**/api/originals/*", lambda route: held.append(route))
    page.route("**/api/upload", lambda route: None)  # on its way for ever
    with page.expect_request("**/api/originals/*"):
        page.reload()
    bring(page, "drop", "dataTransfer")
    heading(page, "Sending your photo…").wait_for()
    with page.expect_event("requestfinished"):
        held[0].fulfill(status=404, json={"code": "not_found"})
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(heading(page, "Sending your photo…")).to_be_visible()


def test_a_request_goes_on_with_its_own_photo_though_another_tab_opened_another(
    open_page: Callable[..., Page], portrait: Path, evening_sky: Path
) -> None:
    page = open_page()
    draw(page, portrait)
    shape = page.locator(".frame").get_attribute("style")
    other = page.context.new_page()
    other.goto(page.url)
    button(other, "Start with another photo").click()
    draw(other, evening_sky)

    page.route("**/api/regenerate/*", lambda route: None, times=1)
    with page.expect_request("**/api/regenerate/*"):
        button(page, "Another one").click()
    page.reload()
    expect(drawings(page)).to_have_count(2)
    expect(page.locator(".frame")).to_have_attribute("style", shape)
