from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cartoon_avatar.ai.engines.remote.config import read_engines
from cartoon_avatar.ai.engines.remote.engine import RemoteEngine, open_remote_engines
from cartoon_avatar.ai.engines.remote.generation import Generation
from tests.engines.generators import KEY

ASKED = Generation(b"a photo", 64, 64, prompt="as clay", seed=7, key="0" * 32)

Opened = Callable[..., AbstractAsyncContextManager[RemoteEngine]]


def written(kind: str, url: str, style: str = "clay", **keys: Any) -> str:
    """An engine as engines.toml has it."""
    keys = {"name": style, "kind": kind, "url": url, "private": True, **keys}
    lines = [f"{name} = {toml(value)}" for name, value in keys.items()]
    return "\n".join(
        [
            "[[engine]]",
            *lines,
            "[[engine.style]]",
            f'name = "{style}"',
            'title = "Clay"',
            'sentence = "A figure of clay."',
            'prompt = "as clay"',
            "",
        ]
    )


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """An engine of a kind at a URL, with keys of engines.toml."""

    @asynccontextmanager
    async def open_one(kind: str, url: str, **keys: Any) -> AsyncIterator[RemoteEngine]:
        file = tmp_path / "engines.toml"
        file.write_text(written(kind, url, **{"key": "A_KEY", **keys}))
        environment = {"A_KEY": KEY}
        configs = read_engines(file, (), environment)
        async with open_remote_engines(configs, environment, tmp_path / "data") as (engine,):
            yield engine

    return open_one
