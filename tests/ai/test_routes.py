"""The AI service through its door, with real workers, models and pictures."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import httpx
import numpy as np
import piexif
import psutil
import pytest
import pytest_asyncio
from fastapi import FastAPI
from PIL import Image

from cartoon_avatar.ai import errors
from cartoon_avatar.ai.engines.drawn import rendered
from cartoon_avatar.ai.seeing.model_files import REQUIRED, models_folder
from cartoon_avatar.contract import errors as shared
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.boxes import Box, faces_in
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.media_types import PROBLEM_JSON
from tests.ai.conftest import EndlessBody, running, saved, scene
from tests.ai.seeing.made_up import made_up
from tests.ai.test_fetching import ok, serving
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

GENERATE, CUT, THUMBNAIL, STICKER = (
    paths.GENERATE_CARTOON,
    paths.PROCESS_FACE_CUT,
    paths.THUMBNAIL,
    paths.STICKER,
)
PNG = saved(scene(), "PNG")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ai(app_for: Callable[..., FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    async with running(app_for(queue=3)) as client:
        refused = await client.post(THUMBNAIL, files={"image": PNG})
        assert_problem(refused, 503, "ai_starting")
        await until_ready(client)
        yield client


async def until_ready(client: httpx.AsyncClient) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while (response := await client.get(paths.READYZ)).status_code != 200:
            assert response.json()["status"] == "starting"
            assert response.headers["retry-after"]
            await asyncio.sleep(0.05)
    return response.json()


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["content-type"] == PROBLEM_JSON, response.text
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["requestId"] == response.headers[headers.REQUEST_ID]
    if status == 503:
        assert int(response.headers["retry-after"]) > 0
    return problem


def opened(response: httpx.Response) -> Image.Image:
    assert response.status_code == 200, response.text
    image = Image.open(io.BytesIO(response.content))
    image.load()
    assert Image.MIME[image.format or ""] == response.headers["content-type"]
    sides = (response.headers[headers.IMAGE_WIDTH], response.headers[headers.IMAGE_HEIGHT])
    assert image.size == tuple(map(int, sides))
    return image


def drawn_again(svg: str, width: int, height: int) -> np.ndarray:
    """RGBA."""
    picture = rendered(svg, width, height)
    assert picture.alpha is not None
    return np.dstack([picture.rgb, picture.alpha]).astype(float)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cartoon(ai: httpx.AsyncClient, astronaut: bytes) -> bytes:
    """A drawing of the astronaut."""
    response = await ai.post(
        GENERATE, files={"image": astronaut}, data={"seed": "1", "size": "512"}
    )
    return response.content


# --- drawings


async def test_a_photo_becomes_a_cartoon(ai: httpx.AsyncClient, astronaut: bytes) -> None:
    photo_part = {"image": ("me.png", astronaut, "image/png")}
    # The default keeps the scene; seed 5 leaves its colours alone.
    asked = {"seed": "5", "framing": "full"}
    response = await ai.post(GENERATE, files=photo_part, data=asked)
    drawing = opened(response)
    assert drawing.format == "JPEG"
    assert max(drawing.size) == 1024
    assert (
        response.headers[headers.STYLE] == (await ai.get(paths.STYLES)).json()["items"][0]["name"]
    )
    assert response.headers[headers.SEED] == "5"
    assert int(response.headers[headers.ENGINE_VERSION]) >= 1
    assert response.headers[headers.FACE_COUNT] == "1"
    assert response.headers[headers.PHOTO_WIDTH] == "512"
    assert response.headers[headers.CROP_BOX] == "0,0,512,512"
    assert re.match(r"decode;dur=\d", response.headers[headers.SERVER_TIMING])
    photo = np.asarray(Image.open(io.BytesIO(astronaut)).resize((64, 64)), float)
    likeness = np.corrcoef(photo.ravel(), np.asarray(drawing.resize((64, 64)), float).ravel())
    assert 0.6 < likeness[0, 1] < 0.9999


async def test_a_portrait_shows_the_person_and_says_which_part_of_the_photo(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    response = await ai.post(GENERATE, files={"image": astronaut}, data={"size": "256"})
    crop = Box.parse(response.headers[headers.CROP_BOX])
    ((face, prominence),) = faces_in(response.headers[headers.FACES])

    assert opened(response).size == (256, 256)
    assert crop.width == crop.height < 512
    assert crop.left < face.left
    assert crop.left + crop.width > face.left + face.width
    assert crop.top < face.top
    assert crop.top + crop.height > face.top + face.height
    assert prominence == 1


async def test_the_same_request_gives_the_same_bytes(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    options = {"seed": "7", "size": "256"}
    one = await ai.post(GENERATE, files={"image": astronaut}, data=options)
    two = await ai.post(GENERATE, files={"image": astronaut}, data=options)
    assert one.content == two.content
    assert one.headers[headers.SEED] == "7"


async def test_without_a_seed_each_drawing_gets_its_own(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    responses = [
        await ai.post(GENERATE, files={"image": astronaut}, data={"size": "128"}) for _ in "ab"
    ]
    assert len({response.headers[headers.SEED] for response in responses}) == 2


async def test_every_style_draws(ai: httpx.AsyncClient, astronaut: bytes) -> None:
    styles = (await ai.get(paths.STYLES)).json()["items"]
    assert styles
    for style in styles:
        assert all(style[key] for key in ("name", "title", "description"))
        response = await ai.post(
            GENERATE, files={"image": astronaut}, data={"style": style["name"], "size": "256"}
        )
        assert opened(response).size == (256, 256)
        assert response.headers[headers.STYLE] == style["name"]


async def test_a_photo_of_nobody_is_drawn_unless_the_style_needs_a_face(
    ai: httpx.AsyncClient, coffee: bytes
) -> None:
    first, *_ = styles = (await ai.get(paths.STYLES)).json()["items"]
    needing = {style["name"] for style in styles if style["needsFace"]}
    assert needing == {"poster", "ink", "flat", "duotone", "sticker"}
    for framing in ("portrait", "full"):
        asked = {"style": "ink", "size": "128", "framing": framing}
        refused = await ai.post(GENERATE, files={"image": coffee}, data=asked)
        problem = assert_problem(refused, 422, "no_face")
        assert "another style" in problem["detail"]
    response = await ai.post(GENERATE, files={"image": coffee}, data={"size": "128"})
    assert opened(response).size == (128, 85)
    assert response.headers[headers.STYLE] == first["name"]
    assert response.headers[headers.FACE_COUNT] == "0"


async def test_a_style_of_shapes_gives_an_svg_that_does_nothing_but_draw(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    styles = (await ai.get(paths.STYLES)).json()["items"]
    assert {style["name"] for style in styles if style["svg"]} == {
        "poster", "ink", "flat", "duotone", "sticker",
    }  # fmt: skip
    asked = {"style": "sticker", "seed": "3", "size": "256"}
    pixels = await ai.post(GENERATE, files={"image": astronaut}, data=asked)
    response = await ai.post(GENERATE, files={"image": astronaut}, data={**asked, "format": "svg"})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"
    for name in (headers.STYLE, headers.SEED, headers.CROP_BOX, headers.FACES):
        assert response.headers[name] == pixels.headers[name]

    svg = "{http://www.w3.org/2000/svg}"
    allowed = {svg + tag for tag in ("svg", "defs", "clipPath", "g", "rect", "path")}
    document = ElementTree.fromstring(response.text)
    for mark in document.findall(f"{svg}metadata"):  # read by nobody who draws
        document.remove(mark)
    for element in document.iter():
        assert element.tag in allowed
        for name, value in element.attrib.items():
            assert not name.lower().startswith(("on", "style")), name
            assert "href" not in name
            assert "url(" not in value or re.fullmatch(r"url\(#c[0-9]+\)", value)

    drawn = drawn_again(response.text, 256, 256)
    shown = np.asarray(opened(pixels).convert("RGBA"), float)
    assert np.abs(shown - drawn)[drawn[..., 3] == 255].mean() < 6


@pytest.mark.parametrize(
    "asked", [{"style": "comic", "format": "svg"}, {"format": "svg"}, {"format": "png"}]
)
async def test_a_style_of_pixels_gives_no_svg(
    ai: httpx.AsyncClient, astronaut: bytes, asked: dict[str, str]
) -> None:
    response = await ai.post(GENERATE, files={"image": astronaut}, data=asked)
    problem = assert_problem(response, 400, "invalid_format")
    assert "svg" in problem["detail"].lower()


async def test_a_large_turned_photo_is_drawn_upright_and_its_size_is_told(
    ai: httpx.AsyncClient,
) -> None:
    exif = piexif.dump({"0th": {piexif.ImageIFD.Orientation: 6}})
    photo = saved(scene(2400, 1600), "JPEG", exif=exif)
    response = await ai.post(GENERATE, files={"image": photo}, data={"size": "300"})
    assert opened(response).size == (200, 300)
    assert response.headers[headers.PHOTO_WIDTH] == "1600"
    assert response.headers[headers.PHOTO_HEIGHT] == "2400"


async def test_a_transparent_photo_gives_a_transparent_cartoon(ai: httpx.AsyncClient) -> None:
    photo = scene(200, 200).convert("RGBA")
    photo.paste((0, 0, 0, 0), (0, 0, 200, 60))
    response = await ai.post(GENERATE, files={"image": saved(photo, "PNG")}, data={"size": "200"})
    drawing = opened(response)
    assert drawing.format == "WEBP"
    alpha = np.asarray(drawing.convert("RGBA"))[..., 3]
    assert (alpha[20, 100], alpha[150, 100]) == (0, 255)


async def test_nothing_of_the_photos_metadata_is_in_any_response(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    gps = {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSLatitude: ((52, 1),) * 3}
    exif = piexif.dump({"0th": {piexif.ImageIFD.Artist: b"canary-4711"}, "GPS": gps})
    portrait = Image.open(io.BytesIO(astronaut))
    photo = saved(portrait, "JPEG", quality=90, exif=exif, comment=b"canary-4711")
    for path, options in ((GENERATE, {"size": "256"}), (CUT, {}), (THUMBNAIL, {})):
        response = await ai.post(path, files={"image": photo}, data=options)
        assert b"canary-4711" not in response.content
        assert not opened(response).getexif()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"style": "no-such-style"}, "unknown_style"),
        ({"style": "../comic"}, "unknown_style"),
        ({"seed": "-1"}, "invalid_seed"),
        ({"seed": "1.5"}, "invalid_seed"),
        ({"seed": "abc"}, "invalid_seed"),
        ({"seed": "1_000"}, "invalid_seed"),
        ({"seed": "٣"}, "invalid_seed"),
        ({"seed": str(2**53)}, "invalid_seed"),
        ({"seed": "9" * 5000}, "invalid_seed"),
        ({"size": "63"}, "invalid_size"),
        ({"size": "2049"}, "invalid_size"),
        ({"size": "large"}, "invalid_size"),
        ({"framing": "close"}, "invalid_framing"),
        ({"face": "-1"}, "invalid_face"),
        ({"face": "first"}, "invalid_face"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_an_option_that_cannot_be_met_is_named(
    ai: httpx.AsyncClient, options: dict[str, str], code: str
) -> None:
    assert_problem(await ai.post(GENERATE, files={"image": PNG}, data=options), 400, code)


# --- bad pictures and bodies, the same at each door


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


# --- heads


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


# --- thumbnails


async def test_a_thumbnail_is_small_upright_webp(ai: httpx.AsyncClient) -> None:
    exif = piexif.dump({"0th": {piexif.ImageIFD.Orientation: 8}})
    photo = saved(scene(1600, 1200), "JPEG", exif=exif)
    response = await ai.post(THUMBNAIL, files={"image": photo})
    thumbnail = opened(response)
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (240, 320))
    assert response.headers[headers.PHOTO_WIDTH] == "1200"
    assert response.headers[headers.PHOTO_HEIGHT] == "1600"


async def test_a_thumbnail_keeps_transparency(ai: httpx.AsyncClient) -> None:
    photo = saved(Image.new("RGBA", (400, 400), (255, 0, 0, 100)), "PNG")
    thumbnail = opened(await ai.post(THUMBNAIL, files={"image": photo}))
    assert thumbnail.mode == "RGBA"
    assert abs(thumbnail.getpixel((160, 160))[3] - 100) <= 2  # type: ignore[index]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
async def test_a_cartoon_brings_the_thumbnail_along_where_it_is_requested(
    ai: httpx.AsyncClient, mode: str
) -> None:
    photo = saved(scene(600, 800).convert(mode), "PNG")
    alone = await ai.post(GENERATE, files={"image": photo}, data={"seed": "7"})
    both = await ai.post(GENERATE, files={"image": photo}, data={"seed": "7", "thumbnail": "1"})

    assert headers.THUMBNAIL_BYTES not in alone.headers
    start = len(both.content) - int(both.headers[headers.THUMBNAIL_BYTES])
    assert both.content[:start] == alone.content
    thumbnail = Image.open(io.BytesIO(both.content[start:]))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (240, 320))


async def test_a_cartoon_brings_its_own_thumbnail_last(ai: httpx.AsyncClient) -> None:
    photo = saved(scene(600, 800), "PNG")
    fields = {"seed": "7", "size": "512", "framing": "full"}
    alone = await ai.post(GENERATE, files={"image": photo}, data=fields)
    small = {"thumbnail": "1", "cartoon_thumbnail": "1"}
    response = await ai.post(GENERATE, files={"image": photo}, data={**fields, **small})

    assert headers.CARTOON_THUMBNAIL_BYTES not in alone.headers
    last = len(response.content) - int(response.headers[headers.CARTOON_THUMBNAIL_BYTES])
    before = last - int(response.headers[headers.THUMBNAIL_BYTES])
    assert response.content[:before] == alone.content
    own = Image.open(io.BytesIO(response.content[last:]))
    assert (own.format, own.size) == ("WEBP", (240, 320))
    drawing = np.asarray(opened(alone).convert("RGB").resize(own.size), float)
    assert np.abs(drawing - np.asarray(own.convert("RGB"), float)).mean() < 6


@pytest.mark.parametrize("options", [{}, {"background": "#3366FF"}], ids=["clear", "on colour"])
async def test_a_head_brings_its_thumbnail_along_where_it_is_requested(
    ai: httpx.AsyncClient, astronaut: bytes, options: dict[str, str]
) -> None:
    options = {**options, "size": "400"}
    alone = await ai.post(CUT, files={"image": astronaut}, data=options)
    both = await ai.post(CUT, files={"image": astronaut}, data={**options, "thumbnail": "1"})

    assert headers.THUMBNAIL_BYTES not in alone.headers
    start = len(both.content) - int(both.headers[headers.THUMBNAIL_BYTES])
    assert both.content[:start] == alone.content
    thumbnail = Image.open(io.BytesIO(both.content[start:]))
    assert (thumbnail.format, thumbnail.mode) == (
        "WEBP",
        "RGB" if "background" in options else "RGBA",
    )
    assert max(thumbnail.size) == 320
    head = opened(alone).convert("RGBA").resize(thumbnail.size)
    apart = np.asarray(head, float) - np.asarray(thumbnail.convert("RGBA"), float)
    assert np.abs(apart[np.asarray(head)[..., 3] > 250]).mean() < 6


# --- the service itself


async def test_it_says_that_it_is_alive_and_ready(ai: httpx.AsyncClient) -> None:
    assert (await ai.get(paths.HEALTHZ)).json() == {"status": "ok"}
    ready = (await ai.get(paths.READYZ)).json()
    # Those that whoever runs this has fetched.
    assert isinstance(ready.pop("neural"), list)
    assert ready == {
        "status": "ready",
        "workers": 1,
        "workersWanted": 1,
        "missing": [],
        "fallback": None,
    }


async def test_metrics_tell_of_requests_drawings_cuts_and_the_queue(
    ai: httpx.AsyncClient, cartoon: bytes, astronaut: bytes, coffee: bytes
) -> None:
    await ai.post(CUT, files={"image": cartoon, "original": astronaut})
    await ai.post(CUT, files={"image": coffee})
    text = (await ai.get(paths.METRICS)).text
    assert re.search(
        r'requests_total\{method="POST",route="/generate-cartoon",status="200"\} \d', text
    )
    assert re.search(r'drawing_seconds_count\{style="[a-z-]+"\} [1-9]', text)
    assert re.search(r'cut_seconds_count\{path="[a-z]+"\} [1-9]', text)
    assert re.search(r"no_face_total [1-9]", text)
    assert "queue_depth 0.0" in text
    assert "queue_oldest_seconds 0.0" in text
    assert "workers_ready 1.0" in text


async def test_openapi_has_named_schemas_and_stable_operation_ids(ai: httpx.AsyncClient) -> None:
    document = (await ai.get("/openapi.json")).json()
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert set(operations) == {
        "generateCartoon",
        "cancelCartoon",
        "processFaceCut",
        "makeThumbnail",
        "makeSticker",
        "listStyles",
        "listEngines",
        "drawPreviews",
        "health",
        "readiness",
        "metrics",
    }
    schemas = document["components"]["schemas"]
    assert {"CartoonForm", "FaceCutRequest", "FaceCutForm", "Problem", "StyleList"} <= set(schemas)
    for reference in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)):
        assert reference in schemas
    refusal = operations["processFaceCut"]["responses"]["422"]["content"]
    assert list(refusal) == [PROBLEM_JSON]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", GENERATE, 405), ("GET", "/x", 404)])
async def test_other_paths_respond_with_a_problem_too(
    ai: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await ai.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM_JSON


async def test_past_the_queue_requests_are_refused_at_once_and_the_rest_succeed(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    (worker,) = worker_processes()
    worker.suspend()  # so that nobody's turn comes before everybody has asked
    try:
        options = {"files": {"image": astronaut}, "data": {"size": "128"}}
        asked = [asyncio.create_task(ai.post(GENERATE, **options)) for _ in range(9)]
        refused = [await one for one in islice(asyncio.as_completed(asked), 5)]
    finally:
        worker.resume()
    for response in refused:
        assert_problem(response, 503, "ai_busy")
    responses = [await one for one in asked]
    assert sorted(response.status_code for response in responses) == [200] * 4 + [503] * 5


def worker_processes() -> list[psutil.Process]:
    ours = psutil.Process()
    return [
        child
        for child in ours.children(recursive=True)
        if child.parent() != ours and "forkserver" in " ".join(child.cmdline())
    ]


async def test_a_worker_killed_at_work_costs_that_request_and_the_next_succeeds(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    (worker,) = worker_processes()
    before_s = sum(worker.cpu_times()[:2])
    request = asyncio.create_task(
        ai.post(GENERATE, files={"image": astronaut}, data={"size": "2048"})
    )
    async with asyncio.timeout(PATIENCE_S):
        while sum(worker.cpu_times()[:2]) <= before_s:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    worker.kill()
    assert_problem(await request, 500, "generation_failed")
    opened(await ai.post(GENERATE, files={"image": astronaut}, data={"size": "128"}))


async def test_a_client_that_leaves_the_queue_frees_its_place(
    app_for: Callable[..., FastAPI], astronaut: bytes
) -> None:
    app = app_for(queue=1)
    async with running(app) as client, app.router.lifespan_context(app) as state:
        # A second life of the app, spoken to in ASGI: httpx cannot hang up in mid-request.
        workers = state["ai"].workers
        async with asyncio.timeout(PATIENCE_S):
            while not workers.ready:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        request = client.build_request("POST", GENERATE, files={"image": astronaut})
        body = await request.aread()
        hang_up = asyncio.Event()
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await hang_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            pass

        scope = {
            "type": "http",
            "method": "POST",
            "path": GENERATE,
            "query_string": b"",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "state": dict(state),
        }
        worker = await workers.idle.get()  # nobody is served meanwhile
        waiting = asyncio.create_task(app(scope, receive, send))
        async with asyncio.timeout(PATIENCE_S):
            while not workers.line:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert workers.taken == 1
        hang_up.set()
        await asyncio.wait_for(waiting, PATIENCE_S)
        assert (workers.taken, len(workers.line)) == (0, 0)
        workers.idle.put_nowait(worker)


async def test_a_picture_that_takes_too_long_and_a_body_that_trickles_are_given_up(
    app_for: Callable[..., FastAPI], astronaut: bytes
) -> None:
    async with running(app_for(task_timeout_s=0.1, body_timeout_s=3)) as client:
        await until_ready(client)
        response = await client.post(GENERATE, files={"image": astronaut}, data={"size": "2048"})
        assert_problem(response, 500, "generation_failed")

        async def trickle() -> AsyncIterator[bytes]:
            yield b"--x\r\n"
            await asyncio.Event().wait()
            yield b"--x--"

        await until_ready(client)
        response = await client.post(
            THUMBNAIL,
            content=trickle(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert_problem(response, 408, "request_timeout")


async def test_without_model_files_it_is_not_ready_and_draws_once_they_come(
    app_for: Callable[..., FastAPI], astronaut: bytes, tmp_path: Path
) -> None:
    async with running(app_for(models_dir=tmp_path)) as client:

        async def ready_when(condition: Callable[[dict[str, Any]], bool]) -> httpx.Response:
            async with asyncio.timeout(PATIENCE_S):
                response = await client.get(paths.READYZ)
                while not condition(response.json()):
                    await asyncio.sleep(0.1)
                    response = await client.get(paths.READYZ)
            return response

        response = await ready_when(lambda ready: ready["workers"] > 0)
        assert (response.status_code, response.json()["status"]) == (503, "not_ready")
        assert response.json()["missing"] == sorted(file.name for file in REQUIRED)
        # Nobody looked for a face, so nobody may say that there is none, nor draw as if.
        for refused in (
            await client.post(CUT, files={"image": astronaut}),
            await client.post(GENERATE, files={"image": astronaut}),
            await client.post(
                GENERATE, files={"image": astronaut}, data={"style": "ink", "format": "svg"}
            ),
        ):
            problem = assert_problem(refused, 503, "models_missing")
            assert "models fetch" in problem["detail"]

        for file in REQUIRED:  # as `models fetch` beside it would
            (tmp_path / file.name).symlink_to(models_folder() / file.name)
        response = await ready_when(lambda ready: ready["status"] == "ready")
        assert (response.status_code, response.json()["missing"]) == (200, [])
        drawn = await client.post(GENERATE, files={"image": astronaut}, data={"size": "256"})
        assert drawn.headers[headers.FACE_COUNT] == "1"


def ragged(side: int = 512) -> bytes:
    """A head of noise, its alpha too."""
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 4), np.uint8)
    return saved(Image.fromarray(pixels), "PNG")


async def test_a_cut_head_becomes_a_sticker(ai: httpx.AsyncClient, astronaut: bytes) -> None:
    head = (await ai.post(CUT, files={"image": astronaut})).content

    response = await ai.post(STICKER, files={"image": head}, data={"preset": "whatsapp"})

    assert opened(response).size == (512, 512)
    assert response.headers["content-type"] == "image/webp"
    assert len(response.content) < 100_000
    assert "sticker" in response.headers[headers.SERVER_TIMING]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 400, "invalid_preset"),
        ({"preset": "myspace"}, 400, "invalid_preset"),
        ({"preset": "signal", "outlineWidth": "33"}, 400, "invalid_outline"),
        ({"preset": "signal", "outlineColor": "white"}, 400, "invalid_outline"),
        ({"preset": "signal", "background": "#FFFFFF"}, 400, "invalid_background"),
        ({"preset": "signal", "style": "comic"}, 400, "invalid_request"),
        ({"preset": "signal"}, 422, "no_transparency"),
        ({"preset": "square", "outlineWidth": "8"}, 422, "no_transparency"),
        ({"preset": "whatsapp", "outlineWidth": "0"}, 422, "sticker_too_large"),
    ],
)
async def test_the_error_of_what_is_no_sticker_says_so(
    ai: httpx.AsyncClient, fields: dict[str, str], status: int, code: str
) -> None:
    picture = ragged() if code == "sticker_too_large" else PNG

    response = await ai.post(STICKER, files={"image": picture}, data=fields)

    assert_problem(response, status, code)


async def test_a_sticker_of_no_file(ai: httpx.AsyncClient) -> None:
    response = await ai.post(STICKER, data={"preset": "signal"}, files={"image": b""})
    assert_problem(response, 400, "invalid_image")


async def test_the_log_holds_no_url_and_no_picture_name(
    ai: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    await ai.post(CUT, json={"image_url": "http://127.0.0.1:1/canary-4711?sig=canary-4711"})
    await ai.post(THUMBNAIL + "?canary-4711", files={"image": ("canary-4711.png", b"x")})
    out, err = capfd.readouterr()
    assert "canary-4711" not in out + err


async def test_each_error_of_the_tree_is_expected_by_a_test() -> None:
    tree = {
        error.code
        for error in (*vars(errors).values(), *vars(shared).values())
        if isinstance(error, type) and issubclass(error, AvatarError)
    }
    # Nobody is there to be told of client_gone; the base class itself is never raised; pictures
    # that fail in a way nobody foresaw are those of test_workers, generators' errors those of
    # test_generators.
    elsewhere = {"client_gone", "internal_error", "picture_unusable"}
    elsewhere |= {"engine_refused", "engine_unavailable", "consent_required", "drawing_cancelled"}
    words = ast.walk(ast.parse(await asyncio.to_thread(Path(__file__).read_text)))
    expected = {word.value for word in words if isinstance(word, ast.Constant)}
    assert tree - elsewhere <= expected
