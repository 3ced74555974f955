"""The whole way without a mouse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from .steps import drawings, heading

_FOCUSED = """(() => {
  const here = document.activeElement;
  const text = here.getAttribute("aria-label") ?? here.labels?.[0]?.innerText ?? here.innerText;
  return text.trim();
})()"""


def _tab_to(page: Page, name: str, key: str = "Tab") -> None:
    for _ in range(60):
        if page.evaluate(_FOCUSED) == name:
            return
        page.keyboard.press(key)
    raise AssertionError(f"{name} cannot be reached with {key}")


def test_a_photo_becomes_an_avatar_by_keyboard_alone(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()
    # Before the key: expect_file_chooser would begin to listen too late for it.
    page.on("filechooser", lambda chooser: chooser.set_files(portrait))
    heading(page, "Become a cartoon").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate(_FOCUSED) == "Skip to content"
    page.keyboard.press("Enter")
    _tab_to(page, "Choose a photo")
    page.keyboard.press("Enter")
    heading(page, "Your cartoon").wait_for()

    _tab_to(page, "Compare photo and cartoon")
    page.keyboard.press("ArrowLeft")
    slider = page.get_by_role("slider", name="Compare photo and cartoon")
    expect(slider).to_have_attribute("aria-valuetext", "51 % cartoon")
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "100 % cartoon")

    _tab_to(page, "Another one")
    page.keyboard.press("Enter")
    expect(drawings(page)).to_have_count(2)
    assert page.evaluate(_FOCUSED) == "Another one"  # not lost to a busy button
    _tab_to(page, "Painted", "Shift+Tab")
    page.keyboard.press("ArrowLeft")
    expect(drawings(page).nth(0)).to_be_checked()

    _tab_to(page, "Cut out my head")
    page.keyboard.press("Enter")
    expect(heading(page, "Your avatar")).to_be_focused()
    _tab_to(page, "Save as PNG")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_a_key_before_the_first_frame_leaves_the_focus_at_the_top(
    open_page: Callable[..., Page],
) -> None:
    page = open_page()
    page.clock.install()
    page.clock.pause_at(datetime.now() + timedelta(hours=1))
    page.reload()
    heading(page, "Become a cartoon").wait_for()
    page.keyboard.press("ArrowDown")
    page.clock.run_for(1000)
    page.keyboard.press("Tab")
    assert page.evaluate(_FOCUSED) == "Skip to content"


def test_screen_readers_hear_what_goes_on(open_page: Callable[..., Page], portrait: Path) -> None:
    page = open_page()
    status = page.get_by_role("status")
    heard: list[str] = []
    page.expose_function("hear", lambda sentence: heard.append(sentence.strip()))
    page.evaluate(
        """new MutationObserver(() => hear(document.querySelector("[role=status]").textContent))
             .observe(document.querySelector("[role=status]"),
                      { subtree: true, childList: true, characterData: true })"""
    )
    page.locator("input[type=file]").first.set_input_files(portrait)
    expect(status).to_have_text("Your cartoon is ready.")
    assert [sentence for sentence in heard if sentence] == [
        "Sending your photo.",
        "Drawing your cartoon.",
        "Your cartoon is ready.",
    ]
