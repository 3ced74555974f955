"""Heads out of cartoons, with real workers, models and pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from cartoon_avatar.contract import headers
from tests.ai.conftest import running, saved
from tests.ai.routes.responses import (
    CUT,
    GENERATE,
    assert_problem,
    opened,
    until_ready,
)
from tests.ai.seeing.made_up import made_up
from tests.ai.test_fetching import ok, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_head_is_cut_with_the_photo_at_hand(
    ai: httpx.AsyncClient, astronaut: bytes, cartoon: bytes
) -> None:
    response = await ai.post(CUT, files={"image": cartoon, "original": astronaut})
    head = opened(response)
    assert (head.format, head.mode) == ("PNG", "RGBA")
    assert head.width == head.height
    alpha = np.asarray(head)[..., 3]
    assert alpha[:4, :4].max() == 0
    assert 0.3 < (alpha > 127).mean() < 0.9
    left, top, width, height = map(int, response.headers[headers.CROP_BOX].split(","))
    # The astronaut's nose, in pixels of the drawing.
    assert left < 224 < left + width
    assert top < 130 < top + height
    assert response.headers[headers.FACE_COUNT] == "1"
    assert response.headers[headers.CUT_PATH] in ("classes", "fallback")
    assert response.headers[headers.PHOTO_WIDTH] == "512"


@pytest.mark.parametrize(("wide", "high"), [(90, 70), (110, 70)])
async def test_a_face_that_was_drawn_is_cut_though_its_crop_hides_it(
    ai: httpx.AsyncClient, astronaut: bytes, wide: int, high: int
) -> None:
    """A face that fills the picture: in the square around it alone none is found."""
    photo = Image.open(io.BytesIO(astronaut)).convert("RGB")
    close = photo.crop((170, 80, 170 + wide, 80 + high)).resize((3 * wide, 3 * high))
    data = io.BytesIO()
    close.save(data, "PNG")
    drawing = await ai.post(GENERATE, files={"image": data.getvalue()}, data={"style": "painted"})
    assert drawing.headers[headers.FACE_COUNT] == "1"

    files = {"image": drawing.content, "original": data.getvalue()}
    response = await ai.post(CUT, files=files, data={"crop": drawing.headers[headers.CROP_BOX]})
    assert response.headers[headers.FACE_COUNT] == "1"
    assert opened(response).mode == "RGBA"


@pytest.mark.parametrize("style", ["painted", "ink"])
async def test_the_head_of_a_portrait_counts_the_faces_of_the_photo(
    ai: httpx.AsyncClient, astronaut: bytes, style: str
) -> None:
    row = np.hstack(
        [np.asarray(Image.open(io.BytesIO(astronaut)).convert("RGB").resize((300, 300)))] * 3
    )
    data = saved(Image.fromarray(row), "PNG")
    asked = {"style": style, "seed": "1", "size": "256", "face": "2"}
    drawing = await ai.post(GENERATE, files={"image": data}, data=asked)
    files = {"image": drawing.content, "original": data}
    said = {**asked, "crop": drawing.headers[headers.CROP_BOX]}
    response = await ai.post(CUT, files=files, data=said)
    assert opened(response).mode == "RGBA"
    assert response.headers[headers.FACE_COUNT] == drawing.headers[headers.FACE_COUNT] == "3"


@pytest.mark.parametrize("crop", [True, False])
async def test_a_face_that_was_not_found_for_the_drawing_is_not_cut(
    ai: httpx.AsyncClient, crop: bool
) -> None:
    """A face that is found when it is made smaller, as for a small drawing."""
    data = saved(Image.fromarray(cv2.cvtColor(made_up(99).rgb, cv2.COLOR_RGB2GRAY)), "PNG")
    asked = {"style": "golden", "size": "256", "framing": "full"}
    drawing = await ai.post(GENERATE, files={"image": data}, data=asked)
    assert drawing.headers[headers.FACE_COUNT] == "0"

    files = {"image": drawing.content, "original": data}
    said = {"crop": drawing.headers[headers.CROP_BOX]} if crop else {}
    response = await ai.post(CUT, files=files, data=said)
    assert (response.status_code, response.json()["code"]) == (422, "no_face")


async def test_a_long_drawn_cartoon_has_its_size_and_a_head(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    """553×195: a document's sides are whole units for the renderer, and pixels are not."""
    photo = Image.open(io.BytesIO(astronaut)).convert("RGB").resize((195, 195))
    long = Image.new("RGB", (553, 195), "tan")
    long.paste(photo, (179, 0))
    data = saved(long, "PNG")
    asked = {"style": "ink", "seed": "3", "size": "1024", "framing": "full"}
    drawing = await ai.post(GENERATE, files={"image": data}, data=asked)
    assert opened(drawing).size == (1024, 361)

    files = {"image": drawing.content, "original": data}
    response = await ai.post(CUT, files=files, data={**asked, "size": "256"})
    assert response.headers[headers.CUT_PATH] == "shapes"


