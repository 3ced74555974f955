"""Prometheus text of a process, or of all workers of a server together."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from cartoon_avatar.process.server import SHARED_COUNTS


def metrics_text(registry: CollectorRegistry) -> bytes:
    """The metrics of ``registry`` as text; of several workers that share a folder of counts, their
    sum."""
    shared = os.environ.get(SHARED_COUNTS)
    if shared is None:
        return generate_latest(registry)
    # Live gauges of a worker that died are dropped; its counters stay in the sum.
    for file in Path(shared).glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):  # another worker removes it at the same time
                mark_process_dead(pid)
    merged = CollectorRegistry()
    MultiProcessCollector(merged)
    return generate_latest(merged)
