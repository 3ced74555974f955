"""`check` names what is wrong and repairs nothing that was promised; a backup is whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from cartoon_avatar.cli import main
from tests.backend.conftest import picture
from tests.faults.conftest import StartBackend
from tests.faults.invariants import assert_whole, files_in, rows_of
from tests.faults.processes import Backend


def run(*arguments: str | Path, exit_code: int = 0) -> list[str]:
    result: Result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result.output.splitlines()


def device_with_everything(backend: Backend, device: str = "phone") -> list[str]:
    """Two photos, of which one has a face and a fresh cartoon; returns what is for good."""
    with backend.client(device) as client:
        for _ in range(2):
            uploaded = client.post("/api/upload", files={"image": picture()}).json()
        face = client.post(f"/api/download/{uploaded['cartoon']['id']}").json()["face"]
        client.post(f"/api/regenerate/{uploaded['original']['id']}")
        originals = client.get("/api/originals").json()["items"]
    return [face["id"], *(one["id"] for one in originals)]


def damage(file: Path, how: str) -> None:
    if how == "missing":
        file.unlink()
        return
    file.chmod(0o600)
    data = bytearray(file.read_bytes())
    if how == "changed":
        data[len(data) // 2] ^= 1
    else:
        del data[-1]
    file.write_bytes(data)


def test_a_whole_folder_passes(start_backend: StartBackend):
    backend = start_backend()
    device_with_everything(backend)
    assert run("check", "--data", backend.data) == [
        "Every row has its file, and every file its row."
    ]


@pytest.mark.parametrize("folder", ["originals", "downloaded", "temp"])
@pytest.mark.parametrize("how", ["missing", "truncated", "changed"])
def test_a_damaged_file_is_named_and_its_row_stays(
    start_backend: StartBackend, how: str, folder: str
):
    backend = start_backend()
    kept = device_with_everything(backend)
    backend.end()
    file = sorted((backend.data / "uploads" / folder).iterdir())[0]
    damage(file, how)
    rows = {table: len(rows) for table, rows in rows_of(backend.data).items()}

    for repair in ([], ["--repair"]):
        named, count = run("check", "--data", backend.data, *repair, exit_code=1)
        assert named.split()[:2] == [how, f"uploads/{folder}/{file.name}"]
        assert count == "1 wrong"
    assert {table: len(rows) for table, rows in rows_of(backend.data).items()} == rows
    assert {row["id"] for rows in rows_of(backend.data).values() for row in rows} >= set(kept)


@pytest.mark.parametrize("folder", ["originals", "temp"])
def test_a_lost_thumbnail_is_named(start_backend: StartBackend, folder: str):
    backend = start_backend()
    device_with_everything(backend)
    thumbnail = next((backend.data / "thumbnails" / folder).iterdir())
    thumbnail.unlink()
    named, _ = run("check", "--data", backend.data, exit_code=1)
    assert named.split()[:2] == ["missing", f"thumbnails/{folder}/{thumbnail.name}"]


def test_stray_files_are_named_and_repair_removes_them_alone(start_backend: StartBackend):
    backend = start_backend()
    kept = device_with_everything(backend)
    before = files_in(backend.data)
    strays = ["uploads/originals/1_x.jpg", "uploads/temp/1_y.jpg", "incoming/half"]
    for key in (*strays, "uploads/temp/2_young.jpg"):
        (backend.data / key).write_bytes(b"x")
    for key in (*strays, *before):  # named files are old, too
        os.utime(backend.data / key, (1e9, 1e9))

    *named, count = run("check", "--data", backend.data, exit_code=1)
    assert sorted(line.split()[1] for line in named) == sorted(strays)
    assert count == "3 wrong"
    assert len(run("check", "--repair", "--data", backend.data)) == 4
    assert files_in(backend.data) == before | {"uploads/temp/2_young.jpg"}
    run("check", "--data", backend.data)
    assert_whole(backend.data, kept)


def test_a_backup_made_while_writing_is_whole_and_restores(
    start_backend: StartBackend, tmp_path: Path
):
    """Devices upload, download and delete while backups are made into one folder, again and
    again; each is a whole data folder that holds everything acknowledged before it began."""
    backend = start_backend()
    folder = tmp_path / "backup"
    kept = device_with_everything(backend)
    stop = threading.Event()
    errors: list[Exception] = []

    def work(number: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            device = f"busy-{number}-{turn}"
            try:
                kept_meanwhile = device_with_everything(backend, device)
                if turn % 2:
                    with backend.client(device) as client:
                        assert client.delete("/api/device").status_code == 204
                else:
                    kept.extend(kept_meanwhile)
            except (AssertionError, httpx.HTTPError, KeyError) as error:
                errors.append(error)
                return

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    try:
        for turn in range(4):
            time.sleep(0.4)
            promised = list(kept)
            run("backup", "--data", backend.data, folder)
            assert_whole(folder, promised)
            at_once = tmp_path / f"restored-{turn}"
            run("restore", "--data", at_once, folder)
            assert_whole(at_once, promised)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert not errors, errors

    backend.end()
    shutil.rmtree(backend.data)
    run("restore", "--data", backend.data, folder)
    run("check", "--data", backend.data)
    backend.start()
    with backend.client() as client:
        listed = client.get("/api/originals").json()["items"]
        assert {one["id"] for one in listed} == set(kept[1:3])
        for one in listed:
            assert client.get(one["imageUrl"]).status_code == 200


# A command that waits for a line before its first file, when its copy of the rows has been written.
_HELD_AT_FIRST_FILE = """
import sys

