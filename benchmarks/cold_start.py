"""How long after `serve` is the first upload answered, beyond loading the models?"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from pathlib import Path

from measuring import (
    UNLIMITED,
    Client,
    Service,
    folder,
    form,
    free_url,
    port_of,
    portrait,
    print_table,
    python_as_installed,
    running,
    spread,
    wait_until,
)

# Without the imports, which are ours: what the models and their first runs take.
_MODELS = """
import time
from cartoon_avatar.ai import jobs
started = time.perf_counter()
jobs.open_tools(None, 1, 50_000_000)
print(time.perf_counter() - started)
"""
# Each look costs the service CPU time, which is counted.
_PAUSE_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()

    # As on most machines: the first run, which is not counted, leaves compiled modules behind.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    python = python_as_installed()
    body = form(portrait(2_000_000))
    times: dict[str, list[float]] = {
        name: []
        for name in (
            "models alone", "page answers", "ready", "first upload answered",
            "of it a second upload takes", "first upload − models",
            "CPU until ready", "CPU until the first upload, less a second's",
        )
    }  # fmt: skip
    for run in range(-1, arguments.runs):
        models = subprocess.run([python, "-c", _MODELS], capture_output=True, text=True, check=True)
        *took, cpu_ready, cpu_first = [float(models.stdout), *_started(python, body)]
        if run >= 0:  # the first fills the system's file cache
            values = [*took, took[3] - took[0], cpu_ready, cpu_first]
            for name, value in zip(times, values, strict=True):
                times[name].append(value)
    print_table(["what", "s"], [[name, spread(values, 2)] for name, values in times.items()])
    late = statistics.median(times["first upload − models"])
    print(f"\nfirst upload, models not counted: {late:.2f} s of 3 s")


def _started(python: Path, body: bytes) -> tuple[float, ...]:
    """Seconds to the page, to readiness, to the first upload's response, and of a second one; then
    CPU seconds of all processes until ready, and until the first upload less a second one's."""
    url = free_url()
    with folder() as data:
        command = [python, "-m", "cartoon_avatar.cli", "serve", "--port", port_of(url)]
        started = time.perf_counter()
        with running(command, url, ready=None, DATA_DIR=str(data), **UNLIMITED) as service:
            wait_until(service, "/", pause_s=_PAUSE_S)
            page = time.perf_counter() - started
            wait_until(service, "/readyz", pause_s=_PAUSE_S)
            ready, cpu_ready = time.perf_counter() - started, service.cpu_s()
            _upload(service, body)
            first, cpu_first = time.perf_counter() - started, service.cpu_s()
            _upload(service, body)
            second, cpu_second = time.perf_counter() - started - first, service.cpu_s() - cpu_first
            return page, ready, first, second, cpu_ready, cpu_first - cpu_second


def _upload(service: Service, body: bytes) -> None:
    with Client(service.url) as client:
        answer = client.upload(body)
        assert answer.status == 201, answer


if __name__ == "__main__":
    main()
