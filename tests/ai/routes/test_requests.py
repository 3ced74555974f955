"""Bad pictures and bodies, the same at each door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import cv2
import httpx
import numpy as np
import piexif
import pytest
from PIL import Image

from cartoon_avatar.contract import paths
from tests.ai.conftest import EndlessBody, saved, scene
from tests.ai.routes.responses import (
    CUT,
    GENERATE,
    PNG,
    THUMBNAIL,
    assert_problem,
    opened,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def odd_pictures() -> dict[str, tuple[bytes, tuple[int, int]]]:
    """Files that nobody would draw, and the sizes of their cartoons at 64 px."""
    noise = np.random.default_rng(0).integers(0, 65536, (40, 64, 3), dtype=np.uint16)
    turned = piexif.dump({"0th": {piexif.ImageIFD.Orientation: 5}})
    large = Image.new("RGB", (8000, 5000), "teal")
    return {
        "one pixel": (saved(scene(1, 1), "PNG"), (4, 4)),
        "1 × 5000": (saved(scene(1, 5000), "PNG"), (1, 64)),
        "5000 × 1": (saved(scene(5000, 1), "JPEG"), (64, 1)),
        "5000 × 1, transparent": (saved(Image.new("RGBA", (5000, 1)), "WEBP"), (64, 1)),
        "nothing but transparency": (saved(Image.new("RGBA", (90, 60)), "PNG"), (64, 43)),
        "black and white": (saved(scene().convert("1"), "PNG"), (64, 43)),
        "grey": (saved(scene().convert("L"), "JPEG"), (64, 43)),
        "grey with alpha": (saved(scene().convert("LA"), "PNG"), (64, 43)),
        "CMYK": (saved(scene().convert("CMYK"), "JPEG"), (64, 43)),
        "16 bits": (cv2.imencode(".png", noise)[1].tobytes(), (64, 40)),
        "16 bits of grey": (cv2.imencode(".png", noise[..., 0])[1].tobytes(), (64, 40)),
        "mirrored and lying": (saved(scene(), "JPEG", exif=turned), (43, 64)),
        "40 million pixels of JPEG": (saved(large, "JPEG"), (64, 40)),
        "40 million pixels of PNG": (saved(large, "PNG", compress_level=1), (64, 40)),
    }


async def test_odd_pictures_are_drawn_each_by_the_same_worker(ai: httpx.AsyncClient) -> None:
    for name, (data, size) in odd_pictures().items():
        for path in (GENERATE, THUMBNAIL):
            options = {"size": "64"} if path == GENERATE else {}
            response = await ai.post(path, files={"image": data}, data=options)
            picture = opened(response)
            if path == GENERATE:
                assert picture.size == size, name
            see_through = "transpar" in name
            assert (picture.mode == "RGBA") == see_through, name
            if see_through:
                assert picture.getchannel("A").getextrema() == (0, 0), name
    assert "workers_lost 0.0" in (await ai.get(paths.METRICS)).text


@pytest.mark.parametrize("path", [GENERATE, CUT, THUMBNAIL])
@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"<svg/>", PNG[:200], saved(scene(), "BMP"), b"\xff\xd8\xff" + b"a" * 50],
    ids=["empty", "text", "svg", "truncated", "bmp", "only a beginning"],
)
async def test_what_is_no_picture_is_refused(ai: httpx.AsyncClient, path: str, data: bytes) -> None:
    assert_problem(await ai.post(path, files={"image": ("a.png", data)}), 400, "invalid_image")


@pytest.mark.parametrize("path", [GENERATE, CUT, THUMBNAIL])
async def test_no_picture_at_all_is_refused(ai: httpx.AsyncClient, path: str) -> None:
    response = await ai.post(path, files={"photo": PNG})
    assert_problem(response, 400, "invalid_image")


@pytest.mark.parametrize("path", [GENERATE, CUT, THUMBNAIL])
async def test_a_bomb_is_refused(ai: httpx.AsyncClient, path: str) -> None:
    bomb = saved(Image.new("1", (16383, 16383)), "PNG")
    assert len(bomb) < 100_000
    problem = assert_problem(await ai.post(path, files={"image": bomb}), 400, "image_too_large")
    assert "50 million" in problem["detail"]


@pytest.mark.parametrize("path", [GENERATE, CUT, THUMBNAIL])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"no such boundary in here"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--",
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 5000 + b"\r\na\r\n--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nA: "' + b"a" * 50_000),
        ("application/x-www-form-urlencoded", b"image=abc"),
        ("text/plain", b"hello"),
        ("", b"hello"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_malformed_body_is_refused(
    ai: httpx.AsyncClient, path: str, kind: str, body: bytes
) -> None:
    response = await ai.post(path, content=body, headers={"Content-Type": kind})
    assert response.status_code == 400
    assert_problem(response, 400, response.json()["code"])


@pytest.mark.parametrize(
    "files",
    [
        [("image", PNG)] * 2,
        [("image", PNG)] * 100,
        [("image", PNG), ("note", (None, b"a" * 100_000))],
        [("image", PNG), *[(f"note{number}", (None, b"a")) for number in range(100)]],
    ],
    ids=["two files", "a hundred files", "a giant field", "a hundred fields"],
)
async def test_a_form_has_few_parts_and_small_fields(
    ai: httpx.AsyncClient, files: list[tuple[str, Any]]
) -> None:
    assert_problem(await ai.post(THUMBNAIL, files=files), 400, "invalid_request")


@pytest.mark.parametrize("size_bytes", [101, 65_536, 100_003])
async def test_a_form_may_arrive_in_pieces_of_any_size(
    ai: httpx.AsyncClient, size_bytes: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    photo = saved(Image.fromarray(pixels), "PNG")
    options = {"style": "comic", "seed": "7", "size": "64"}
    whole = httpx.Request("POST", "http://ai", files={"image": photo}, data=options)
    body = whole.read()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size_bytes):
            yield body[start : start + size_bytes]

    headers = {"Content-Type": whole.headers["content-type"]}
    response = await ai.post(GENERATE, content=pieces(), headers=headers)
    in_one = await ai.post(GENERATE, files={"image": photo}, data=options)
    assert response.content == in_one.content
    assert opened(response).size == (64, 64)


async def test_a_field_that_nobody_reads_is_refused_by_name(ai: httpx.AsyncClient) -> None:
    for path, fields in (
        (GENERATE, {"styl": "comic"}),
        (CUT, {"strength": "1"}),
        (THUMBNAIL, {"size": "320"}),
    ):
        response = await ai.post(path, files={"image": PNG}, data=fields)
        problem = assert_problem(response, 400, "invalid_request")
        assert f"'{next(iter(fields))}'" in problem["detail"]
    response = await ai.post(CUT, json={"image_url": "http://127.0.0.1:8000/a", "url": "b"})
    assert "'url'" in assert_problem(response, 400, "invalid_request")["detail"]


async def test_a_file_of_the_limit_passes_and_a_byte_more_does_not(ai: httpx.AsyncClient) -> None:
    full = PNG + bytes(10_000_000 - len(PNG))
    assert (await ai.post(THUMBNAIL, files={"image": full})).status_code == 200
    problem = assert_problem(
        await ai.post(THUMBNAIL, files={"image": full + b"\0"}), 413, "file_too_large"
    )
    assert "10 MB" in problem["detail"]
    cut = await ai.post(CUT, files={"image": full + b"\0", "original": PNG})
    assert_problem(cut, 413, "file_too_large")


@pytest.mark.parametrize("path", [GENERATE, CUT, THUMBNAIL])
async def test_an_endless_body_is_cut_off(ai: httpx.AsyncClient, path: str) -> None:
    body = EndlessBody()
    response = await ai.post(path, content=body, headers=body.headers)
    assert_problem(response, 413, "file_too_large")
    # Twice the limit was looked at; the rest was read to nowhere so that the response is heard.
    assert body.sent < 130_000_000


@pytest.mark.parametrize("length", ["99999999", "9" * 5000])
async def test_a_body_that_says_it_is_too_large_is_not_read(
    ai: httpx.AsyncClient, length: str
) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": length}
    response = await ai.post(THUMBNAIL, content=b"", headers=headers)
    assert_problem(response, 413, "file_too_large")
