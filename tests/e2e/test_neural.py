"""A neural style through both services: there once its file is, and gone with it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.settings import BackendSettings
from tests.ai.networks import NEGATIVE, manifest, model_of
from tests.backend.conftest import Phone, picture
from tests.engines.ai_service import running_ai_service
from tests.patience import PATIENCE_S

MODEL = model_of(NEGATIVE)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with nothing in it but the entry of a network."""
    folder = tmp_path / "models"
    folder.mkdir()
    manifest(folder, MODEL.model_dump())
    return folder


@pytest.fixture
def ai(models: Path) -> Iterator[httpx.Client]:
    with (
        running_ai_service(models) as (_, url, _),
        httpx.Client(base_url=url, timeout=PATIENCE_S) as http,
    ):
        yield http


def asked(ai: httpx.Client, tmp_path: Path, *posts: dict[str, Any]) -> list[httpx.Response]:
    """What a backend just started answers to /api/styles, to an upload, to regenerations."""
    return asyncio.run(_asked(ai, tmp_path, *posts))


async def _asked(ai: httpx.Client, tmp_path: Path, *posts: dict[str, Any]) -> list[httpx.Response]:
    settings = BackendSettings(
        data_dir=tmp_path / "data", min_free_bytes=0, ai_url=str(ai.base_url).rstrip("/")
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state)}, receive, send)

        transport = httpx.ASGITransport(with_state)
        async with httpx.AsyncClient(transport=transport, base_url="http://backend") as http:
            phone = Phone(http, "phone-1")
            responses = [
                await phone.get("/api/styles"),
                await phone.upload(data={"style": "comic"}),
            ]
            original = responses[1].json()["original"]["id"]
            for body in posts:
                responses.append(await phone.post(f"/api/regenerate/{original}", json=body))
            return responses


def styles_of(response: httpx.Response) -> list[str]:
    return [style["name"] for style in response.json()["items"]]


def drawn(ai: httpx.Client, **options: str) -> httpx.Response:
    return ai.post(
        "/generate-cartoon", files={"image": picture("png")}, data={"style": "negative", **options}
    )


def test_a_network_is_drawn_with_while_its_file_is_there(
    ai: httpx.Client, models: Path, tmp_path: Path
) -> None:
    # Its file is not there yet.
    ours = styles_of(ai.get("/styles"))
    assert "negative" not in ours
    refused = drawn(ai)
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_style")
    assert ai.get("/readyz").json()["neural"] == []
    assert not _has_loaded_onnxruntime(ai)

    (models / MODEL.file).write_bytes(NEGATIVE)

    assert styles_of(ai.get("/styles")) == [*ours, "negative"]
    assert ai.get("/readyz").json()["neural"] == ["negative"]
    response = drawn(ai, seed="0", size="128", framing="full")
    assert _has_loaded_onnxruntime(ai)
    assert response.headers["x-style"] == "negative"
    assert response.headers["x-seed"] == "0"
    photo, negative = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((24, 32)), int)
        for data in (picture("png"), response.content)
    )
    assert np.abs(negative - (255 - photo)).mean() < 4
    assert drawn(ai, seed="3").content == drawn(ai, seed="3").content
    assert drawn(ai, seed="3").content != drawn(ai, seed="4").content

    listed, _, pinned, walked = asked(ai, tmp_path, {"style": "negative", "seed": 5}, {})
    assert "negative" in styles_of(listed)
    assert pinned.status_code == 201
    assert pinned.json()["cartoon"]["style"] == "negative"
    # It was the last of the walk, which begins again.
    assert walked.json()["cartoon"]["style"] == ours[0]

    (models / MODEL.file).unlink()

    assert styles_of(ai.get("/styles")) == ours
    assert drawn(ai).json()["code"] == "unknown_style"
    listed, _, pinned = asked(ai, tmp_path, {"style": "negative"})
    assert styles_of(listed) == ours
    assert (pinned.status_code, pinned.json()["code"]) == (400, "invalid_style")


def _has_loaded_onnxruntime(ai: httpx.Client) -> bool:
    """Whether any process of the AI service holds the runtime's library."""
    port = ai.base_url.port
    server = next(
        process
        for process in psutil.Process().children(recursive=True)
        if str(port) in process.cmdline()
    )
    return any(
        "onnxruntime" in region.path
        for process in [server, *server.children(recursive=True)]
        for region in process.memory_maps()
    )
