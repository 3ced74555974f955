from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx
import numpy as np
import pytest
import skimage
from fastapi import FastAPI
from PIL import Image

from cartoon_avatar.ai.app import create_app
from cartoon_avatar.ai.settings import AiSettings
from tests.patience import PATIENCE_S


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ``app`` whose lifespan has begun; its workers may still be starting."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state)}, receive, send)

        transport = httpx.ASGITransport(app=with_state, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://ai", timeout=PATIENCE_S
        ) as client:
            yield client


async def until_ready(ai: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await ai.get("/readyz")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@pytest.fixture(scope="session")
def astronaut() -> bytes:
    """A real portrait, NASA's, in the public domain: PNG, 512 px."""
    return (Path(skimage.__file__).parent / "data/astronaut.png").read_bytes()


@pytest.fixture(scope="session")
def coffee() -> bytes:
    """A real photo without a face: PNG, 600×400."""
    return (Path(skimage.__file__).parent / "data/coffee.png").read_bytes()


class EndlessBody:
    """A form whose picture never ends; ``sent`` counts its bytes."""

    headers: ClassVar = {"Content-Type": "multipart/form-data; boundary=x"}

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        while True:
            self.sent += 100_000
            yield bytes(100_000)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def scene(width: int = 120, height: int = 80) -> Image.Image:
    """Red top left, green top right, blue bottom left, grey bottom right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (220, 40, 40)
    pixels[: height // 2, width // 2 :] = (40, 200, 40)
    pixels[height // 2 :, : width // 2] = (40, 40, 220)
    pixels[height // 2 :, width // 2 :] = (128, 128, 128)
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def settings_for() -> Callable[..., AiSettings]:
    def make(**changes: Any) -> AiSettings:
        return AiSettings(**{"workers": 1, "log_level": "error", **changes})

    return make


@pytest.fixture(scope="session")
def app_for(settings_for: Callable[..., AiSettings]) -> Callable[..., FastAPI]:
    return lambda **changes: create_app(settings_for(**changes))
