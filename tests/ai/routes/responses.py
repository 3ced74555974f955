"""What the tests of the routes ask of responses."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import httpx
import numpy as np
from PIL import Image

from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.media_types import PROBLEM_JSON
from tests.ai.conftest import saved, scene
from tests.ai.svg import shown
from tests.patience import PATIENCE_S

GENERATE, CUT, THUMBNAIL, STICKER = (
    paths.GENERATE_CARTOON,
    paths.PROCESS_FACE_CUT,
    paths.THUMBNAIL,
    paths.STICKER,
)
PNG = saved(scene(), "PNG")


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
    picture = shown(svg, width, height)
    assert picture.alpha is not None
    return np.dstack([picture.rgb, picture.alpha]).astype(float)
