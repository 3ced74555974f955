"""The AI service with a real worker and real models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest_asyncio
from fastapi import FastAPI

from tests.ai.conftest import running
from tests.ai.routes.responses import (
    GENERATE,
    PNG,
    THUMBNAIL,
    assert_problem,
    until_ready,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ai(app_for: Callable[..., FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    async with running(app_for(queue=3)) as client:
        refused = await client.post(THUMBNAIL, files={"image": PNG})
        assert_problem(refused, 503, "ai_starting")
        await until_ready(client)
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cartoon(ai: httpx.AsyncClient, astronaut: bytes) -> bytes:
    """A drawing of the astronaut."""
    response = await ai.post(
        GENERATE, files={"image": astronaut}, data={"seed": "1", "size": "512"}
    )
    return response.content
