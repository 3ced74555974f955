"""The AI service as a process of its own, on a socket."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

# It imports and warms its models; a machine busy with other tests takes minutes.
_START_S = 300


@contextmanager
def running_ai_service(
    models: Path, **environment: str
) -> Iterator[tuple[psutil.Process, str, int]]:
    """Its process, URL and port, once it is ready: one worker, with the models in a folder, into
    which it would fetch those that are not there."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "cartoon_avatar.cli", "ai", "--port", str(port)],
        env={
            **os.environ,
            "AI_WORKERS": "1",
            "AI_MODELS_DIR": str(models),
            "LOG_LEVEL": "error",
            **environment,
        },
    )
    try:
        give_up_at = time.monotonic() + _START_S
        while not is_ready(url):
            assert time.monotonic() < give_up_at
            time.sleep(0.1)
        yield psutil.Process(process.pid), url, port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@contextmanager
def stopped_worker(service: psutil.Process) -> Iterator[None]:
    """Of a service with one: nothing is drawn meanwhile."""
    (worker,) = [
        child
        for child in service.children(recursive=True)
        if "forkserver" in " ".join(child.cmdline())
        and "forkserver" in " ".join(psutil.Process(child.ppid()).cmdline())
    ]
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False
