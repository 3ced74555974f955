"""The address that a server listens on, judged before it starts and named for clients."""

from __future__ import annotations

import socket


def listen_fault(host: str, port: int) -> str | None:
    """The reason why nothing can listen on ``port`` of ``host``; None where it is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror
    return None


def reached_at(host: str) -> str:
    """The host for a URL by which this machine reaches a service that listens on ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
