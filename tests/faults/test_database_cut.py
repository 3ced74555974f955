"""A database that is cut off, stalls or crashes in the middle of a transaction.

The requests under way hear 503 and when to come back; nothing is lost, nothing is there twice,
and what they left is swept. A real PostgreSQL behind a proxy that cuts, and SQLite on a disk
that refuses.
"""

from __future__ import annotations

import random
import resource
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.backend.conftest import picture
from tests.engines.postgres import Postgres, running_postgres
from tests.faults.conftest import StartBackend
from tests.faults.database_proxy import DatabaseProxy, Fault, database_proxy
from tests.faults.invariants import assert_whole, files_in, rows_of, sweep_as_if_later
from tests.faults.processes import Backend, wait_until
from tests.patience import PATIENCE_S

PHOTO = picture()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres(durable=True) as server:
        yield server


@dataclass
class Installation:
    """A backend on a database of its own, reached through ``proxy``."""

    backend: Backend
    proxy: DatabaseProxy
    #: Past the proxy.
    database_url: str

    @property
    def data(self) -> Path:
        return self.backend.data

    def rows(self) -> dict[str, list[dict[str, object]]]:
        return rows_of(self.data, self.database_url)

    def assert_whole(self, acknowledged: list[str]) -> None:
        assert_whole(self.data, acknowledged, self.database_url)

    def sweep(self) -> None:
        sweep_as_if_later(self.data, self.database_url)


_names = count()


@pytest.fixture
def installation(postgres: Postgres, start_backend: StartBackend) -> Iterator[Installation]:
    name = f"cut_{next(_names)}"
    postgres.run(f"CREATE DATABASE {name}")
    with database_proxy(postgres.port) as proxy:
        url = f"postgresql+asyncpg://app@127.0.0.1:{proxy.port}/{name}"
        backend = start_backend(DATABASE_URL=url, DATABASE_TIMEOUT_S="5")
        wait_until_ready(backend)
        yield Installation(backend, proxy, postgres.url(name))
        backend.kill()


def wait_until_ready(backend: Backend) -> None:
    """Nobody lends it a hand."""

    def ready() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{backend.url}/readyz", timeout=PATIENCE_S).status_code == 200
        return False

    wait_until(ready, "ready")


def post(client: httpx.Client, path: str, key: str) -> httpx.Response:
    files = {"files": {"image": PHOTO}} if path == "/api/upload" else {}
    return client.post(path, headers={"Idempotency-Key": key}, **files)


