"""Two at once: each race ends in one of the ways the contract allows, and in a whole folder."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine

from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.local import LocalStorage
from cartoon_avatar.backend.storage.protocol import NewFile
from tests.attacks import conftest as attacks
from tests.backend.conftest import picture
from tests.faults.conftest import StartBackend
from tests.faults.invariants import assert_whole, files_in, rows_of, sweep_as_if_later
from tests.faults.processes import Backend, wait_until
from tests.patience import PATIENCE_S

# Backends in this process, whose clock a test can stop.
start = attacks.start
PHOTO = picture()
DAY_MS = 24 * 3600 * 1000


class Phone:
    def __init__(self, backend: Backend, device: str) -> None:
        self.http = backend.client(device)

    def post_photo(self, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post("/api/upload", files={"image": PHOTO}, headers=headers)

    def upload(self) -> tuple[str, str]:
        """Ids of a new original and its cartoon."""
        body = self.post_photo().json()
        return body["original"]["id"], body["cartoon"]["id"]

    def regenerate(self, original: str) -> httpx.Response:
        return self.http.post(f"/api/regenerate/{original}")

    def download(self, cartoon: str) -> httpx.Response:
        return self.http.post(f"/api/download/{cartoon}")


@pytest.fixture
def backend(start_backend: StartBackend) -> Backend:
    return start_backend()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


Ask = tuple[Any, ...]


def at_once(pool: ThreadPoolExecutor, *asks: Ask) -> list[Any]:
    """What each ``(function, argument …)`` returns, all called at the same moment."""
    together = threading.Barrier(len(asks))

    def ask(function: Callable[..., Any], *arguments: Any) -> Any:
        together.wait()
        return function(*arguments)

    return [future.result() for future in [pool.submit(ask, *one) for one in asks]]


def test_twin_downloads_give_one_face(backend: Backend, pool: ThreadPoolExecutor, rounds: int):
    phone = Phone(backend, "phone")
    for _ in range(rounds):
        _, cartoon = phone.upload()

        responses = at_once(pool, *[(phone.download, cartoon)] * 3)

        assert sorted(response.status_code for response in responses) == [200, 200, 201]
        assert len({response.json()["face"]["id"] for response in responses}) == 1
    assert len(rows_of(backend.data)["downloaded_faces"]) == rounds
    assert_whole(backend.data)
    sweep_as_if_later(backend.data)


def test_of_sibling_downloads_one_wins(backend: Backend, pool: ThreadPoolExecutor, rounds: int):
    phone = Phone(backend, "phone")
    for _ in range(rounds):
        original, cartoon = phone.upload()
        sibling = phone.regenerate(original).json()["cartoon"]["id"]

        responses = at_once(pool, (phone.download, cartoon), (phone.download, sibling))

        assert sorted(response.status_code for response in responses) == [201, 409], [
            response.text for response in responses
        ]
    assert len(rows_of(backend.data)["downloaded_faces"]) == rounds
    assert_whole(backend.data)


def test_a_regenerate_that_meets_a_download_is_a_new_cartoon(
    backend: Backend, pool: ThreadPoolExecutor, rounds: int
):
    phone = Phone(backend, "phone")
    for _ in range(rounds):
        original, cartoon = phone.upload()

        drawn, cut = at_once(pool, (phone.regenerate, original), (phone.download, cartoon))

        assert (drawn.status_code, cut.status_code) == (201, 201), (drawn.text, cut.text)
        left = phone.http.get(f"/api/originals/{original}").json()["cartoons"]
        assert [one["id"] for one in left] in ([], [drawn.json()["cartoon"]["id"]])
        for one in left:
            assert phone.http.get(one["imageUrl"]).status_code == 200
    assert_whole(backend.data)


def test_a_download_at_the_end_of_the_day_succeeds_or_comes_too_late(
    start_backend: StartBackend, pool: ThreadPoolExecutor, rounds: int
):
    """Two sweepers run all the time while cartoons come to their 24 hours during a download."""
    backend = start_backend(SWEEP_INTERVAL_S="1")
    start_backend(SWEEP_INTERVAL_S="1")
    phone = Phone(backend, "phone")
    outcomes: Counter[int] = Counter()
    faces = []
    cartoons = [phone.upload()[1] for _ in range(rounds)]
    database = sqlite3.connect(
        backend.data / "avatars.sqlite", timeout=PATIENCE_S, isolation_level=None
    )
    for number, cartoon in enumerate(cartoons):
        # Some are past their time at once, some within the next second.
        born_ms = round(time.time() * 1000) - DAY_MS + (number % 5) * 60
        database.execute(
            "UPDATE regenerated_cartoons SET created_at = ? WHERE id = ?", (born_ms, cartoon)
        )
        time.sleep((number % 7) * 0.03)
        response = phone.download(cartoon)
        outcomes[response.status_code] += 1
        if response.status_code == 201:
            faces.append(response.json()["face"]["id"])
    database.close()

    assert set(outcomes) <= {201, 404}, outcomes
    # Cut out or expired: either way the cartoon goes.
    wait_until(lambda: not any("/temp/" in key for key in files_in(backend.data)), "swept")
    assert_whole(backend.data, faces)


def test_a_get_that_meets_a_delete_gets_the_whole_or_nothing(
    backend: Backend, pool: ThreadPoolExecutor, rounds: int
):
    phone = Phone(backend, "phone")
    photo = picture("png", (400, 500))
    outcomes: Counter[int] = Counter()
    for _ in range(rounds):
        body = phone.http.post("/api/upload", files={"image": photo}).json()["original"]

        *got, deleted = at_once(
            pool,
            *[(httpx.get, backend.url + body["imageUrl"])] * 4,
            (phone.http.delete, f"/api/originals/{body['id']}"),
        )

        assert deleted.status_code == 204
        for response in got:
            outcomes[response.status_code] += 1
            assert response.status_code in (200, 404)
            if response.status_code == 200:
                assert hashlib.sha256(response.content).hexdigest() == body["sha256"]
    assert files_in(backend.data) == set()


def test_a_photo_deleted_under_a_regenerate_and_a_download_leaves_nothing(
    backend: Backend, pool: ThreadPoolExecutor, rounds: int
):
    phone = Phone(backend, "phone")
    for _ in range(rounds):
        original, cartoon = phone.upload()

        drawn, cut, deleted = at_once(
            pool,
            (phone.regenerate, original),
            (phone.download, cartoon),
            (phone.http.delete, f"/api/originals/{original}"),
        )

        assert deleted.status_code == 204
        assert {drawn.status_code, cut.status_code} <= {201, 404}, (drawn.text, cut.text)
    assert files_in(backend.data) == set()
    assert not any(rows_of(backend.data).values())


def test_everything_deleted_under_uploads_leaves_what_came_after(
    backend: Backend, pool: ThreadPoolExecutor, rounds: int
):
    phone = Phone(backend, "phone")
    for _ in range(rounds):
        uploaded, deleted = at_once(
            pool,
            (phone.post_photo,),
            (phone.http.delete, "/api/device"),
        )
        assert (uploaded.status_code, deleted.status_code) == (201, 204)
    assert_whole(backend.data)
    assert phone.http.delete("/api/device").status_code == 204
    assert files_in(backend.data) == set()


def test_the_same_key_sent_twice_at_once_uploads_once(
    backend: Backend, pool: ThreadPoolExecutor, rounds: int
):
    phone = Phone(backend, "phone")
    for number in range(rounds):
        responses = at_once(
            pool,
            *[(phone.post_photo, f"key-{number}")] * 3,
        )
        statuses = {response.status_code for response in responses}
        assert 201 in statuses
        assert statuses <= {201, 409}
        for response in responses:
            assert response.status_code == 201 or "retry-after" in response.headers
    assert len(rows_of(backend.data)["originals"]) == rounds
    assert_whole(backend.data)


def test_two_backends_and_two_sweepers_share_a_folder(
    start_backend: StartBackend, pool: ThreadPoolExecutor, rounds: int
):
    backends = [start_backend(SWEEP_INTERVAL_S="1") for _ in "ab"]
    photos: dict[str, str] = {}

    def work(number: int) -> None:
        one, other = (Phone(backends[(number + turn) % 2], f"phone-{number}") for turn in (0, 1))
        original, cartoon = one.upload()
        again = other.regenerate(original)
        assert again.status_code == 201, again.text
        first, second = (pool.submit(phone.download, cartoon) for phone in (one, other))
        responses = [first.result(), second.result()]
        assert sorted(response.status_code for response in responses) == [200, 201], [
            response.text for response in responses
        ]
        photos[original] = responses[0].json()["face"]["id"]

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(rounds)))

    assert_whole(backends[0].data, [*photos, *photos.values()])
    sweep_as_if_later(backends[0].data)


def test_two_backends_start_on_an_empty_folder_at_once(
    start_backend: StartBackend, pool: ThreadPoolExecutor, tmp_path: Path
):
    for number in range(3):
        data = tmp_path / f"data-{number}"
        backends = list(pool.map(lambda _, data=data: start_backend(data=data), range(3)))
        for backend in backends:
            response = httpx.post(
                f"{backend.url}/api/upload",
                files={"image": PHOTO},
                headers={"X-Device-Id": "a"},
                timeout=PATIENCE_S,
            )
            assert response.status_code == 201, response.text
        assert len(rows_of(data)["originals"]) == 3


async def test_a_thousand_files_of_one_millisecond_get_a_name_each(tmp_path: Path):
    storages = [LocalStorage(tmp_path), LocalStorage(tmp_path)]
    now = datetime.now(UTC)

    async def keep(number: int) -> str:
        names = keys.new_keys("originals", "phone", "jpg", now)
        file = NewFile(names, [b"%d" % number], "image/jpeg")
        (stored,) = await storages[number % 2].put_new(file)
        return stored.key

    kept = await asyncio.gather(*(keep(number) for number in range(1000)))

    assert len(set(kept)) == 1000
    for number, key in enumerate(kept):
        assert (tmp_path / key).read_bytes() == b"%d" % number
    assert not list((tmp_path / "incoming").iterdir())


@pytest.mark.timeout(600)
async def test_uploads_of_one_millisecond_overwrite_nothing(start: attacks.Start, rounds: int):
    """Through the door, at two backends, by one device and then by many: ten a round, so a
    thousand in the long run."""
    count = 10 * rounds
    most = {
        "device_drawings_per_minute": 10**6,
        "address_drawings_per_minute": 10**6,
        "max_live_cartoons": 10**6,
    }
    photos = [PHOTO + b"%04d" % number for number in range(count)]  # what follows the end is cut
    async with start(**most) as one, start(**most, keep_metadata=True) as other:
        with time_machine.travel(time.time(), tick=False):

            async def upload(number: int) -> dict[str, Any]:
                service = (one, other)[number % 2]
                device = "phone" if number < count // 2 else f"phone-{number}"
                response = await service.another_phone(device).upload(photos[number])
                assert response.status_code == 201, response.text
                return response.json()["original"]

            kept = []
            for first in range(0, count, 50):
                batch = range(first, min(first + 50, count))
                kept += await asyncio.gather(*(upload(number) for number in batch))
        data = one.settings.data_dir
    assert len({original["filename"] for original in kept}) == count
    for number, original in enumerate(kept):
        stored = (data / "uploads/originals" / original["filename"]).read_bytes()
        assert stored == (photos[number] if number % 2 else PHOTO)
    assert_whole(data, [original["id"] for original in kept])
