"""File before row, row before answer, each synced: read off the system calls."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.backend.conftest import picture
from tests.faults.processes import HERE, free_port, is_there, wait_for

CALLS = "openat,rename,renameat,renameat2,fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
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
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not is_there(process.pid)

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
