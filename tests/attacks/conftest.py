"""Attacks on the app that ``create_app`` built, and on real sockets where it matters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from cartoon_avatar.backend.settings import BackendSettings
from tests.backend.conftest import FakeAi, Phone, Service, running
from tests.faults import conftest as processes

# Real processes, where sockets matter.
ai_url, forks, start_backend = processes.ai_url, processes.forks, processes.start_backend

Start = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a backend with some settings changed; the same folder each time in one test."""

    def started(**changed: Any) -> AbstractAsyncContextManager[Service]:
        given = {"data_dir": tmp_path / "data", "min_free_bytes": 0, **changed}
        return running(BackendSettings(**given), FakeAi())

    return started


@pytest.fixture
async def service(start: Start) -> AsyncIterator[Service]:
    async with start(device_drawings_per_minute=10_000, address_drawings_per_minute=10_000) as one:
        yield one


@pytest.fixture
def phone(service: Service) -> Phone:
    return service.phone
