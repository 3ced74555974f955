"""Opens the database."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlencode

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url, text

from cartoon_avatar.backend.errors import DatabaseBusy
from cartoon_avatar.backend.settings import LIBPQ_OPTIONS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

# PostgreSQL SQLSTATEs after which a retry can succeed: classes of them, and single ones.
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
# Of SQLite at once; each takes less than a millisecond.
_READERS = 4
# An arbitrary advisory lock id, the same in every version: its holder sweeps.
_SWEEP_LOCK = 0x7377656570


class Database(Protocol):
    """Runs functions on a connection, all the statements of a transaction in one.

    Statements of a reader each see what is committed when they run, on either engine: a
    transaction around them would promise no more.
    """

    async def read(self, ask: Callable[[Connection], T]) -> T:
        """What ``ask`` finds."""

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Run ``change`` in a transaction; what it raises undoes it."""


@dataclass(frozen=True, slots=True)
class Postgres:
    engine: AsyncEngine

    async def read(self, ask: Callable[[Connection], T]) -> T:
        async with self.engine.connect() as connection:
            return await connection.run_sync(ask)

    async def write(self, change: Callable[[Connection], T]) -> T:
        async with self.engine.begin() as connection:
            return await connection.run_sync(change)


@dataclass(frozen=True, slots=True)
class Sqlite:
    """Each function is one turn of a thread, since waking one costs more than a small statement;
    a turn of the event loop within a transaction would keep every other writer waiting, too.

    The process's writers queue for one thread with one connection, whose pages stay in memory
    until others write, and go on the moment it is free: SQLite itself would sleep and look
    again, up to 100 ms late. A writer takes the write lock at BEGIN, because a reader that turns
    writer half-way cannot wait for its turn and fails.
    """

    reader: Engine
    writer: Engine
    reading: ThreadPoolExecutor
    writing: ThreadPoolExecutor
    timeout_s: float

    async def read(self, ask: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self.reading.submit(self._read, ask))

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Raises DatabaseBusy where its turn does not come; cancelled before that, it gives up
        its place. What has begun is finished, even if its caller is cancelled."""
        turn = self.writing.submit(self._write, change)
        too_late = False

        def give_up() -> None:
            nonlocal too_late
            too_late = turn.cancel()  # false once it has begun

        giving_up = asyncio.get_running_loop().call_later(self.timeout_s, give_up)
        try:
            return await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            if too_late:
                raise DatabaseBusy from None
            raise
        finally:
            giving_up.cancel()

    def _read(self, ask: Callable[[Connection], T]) -> T:
        with self.reader.connect() as connection:
            return ask(connection)

    def _write(self, change: Callable[[Connection], T]) -> T:
        with self.writer.begin() as connection:
            return change(connection)

    def close(self) -> None:
        for threads in (self.writing, self.reading):
            threads.shutdown(cancel_futures=True)
        self.writer.dispose()
        self.reader.dispose()


@asynccontextmanager
async def open_database(url: str, timeout_s: float) -> AsyncGenerator[Database]:
    """``timeout_s`` is how long a client waits for a connection, a lock or another writer."""
    if make_url(url).get_backend_name() == "sqlite":
        database = _sqlite(url, timeout_s)
        try:
            yield database
        finally:
            database.close()
        return
    # Imported here: it loads SQLAlchemy's ORM, which SQLite does without.
    from sqlalchemy.ext.asyncio import create_async_engine

    plain = make_url(url)
    libpq = {name: value for name, value in plain.query.items() if name in LIBPQ_OPTIONS}
    connect_args = _connection_options(timeout_s)
    if libpq:  # which the driver reads in a DSN alone; the rest of the address comes beside it
        connect_args["dsn"] = f"postgresql://?{urlencode(libpq)}"
    engine = create_async_engine(
        plain.difference_update_query(libpq),
        hide_parameters=True,
        connect_args=connect_args,
        # Of each process; a drawing holds none of them.
        pool_size=10,
        max_overflow=10,
        pool_timeout=timeout_s,
        pool_recycle=1800,
        # A restarted server fails no request.
        pool_pre_ping=True,
    )
    try:
        yield Postgres(engine)
    finally:
        await engine.dispose()


def _sqlite(url: str, timeout_s: float) -> Sqlite:
    plain = make_url(url).set(drivername="sqlite")
    # Errors are logged; they hold device ids.
    reader = create_engine(plain, hide_parameters=True, pool_size=_READERS)
    writer = create_engine(plain, hide_parameters=True, pool_size=1)

    def prepare(connection: sqlite3.Connection, record: object) -> None:
        _prepare_sqlite(connection, timeout_s)

    for engine in (reader, writer):
        event.listen(engine, "connect", prepare)
    event.listen(writer, "begin", _begin_immediate)
    return Sqlite(
        reader,
        writer,
        ThreadPoolExecutor(_READERS, "sqlite-reader"),
        ThreadPoolExecutor(1, "sqlite-writer"),
        timeout_s,
    )


async def _connect(*args: Any, **options: Any) -> Any:
    import asyncpg

    try:
        return await asyncpg.connect(*args, **options)
    except OSError as error:  # a refused connection, an unknown host, a timeout
        raise asyncpg.CannotConnectNowError(str(error)) from error


@asynccontextmanager
async def apart(database: Postgres) -> AsyncGenerator[Any]:
    """A connection of asyncpg's own, which takes no place in the pool."""
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        await connection.run_sync(lambda plain: plain.detach())  # which forgets its driver's
        yield driver


def _connection_options(timeout_s: float) -> dict[str, Any]:
    return {
        "async_creator_fn": _connect,
        "timeout": timeout_s,
        # After this long without a response the server hangs; its own limit comes first.
        "command_timeout": 3 * timeout_s,
        "server_settings": {
            "application_name": "cartoon-avatar",
            "lock_timeout": f"{round(1000 * timeout_s)}ms",
            "statement_timeout": f"{round(2000 * timeout_s)}ms",
            "idle_in_transaction_session_timeout": "60s",
        },
    }


@asynccontextmanager
async def only_sweeper(database: Database) -> AsyncGenerator[bool]:
    """Whether this process may sweep now: on PostgreSQL one backend at a time.

    On SQLite every process may, which only costs a listing of the folder.
    """
    if not isinstance(database, Postgres):
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


def _prepare_sqlite(connection: sqlite3.Connection, timeout_s: float) -> None:
    # The driver's own BEGIN comes too late and is never IMMEDIATE; we send ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {round(1000 * timeout_s)}")
    _switch_journal(cursor, timeout_s)
    # An acknowledged upload survives a power cut, which WAL's default (NORMAL) does not promise.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _switch_journal(cursor: sqlite3.Cursor, timeout_s: float) -> None:
    """Of a new database, which others may be opening just now; later there is nothing to switch.

    SQLite does not wait here, whatever its ``busy_timeout``: two that hold the file to read and
    want it to write would wait for each other.
    """
    until = time.monotonic() + timeout_s
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _begin_immediate(connection: Connection) -> None:
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
