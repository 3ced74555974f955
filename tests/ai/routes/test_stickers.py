"""Heads into stickers."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
from PIL import Image

from cartoon_avatar.contract import headers
from tests.ai.conftest import saved
from tests.ai.routes.responses import (
    CUT,
    PNG,
    STICKER,
    assert_problem,
    opened,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
