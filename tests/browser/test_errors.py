"""Everything that can go wrong is said in a sentence, with a way on."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Route, expect

from cartoon_avatar.backend import errors
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.media_types import PROBLEM_JSON

from .steps import (
    assert_accessible,
    button,
    choose,
    cut_out,
    draw,
    drawings,
    heading,
    style,
    to_gallery,
)

# The page sends no Repr-Digest, and neither seed, size nor a format of its own choosing; these
# would be its faults.
_NEVER_CAUSED = {
    "digest_mismatch",
    "invalid_request",
    "invalid_seed",
    "invalid_format",
    "invalid_background",
    "invalid_size",
    "invalid_framing",
    "invalid_outline",
    "invalid_preset",
    "invalid_report",
}
# Said where they are caused, beside the field or the button.
_ELSEWHERE = {
    "invalid_recovery_code",
    "wrong_recovery_code",
    "no_transparency",
    "sticker_too_large",
    "job_canceled",
    "job_finished",
}


def _codes(error: type[AvatarError] = AvatarError) -> Iterator[tuple[str, int]]:
    for kind in error.__subclasses__():
        if kind in vars(errors).values():
            yield kind.code, kind.status
        yield from _codes(kind)


def _problem(route: Route, code: str, status: int, retry_after: str | None = None) -> None:
    headers = {"Content-Type": PROBLEM_JSON}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    body = f'{{"code": "{code}", "status": {status}, "detail": "Told by the service."}}'
    route.fulfill(status=status, headers=headers, body=body)


def _answering(code: str, status: int) -> Callable[[Route], None]:
    return lambda route: _problem(route, code, status)


def _tiny_photo() -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 80), "grey").save(buffer, "PNG")
    return {"name": "tiny.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


def test_every_error_of_the_service_has_a_sentence_and_a_way_on(
    open_page: Callable[..., Page],
) -> None:
    page = open_page(errors_expected=True)
    codes = sorted(set(_codes()) - {(code, 400) for code in _NEVER_CAUSED})
    assert len(codes) >= 18
    for code, status in codes:
        if code in {"request_running", *_ELSEWHERE}:
            continue  # waited out in silence; test_reload.py
        page.route("**/api/upload", _answering(code, status))
        choose(page, _tiny_photo())
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert "Something went wrong" not in alert.inner_text(), code
        if code in {"invalid_image", "picture_unusable"}:  # of which nothing is shown
            expect(heading(page, "Become a cartoon")).to_be_visible()
        else:
            assert alert.get_by_role("button").count() >= 1, code
            button(page, "Put this photo away").click()
        page.unroute("**/api/upload")


def test_what_is_not_foreseen_is_said_in_the_service_s_words(
    open_page: Callable[..., Page],
) -> None:
    page = open_page(errors_expected=True)
    page.route("**/api/upload", lambda route: _problem(route, "brand_new", 500))
    choose(page, _tiny_photo())
    expect(page.get_by_role("alert")).to_contain_text("Told by the service.")
    assert_accessible(page)


def test_a_busy_service_is_asked_again_with_the_same_key(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    keys: list[str] = []

    def busy_twice(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) <= 2:
            _problem(route, "ai_unavailable", 503, retry_after="1" if len(keys) == 1 else "60")
        else:
            route.continue_()

    page.route("**/api/upload", busy_twice)
    choose(page, portrait)
    # After one second by itself; the next wait is cut short.
    expect(page.get_by_role("alert")).to_contain_text("Trying again in 60 s.")
    button(page, "Try now").click()
    heading(page, "Your cartoon").wait_for()
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_offline_waits_and_goes_on_by_itself(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    context: BrowserContext = page.context
    context.set_offline(True)
    choose(page, portrait)
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    assert_accessible(page)
    context.set_offline(False)
    heading(page, "Your cartoon").wait_for()


def test_a_connection_that_is_back_before_a_frame_was_drawn_is_noticed(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    page.clock.install()
    page.context.set_offline(True)
    page.clock.pause_at(datetime.now() + timedelta(hours=1))
    choose(page, portrait)
    expect(page.get_by_role("alert")).to_contain_text("You are offline")
    page.context.set_offline(False)
    page.clock.resume()
    heading(page, "Your cartoon").wait_for()


def test_a_lost_response_costs_nothing_but_a_second_try(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(errors_expected=True, visitor=drawn)
    expect(drawings(page).first).to_be_attached()
    before = drawings(page).count()
    responses = iter(["lost", "heard"])

    def lose_one(route: Route) -> None:
        if next(responses) == "lost":
            route.fetch()  # the service did its work, and nobody heard
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/regenerate/*", lose_one)
    button(page, "Another one").click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    button(page, "Try now").click()
    expect(drawings(page)).to_have_count(before + 1)
    page.reload()
    expect(drawings(page)).to_have_count(before + 1)


def test_a_file_that_is_no_photo_is_refused_kindly(open_page: Callable[..., Page]) -> None:
    page = open_page()
    choose(page, {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"not a photo at all"})
    expect(heading(page, "Become a cartoon")).to_be_visible()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("That is not a photo we can read")
    assert alert.bounding_box()["height"] < 100
    with page.expect_file_chooser():
        button(page, "Choose a photo").click()


def test_a_photo_without_a_face_says_so_at_once_with_what_is_possible(
    open_page: Callable[..., Page], evening_sky: Path
) -> None:
    page = open_page(errors_expected=True)
    style(page, "Ink").click()  # of people only
    choose(page, evening_sky)
    expect(page.get_by_role("alert")).to_contain_text("No face was found")
    button(page, "Draw in a style that needs no face").click()
    heading(page, "Your cartoon").wait_for()
    expect(page.get_by_text("No face was found here")).to_contain_text("Painted, Airy")
    expect(style(page, "Noir")).to_be_visible()
    expect(style(page, "Ink")).to_have_count(0)
    expect(button(page, "Cut out my head")).to_have_count(0)
    assert_accessible(page)


def test_no_face_keeps_the_drawings(open_page: Callable[..., Page], drawn: dict[str, str]) -> None:
    page = open_page(errors_expected=True, visitor=drawn)
    expect(drawings(page).first).to_be_attached()
    before = drawings(page).count()
    page.route("**/api/download/*", _answering("no_face", 422))
    cut_out(page)
    expect(page.get_by_role("alert")).to_contain_text("No face was found")
    expect(drawings(page)).to_have_count(before)


def test_a_drawing_that_is_gone_leads_back_to_what_is_there(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(errors_expected=True, visitor=drawn)
    page.route("**/api/download/*", _answering("not_found", 404))
    cut_out(page)
    expect(page.get_by_role("alert")).to_contain_text("no longer here")
    button(page, "Show what is there").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(drawings(page).first).to_be_attached()


def test_a_browser_that_lost_its_token_can_start_afresh(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(errors_expected=True, visitor={**drawn, "token": "wrong"})
    expect(page.get_by_role("alert")).to_contain_text("This browser lost its key")
    button(page, "Start afresh").click()
    heading(page, "Become a cartoon").wait_for()
    to_gallery(page, "Photos")
    expect(page.get_by_text("No photos yet.")).to_be_visible()


@pytest.fixture
def heavy_portrait(portrait: Path, tmp_path: Path) -> Path:
    """Over 10 MB, lying on its side, with the orientation that puts it upright."""
    noise = np.random.default_rng(1).integers(-25, 25, (3000, 2560, 3), dtype=np.int16)
    pixels = np.asarray(Image.open(portrait).convert("RGB").resize((2560, 3000)), dtype=np.int16)
    noisy = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    path = tmp_path / "heavy.jpg"
    noisy.transpose(Image.Transpose.ROTATE_90).save(path, quality=98, exif=exif, subsampling=0)
    assert path.stat().st_size > 10_000_000
    return path


def test_a_photo_over_10_mb_is_made_smaller_and_stays_upright(
    open_page: Callable[..., Page], heavy_portrait: Path
) -> None:
    page = open_page()
    draw(page, heavy_portrait)
    with page.expect_response("**/api/originals?*") as answering:
        to_gallery(page, "Photos")
    (original,) = answering.value.json()["items"]
    assert original["fileSize"] <= 10_000_000
    assert original["height"] > original["width"]
    assert original["faceCount"] == 1