def hold(event, arguments):
    global held
    if event == "os.link" and not held:
        held = True
        print("held", flush=True)
        sys.stdin.readline()

held = False
sys.addaudithook(hold)
from cartoon_avatar.cli import main
main()
"""


def test_what_is_deleted_between_rows_and_files_is_left_out_of_a_backup(
    start_backend: StartBackend, tmp_path: Path
):
    backend = start_backend()
    kept = device_with_everything(backend, "kept")
    device_with_everything(backend)
    folder = tmp_path / "backup"
    command = [sys.executable, "-c", _HELD_AT_FIRST_FILE, "backup", "--data", backend.data, folder]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as backing_up:
        assert backing_up.stdout is not None
        assert backing_up.stdout.readline() == "held\n"
        with backend.client() as client:
            assert client.delete("/api/device").status_code == 204
        said, _ = backing_up.communicate("go on\n")
    assert backing_up.returncode == 0
    assert "deleted meanwhile, and left out: " in said
    assert_whole(folder, kept)
    run("check", "--data", folder)


def test_a_backup_forgets_what_was_deleted_and_names_what_is_lost(
    start_backend: StartBackend, tmp_path: Path
):
    backend = start_backend()
    device_with_everything(backend)
    folder = tmp_path / "backup"
    run("backup", "--data", backend.data, folder)
    with backend.client() as client:
        client.delete("/api/device")
    kept = device_with_everything(backend, "other")
    run("backup", "--data", backend.data, folder)
    assert files_in(folder) == files_in(backend.data)
    assert b"phone" not in (folder / "avatars.sqlite").read_bytes()
    assert_whole(folder, kept)

    database = sqlite3.connect(backend.data / "avatars.sqlite")
    (key,) = database.execute("SELECT file_path FROM downloaded_faces").fetchone()
    database.close()
    (backend.data / key).unlink()
    another = tmp_path / "another"
    assert f"lost       {key}" in run("backup", "--data", backend.data, another, exit_code=1)


def test_a_restore_never_writes_into_a_folder_in_use(start_backend: StartBackend, tmp_path: Path):
    backend = start_backend()
    folder = tmp_path / "backup"
    run("backup", "--data", backend.data, folder)
    run("restore", "--data", backend.data, folder, exit_code=1)