def final_response(client: httpx.Client, path: str, key: str) -> httpx.Response:
    """Repeat a request as an app would, without its patience."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        response = post(client, path, key)
        if response.status_code not in (409, 503):
            return response
        assert "retry-after" in response.headers
        assert time.monotonic() < give_up, response.text
        time.sleep(0.05)


def prepared(client: httpx.Client, what: str) -> str:
    """The path of a POST that can be carried out."""
    if what == "upload":
        return "/api/upload"
    uploaded = client.post("/api/upload", files={"image": PHOTO}).json()
    if what == "regenerate":
        return f"/api/regenerate/{uploaded['original']['id']}"
    return f"/api/download/{uploaded['cartoon']['id']}"


def assert_patience_is_asked_for(response: httpx.Response) -> None:
    assert (response.status_code, response.json()["code"]) == (503, "database_busy"), response.text
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("fault", ["cut", "lost"])
@pytest.mark.parametrize("what", ["upload", "regenerate", "download"])
def test_cut_at_each_message_of_a_request(
    installation: Installation, what: str, fault: Fault, rounds: int
):
    """The first message of the request meets the fault, then the second, and so on until the
    request gets through: no point between BEGIN and the COMMIT's response is left out. (The
    short run takes every fourth.)"""
    backend, proxy = installation.backend, installation.proxy
    acknowledged: list[str] = []
    outcomes: Counter[int] = Counter()
    for cut_at in count(step=1 if rounds >= 100 else 4):
        device = f"{what}-{cut_at}"
        with backend.client(device) as client:
            path = prepared(client, what)
            proxy.arm(fault, cut_at)
            response = post(client, path, "key")
            was_met = proxy.met
            proxy.disarm()
            outcomes[response.status_code] += 1
            if response.status_code != 201:
                assert_patience_is_asked_for(response)
            again = final_response(client, path, "key")
            assert again.status_code == 201, again.text
            if response.status_code == 201:
                assert again.json() == response.json()
            body = again.json()
            acknowledged += [body[noun]["id"] for noun in ("original", "face") if noun in body]
            # Repeated under its key it was done once, however it was cut.
            own = [
                row
                for table, rows in installation.rows().items()
                for row in rows
                if row["device_id"] == device
            ]
            assert len(own) == {"upload": 2, "regenerate": 3, "download": 2}[what]
        installation.assert_whole(acknowledged)
        if not was_met:
            break
    print(what, fault, cut_at, "messages:", dict(outcomes))
    assert cut_at > 10
    assert outcomes[503] > 2
    installation.sweep()
    installation.assert_whole(acknowledged)


STALLS = [
    (b"COMMIT", "upload"),
    (b"INSERT INTO downloaded_faces", "download"),
    (b"BEGIN", "upload"),
]


def test_a_database_that_stalls_in_a_transaction_is_given_up(
    installation: Installation, rounds: int
):
    """Nothing comes back and nothing is closed: what a cable that was pulled looks like. It
    takes a quarter of a minute each time, so the short run does the first alone."""
    backend, proxy = installation.backend, installation.proxy
    for counted, what in STALLS if rounds >= 100 else STALLS[:1]:
        files = {"files": {"image": PHOTO}} if what == "upload" else {}
        with backend.client(f"phone-{what}") as client:
            path = prepared(client, what)
            proxy.arm("stall", counted=counted)
            response = client.post(path, timeout=PATIENCE_S, **files)
            assert proxy.met
            assert_patience_is_asked_for(response)
            proxy.disarm()
            wait_until_ready(backend)
            # A connection of the pool that was stalled, too, may still be noticed.
            again = final_response(client, path, "again")
            assert again.status_code == 201, again.text
        noun = "original" if what == "upload" else "face"
        installation.assert_whole([again.json()[noun]["id"]])
    # The server undoes what it was not told to keep.
    installation.sweep()


def test_cut_at_random_moments_under_load(installation: Installation, rounds: int):
    backend, proxy = installation.backend, installation.proxy
    acknowledged: list[str] = []
    outcomes: Counter[int] = Counter()
    dice = random.Random(11)
    stop = threading.Event()

    def use(number: int) -> None:
        turn = 0
        with backend.client(f"phone-{number}") as client:
            while not stop.is_set():
                turn += 1
                uploaded = post(client, "/api/upload", f"u{turn}")
                outcomes[uploaded.status_code] += 1
                if uploaded.status_code != 201:
                    assert_patience_is_asked_for(uploaded)
                    continue
                body = uploaded.json()
                acknowledged.append(body["original"]["id"])
                for path in (
                    f"/api/regenerate/{body['original']['id']}",
                    f"/api/download/{body['cartoon']['id']}",
                ):
                    response = post(client, path, f"{path}{turn}")
                    outcomes[response.status_code] += 1
                    if response.status_code != 201:
                        assert_patience_is_asked_for(response)
                    elif "face" in response.json():
                        acknowledged.append(response.json()["face"]["id"])

    with ThreadPoolExecutor(3) as pool:
        users = [pool.submit(use, number) for number in range(3)]
        try:
            for number in count():
                if number >= rounds and outcomes[503]:
                    break
                time.sleep(dice.uniform(0.02, 0.2))
                proxy.arm(dice.choice(("cut", "lost")), dice.randrange(30))
                wait_until(lambda: proxy.met, "a cut")
            # On a slow machine the cuts come faster tha responses.
            wait_until(lambda: outcomes[201] > rounds, "responses")
        finally:
            stop.set()
        for one in users:
            one.result()
    print(rounds, "cuts:", dict(outcomes))
    assert outcomes[503] > 0
    assert outcomes[201] > rounds
    wait_until_ready(backend)
    installation.assert_whole(acknowledged)
    backend.end()
    installation.sweep()
    installation.assert_whole(acknowledged)


def test_a_server_that_is_killed_comes_back_with_everything_acknowledged(
    installation: Installation, postgres: Postgres, rounds: int
):
    backend = installation.backend
    acknowledged: list[str] = []
    outcomes: Counter[int] = Counter()
    dice = random.Random(12)
    stop = threading.Event()

    def use(number: int) -> None:
        with backend.client(f"phone-{number}") as client:
            while not stop.is_set():
                response = client.post("/api/upload", files={"image": PHOTO})
                outcomes[response.status_code] += 1
                if response.status_code != 201:
                    assert_patience_is_asked_for(response)
                    time.sleep(0.05)
                    continue
                body = response.json()
                acknowledged.append(body["original"]["id"])
                cut = client.post(f"/api/download/{body['cartoon']['id']}")
                outcomes[cut.status_code] += 1
                if cut.status_code == 201:
                    acknowledged.append(cut.json()["face"]["id"])
                else:
                    assert_patience_is_asked_for(cut)

    with ThreadPoolExecutor(3) as pool:
        users = [pool.submit(use, number) for number in range(3)]
        try:
            for _ in range(max(3, rounds // 5)):
                time.sleep(dice.uniform(0.2, 0.6))
                refused = outcomes[503]
                postgres.kill()
                wait_until(lambda refused=refused: outcomes[503] > refused, "a refusal")
                postgres.start()
                wait_until_ready(backend)
            wait_until(lambda: outcomes[201] > 0, "a response")
        finally:
            stop.set()
        for one in users:
            one.result()
    print(dict(outcomes))
    assert outcomes[503] > 0
    assert outcomes[201] > 0
    with backend.client() as client:
        assert client.post("/api/upload", files={"image": PHOTO}).status_code == 201
    installation.assert_whole(acknowledged)
    backend.end()
    installation.sweep()
    installation.assert_whole(acknowledged)


def test_a_lock_on_sqlite_asks_for_patience_and_leaves_nothing(start_backend: StartBackend):
    """Another process holds the write lock for longer than anybody waits."""
    backend = start_backend(DATABASE_TIMEOUT_S="5")
    whats = ("upload", "regenerate", "download")
    with backend.client() as client, ThreadPoolExecutor(3) as pool:

        def post_one(path: str) -> httpx.Response:
            # Without a key, so that the first that meets the lock is the commit.
            return client.post(path, files={"image": PHOTO} if path == "/api/upload" else None)

        paths = [prepared(client, what) for what in whats]
        before = files_in(backend.data)
        lock = sqlite3.connect(backend.data / "avatars.sqlite", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")

        posting = [pool.submit(post_one, path) for path in paths]
        assert client.get("/api/originals").status_code == 200
        for one in posting:
            assert_patience_is_asked_for(one.result())
        lock.execute("ROLLBACK")
        lock.close()
        assert_whole(backend.data)
        sweep_as_if_later(backend.data)
        assert files_in(backend.data) == before
        for path in paths:
            assert post_one(path).status_code == 201
    assert_whole(backend.data)


@pytest.mark.parametrize("what", ["upload", "regenerate", "download"])
def test_sqlite_refused_by_the_disk_in_a_transaction_undoes_it(
    start_backend: StartBackend, what: str
):
    """A quota met by the journal and not by the pictures, which are smaller than it is."""
    backend = start_backend()
    with backend.client("journal") as client:
        for _ in range(20):
            client.post("/api/upload", files={"image": PHOTO})
    with backend.client() as client:
        path = prepared(client, what)
        before = files_in(backend.data)
        rows = rows_of(backend.data)
        journal = (backend.data / "avatars.sqlite-wal").stat().st_size
        assert journal > 50_000
        resource.prlimit(backend.pid, resource.RLIMIT_FSIZE, (journal, resource.RLIM_INFINITY))

        response = client.post(path, files={"image": PHOTO} if what == "upload" else None)

        assert (response.status_code, response.json()["code"]) == (507, "insufficient_storage")
        assert client.get("/api/originals").status_code == 200
        assert {table: len(found) for table, found in rows_of(backend.data).items()} == {
            table: len(found) for table, found in rows.items()
        }
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(backend.pid, resource.RLIMIT_FSIZE, unlimited)
        sweep_as_if_later(backend.data)
        assert files_in(backend.data) == before
        again = client.post(path, files={"image": PHOTO} if what == "upload" else None)
        assert again.status_code == 201, again.text
    assert_whole(backend.data)
