"""Processes that are told to stop, or die, under load: the whole service as `serve` runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
import skimage

from tests.backend.conftest import picture
from tests.faults.invariants import assert_whole, files_in, rows_of
from tests.faults.processes import free_port

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
        wait_until(lambda: ready(url), 90)
        families.extend(family(process.pid))
        return process, url

    yield run
    for process in started:
        process.kill()
        process.wait()
    for member in families:
        if member.is_running():
            member.kill()


def wait_until(true: Callable[[], bool], timeout_s: float) -> None:
    give_up = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def gone(members: list[psutil.Process]) -> bool:
    return not [one for one in members if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def portrait() -> bytes:
    return (Path(skimage.__file__).parent / "data/astronaut.png").read_bytes()


def test_a_backend_told_to_stop_finishes_what_it_accepted(run: Run, ai_url: str, tmp_path: Path):
    process, url = run("backend", AI_URL=ai_url, DEVICE_DRAWINGS_PER_MINUTE="100000")
    members = family(process.pid)
    outcomes: list[int | None] = []

    def ask(_: int) -> None:
        with httpx.Client(timeout=30) as client:
            while process.poll() is None:
                try:
                    answer = client.post(
                        f"{url}/api/upload", files={"image": picture()}, headers=PHONE
                    )
                except httpx.ConnectError:
                    return  # it listens no more
                except httpx.TransportError:
                    outcomes.append(None)
                    return
                outcomes.append(answer.status_code)

    with ThreadPoolExecutor(4) as pool:
        asks = [pool.submit(ask, number) for number in range(4)]
        wait_until(lambda: len(outcomes) > 4, 30)
        started = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        took_s = time.monotonic() - started
        for one in asks:
            one.result()

    assert took_s < 16
    assert len(outcomes) > 4
    # A connection that was kept open may close before its next request is read; no request
    # that was accepted is answered with an error or cut off after its row was written.
    assert set(outcomes) <= {201, None}, outcomes
    assert outcomes.count(None) <= 4
    assert gone(members)
    kept = len(rows_of(tmp_path / "data")["originals"])
    assert outcomes.count(201) <= kept <= len(outcomes)
    assert_whole(tmp_path / "data")


def test_the_service_survives_its_ai_process_and_leaves_no_orphans(run: Run, tmp_path: Path):
    """One start of everything, since models take long to load: the AI service is killed under
    a regenerate, then the supervisor itself is killed."""
    process, url = run("serve", AI_WORKERS="1")
    data = tmp_path / "data"
    with httpx.Client(base_url=url, headers=PHONE, timeout=90) as client:
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
            time.sleep(0.15)
            ai.kill()
            answer = drawing.result()

        assert answer.status_code in (201, 500, 503), answer.text
        if answer.status_code != 201:
            assert files_in(data) == before
        wait_until(lambda: ready(url), 90)
        assert client.post(f"/api/regenerate/{original}").status_code == 201
    assert_whole(data, [original])
    wait_until(lambda: gone(ai_family), 20)

    members = family(process.pid)
    assert len(members) > 3
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: gone(members), 25)


def test_ctrl_c_stops_everything(run: Run):
    """Ctrl-C reaches every process of the terminal's group at once."""
    process, _ = run("serve", AI_WORKERS="1")
    members = family(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 0
    wait_until(lambda: gone(members), 10)
