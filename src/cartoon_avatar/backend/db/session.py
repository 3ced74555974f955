"""Opens the database."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from cartoon_avatar.backend.db import one_hop

T = TypeVar("T")

# How long a writer waits for another before the client hears 503.
BUSY_S = 5
# Without an answer after this long the server hangs; its own limit comes first.
_COMMAND_S = 15
_STATEMENT_S = 10
# PostgreSQL's words for: later, perhaps. Classes of its error codes, and single ones.
_BUSY_CLASSES = ("08", "53", "57P")
_BUSY_CODES = ("40001", "40P01", "55P03", "57014")
_DISK_FULL = "53100"
# A quota and a limit on a file's size fail the write itself; so does growing the shared index
# on a full disk. Other failures of the disk are no lack of room.
_SQLITE_FULL = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)
# In use, or on a disk that fails, went read-only or has no descriptor left for it.
_SQLITE_BUSY = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
)
# Of functions that run on SQLite at once; each takes less than a millisecond.
_THREADS = 4
# Any number, the same in every version: who holds it sweeps.
_SWEEP_LOCK = 0x7377656570


@dataclass(frozen=True, slots=True)
class Threaded:
    """SQLite without the event loop: a function, all its statements, in one turn of a thread.

    ``writer`` has a connection of its own, whose pages stay in memory until others write.
    """

    reader: Engine
    writer: Engine
    threads: ThreadPoolExecutor

    async def run(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, self._transaction, work, writes)

    def _transaction(self, work: Callable[[Connection], T], writes: bool) -> T:
        if writes:
            with self.writer.begin() as connection:
                return work(connection)
        with self.reader.connect() as connection:
            return work(connection)


@dataclass(frozen=True, slots=True)
class Database:
    """``reading`` opens a session that only reads, ``writing`` one that may write; ``read`` and
    ``write`` run a function on a connection, at a third of the cost.

    Statements of a reader each see what is committed when they run, on either engine: a
    transaction around them would promise no more and cost two more turns. On SQLite a writer
    takes the write lock at BEGIN, because a reader that turns writer half-way cannot wait for
    its turn and fails.
    """

    engine: AsyncEngine
    writer: AsyncEngine
    reading: async_sessionmaker[AsyncSession]
    writing: async_sessionmaker[AsyncSession]
    threaded: Threaded | None

    async def read(self, ask: Callable[[Connection], T]) -> T:
        """What ``ask`` finds."""
        if self.threaded is not None:
            return await self.threaded.run(ask, writes=False)
        async with self.engine.connect() as connection:
            return await connection.run_sync(ask)

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run ``change`` in a transaction.

        On SQLite no turn of the event loop lies within it: each would keep every other writer
        waiting for all that the loop has to do.
        """
        if self.threaded is None:
            async with self.writer.begin() as connection:
                return await connection.run_sync(change)
        async with self.writer.connect():  # our turn in the queue of this process's writers
            return await self.threaded.run(change, writes=True)


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    options: dict[str, Any] = {"hide_parameters": True}  # errors are logged; they hold device ids
    if url.startswith("sqlite"):
        options["connect_args"] = {"async_creator_fn": one_hop.connect}
    else:
        options |= _SERVER
    engine = create_async_engine(url, **options)
    writer = engine.execution_options(writes=True)
    threaded = None
    if engine.dialect.name == "sqlite":
        # Writers of this process wait in the pool's queue for its one connection, and go on
        # the moment it is free; SQLite itself would sleep and look again, up to 100 ms late.
        writer = create_async_engine(
            url,
            **options,
            pool_size=1,
            max_overflow=0,
            pool_timeout=BUSY_S,
            execution_options={"writes": True},
        )
        threaded = Threaded(
            _plain_engine(url, pool_size=_THREADS),
            _plain_engine(url, pool_size=1, execution_options={"writes": True}),
            ThreadPoolExecutor(_THREADS, "sqlite"),
        )
        for one in (engine.sync_engine, writer.sync_engine, threaded.reader, threaded.writer):
            event.listen(one, "connect", _prepare_sqlite)
            event.listen(one, "begin", _begin_sqlite)
    try:
        yield Database(
            engine,
            writer,
            async_sessionmaker(engine, expire_on_commit=False),
            async_sessionmaker(writer, expire_on_commit=False),
            threaded,
        )
    finally:
        if threaded is not None:
            threaded.threads.shutdown()
            threaded.reader.dispose()
            threaded.writer.dispose()
        await engine.dispose()
        await writer.dispose()


def _plain_engine(url: str, **options: Any) -> Engine:
    return create_engine(make_url(url).set(drivername="sqlite"), hide_parameters=True, **options)


async def _connect(*args: Any, **options: Any) -> Any:
    import asyncpg

    try:
        return await asyncpg.connect(*args, **options)
    except OSError as error:  # a refused connection, an unknown host, a timeout
        raise asyncpg.CannotConnectNowError(str(error)) from error


_SERVER = {
    # Of each process; a drawing holds none of them.
    "pool_size": 10,
    "max_overflow": 10,
    "pool_timeout": BUSY_S,
    "pool_recycle": 1800,
    # A server that was restarted costs nobody a request.
    "pool_pre_ping": True,
    "connect_args": {
        "async_creator_fn": _connect,
        "timeout": BUSY_S,
        "command_timeout": _COMMAND_S,
        "server_settings": {
            "application_name": "cartoon-avatar",
            "lock_timeout": f"{BUSY_S}s",
            "statement_timeout": f"{_STATEMENT_S}s",
            "idle_in_transaction_session_timeout": "60s",
        },
    },
}


@asynccontextmanager
async def only_sweeper(database: Database) -> AsyncIterator[bool]:
    """Whether we are the one that sweeps now: of all backends on a PostgreSQL one at a time.

    On SQLite everybody is, which costs a folder's listing and harms nobody.
    """
    if database.engine.dialect.name != "postgresql":
        yield True
        return
    # Of the session, not of a transaction, which would stay open for the whole sweep. The
    # server gives the lock back when the connection ends, however that comes about.
    async with database.engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        lock = {"lock": _SWEEP_LOCK}
        ours = await connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), lock)
        try:
            yield bool(ours)
        finally:
            if ours:
                await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), lock)


def _prepare_sqlite(connection, record) -> None:
    # The driver's own BEGIN comes too late and is never IMMEDIATE; we send ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000}")
    _switch_journal(cursor)
    # An answered upload survives a power cut, which WAL's default (NORMAL) does not promise.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _switch_journal(cursor) -> None:
    """Of a new database, which others may be opening just now; later there is nothing to switch.

    SQLite does not wait here, whatever its ``busy_timeout``: two that hold the file to read and
    want it to write would wait for each other.
    """
    until = time.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection) -> None:
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_busy(error: Exception) -> bool:
    """Whether the database was locked or out of reach, as opposed to refusing a statement."""
    code = _postgres_code(error)
    return (
        isinstance(error, exc.TimeoutError)  # every connection of the pool is at work
        or getattr(error, "connection_invalidated", False)
        # The low byte is the primary code, the rest says more.
        or _sqlite_code(error) & 0xFF in _SQLITE_BUSY
        or (code.startswith(_BUSY_CLASSES) and code != _DISK_FULL)
        or code in _BUSY_CODES
    )


def is_full(error: Exception) -> bool:
    return _sqlite_code(error) in _SQLITE_FULL or _postgres_code(error) == _DISK_FULL


def _postgres_code(error: Exception) -> str:
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _sqlite_code(error: Exception) -> int:
    return getattr(getattr(error, "orig", None), "sqlite_errorcode", None) or 0