async def test_the_head_of_a_drawn_cartoon_is_its_shapes(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    asked = {"style": "ink", "seed": "3", "size": "512"}
    drawing = await ai.post(GENERATE, files={"image": astronaut}, data=asked)
    files = {"image": drawing.content, "original": astronaut}
    said = {"style": "ink", "seed": "3", "crop": drawing.headers[headers.CROP_BOX]}

    response = await ai.post(CUT, files=files, data=said)
    head = opened(response)
    assert response.headers[headers.CUT_PATH] == "shapes"
    assert response.headers[headers.FACE_COUNT] == "1"
    assert head.mode == "RGBA"
    assert head.width == head.height
    assert np.asarray(head)[0, 0].max() == 0
    left, top, width, height = map(int, response.headers[headers.CROP_BOX].split(","))
    assert (width, height) == head.size
    assert 0 <= left < left + width <= 512
    assert 0 <= top < top + height <= 512

    # What was drawn otherwise, or by a style that is no more, is cut as any other cartoon is.
    for other in ({"style": "vector"}, {"style": "comic"}, {"framing": "full"}):
        response = await ai.post(CUT, files=files, data={**said, **other})
        assert opened(response).format == "PNG"
        assert response.headers[headers.CUT_PATH] in ("classes", "fallback")


async def test_a_head_is_cut_out_of_pictures_at_a_trusted_origin(
    app_for: Callable[..., FastAPI], ai: httpx.AsyncClient, astronaut: bytes, cartoon: bytes
) -> None:
    async with serving(ok(cartoon)) as cartoons, serving(ok(astronaut)) as photos:
        origins = [f"http://127.0.0.1:{server.port}" for server in (cartoons, photos)]
        async with running(app_for(trusted_origins=origins)) as client:
            await until_ready(client)
            body = {
                "image_url": f"{origins[0]}/uploads/temp/a.jpg?sig=1",
                "original_url": f"{origins[1]}/uploads/originals/a.png",
                "size": 128,
            }
            response = await client.post(CUT, json=body)
    by_bytes = await ai.post(
        CUT, files={"image": cartoon, "original": astronaut}, data={"size": "128"}
    )
    assert opened(response).size == (128, 128)
    assert response.content == by_bytes.content


@pytest.mark.parametrize(
    ("options", "kind", "corner"),
    [
        ({"format": "png"}, "PNG", (0, 0, 0, 0)),
        ({"format": "webp"}, "WEBP", (None, None, None, 0)),
        ({"format": "jpeg"}, "JPEG", (255, 255, 255)),
        ({"format": "jpeg", "background": "transparent"}, "JPEG", (255, 255, 255)),
        ({"format": "jpeg", "background": "#3366ff"}, "JPEG", (51, 102, 255)),
        ({"format": "PNG", "background": "#3366FF"}, "PNG", (51, 102, 255)),
        ({"format": "webp", "background": "#3366FF"}, "WEBP", (51, 102, 255)),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_head_has_the_requested_format_and_background(
    ai: httpx.AsyncClient, astronaut: bytes, options: dict[str, str], kind: str, corner: tuple
) -> None:
    response = await ai.post(CUT, files={"image": astronaut}, data={**options, "size": "96"})
    head = opened(response)
    assert head.format == kind
    assert head.size == (96, 96)
    pixel = head.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    for is_there, wanted in zip(pixel, corner, strict=True):
        assert wanted is None or abs(is_there - wanted) <= 8


async def test_a_picture_without_a_face_has_no_head(ai: httpx.AsyncClient, coffee: bytes) -> None:
    assert_problem(await ai.post(CUT, files={"image": coffee}), 422, "no_face")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"format": "gif"}, "invalid_format"),
        ({"format": "image/png"}, "invalid_format"),
        ({"background": "red"}, "invalid_background"),
        ({"background": "#12345"}, "invalid_background"),
        ({"background": "#1234567"}, "invalid_background"),
        ({"background": "#12345g"}, "invalid_background"),
        ({"size": "0"}, "invalid_size"),
        ({"size": "1025"}, "invalid_size"),
        ({"face": "-1"}, "invalid_face"),
        ({"face": "1"}, "face_index_out_of_range"),
        ({"crop": "1,2,3"}, "invalid_request"),
        ({"style": "ink", "seed": "-1"}, "invalid_seed"),
        ({"style": "ink", "seed": "1", "framing": "half"}, "invalid_framing"),
        ({"face_index": "-1"}, "invalid_request"),
        ({"face_index": "first"}, "invalid_request"),
        ({"face_index": "1"}, "face_index_out_of_range"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_head_that_cannot_be_cut_so_is_refused(
    ai: httpx.AsyncClient, astronaut: bytes, options: dict[str, str], code: str
) -> None:
    assert_problem(await ai.post(CUT, files={"image": astronaut}, data=options), 400, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"image_url": "http://169.254.169.254/latest/meta-data/"}, "url_not_allowed"),
        ({"image_url": "file:///etc/passwd"}, "url_not_allowed"),
        ({"image_url": "http://127.0.0.1:1/a.png"}, "url_not_allowed"),
        ({"image_url": ""}, "url_not_allowed"),
        (
            {"image_url": "http://127.0.0.1:8000/a", "original_url": "http://evil.test/"},
            "url_not_allowed",
        ),
        ({"image_url": 5}, "invalid_request"),
        ({"image_url": ["http://127.0.0.1:8000/a"]}, "invalid_request"),
        ({"image_url": None}, "invalid_request"),
        ({}, "invalid_request"),
        ([], "invalid_request"),
        ("text", "invalid_request"),
        ({"image_url": "http://127.0.0.1:8000/a", "size": 12.5}, "invalid_size"),
        ({"image_url": "http://127.0.0.1:8000/a", "size": True}, "invalid_size"),
        ({"image_url": "http://127.0.0.1:8000/a", "format": 5}, "invalid_format"),
        ({"image_url": "http://127.0.0.1:8000/a", "background": 5}, "invalid_background"),
        ({"image_url": "http://127.0.0.1:8000/a", "style": 5, "seed": 1}, "invalid_request"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_bad_json_option_is_refused(ai: httpx.AsyncClient, body: Any, code: str) -> None:
    assert_problem(await ai.post(CUT, json=body), 400, code)


@pytest.mark.parametrize("text", ["", "{", '{"image_url": "a"', "[" * 20_000, "NaN", "\0"])
async def test_what_is_not_json_is_refused(ai: httpx.AsyncClient, text: str) -> None:
    response = await ai.post(
        CUT, content=text.encode(), headers={"Content-Type": "application/json"}
    )
    assert_problem(response, 400, "invalid_request")


async def test_a_url_that_gives_no_picture_is_told_apart(app_for: Callable[..., FastAPI]) -> None:
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    async with serving(missing) as gone, serving(ok(b"<!doctype html>")) as page:
        origins = [f"http://127.0.0.1:{server.port}" for server in (gone, page)]
        async with running(app_for(trusted_origins=origins)) as client:
            await until_ready(client)
            for origin, code in zip(origins, ("image_unreachable", "invalid_image"), strict=True):
                response = await client.post(CUT, json={"image_url": f"{origin}/a.png"})
                assert_problem(response, 400, code)
