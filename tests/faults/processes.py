"""Real processes: backends that can be killed, and an AI service that answers at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

HERE = Path(__file__).parent
# For an event that comes, on a machine that has other work.

# In CI a test that is skipped has failed.
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="It reads system calls: apt-get install strace"
)


def free_port() -> int:
    return free_ports(1)[0]


def wait_until(true: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < give_up, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.02)


def wait_for(port: int, *, timeout_s: float = PATIENCE_S) -> None:
    """Until something listens on ``port``."""
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)


class Forks:
    """The process that backends are forked from."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "fork_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(self, environment: dict[str, str]) -> int:
        assert self.process.stdin
        assert self.process.stdout
        with self.lock:
            self.process.stdin.write(json.dumps(environment) + "\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


@dataclass
class Backend:
    """A backend process on ``data``; a port of its own that it keeps over restarts."""

    forks: Forks
    data: Path
    ai_url: str
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    pid: int | None = None
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, timeout_s: float = PATIENCE_S) -> None:
        self.pid = self.forks.fork(
            {
                "PORT": str(self.port),
                "DATA_DIR": str(self.data),
                "AI_URL": self.ai_url,
                "MIN_FREE_BYTES": "0",
                "LOG_LEVEL": "error",
                "DEVICE_DRAWINGS_PER_MINUTE": "1000000",
                "ADDRESS_DRAWINGS_PER_MINUTE": "1000000",
                "MAX_LIVE_CARTOONS": "1000000",
                **self.environment,
            }
        )
        try:
            wait_for(self.port, timeout_s=timeout_s)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM, *, timeout_s: float = PATIENCE_S) -> None:
        if self.pid is None:
            return
        with suppress(ProcessLookupError):  # it ended by itself
            os.kill(self.pid, how)
        wait_until_gone(self.pid, timeout_s=timeout_s)
        self.pid = None

    def client(self, device: str = "phone") -> httpx.Client:
        """Closed with the backend at the latest."""
        client = httpx.Client(
            base_url=self.url, headers={"X-Device-Id": device}, timeout=PATIENCE_S
        )
        self.clients.append(client)
        return client

    def close(self) -> None:
        self.kill()
        for client in self.clients:
            client.close()


def wait_until_gone(pid: int, *, timeout_s: float = PATIENCE_S) -> None:
    give_up = time.monotonic() + timeout_s
    while is_there(pid):
        assert time.monotonic() < give_up, f"process {pid} is still there"
        time.sleep(0.01)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def has_read(port: int, client: socket.socket) -> bool:
    """Whether the server on ``port`` has taken in all that ``client`` has sent so far."""
    ends = [f"0100007F:{port:04X}", f"0100007F:{client.getsockname()[1]:04X}"]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == ends:
            return fields[4].endswith(":00000000")  # of its receive queue
    return False


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The most memory that the process held since ``forget_peak``."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
