"""Photos into cartoons, with real workers, models and pictures."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import httpx
import numpy as np
import piexif
import pytest
from PIL import Image

from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.boxes import Box, faces_in
from tests.ai.conftest import saved, scene
from tests.ai.routes.responses import (
    CUT,
    GENERATE,
    PNG,
    THUMBNAIL,
    assert_problem,
    drawn_again,
    opened,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
    assert needing == {"storybook", "poster", "ink", "flat", "duotone", "sticker"}
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
        "storybook", "poster", "ink", "flat", "duotone", "sticker",
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
