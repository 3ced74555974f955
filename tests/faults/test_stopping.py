"""Processes that are told to stop, or die, under load: the whole service as `serve` runs it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import skimage

from tests.backend.conftest import picture
from tests.faults.invariants import assert_whole, files_in, rows_of
from tests.faults.processes import Backend, Forks, free_port, has_read, wait_until
from tests.faults.test_ai_faults import answering, server
from tests.patience import PATIENCE_S

PHONE = {"X-Device-Id": "phone"}

Run = Callable[..., tuple[subprocess.Popen[bytes], str]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run a command of the command line as an installation would; returns it and its URL."""
    started: list[subprocess.Popen[bytes]] = []
    families: list[psutil.Process] = []

    def run(command: str, **environment: str) -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "cartoon_avatar.cli", command),
                *("--port", str(port), "--data", str(tmp_path / "data")),
            ],
            env={**os.environ, "MIN_FREE_BYTES": "0", "LOG_LEVEL": "warning", **environment},
            start_new_session=True,
        )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: ready(url), "ready")
        families.extend(family(process.pid))
        return process, url

    yield run
    for process in started:
        process.kill()
        process.wait()
    for member in families:
        if member.is_running():
            member.kill()


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


def listens(url: str) -> bool:
    try:
        socket.create_connection(
            ("127.0.0.1", int(url.rpartition(":")[2])), timeout=PATIENCE_S
        ).close()
    except ConnectionRefusedError:
        return False
    return True


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def gone(members: list[psutil.Process]) -> bool:
    return not [one for one in members if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def portrait() -> bytes:
    return (Path(skimage.__file__).parent / "data/astronaut.png").read_bytes()


def test_a_backend_told_to_stop_finishes_what_it_accepted(run: Run, ai_url: str, tmp_path: Path):
    """Uploads, regenerations and downloads, each on a connection of its own."""
    process, url = run("backend", AI_URL=ai_url, DEVICE_DRAWINGS_PER_MINUTE="100000")
    members = family(process.pid)
    outcomes: Counter[int | str] = Counter()
    acknowledged: list[str] = []

    def ask(number: int) -> None:
        headers = {"X-Device-Id": f"phone-{number}", "Connection": "close"}

        def post(path: str, **request: Any) -> dict[str, Any]:
            response = httpx.post(url + path, headers=headers, timeout=PATIENCE_S, **request)
            outcomes[response.status_code] += 1
            body = response.json()
            acknowledged.extend(body[noun]["id"] for noun in ("original", "face") if noun in body)
            return body

        while process.poll() is None:
            try:
                body = post("/api/upload", files={"image": picture()})
                post(f"/api/regenerate/{body['original']['id']}")
                post(f"/api/download/{body['cartoon']['id']}")
            except httpx.ConnectError:
                return  # it listens no more
            except httpx.TransportError:
                # In the queue of the listening socket when that was closed: never accepted.
                outcomes["never accepted"] += 1
                return

    with ThreadPoolExecutor(8) as pool:
        asks = [pool.submit(ask, number) for number in range(8)]
        wait_until(lambda: outcomes[201] > 20, "twenty responses")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        for one in asks:
            one.result()

    assert set(outcomes) <= {201, "never accepted"}, outcomes
    assert gone(members)
    # Whatever it began it answered: what is there is what was heard of.
    kept = rows_of(tmp_path / "data")
    there = [row["id"] for table in ("originals", "downloaded_faces") for row in kept[table]]
    assert sorted(there) == sorted(acknowledged)
    assert_whole(tmp_path / "data", acknowledged)


def test_a_drawing_that_takes_long_is_waited_for_when_told_to_stop(run: Run, tmp_path: Path):
    """Told in the middle of it, by SIGTERM to everybody as a service manager does."""

    drawing, told = threading.Event(), threading.Event()

    def slow(connection: socket.socket) -> None:
        drawing.set()
        assert told.wait(PATIENCE_S)
        answering(picture("png"))(connection)

    others = {
        b"POST /thumbnail": answering(picture("webp"), kind="image/webp"),
        b"GET /readyz": answering(b"{}", kind="application/json"),
    }
    with server(slow, others) as ai:
        process, url = run("backend", AI_URL=ai)
        members = family(process.pid)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(
                httpx.post,
                f"{url}/api/upload",
                files={"image": picture()},
                headers=PHONE,
                timeout=PATIENCE_S,
            )
            assert drawing.wait(PATIENCE_S)
            for member in members:
                member.terminate()
            wait_until(lambda: not listens(url), "it listens no more")
            told.set()
            response = asked.result()
        assert response.status_code == 201, response.text
        assert process.wait(PATIENCE_S) == 0
    assert_whole(tmp_path / "data", [response.json()["original"]["id"]])


def test_a_worker_that_is_starting_ends_at_once_when_told_to_stop(tmp_path: Path):
    """Forked, it has handlers of its parent's, which used to lose the signal."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cartoon_avatar.cli", "backend"),
            *("--port", str(free_port()), "--data", str(tmp_path / "data")),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(psutil.Process(process.pid).children, "a worker is starting")
    process.terminate()
    _, log = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    assert "refused to gracefully stop" not in log


def test_who_waits_for_a_job_is_let_go_when_told_to_stop_and_the_job_is_kept(
    run: Run, tmp_path: Path
):
    """Streams and long polls would last as long as the server waits for them."""

    done = threading.Event()

    def slow(connection: socket.socket) -> None:
        done.wait()

    json = answering(
        b'{"items": [{"name": "comic", "title": "Comic", "description": "", "preview": null}]}',
        kind="application/json",
    )
    with server(slow, {b"GET /readyz": json, b"GET /styles": json}) as ai:
        process, url = run("backend", AI_URL=ai)
        asked = httpx.post(
            f"{url}/api/upload",
            files={"image": picture()},
            headers=PHONE | {"Prefer": "respond-async"},
            timeout=PATIENCE_S,
        )
        path, port = asked.headers["location"], int(url.rpartition(":")[2])
        with ExitStack() as stack:
            stack.callback(done.set)
            stream, poll = (
                stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
                for _ in range(2)
            )
            about = "Host: a\r\nX-Device-Id: phone\r\nConnection: close\r\n"
            events = f"GET {path} HTTP/1.1\r\n{about}Accept: text/event-stream\r\n\r\n"
            stream.sendall(events.encode())
            poll.sendall(f"GET {path}?wait=60 HTTP/1.1\r\n{about}\r\n".encode())
            streamed = stack.enter_context(stream.makefile("rb"))
            while b"event: job" not in (line := streamed.readline()):
                assert line
            wait_until(lambda: has_read(port, poll), "the long poll is read")
            process.terminate()
            rest, polled = streamed.read(), poll.makefile("rb").read()
        assert process.wait(PATIENCE_S) == 0

    assert rest.endswith(b"\r\n0\r\n\r\n")  # it was not cut off
    assert re.search(rb'"state":"(queued|running)"', polled), polled
    with contextlib.closing(sqlite3.connect(tmp_path / "data/avatars.sqlite")) as database:
        (state,) = database.execute("SELECT state FROM jobs").fetchone()
    # Killed by the server while a busy machine puts it back, it is taken up when its lease lapses.
    assert state in ("queued", "running")


def test_the_service_survives_its_ai_process_and_leaves_no_orphans(run: Run, tmp_path: Path):
    """One start of everything, since models take long to load: the AI service is killed under
    a regenerate, then the supervisor itself is killed."""
    process, url = run("serve", AI_WORKERS="1")
    data = tmp_path / "data"
    with httpx.Client(base_url=url, headers=PHONE, timeout=PATIENCE_S) as client:
        uploaded = client.post("/api/upload", files={"image": portrait()})
        assert uploaded.status_code == 201, uploaded.text
        original = uploaded.json()["original"]["id"]
        before = files_in(data)
        ai = next(
            child
            for child in psutil.Process(process.pid).children()
            if "ai" in child.cmdline()[3:4]
        )
        ai_family = family(ai.pid)

        with ThreadPoolExecutor(1) as pool:
            drawing = pool.submit(client.post, f"/api/regenerate/{original}")
            asks = "ai_requests_running 1.0"
            wait_until(
                lambda: (
                    drawing.done() or asks in httpx.get(f"{url}/metrics", timeout=PATIENCE_S).text
                ),
                "the AI service is asked",
            )
            ai.kill()
            response = drawing.result()

        assert response.status_code in (201, 500, 503), response.text
        if response.status_code != 201:
            assert files_in(data) == before
        # What the killed one leaves behind may answer for a moment longer.
        wait_until(lambda: gone(ai_family), "the AI service is gone")
        wait_until(lambda: ready(url), "ready again")
        assert client.post(f"/api/regenerate/{original}").status_code == 201
    assert_whole(data, [original])

    wait_until(lambda: len(family(process.pid)) > 3, "everybody is there")
    members = family(process.pid)
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: gone(members), "nobody is left")


def test_killed_while_it_starts_it_leaves_no_orphans(tmp_path: Path):
    """When a child is there that has not yet looked who its parent is, and then some."""
    mark = str(tmp_path)
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path / "data"),
        "STARTED_BY_TEST": mark,
        "AI_WORKERS": "1",
        "LOG_LEVEL": "error",
    }

    def start_and_kill(command: str, later_s: float) -> None:
        ours = [sys.executable, "-m", "cartoon_avatar.cli", command, "--port", str(free_port())]
        with subprocess.Popen(ours, env=environment, start_new_session=True) as process:
            try:
                wait_until(psutil.Process(process.pid).children, "a child")
                time.sleep(later_s)
            finally:
                process.kill()

    try:
        with ThreadPoolExecutor(6) as pool:
            moments = [(name, later_s) for name in ("serve", "ai") for later_s in (0, 0.3, 1)]
            list(pool.map(start_and_kill, *zip(*moments, strict=True)))
        wait_until(lambda: not marked(mark), "nobody is left")
    finally:
        for one in marked(mark):
            one.kill()


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if one.environ().get("STARTED_BY_TEST") == mark:
                found.append(one)
    return found


def test_a_backend_of_the_tests_that_does_not_start_is_gone(forks: Forks, tmp_path: Path):
    with socket.socket() as deaf:  # it waits for ever for a database that says nothing
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        nowhere = f"postgresql+asyncpg://nobody@127.0.0.1:{deaf.getsockname()[1]}/none"
        backend = Backend(forks, tmp_path, "http://127.0.0.1:1", {"DATABASE_URL": nowhere})
        with pytest.raises(OSError):
            backend.start(timeout_s=0.5)
    assert backend.pid is None
    (fork_server,) = (one for one in psutil.Process().children() if one.pid == forks.process.pid)
    assert not fork_server.children()


def test_ctrl_c_stops_everything(run: Run):
    """Ctrl-C reaches every process of the terminal's group at once."""
    process, _ = run("serve", AI_WORKERS="1")
    members = family(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    wait_until(lambda: gone(members), "nobody is left")
