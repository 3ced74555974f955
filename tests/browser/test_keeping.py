"""Stickers of a head, and a library that goes along to another phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Route, expect

from .conftest import PHONE
from .steps import assert_accessible, button, choose, cut_out, draw, heading, to_gallery


def test_a_head_becomes_a_sticker(open_page: Callable[..., Page], portrait: Path) -> None:
    page = open_page(PHONE)
    draw(page, portrait)
    cut_out(page)
    heading(page, "Your avatar").wait_for()
    button(page, "WhatsApp").click()
    expect(page.get_by_alt_text("Sticker for WhatsApp")).to_be_visible()
    expect(page.get_by_text("WhatsApp: 512 × 512 pixels").first).to_be_visible()
    assert_accessible(page)
    with page.expect_download() as saving:
        button(page, "Save the sticker").click()
    with Image.open(saving.value.path()) as sticker:
        assert (sticker.format, sticker.size) == ("WEBP", (512, 512))
    assert saving.value.path().stat().st_size < 100_000
    button(page, "Share the sticker").click()
    assert page.evaluate("shared.type") == "image/webp"

    page.get_by_role("radio", name="Yellow").check(force=True)
    button(page, "Circle").click()
    expect(page.get_by_alt_text("Sticker for Circle")).to_be_visible()
    with page.expect_download() as saving:
        button(page, "Save the sticker").click()
    with Image.open(saving.value.path()) as sticker:
        assert sticker.convert("RGB").getpixel((256, 12)) == (255, 213, 74)


def test_a_library_goes_along_to_another_phone(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    old = open_page(errors_expected=True)
    draw(old, portrait)
    cut_out(old)
    heading(old, "Your avatar").wait_for()
    to_gallery(old, "Avatars")
    old.get_by_role("link", name="Take my pictures to another phone").click()
    button(old, "Show me a code").click()
    expect(old.get_by_role("img", name="QR code of this page")).to_be_visible()
    code = old.locator(".letters").inner_text()
    assert_accessible(old)

    new = open_page(PHONE, path="/#/recovery", errors_expected=True)
    new.get_by_label("Code").fill("7K3M-PZ0Q-9XWB-4TRA-2HNC")
    button(new, "Take them over").click()
    expect(new.get_by_role("alert")).to_contain_text("No pictures open to that code")
    assert_accessible(new)
    new.get_by_label("Code").fill(code.lower())
    button(new, "Take them over").click()
    heading(new, "My avatars").wait_for()
    expect(new.get_by_role("button", name=", open")).to_have_count(1)

    old.reload()
    to_gallery(old, "Photos")
    expect(old.get_by_role("alert")).to_contain_text("This browser lost its key")


def test_a_photo_that_the_old_phone_has_sent_goes_along(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    """Its drawing is under way while the new phone takes over: the old one is told so, and waits
    for nothing; the new one gets it."""
    old = open_page(errors_expected=True)
    draw(old, portrait)
    old.goto(f"{old.url.split('#')[0]}#/recovery")
    button(old, "Show me a code").click()
    code = old.locator(".letters").inner_text()
    new = open_page(PHONE, path="/#/recovery")
    new.get_by_label("Code").fill(code)

    old.goto(f"{old.url.split('#')[0]}#/")
    # A job however quick it is, whose first news the page does not get before it is locked out.
    old.evaluate(
        """() => {
          const set = XMLHttpRequest.prototype.setRequestHeader;
          XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
            set.call(this, name, name === "Prefer" ? "respond-async" : value);
          };
        }"""
    )
    held: list[Route] = []
    old.route("**/api/jobs/*", lambda route: held.append(route), times=1)
    with old.expect_request("**/api/jobs/*"):
        choose(old, portrait)
    heading(old, "Drawing your cartoon…").wait_for()
    button(new, "Take them over").click()
    heading(new, "My avatars").wait_for()
    held[0].continue_()
    expect(old.get_by_role("alert")).to_contain_text("This browser lost its key")
    assert_accessible(old)

    # What is under way is taken up where the page begins.
    new.goto(f"{new.url.split('#')[0]}#/")
    new.reload()
    expect(heading(new, "Your cartoon").or_(button(new, "Choose a photo")).first).to_be_visible()
    to_gallery(new, "Photos")
    expect(new.get_by_role("button", name=", open")).to_have_count(2)


def test_who_tried_too_many_codes_is_asked_to_wait(open_page: Callable[..., Page]) -> None:
    """The service counts by address: here it is asked for its refusal alone, or the address of all
    these tests would have to wait."""
    page = open_page(PHONE, path="/#/recovery", errors_expected=True)
    refusal = {"status": 429, "code": "too_many_requests", "detail": "Too many wrong codes."}
    page.route("**/api/device/recover", lambda route: route.fulfill(status=429, json=refusal))
    page.get_by_label("Code").fill("7K3M-PZ0Q-9XWB-4TRA-2HNC")
    button(page, "Take them over").click()
    expect(page.get_by_role("alert")).to_contain_text("Too many wrong codes. Please wait")
    assert_accessible(page)
    expect(button(page, "Take them over")).to_be_enabled()


def test_a_scanned_code_is_filled_in_and_leaves_the_address(
    open_page: Callable[..., Page],
) -> None:
    page = open_page(PHONE, path="/#/recovery/7K3M-PZ0Q-9XWB-4TRA-2HNC")
    expect(page.get_by_label("Code")).to_have_value("7K3M-PZ0Q-9XWB-4TRA-2HNC")
    expect(page.get_by_text("nothing here yet")).to_be_visible()
    page.wait_for_url("**/#/recovery")
