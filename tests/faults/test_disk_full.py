"""A full disk refuses, keeps what is there, and recovers by itself."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.backend.conftest import picture
from tests.faults.conftest import StartBackend
from tests.faults.invariants import assert_whole, files_in
from tests.faults.processes import Backend, free_port

SIZE_BYTES = 8_000_000


def mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mounted(folder):
        pytest.skip("A disk that fills up is a tmpfs, which root alone may mount.")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def upload(backend: Backend, photo: bytes) -> httpx.Response:
    with backend.client() as client:
        return client.post("/api/upload", files={"image": photo})


def fill(filler: Path) -> None:
    """Let ``filler`` grow until not a byte is left."""
    with filler.open("ab", buffering=0) as file:
        for size in (100_000, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


def test_a_full_disk_refuses_and_recovers(start_backend: StartBackend, small_disk: Path):
    backend = start_backend(data=small_disk / "data")
    photo = picture("png", (400, 500))
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_500_000))
    kept = []
    for _ in range(100):
        response = upload(backend, photo)
        if response.status_code != 201:
            break
        kept.append(response.json())
    assert (response.status_code, response.json()["code"]) == (507, "insufficient_storage")
    assert len(kept) > 3
    fill(filler)  # not even the database can grow now

    assert upload(backend, photo).status_code == 507
    with backend.client() as client:
        for path in (
            f"/api/regenerate/{kept[0]['original']['id']}",
            f"/api/download/{kept[0]['cartoon']['id']}",
        ):
            response = client.post(path)
            assert (response.status_code, response.json()["code"]) == (507, "insufficient_storage")
    assert not any(key.startswith("incoming/") for key in files_in(backend.data))
    assert_whole(backend.data, [one["original"]["id"] for one in kept])
    with backend.client() as client:
        assert client.get("/api/originals").json()["items"]
        for one in kept:
            opened = client.get(one["original"]["imageUrl"])
            assert opened.status_code == 200
            assert len(opened.content) == one["original"]["fileSize"]
        gone = kept.pop()["original"]["id"]
        assert client.delete(f"/api/originals/{gone}").status_code == 204
        assert client.get(f"/api/originals/{gone}").status_code == 404

    filler.unlink()
    response = upload(backend, photo)
    assert response.status_code == 201, response.text
    kept.append(response.json())
    with backend.client() as client:
        assert client.post(f"/api/download/{kept[0]['cartoon']['id']}").status_code == 201
    assert_whole(backend.data, [one["original"]["id"] for one in kept])


def test_a_backend_starts_on_a_full_disk_and_serves_what_is_there(
    start_backend: StartBackend, small_disk: Path
):
    backend = start_backend(data=small_disk / "data")
    kept = upload(backend, picture()).json()["original"]
    backend.end()
    fill(small_disk / "filler")
    # SQLite needs 32 kB for its shared index; an operator frees that much first.
    os.truncate(small_disk / "filler", (small_disk / "filler").stat().st_size - 65_536)

    backend.start()

    with backend.client() as client:
        assert client.get(kept["imageUrl"]).status_code == 200
        assert client.get("/api/originals").json()["items"][0]["id"] == kept["id"]
        assert (
            client.post("/api/upload", files={"image": picture("png", (400, 500))}).status_code
            == 507
        )


@pytest.mark.parametrize("command", ["serve", "backend"])
def test_a_start_that_has_no_room_says_so_and_ends(small_disk: Path, command: str):
    fill(small_disk / "filler")
    started = subprocess.run(
        [
            *(sys.executable, "-m", "cartoon_avatar.cli", command),
            *("--port", str(free_port()), "--data", str(small_disk)),
        ],
        capture_output=True,
        text=True,
    )
    assert started.returncode == 1
    assert f"There is no room in the data folder {small_disk}" in started.stderr
    assert "Traceback" not in started.stderr
    assert [file.name for file in small_disk.iterdir()] == ["filler"]


def test_a_write_past_the_file_size_limit_is_no_room(start_backend: StartBackend, tmp_path: Path):
    """What a quota does: RLIMIT_FSIZE fails the write of the photo and of nothing else."""
    backend = start_backend()
    import resource

    resource.prlimit(backend.pid, resource.RLIMIT_FSIZE, (300_000, 300_000))
    response = upload(backend, picture("png", (400, 500)))
    assert (response.status_code, response.json()["code"]) == (507, "insufficient_storage")
    assert files_in(backend.data) == set()
    assert upload(backend, picture()).status_code == 201
    assert_whole(backend.data)


def drawn(backend: Backend) -> float:
    """How often the AI service was asked to draw."""
    with backend.client() as client:
        metrics = client.get("/metrics").text
    counts = re.findall(
        r'^ai_seconds_count\{path="/generate-cartoon"\} (\S+)', metrics, re.MULTILINE
    )
    return sum(map(float, counts))


def test_under_the_reserve_expired_cartoons_go_before_anybody_is_refused(
    start_backend: StartBackend, small_disk: Path
):
    """The second photo fits only once the first one's expired cartoon is swept."""
    data = small_disk / "data"
    backend = start_backend(data=data)
    kept = upload(backend, picture()).json()
    live = upload(backend, picture()).json()["cartoon"]
    backend.end()
    cartoon = data / "uploads/temp" / kept["cartoon"]["filename"]
    grown = 1_000_000
    cartoon.chmod(0o600)
    cartoon.write_bytes(bytes(grown))
    free = os.statvfs(small_disk)
    reserve = free.f_bavail * free.f_frsize + grown // 2

    backend.environment |= {"MIN_FREE_BYTES": str(reserve), "SWEEP_INTERVAL_S": "100000"}
    backend.start()
    refused = upload(backend, picture())
    assert (refused.status_code, refused.json()["code"]) == (507, "insufficient_storage")
    assert cartoon.exists()
    with sqlite3.connect(data / "avatars.sqlite") as database:
        database.execute(
            "UPDATE regenerated_cartoons SET created_at = created_at - 90000000 WHERE id = ?",
            (kept["cartoon"]["id"],),
        )
    response = upload(backend, picture())

    assert response.status_code == 201, response.text
    assert not cartoon.exists()
    with backend.client() as client:
        assert client.get(live["imageUrl"]).status_code == 200  # it was not old enough


def test_under_the_reserve_nothing_is_drawn_and_everything_else_goes_on(
    start_backend: StartBackend, small_disk: Path
):
    backend = start_backend(data=small_disk / "data")
    kept = upload(backend, picture()).json()
    assert drawn(backend) == 1
    backend.end()
    backend.environment["MIN_FREE_BYTES"] = str(2 * SIZE_BYTES)
    backend.start()
    original, cartoon = kept["original"]["id"], kept["cartoon"]["id"]
    with backend.client() as client:
        refused = [
            client.post("/api/upload", files={"image": picture()}),
            client.post(f"/api/regenerate/{original}"),
        ]
        for response in refused:
            assert (response.status_code, response.json()["code"]) == (507, "insufficient_storage")
        assert drawn(backend) == 0  # told before the work, not after it
        assert client.get(kept["original"]["imageUrl"]).status_code == 200
        # A download gives back more room than it takes.
        assert client.post(f"/api/download/{cartoon}").status_code == 201
        assert_whole(backend.data, [original])
        assert client.delete(f"/api/originals/{original}").status_code == 204
    assert files_in(backend.data) == set()
