"""A disk that fails, or no longer takes anything, and a process out of file descriptors: refused,
nothing lost, and all is well again by itself."""

from __future__ import annotations

import os
import re
import resource
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.attacks import conftest as attacks
from tests.attacks.hostile import noise, saved
from tests.backend.conftest import picture
from tests.faults.conftest import StartBackend
from tests.faults.invariants import assert_whole, files_in, sweep_as_if_later
from tests.faults.processes import Backend, needs_strace, wait_until
from tests.faults.test_check_and_backup import device_with_everything, run
from tests.patience import PATIENCE_S

PHOTO = {"image": picture()}

# The app in this process.
start = attacks.start


def is_traced(pid: int) -> bool:
    threads = [
        re.search(r"^TracerPid:\t(\d+)", file.read_text(), re.MULTILINE)[1]
        for file in Path(f"/proc/{pid}/task").glob("*/status")
    ]
    return "0" not in threads


@contextmanager
def failing(backend: Backend, calls: str, error: str) -> Iterator[None]:
    """Each of these system calls of the backend fails meanwhile."""
    command = ["strace", "-f", "-p", str(backend.pid), "-o", os.devnull]
    told = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
    with subprocess.Popen([*command, *told], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        assert re.search("attached", strace.stderr.readline())
        wait_until(lambda: is_traced(backend.pid), "each thread is traced")
        try:
            yield
        finally:
            strace.terminate()


@needs_strace
@pytest.mark.parametrize(
    ("calls", "error", "codes"),
    [
        ("fsync", "EIO", {"storage_unavailable"}),
        ("link,linkat", "EROFS", {"storage_unavailable"}),
        # Of the database's own files.
        ("fdatasync,pwrite64", "EIO", {"insufficient_storage", "internal_error"}),
        # Nothing can be written, nor taken away again.
        (
            "fsync,fdatasync,pwrite64,link,linkat,unlink,unlinkat,rename",
            "EROFS",
            {"storage_unavailable", "insufficient_storage", "internal_error"},
        ),
    ],
)
def test_a_disk_that_fails_loses_nothing(
    start_backend: StartBackend, calls: str, error: str, codes: set[str]
):
    backend = start_backend(LOG_LEVEL="error")
    with backend.client() as client:
        uploaded, spare = (client.post("/api/upload", files=PHOTO).json() for _ in range(2))
        kept = [uploaded["original"]["id"], spare["original"]["id"]]
        repeated = {"Idempotency-Key": "again"}

        with failing(backend, calls, error):
            responses = [
                client.post("/api/upload", files=PHOTO, headers=repeated),
                client.post(f"/api/regenerate/{kept[0]}"),
                client.post(f"/api/download/{uploaded['cartoon']['id']}"),
            ]
            assert client.get("/api/originals").status_code == 200
            assert client.get(uploaded["original"]["imageUrl"]).status_code == 200

        assert {response.json()["code"] for response in responses} <= codes
        assert_whole(backend.data, kept)
        again = client.post("/api/upload", files=PHOTO, headers=repeated)
        assert again.status_code == 201
        assert client.post(f"/api/download/{uploaded['cartoon']['id']}").status_code == 201
    backend.end()
    sweep_as_if_later(backend.data)
    assert_whole(backend.data, [*kept, again.json()["original"]["id"]])


def test_out_of_file_descriptors_it_asks_for_patience_and_recovers(start_backend: StartBackend):
    backend = start_backend(LOG_LEVEL="error")
    outcomes: Counter[int | str] = Counter()
    kept = []
    # Large enough to wait in a file while it comes in.
    photo = {"image": saved(noise(900, 900), "png")}
    with backend.client() as client:
        assert client.post("/api/upload", files=photo).status_code == 201
    resource.prlimit(backend.pid, resource.RLIMIT_NOFILE, (64, 64))

    def upload(number: int) -> None:
        with httpx.Client(
            base_url=backend.url, headers={"X-Device-Id": f"p-{number}"}, timeout=PATIENCE_S
        ) as phone:
            for _ in range(4):
                try:
                    response = phone.post("/api/upload", files=photo, timeout=PATIENCE_S)
                except httpx.TransportError as error:
                    outcomes[type(error).__name__] += 1
                    continue
                outcomes[response.status_code] += 1
                if response.status_code == 201:
                    kept.append(response.json()["original"]["id"])
                else:
                    outcomes[response.json()["code"]] += 1

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(upload, range(40)))
    print(dict(outcomes))
    assert outcomes[201] > 0
    assert outcomes["storage_unavailable"] > 0

    # Those of the clients who left are given back as the backend hears of it.
    wait_until(lambda: len(os.listdir(f"/proc/{backend.pid}/fd")) < 40, "there is room again")
    with backend.client() as client:
        responses = [client.post("/api/upload", files=photo) for _ in range(3)]
        assert [response.status_code for response in responses] == [201] * 3
        assert client.get("/readyz").status_code == 200
    assert_whole(backend.data, kept)
    assert not [key for key in files_in(backend.data) if key.startswith("incoming/")]


@pytest.fixture
def make_unreadable() -> Iterator[Callable[[Path], None]]:
    """Reading it fails as it does where a disk has lost a sector."""
    covered: list[Path] = []

    def cover(file: Path) -> None:
        command = ["mount", "--bind", f"/proc/{os.getpid()}/mem", str(file)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("nothing can be mounted here")
        covered.append(file)

    yield cover
    for file in covered:
        subprocess.run(["umount", str(file)], check=True)


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_checked_and_backed_up(
    start_backend: StartBackend, make_unreadable: Callable[[Path], None], tmp_path: Path
):
    backend = start_backend()
    kept = device_with_everything(backend)
    backend.end()
    files = sorted((backend.data / "uploads/originals").iterdir())
    make_unreadable(files[0])
    with pytest.raises(OSError, match="Input/output"):
        files[0].read_bytes()
    files[1].unlink()

    found = run("check", "--data", backend.data, exit_code=1)

    # By the ids of their rows, which are random.
    assert sorted(line.split()[0] for line in found) == ["2", "missing", "unreadable"]
    assert files[0].name in "".join(found)

    said = run("backup", "--data", backend.data, tmp_path / "copy", exit_code=1)
    assert files[0].name in "".join(said)
    copied = files_in(tmp_path / "copy")
    assert len(copied) == len(files_in(backend.data)) - 1
    assert len(kept) == 3


async def test_a_reader_is_let_in_where_its_activity_cannot_be_noted(start: attacks.Start):
    async with start() as service:
        await service.phone.upload()
        await service.sql("UPDATE devices SET last_active_at = 0")
        await service.sql(
            "CREATE TRIGGER refusing BEFORE UPDATE ON devices"
            " BEGIN SELECT RAISE(ABORT, 'the disk is read-only'); END"
        )
        assert (await service.phone.get("/api/originals")).status_code == 200
