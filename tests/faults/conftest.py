"""Faults on real processes, files and sockets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.processes import HERE, Backend, Forks, free_port, wait_for

StartBackend = Callable[..., Backend]


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    forks = Forks()
    yield forks
    forks.close()


@pytest.fixture(scope="session")
def ai_url() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, str(HERE / "fake_ai.py"), str(port)])
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def start_backend(forks: Forks, ai_url: str, tmp_path: Path) -> Iterator[StartBackend]:
    """Start a backend process with some of its environment changed; all share one folder."""
    backends: list[Backend] = []

    def started(*, data: Path | None = None, ai: str | None = None, **environment: str) -> Backend:
        backend = Backend(forks, data or tmp_path / "data", ai or ai_url, environment)
        backends.append(backend)
        backend.start()
        return backend

    yield started
    for backend in backends:
        backend.close()
