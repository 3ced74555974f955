"""File before row, row before answer, each synced: read off the system calls."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from sqlalchemy import event

from cartoon_avatar.backend.settings import BackendSettings
from tests.backend.conftest import FakeAi, picture, running
from tests.faults.processes import HERE, free_port, wait_for

CALLS = "openat,rename,renameat,renameat2,fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg"


def test_the_file_then_the_row_then_the_answer(tmp_path: Path, ai_url: str):
    port = free_port()
    trace = tmp_path / "trace"
    data = tmp_path / "data"
    process = subprocess.Popen(
        # Threads are followed; -y names the file behind a number.
        [
            *("strace", "-f", "-y", "-s", "24", "-e", f"trace={CALLS}", "-o", str(trace)),
            *(sys.executable, "-c", "import tests.faults.fork_server as server; server.run()"),
        ],
        env={
            "PATH": "/usr/bin:/bin",
            "PORT": str(port),
            "DATA_DIR": str(data),
            "AI_URL": ai_url,
            "MIN_FREE_BYTES": "0",
            "PYTHONPATH": str(HERE.parent.parent),
        },
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(port, timeout_s=90)
        time.sleep(0.5)  # the first sweep
        already = len(trace.read_text().splitlines())
        answer = httpx.post(
            f"http://127.0.0.1:{port}/api/upload",
            files={"image": picture()},
            headers={"X-Device-Id": "phone"},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        time.sleep(0.5)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the traced process outlives its tracer
        process.wait()

    lines = trace.read_text().splitlines()[already:]

    def first(pattern: str, after: int = -1) -> int:
        for number, line in enumerate(lines):
            if number > after and re.search(pattern, line):
                return number
        raise AssertionError(f"no {pattern} after line {after}:\n" + "\n".join(lines))

    committed = first(r"f(data)?sync\(\d+<[^>]*avatars\.sqlite-wal>")
    for folder in ("uploads/originals", "thumbnails/originals", "uploads/temp"):
        moved = first(rf'rename(at2?)?\(.*incoming/(\w+)", .*{folder}/')
        aside = re.search(r"incoming/(\w+)", lines[moved])[1]
        written = first(rf"write\(\d+<[^>]*incoming/{aside}>")
        synced = first(rf"fsync\(\d+<[^>]*incoming/{aside}>")
        folder_synced = first(rf"fsync\(\d+<[^>]*/{folder}>", moved)
        assert written < synced < moved < folder_synced < committed, folder
    answered = first(r"(write|writev|sendto|sendmsg)\(.*HTTP/1\.1 201")
    assert committed < answered


if shutil.which("strace") is None:
    # The test above is there for those who have it; the next one shows the same from inside.
    del test_the_file_then_the_row_then_the_answer


async def test_nothing_is_committed_before_its_files_are_in_place_and_synced(
    tmp_path: Path, monkeypatch
):
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(number: int) -> None:
        fsync(number)
        path = os.readlink(f"/proc/self/fd/{number}")
        seen.append(f"synced {Path(path).relative_to(tmp_path).as_posix()}")

    def noted_replace(source: Path, target: Path) -> None:
        replace(source, target)
        seen.append(f"moved {Path(source).name} to {Path(target).parent.relative_to(tmp_path)}")

    settings = BackendSettings(data_dir=tmp_path, min_free_bytes=0)
    async with running(settings, FakeAi()) as service:
        engine = service.state.database.writing.kw["bind"].sync_engine
        monkeypatch.setattr(os, "fsync", noted_fsync)
        monkeypatch.setattr(os, "replace", noted_replace)
        event.listen(engine, "commit", lambda connection: seen.append("committed"))
        answer = await service.phone.upload()
        seen.append("answered")
        monkeypatch.undo()

    assert answer.status_code == 201
    committed = len(seen) - 1 - seen[::-1].index("committed")
    assert seen[committed:] == ["committed", "answered"]
    for folder in ("uploads/originals", "thumbnails/originals", "uploads/temp"):
        (moved,) = [at for at, what in enumerate(seen) if what.endswith(f" to {folder}")]
        aside = seen[moved].split()[1]
        assert seen.index(f"synced incoming/{aside}") < moved
        assert seen.index(f"synced {folder}") > moved
        assert seen.index(f"synced {folder}") < committed
