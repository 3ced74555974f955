"""A photo in every style, small."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from PIL import Image

from cartoon_avatar.ai.engines.catalogue import STYLES, needs_face
from cartoon_avatar.contract import headers, paths
from tests.ai.conftest import running, until_ready

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ai(app_for: Callable[..., FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    async with running(app_for()) as client:
        await until_ready(client)
        yield client


async def test_every_style_draws_the_person(ai: httpx.AsyncClient, astronaut: bytes) -> None:
    response = await ai.post(paths.PREVIEWS, files={"image": astronaut})

    assert response.headers["content-type"] == "application/json"
    items = response.json()["items"]
    assert [item["style"] for item in items] == [style.name for style in STYLES]
    assert len({item["image"] for item in items}) == len(STYLES)
    for item in items:
        scheme, data = item["image"].split(",")
        assert scheme == "data:image/webp;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(data)))
        assert picture.size == (256, 256)
    assert "comic;dur=" in response.headers[headers.SERVER_TIMING]


async def test_only_the_styles_that_were_asked_for_are_drawn(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    asked = {"styles": "noir,ink,gone"}
    response = await ai.post(paths.PREVIEWS, files={"image": astronaut}, data=asked)
    assert [item["style"] for item in response.json()["items"]] == ["ink", "noir"]


async def test_styles_of_people_are_left_out_where_nobody_is(
    ai: httpx.AsyncClient, coffee: bytes
) -> None:
    response = await ai.post(paths.PREVIEWS, files={"image": coffee})
    having = [item["style"] for item in response.json()["items"]]
    assert having == [style.name for style in STYLES if not needs_face(style)]


async def test_a_face_that_is_not_there_is_not_drawn(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    response = await ai.post(paths.PREVIEWS, files={"image": astronaut}, data={"face": "3"})
    assert response.status_code == 400
    assert "face" in response.json()["code"]
    response = await ai.post(paths.PREVIEWS, files={"image": astronaut}, data={"style": "ink"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
