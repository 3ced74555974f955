"""What Prometheus is told by a backend of several worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.processes import free_port, wait_for, wait_until
from tests.patience import PATIENCE_S


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A backend of two workers, on data of its own, without an AI service."""
    port = free_port()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "cartoon_avatar.cli", "backend", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--workers", "2", "--data", str(tmp_path / "data")],
        env={**os.environ, "TMPDIR": str(scratch), "AI_URL": "http://127.0.0.1:9"},
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(port)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert list(scratch.iterdir()) == []


def counted(url: str, name: str, **labels: str) -> float:
    # A connection each, so that either worker may answer.
    text = httpx.get(f"{url}/metrics", timeout=PATIENCE_S).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_workers_are_counted_together_also_those_that_died(
    backend: tuple[subprocess.Popen[bytes], str],
):
    process, url = backend
    workers = {child.pid for child in psutil.Process(process.pid).children()}

    def ask(times: int) -> None:
        for _ in range(times):
            assert httpx.get(f"{url}/healthz", timeout=PATIENCE_S).status_code == 200

    def answered() -> float:
        return counted(url, "requests_total", route="/healthz", status="200")

    ask(30)
    # A request is counted once its response has been sent.
    wait_until(lambda: answered() >= 30, "thirty are counted")
    for _ in range(6):
        assert answered() == 30
        assert counted(url, "request_seconds_count", route="/healthz") == 30
        assert counted(url, "storage_free_bytes") > 1e6
        assert counted(url, "ai_requests_running") == 0

    victim = next(pid for pid in sorted(workers) if psutil.Process(pid).num_threads() > 1)
    os.kill(victim, signal.SIGKILL)
    children = psutil.Process(process.pid).children
    wait_until(lambda: len({child.pid for child in children()} - {victim}) == 2, "another worker")
    ask(10)
    wait_until(lambda: answered() >= 40, "forty are counted")
    assert answered() == 40
