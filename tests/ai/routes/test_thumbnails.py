"""Thumbnails, alone and beside another picture."""

from __future__ import annotations

import io

import httpx
import numpy as np
import piexif
import pytest
from PIL import Image

from cartoon_avatar.contract import headers
from tests.ai.conftest import saved, scene
from tests.ai.routes.responses import (
    CUT,
    GENERATE,
    THUMBNAIL,
    opened,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
