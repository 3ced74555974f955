"""Ports of the loopback that nobody listens on."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress

# Above those that Ray gives its workers, below those that the kernel gives to whoever connects:
# a port found here is not taken by a client before a server has begun to listen.
# Processes that run tests side by side have ports of their own.
_processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = range(20_000 + _number, 32_000, _processes)
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """All different, and none that was given before."""
    return [_free_port() for _ in range(count)]


def _free_port() -> int:
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        if port in _given:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port
    raise OSError("no port is free")
