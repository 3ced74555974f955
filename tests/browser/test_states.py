"""Every state of the page, at the widths of phones and of a desk, in both colours."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE
from .steps import assert_accessible, button, cut_out, heading, style, to_gallery


def _phone(width: int, height: int) -> dict[str, Any]:
    return {**PHONE, "viewport": {"width": width, "height": height}}


@pytest.mark.parametrize(
    "window",
    [
        {**_phone(375, 812), "color_scheme": "dark"},
        {**_phone(390, 844), "color_scheme": "light"},
        {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    ],
    ids=["375-dark", "390-light", "1440-light"],
)
def test_every_state_is_accessible_and_none_is_too_wide(
    open_page: Callable[..., Page], window: dict[str, Any]
) -> None:
    page = open_page(window, errors_expected=True)
    style(page, "Noir").wait_for()
    assert_accessible(page)
    _assert_rows_of_one_length(page)

    with page.expect_file_chooser() as choosing:
        button(page, "Choose a photo").click()
    choosing.value.set_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"no photo"})
    page.get_by_role("alert").wait_for()
    assert_accessible(page)

    button(page, "Try the two of them").click()
    heading(page, "Your cartoon").wait_for()
    page.get_by_role("group", name="Who is it?").wait_for()
    assert_accessible(page)

    cut_out(page)
    heading(page, "Your avatar").wait_for()
    button(page, "Circle").click()
    page.get_by_alt_text("Sticker for Circle").wait_for()
    assert_accessible(page)

    # The cut cleared the drawings away.
    to_gallery(page, "Photos")
    page.get_by_role("button", name=", open").click()
    heading(page, "No drawings right now").wait_for()
    # Everybody in the photo is seen.
    assert (
        page.locator(".photo").evaluate("photo => getComputedStyle(photo).objectFit") == "contain"
    )
    assert_accessible(page)

    to_gallery(page, "Avatars")
    page.get_by_role("button", name=", open").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("img").wait_for()
    assert_accessible(page)
    dots = dialog.locator(".dot").all()
    assert len({round(dot.bounding_box()["y"]) for dot in dots}) == 1
    page.keyboard.press("Escape")

    page.get_by_role("link", name="Take my pictures to another phone").click()
    button(page, "Show me a code").click()
    expect(page.get_by_role("img", name="QR code of this page")).to_be_visible()
    assert_accessible(page)
    code = page.locator(".letters").inner_text()
    assert _read(page) == page.url.replace("#/recovery", f"#/recovery/{code}")


def test_a_reopened_photo_marks_who_was_drawn_last(open_page: Callable[..., Page]) -> None:
    page = open_page(PHONE)
    button(page, "Try the two of them").click()
    heading(page, "Your cartoon").wait_for()
    button(page, "Person 2").click()
    heading(page, "Which one is it?").wait_for()
    cut_out(page)
    heading(page, "Your avatar").wait_for()

    to_gallery(page, "Photos")
    page.get_by_role("button", name=", open").click()
    heading(page, "No drawings right now").wait_for()

    expect(button(page, "Person 2")).to_have_attribute("aria-current", "true")
    expect(button(page, "Person 1")).not_to_have_attribute("aria-current", "true")


def _assert_rows_of_one_length(page: Page) -> None:
    """No tile of a style stands alone in its row."""
    boxes = [tile.bounding_box() for tile in page.locator(".start .choice").all()]
    rows = [round(box["y"]) for box in boxes]
    lengths = [rows.count(row) for row in sorted(set(rows))]
    assert lengths[-1] > lengths[0] / 2


def _read(page: Page) -> str:
    """What the squares of the code on the screen say."""
    code = page.locator(".qr")
    side = int(code.get_attribute("viewBox").split()[2])
    modules = np.full((side, side), 255, np.uint8)
    for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1Z", code.locator("path").last.get_attribute("d")):
        modules[int(y), int(x)] = 0
    picture = cv2.resize(modules, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    text, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
    return text
