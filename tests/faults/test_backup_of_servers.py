"""A backup of PostgreSQL and a bucket as docs/operations.md says: rows first, files after them.

Made while devices upload, download and delete; put back into another database and bucket.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.backend.conftest import picture
from tests.engines.postgres import Postgres, running_postgres
from tests.engines.seaweedfs import BUCKET, SeaweedFs, running_seaweedfs
from tests.faults.conftest import StartBackend
from tests.faults.processes import wait_until
from tests.faults.test_check_and_backup import device_with_everything

KEYS = {"SIGNING_KEYS": "the same secret on every machine"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def seaweedfs() -> Iterator[SeaweedFs]:
    with running_seaweedfs() as server:
        yield server


def sync_bucket(server: SeaweedFs, source: str, target: str, *options: str) -> None:
    """As docs/operations.md says it; of what goes while it copies it complains and goes on."""
    command = ["aws", "s3", "sync", *options, "--only-show-errors"]
    done = subprocess.run(
        [*command, f"s3://{BUCKET}/{source}", f"s3://{BUCKET}/{target}"],
        env={**os.environ, **server.environment(), "AWS_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if line]
    assert done.returncode == bool(complaints), done.stderr
    assert all("NoSuchKey" in line or "(404)" in line for line in complaints), done.stderr


def test_rows_then_files_loses_nothing_that_was_acknowledged(
    start_backend: StartBackend, postgres: Postgres, seaweedfs: SeaweedFs, tmp_path: Path
):
    postgres.run("CREATE DATABASE live")
    postgres.run("CREATE DATABASE restored")
    server = seaweedfs.environment()
    environment = {**server, **KEYS, "DATABASE_URL": postgres.url("live")}
    backend = start_backend(STORAGE_URL=f"s3://{BUCKET}/live", **environment)
    kept = device_with_everything(backend)
    stop = threading.Event()

    def work(number: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            device = f"busy-{number}-{turn}"
            ids = device_with_everything(backend, device)
            if turn % 2:
                with backend.client(device) as client:
                    assert client.delete("/api/device").status_code == 204
            else:
                kept.extend(ids)

    with ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(work, number) for number in range(3)]
        try:
            wait_until(lambda: len(kept) >= 9, "photos of others")
            promised = list(kept)
            dump = tmp_path / "avatars.dump"
            run_postgres(postgres, "pg_dump", "--format=custom", f"--file={dump}", "live")
            sync_bucket(seaweedfs, "live", "backup", "--delete")
        finally:
            stop.set()
        for one in workers:
            one.result()
    backend.end()

    # Files first when putting back: a row must never be there without its file.
    sync_bucket(seaweedfs, "backup", "restored")
    run_postgres(postgres, "pg_restore", "--dbname=restored", str(dump))
    environment |= {"DATABASE_URL": postgres.url("restored")}
    environment |= {"STORAGE_URL": f"s3://{BUCKET}/restored"}
    named = checked(environment, tmp_path / "machine")
    # What was deleted between rows and files, and nothing else, has a row alone.
    assert {line.split()[0] for line in named} <= {"missing"}, named
    assert not [line for line in named if any(one in line for one in promised)]

    again = start_backend(data=tmp_path / "other", **environment)
    with again.client() as client:
        originals = client.get("/api/originals").json()["items"]
        faces = client.get("/api/downloaded-faces").json()["items"]
        assert {one["id"] for one in originals + faces} == set(promised[:3])
        for url in [one["imageUrl"] for one in originals] + [one["faceUrl"] for one in faces]:
            assert client.get(url).status_code == 200
        assert client.post("/api/upload", files={"image": picture()}).status_code == 201


def run_postgres(server: Postgres, program: str, *arguments: str) -> None:
    where = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "app"]
    subprocess.run([server.binaries / program, *where, *arguments], check=True)


def checked(environment: dict[str, str], folder: Path) -> list[str]:
    said = subprocess.run(
        [sys.executable, "-m", "cartoon_avatar.cli", "check", "--data", str(folder)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode in (0, 1), said.stderr
    *named, _ = said.stdout.splitlines()
    return named
