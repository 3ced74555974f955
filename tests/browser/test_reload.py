"""A reload in the middle loses nothing and does nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from .steps import button, choose, draw, drawings, heading


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

    page.get_by_role("link", name="My photos").click()
    expect(page.get_by_role("button", name=", open")).to_have_count(1)


def test_a_reload_brings_the_drawings_back_and_then_the_head(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    draw(page, portrait)
    with page.expect_request("**/api/regenerate/*") as asking:
        button(page, "Another one").click()
    assert asking.value.headers["authorization"].startswith("Bearer ")
    heading(page, "Drawing another one…").wait_for()
    page.reload()
    expect(drawings(page)).to_have_count(2)

    page.get_by_role("radio", name="Mint").check(force=True)
    button(page, "Use this one").click()
    heading(page, "Cutting out the head…").wait_for()
    page.reload()
    heading(page, "Your avatar").wait_for()
    expect(page.get_by_role("radio", name="Mint")).to_be_checked()
    page.reload()
    heading(page, "Your avatar").wait_for()


def test_a_photo_is_opened_again_from_the_gallery_with_its_drawings(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn)
    button(page, "Start with another photo").click()
    heading(page, "Turn a portrait into a cartoon").wait_for()

    page.get_by_role("link", name="My photos").click()
    page.get_by_role("button", name=", open").click()
    expect(drawings(page).first).to_be_attached()


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
