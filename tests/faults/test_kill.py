"""kill -9 at any moment loses nothing that was acknowledged and leaves nothing for good."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import httpx

from tests.backend.conftest import picture
from tests.faults.conftest import StartBackend
from tests.faults.invariants import assert_whole, files_in, rows_of, sweep_as_if_later
from tests.faults.processes import Backend
from tests.patience import PATIENCE_S

PHOTO = picture()


def upload(backend: Backend, device: str, key: str | None = None) -> httpx.Response:
    headers = {"X-Device-Id": device} | ({"Idempotency-Key": key} if key else {})
    with backend.client() as client:
        return client.post("/api/upload", files={"image": PHOTO}, headers=headers)


def post(backend: Backend, path: str, device: str) -> httpx.Response:
    with backend.client() as client:
        return client.post(path, headers={"X-Device-Id": device})


def unowned(data: Path) -> set[str]:
    named = {
        row[column]
        for rows in rows_of(data).values()
        for row in rows
        for column in ("file_path", "thumbnail_path")
        if column in row.keys()  # noqa: SIM118 (a Row iterates over values)
    }
    return files_in(data) - named


def test_kill_at_random_moments(start_backend: StartBackend, tmp_path: Path, rounds: int):
    """An upload, a regenerate and a download are under way in each round when the kill comes."""
    data = tmp_path / "data"
    backend = start_backend()
    acknowledged: set[str] = set()
    seen = Counter({"heard": 0, "cut off": 0})
    dice = random.Random(7)
    left_before: set[str] = set()
    span_s = 0.3

    for number in range(rounds):
        device = f"phone-{number}"
        uploaded = upload(backend, device).json()
        original, cartoon = uploaded["original"]["id"], uploaded["cartoon"]["id"]
        acknowledged.add(original)
        ready = threading.Barrier(4)

        def attempt(ask, *arguments, ready=ready):
            ready.wait()
            try:
                return ask(backend, *arguments)
            except httpx.TransportError:
                return None

        with ThreadPoolExecutor(3) as pool:
            tries = [
                pool.submit(attempt, upload, device, f"key-{number}"),
                pool.submit(attempt, post, f"/api/regenerate/{original}", device),
                pool.submit(attempt, post, f"/api/download/{cartoon}", device),
            ]
            ready.wait()
            # At once, after the first response, or at any moment.
            if number % 3 == 1:
                wait(tries, return_when=FIRST_COMPLETED)
            elif number % 3 == 2:
                time.sleep(dice.uniform(0, span_s))
            backend.kill()
            responses = [one.result() for one in tries]

        # Machines differ; the kill is to come before, within and after the work.
        heard = sum(response is not None for response in responses)
        span_s *= {0: 1.4, 3: 0.7}.get(heard, 1)
        for response in responses:
            seen["cut off" if response is None else "heard"] += 1
            if response is None:
                continue
            assert response.status_code == 201, response.text
            body = response.json()
            acknowledged.update(body[kind]["id"] for kind in ("original", "face") if kind in body)
        assert_whole(data, acknowledged)
        # Killed between file and row, which is where something could be lost.
        left = unowned(data) - left_before
        left_before |= left
        seen["left files without a row"] += bool(left)
        seen["left half a file"] += any(key.startswith("incoming/") for key in left)
        backend.start()
        assert httpx.get(f"{backend.url}/readyz", timeout=PATIENCE_S).status_code == 200

    print(rounds, "kills:", dict(seen))
    assert min(seen["heard"], seen["cut off"]) > 0, seen
    # The moment is a few milliseconds long: a short run can miss it every time.
    assert seen["left files without a row"] > 0 or rounds < 100, seen
    for number in range(rounds):
        # The claim of a process that died lasts until its lease has run out.
        give_up = time.monotonic() + PATIENCE_S
        while True:
            response = upload(backend, f"phone-{number}", f"key-{number}")
            if response.status_code != 409 or time.monotonic() > give_up:
                break
            time.sleep(0.2)
        assert response.status_code == 201, response.text
        acknowledged.add(response.json()["original"]["id"])
    originals = [row["device_id"] for row in rows_of(data)["originals"]]
    assert sorted(originals) == sorted(f"phone-{number}" for number in range(rounds) for _ in "ab")

    for number in range(rounds):
        device = f"phone-{number}"
        with backend.client() as client:
            listed = client.get("/api/originals", headers={"X-Device-Id": device}).json()["items"]
            for one in listed:
                assert client.get(one["imageUrl"]).status_code == 200
                assert client.get(one["thumbnailUrl"]).status_code == 200
    backend.end()
    sweep_as_if_later(data)
    assert_whole(data, acknowledged)
