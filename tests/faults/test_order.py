"""File before row, row before response, each synced: read off the system calls."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy import event

from cartoon_avatar.backend.settings import BackendSettings
from tests.backend.conftest import FakeAi, end_own_sweeps, picture, running
from tests.faults.processes import HERE, free_port, needs_strace, wait_for, wait_until
from tests.patience import PATIENCE_S

CALLS = "openat,link,linkat,unlink,unlinkat,fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg"


class Trace:
    """What a traced backend asked of the system, a line a call."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def during(
        self, request: Callable[[], httpx.Response], last: str = r"HTTP/1\.1 201", times: int = 1
    ) -> tuple[httpx.Response, list[str]]:
        """Until it has asked for what matches ``last`` so many times."""
        already = len(self.file.read_text().splitlines())
        response = request()
        give_up = time.monotonic() + PATIENCE_S
        while True:
            lines = self.file.read_text().splitlines()[already:]
            if sum(re.search(last, line) is not None for line in lines) >= times:
                return response, lines
            assert time.monotonic() < give_up, "\n".join(lines)
            time.sleep(0.05)


def first(pattern: str, lines: list[str], after: int = -1) -> int:
    for number, line in enumerate(lines):
        if number > after and re.search(pattern, line):
            return number
    raise AssertionError(f"no {pattern} after line {after}:\n" + "\n".join(lines))


def assert_in_order(lines: list[str], *folders: str) -> None:
    """In each folder a file is written aside, synced, moved and its folder synced, all before
    the commit is synced, and that before the response."""
    committed = first(r"f(data)?sync\(\d+<[^>]*avatars\.sqlite-wal>", lines)
    for folder in folders:
        moved = first(rf'link(?:at)?\(.*incoming/(\w+)", .*{folder}/', lines)
        aside = re.search(r"incoming/(\w+)", lines[moved])[1]
        written = first(rf"write\(\d+<[^>]*incoming/{aside}>", lines)
        synced = first(rf"fsync\(\d+<[^>]*incoming/{aside}>", lines)
        folder_synced = first(rf"fsync\(\d+<[^>]*/{folder}>", lines, moved)
        assert written < synced < moved < folder_synced < committed, folder
    assert committed < first(r"(write|writev|sendto|sendmsg)\(.*HTTP/1\.1 201", lines)
    deleted = [number for number, line in enumerate(lines) if re.search("unlink.*uploads/", line)]
    assert not deleted or min(deleted) > committed


@needs_strace
def test_the_file_then_the_row_then_the_response(tmp_path: Path, ai_url: str):
    port = free_port()
    trace, said = tmp_path / "trace", tmp_path / "said"
    with said.open("wb") as log:
        process = subprocess.Popen(
            # Threads are followed; -y names the file behind a number.
            [
                *("strace", "-f", "-y", "-s", "24", "-e", f"trace={CALLS}", "-o", str(trace)),
                *(sys.executable, "-c", "import tests.faults.fork_server as server; server.run()"),
            ],
            env={
                "PATH": "/usr/bin:/bin",
                "PORT": str(port),
                "DATA_DIR": str(tmp_path / "data"),
                "AI_URL": ai_url,
                "MIN_FREE_BYTES": "0",
                "PYTHONPATH": str(HERE.parent.parent),
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url, phone = f"http://127.0.0.1:{port}", {"X-Device-Id": "phone"}
    ask = partial(httpx.post, headers=phone, timeout=PATIENCE_S)
    try:
        wait_for(port)
        # The sweep at the start commits, too.
        wait_until(lambda: '"event": "swept"' in said.read_text(), "the first sweep")
        traced = Trace(trace)
        photo = {"image": picture()}
        uploaded, upload = traced.during(partial(ask, f"{url}/api/upload", files=photo))
        original = uploaded.json()["original"]["id"]
        _, regenerate = traced.during(partial(ask, f"{url}/api/regenerate/{original}"))
        cartoon = uploaded.json()["cartoon"]["id"]
        downloaded, download = traced.during(
            partial(ask, f"{url}/api/download/{cartoon}"), "unlink.*uploads/temp/", times=2
        )
        assert downloaded.status_code == 201, downloaded.text
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the traced process outlives its tracer
        process.wait()

    assert_in_order(upload, "uploads/originals", "thumbnails/originals", "uploads/temp")
    # It notes the style it is about to draw in before it draws.
    noted = first(r"f(data)?sync\(\d+<[^>]*avatars\.sqlite-wal>", regenerate)
    assert_in_order(regenerate[noted + 1 :], "uploads/temp")
    assert_in_order(download, "uploads/downloaded", "thumbnails/downloaded")
    assert sum("unlink" in line and "uploads/temp/" in line for line in download) == 2


async def test_nothing_is_committed_before_its_files_are_in_place_and_synced(
    tmp_path: Path, monkeypatch
):
    seen: list[str] = []
    fsync, link = os.fsync, os.link

    def noted_fsync(number: int) -> None:
        fsync(number)
        path = os.readlink(f"/proc/self/fd/{number}")
        seen.append(f"synced {Path(path).relative_to(tmp_path).as_posix()}")

    def noted_link(source: Path, target: Path) -> None:
        link(source, target)
        seen.append(f"moved {Path(source).name} to {Path(target).parent.relative_to(tmp_path)}")

    settings = BackendSettings(data_dir=tmp_path, min_free_bytes=0)
    async with running(settings, FakeAi()) as service:
        await end_own_sweeps()  # which commit, too
        engine = service.state.database.writer
        monkeypatch.setattr(os, "fsync", noted_fsync)
        monkeypatch.setattr(os, "link", noted_link)
        event.listen(engine, "commit", lambda connection: seen.append("committed"))
        response = await service.phone.upload()
        seen.append("answered")
        monkeypatch.undo()

    assert response.status_code == 201
    committed = len(seen) - 1 - seen[::-1].index("committed")
    assert seen[committed:] == ["committed", "answered"]
    for folder in ("uploads/originals", "thumbnails/originals", "uploads/temp"):
        (moved,) = [at for at, what in enumerate(seen) if what.endswith(f" to {folder}")]
        aside = seen[moved].split()[1]
        assert seen.index(f"synced incoming/{aside}") < moved
        assert seen.index(f"synced {folder}") > moved
        assert seen.index(f"synced {folder}") < committed
