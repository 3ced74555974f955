"""`cartoon-avatar serve`: the backend and the AI service as two children of one process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from types import FrameType
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

import structlog
from typing_extensions import override

from cartoon_avatar.contract.paths import READYZ

log = structlog.get_logger()

# Between restarts of a service that keeps dying: doubled each time, forgotten once it ran well.
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30
_RAN_WELL_S = 60
# Grace for requests under way at SIGTERM; a drawing takes a second or two.
_GRACE_S = 20
_LOOK_AFTER_CHILDREN_S = 0.1
# Between looks whether all is up. Each goes through both services, which have better to do then.
_LOOK_WHETHER_UP_S = 0.5


class _AnyStatus(HTTPErrorProcessor):
    """Returns responses of every status instead of raising an error for some."""

    @override
    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        return response


# Proxies of the environment are not used.
_PLAIN = build_opener(ProxyHandler({}), _AnyStatus)


@dataclass
class _Child:
    """A service that is started again whenever it ends."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0
    pause_s: float = _FIRST_PAUSE_S
    start_at: float = field(default_factory=time.monotonic)

    def keep_running(self) -> None:
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            log.warning("service_ended", service=self.name, status=self.process.returncode)
            self.pause_s = (
                _FIRST_PAUSE_S
                if now - self.started_at > _RAN_WELL_S
                else min(self.pause_s * 2, _LONGEST_PAUSE_S)
            )
            self.process, self.start_at = None, now + self.pause_s
        if self.process is None and now >= self.start_at:
            # A group of its own: Ctrl-C reaches us alone, and we stop them in order.
            self.process = subprocess.Popen(
                self.command, env=self.environment, start_new_session=True
            )
            self.started_at = now

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            log.warning("service_killed", service=self.name)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def serve(
    host: str,
    port: int,
    workers: int,
    url: str,
    environment: dict[str, str],
    when_up: Callable[[], None],
) -> None:
    """Run until SIGTERM or SIGINT; ``when_up`` is called once, when the backend answers at ``url``
    and the AI service is there to draw.

    The AI service gets a free port that only we know of.
    """
    ai_port = _free_port()
    environment = {**environment, "AI_URL": f"http://127.0.0.1:{ai_port}"}
    ours = [sys.executable, "-m", "cartoon_avatar.cli"]
    # Named, since we may be gone by the time that a child looks for us.
    with_us = ["--with-parent", str(os.getpid())]
    children = [
        _Child("ai", [*ours, "ai", "--port", str(ai_port), *with_us], environment),
        _Child(
            "backend",
            [
                *(*ours, "backend", "--host", host, "--port", str(port)),
                *("--workers", str(workers), *with_us),
            ],
            environment,
        ),
    ]
    stopping = is_up = False
    next_look = 0.0  # time.monotonic()

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        while not stopping:
            for child in children:
                child.keep_running()
            if not is_up and time.monotonic() >= next_look:
                if is_up := _is_up(url):
                    when_up()
                next_look = time.monotonic() + _LOOK_WHETHER_UP_S
            time.sleep(_LOOK_AFTER_CHILDREN_S)
    finally:
        # The backend first: what it has under way needs the AI service to finish.
        for child in reversed(children):
            child.stop()


def _is_up(url: str) -> bool:
    try:
        with _PLAIN.open(f"{url}{READYZ}", timeout=2) as response:
            return "ai" not in json.load(response).get("missing", ["ai"])
    except (OSError, HTTPException, ValueError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
