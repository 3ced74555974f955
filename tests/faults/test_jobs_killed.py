"""Accepted jobs outlive every process: done once, or told why, with nothing lost or left behind."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from tests.backend.conftest import picture
from tests.engines.postgres import Postgres, running_postgres
from tests.faults.conftest import StartBackend
from tests.faults.invariants import assert_whole, rows_of, sweep_as_if_later
from tests.faults.processes import HERE, Backend, free_port, wait_for
from tests.faults.test_database_cut import wait_until_ready
from tests.patience import PATIENCE_S

PHOTO = picture()
# Long enough that most kills meet a drawing.
_DRAWING_S = "0.3"
# Leases of ten seconds, a few in a row.


class MortalAi:
    """The AI service's stand-in, as a process that can be killed and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "fake_ai.py"), str(self.port)],
            env={**os.environ, "LONGEST_PAUSE_S": _DRAWING_S},
        )
        wait_for(self.port)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def ai() -> Iterator[MortalAi]:
    ai = MortalAi()
    ai.start()
    yield ai
    ai.kill()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres(durable=True) as server:
        yield server


def post(backend: Backend, path: str, key: str, *, prefer: bool = True) -> httpx.Response | None:
    """None where the connection was cut."""
    headers = {"Idempotency-Key": key} | ({"Prefer": "respond-async"} if prefer else {})
    files = {"files": {"image": PHOTO}} if path == "/api/upload" else {}
    with suppress(httpx.TransportError):
        return backend.client().post(path, headers=headers, **files)
    return None


def kept_asking(backend: Backend, path: str, key: str) -> httpx.Response:
    """What an app hears in the end that sends the request again until it is done."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        response = post(backend, path, key, prefer=False)
        if response is not None and response.status_code not in (409, 503):
            return response
        assert time.monotonic() < give_up, response and response.text
        time.sleep(0.2)


def test_accepted_jobs_survive_kills_of_backend_and_ai_service(
    start_backend: StartBackend, ai: MortalAi, rounds: int
):
    backend = start_backend(ai=ai.url, MAX_DEVICE_JOBS="1000")
    first = kept_asking(backend, "/api/upload", "first").json()["original"]["id"]
    dice, seen = random.Random(7), Counter[str]()
    asked: list[tuple[str, str]] = []

    for number in range(rounds):
        for path, key in (
            ("/api/upload", f"upload-{number}"),
            (f"/api/regenerate/{first}", f"again-{number}"),
        ):
            response = post(backend, path, key)
            if response is not None:
                seen[str(response.status_code)] += 1
                asked.append((path, key))
        time.sleep(dice.uniform(0, 0.4))
        victim = dice.choice((backend, ai))
        seen[type(victim).__name__] += 1
        victim.kill()
        victim.start()

    print(rounds, "kills:", dict(seen))
    assert_done_once(backend, asked, first)


def test_of_two_backends_on_one_database_either_may_be_lost_for_good(
    start_backend: StartBackend, ai: MortalAi, postgres: Postgres, rounds: int
):
    """Each that is killed stays away; another takes its place. The database is killed, too."""
    name = f"jobs_{os.getpid()}_{time.monotonic_ns()}"
    postgres.run(f"CREATE DATABASE {name}")
    environment = {"DATABASE_URL": postgres.url(name), "MAX_DEVICE_JOBS": "1000"}
    backends = [start_backend(ai=ai.url, **environment) for _ in "ab"]
    for backend in backends:
        wait_until_ready(backend)
    first = kept_asking(backends[0], "/api/upload", "first").json()["original"]["id"]
    dice, seen = random.Random(8), Counter[str]()
    asked: list[tuple[str, str]] = []

    for number in range(rounds):
        for path, key in (
            ("/api/upload", f"upload-{number}"),
            (f"/api/regenerate/{first}", f"again-{number}"),
        ):
            response = post(dice.choice(backends), path, key)
            if response is not None:
                seen[str(response.status_code)] += 1
                asked.append((path, key))
        time.sleep(dice.uniform(0, 0.4))
        victim = dice.choice(("backend", "backend", "AI service", "database"))
        seen[victim] += 1
        if victim == "backend":
            backends.pop(dice.randrange(2)).kill()
            backends.append(start_backend(ai=ai.url, **environment))
        else:
            process = ai if victim == "AI service" else postgres
            process.kill()
            process.start()

    print(rounds, "kills:", dict(seen))
    for backend in backends:
        wait_until_ready(backend)
    assert_done_once(backends[0], asked, first, environment["DATABASE_URL"])


def assert_done_once(
    backend: Backend,
    asked: list[tuple[str, str]],
    first: str,
    database_url: str | None = None,
) -> None:
    """Every job has ended well, each request was done once, and nothing else is there."""
    client = backend.client()
    give_up = time.monotonic() + PATIENCE_S
    for state in ("queued", "running"):
        while True:
            listed = client.get(f"/api/jobs?state={state}").json()
            if listed.get("items") == []:
                break
            assert time.monotonic() < give_up, listed
            time.sleep(0.2)
    failed = client.get("/api/jobs?state=failed").json()["items"]
    # Killed at every attempt, which the dice allow.
    assert {job["error"]["code"] for job in failed} <= {"generation_failed"}
    responses = [kept_asking(backend, path, key) for path, key in asked]
    assert {response.status_code for response in responses} == {201}

    rows = rows_of(backend.data, database_url)
    uploads = {key for path, key in asked if path == "/api/upload"}
    heard = {
        response.json()["original"]["id"] for response in responses if "original" in response.json()
    } | {first}
    assert len(heard) == len(uploads) + 1
    # A request whose response was cut off may have been accepted, once.
    assert heard <= {row["id"] for row in rows["originals"]}
    drawn = Counter(row["original_id"] for row in rows["regenerated_cartoons"])
    assert all(count == 1 for original, count in drawn.items() if original != first)
    heard_cartoons = [response.json()["cartoon"]["id"] for response in responses]
    assert len(set(heard_cartoons)) == len(asked)
    data = backend.data
    backend.kill()
    assert_whole(data, heard, database_url)
    sweep_as_if_later(data, database_url)


def test_a_job_that_takes_its_process_along_each_time_ends_failed(
    start_backend: StartBackend, tmp_path: Path
):
    """The AI service dies of this photo, and comes back."""
    port = free_port()
    script = tmp_path / "dies.py"
    script.write_text(
        "import sys, os; sys.path.insert(0, sys.argv[2])\n"
        "import fake_ai\n"
        "class Handler(fake_ai.Handler):\n"
        "    def do_POST(self): os._exit(1)\n"
        "fake_ai.Server(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()\n"
    )

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, str(script), str(port), str(HERE)])

    process = start()
    try:
        wait_for(port)
        backend = start_backend(ai=f"http://127.0.0.1:{port}")
        promised = post(backend, "/api/upload", "poison")
        assert promised is not None
        job = promised.json()["job"]["id"]
        give_up = time.monotonic() + PATIENCE_S
        while True:
            if process.poll() is not None:
                process = start()
                wait_for(port)
            said = backend.client().get(f"/api/jobs/{job}").json()
            if said["state"] not in ("queued", "running"):
                break
            assert time.monotonic() < give_up, said
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()

    assert (said["state"], said["error"]["code"]) == ("failed", "generation_failed")
    with closing(sqlite3.connect(backend.data / "avatars.sqlite")) as database:
        assert database.execute("SELECT attempts FROM jobs").fetchall() == [(5,)]
    assert rows_of(backend.data)["originals"] == []
    assert not list((backend.data / "uploads/originals").iterdir())
