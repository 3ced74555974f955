"""How long after `serve` is the first upload answered, beyond loading the models?"""

from __future__ import annotations

import argparse
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()

    python = python_as_installed()
    body = form(portrait(2_000_000))
    times: dict[str, list[float]] = {
        name: []
        for name in (
            "models alone", "page answers", "ready", "first upload answered",
            "of it a second upload takes", "first upload − models",
        )
    }  # fmt: skip
    for run in range(-1, arguments.runs):
        models = subprocess.run([python, "-c", _MODELS], capture_output=True, text=True, check=True)
        took = [float(models.stdout), *_started(python, body)]
        if run >= 0:  # the first fills the system's file cache
            for name, value in zip(times, [*took, took[3] - took[0]], strict=True):
                times[name].append(value)
    print_table(["what", "s"], [[name, spread(values, 2)] for name, values in times.items()])
    late = statistics.median(times["first upload − models"])
    print(f"\nfirst upload, models not counted: {late:.2f} s of 3 s")


def _started(python: Path, body: bytes) -> tuple[float, float, float, float]:
    """Seconds to the page, to readiness, to the first upload's answer, and of a second one."""
    url = free_url()
    with folder() as data:
        command = [python, "-m", "cartoon_avatar.cli", "serve", "--port", port_of(url)]
        started = time.perf_counter()
        with running(command, url, ready=None, DATA_DIR=str(data), **UNLIMITED) as service:
            wait_until(service, "/")
            page = time.perf_counter() - started
            wait_until(service, "/readyz")
            ready = time.perf_counter() - started
            _upload(service, body)
            first = time.perf_counter() - started
            _upload(service, body)
            return page, ready, first, time.perf_counter() - started - first


def _upload(service: Service, body: bytes) -> None:
    with Client(service.url) as client:
        answer = client.upload(body)
        assert answer.status == 201, answer


if __name__ == "__main__":
    main()
