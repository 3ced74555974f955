"""The calls of generators, so that a restart forgets neither the budget nor what was paid for.

A file of SQLite: small, whole after any crash, and shared by the replicas of a machine.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cartoon_avatar.ai.engines.remote.config import DAY_S, BadEngines

FILE = "generators.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS days (
    engine TEXT, day TEXT, calls INTEGER NOT NULL, PRIMARY KEY (engine, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
    engine TEXT, key TEXT, day TEXT NOT NULL, begun_at REAL NOT NULL, address TEXT,
    PRIMARY KEY (engine, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cancels (
    engine TEXT, key TEXT, asked_at REAL NOT NULL, PRIMARY KEY (engine, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS errors (engine TEXT PRIMARY KEY, said TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger has of an engine: the calls of a day and its last error."""

    calls: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A call that was written down; ``calls`` are those of the day with it. Where one under the
    same key was there already, ``earlier_at`` (epoch, s) is when it was begun, and ``address`` the
    one that was kept of it."""

    calls: int
    earlier_at: float | None = None
    address: str | None = None


class Ledger:
    """Written before a provider is asked. Blocking calls go to a thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # One transaction at a time, also where a task was cancelled and its thread goes on.
        self._lock = threading.Lock()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def known(self, engine: str, day: str) -> Known:
        with self._transaction() as connection:
            return _known(connection, engine, day)

    async def begin(self, engine: str, key: str, day: str, *, found_for_s: float) -> Begun:
        """One that can be found again, which was begun at most ``found_for_s`` ago, is not counted
        twice."""

        def write() -> Begun:
            now = time.time()
            with self._transaction() as connection:
                # Jobs are tried again for a day.
                connection.execute("DELETE FROM calls WHERE begun_at < ?", (now - DAY_S,))
                connection.execute("DELETE FROM cancels WHERE asked_at < ?", (now - DAY_S,))
                connection.execute(
                    "DELETE FROM cancels WHERE engine = ? AND key = ?", (engine, key)
                )
                earlier = connection.execute(
                    "SELECT begun_at, address FROM calls"
                    " WHERE engine = ? AND key = ? AND begun_at >= ?",
                    (engine, key, now - found_for_s),
                ).fetchone()
                if earlier is None or not found_for_s:
                    connection.execute(
                        "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, NULL)",
                        (engine, key, day, now),
                    )
                    connection.execute(
                        "INSERT INTO days VALUES (?, ?, 1)"
                        " ON CONFLICT DO UPDATE SET calls = calls + 1",
                        (engine, day),
                    )
                    return Begun(_calls_of(connection, engine, day))
                return Begun(_calls_of(connection, engine, day), *earlier)

        return await asyncio.to_thread(write)

    async def keep(self, engine: str, key: str, address: str) -> None:
        """Store the address of a call's drawing."""

        def write() -> None:
            with self._transaction() as connection:
                connection.execute(
                    "UPDATE calls SET address = ? WHERE engine = ? AND key = ?",
                    (address, engine, key),
                )

        await asyncio.to_thread(write)

    async def has(self, engine: str, start: str, *, found_for_s: float) -> bool:
        """Whether a call whose key begins with ``start`` was begun at most ``found_for_s`` ago."""

        def read() -> bool:
            with self._transaction() as connection:
                found = connection.execute(
                    "SELECT 1 FROM calls WHERE engine = ? AND key GLOB ? AND begun_at >= ?",
                    (engine, f"{start}*", time.time() - found_for_s),
                )
                return found.fetchone() is not None

        return await asyncio.to_thread(read)

    async def forget(self, engine: str, key: str, day: str, *, charged: bool) -> int:
        """Delete a call that failed; returns the calls of ``day``, without this one where it was
        not ``charged``."""

        def write() -> int:
            with self._transaction() as connection:
                row = connection.execute(
                    "DELETE FROM calls WHERE engine = ? AND key = ? RETURNING day", (engine, key)
                ).fetchone()
                if row is not None and not charged:
                    connection.execute(
                        "UPDATE days SET calls = calls - 1 WHERE engine = ? AND day = ?",
                        (engine, row[0]),
                    )
                return _calls_of(connection, engine, day)

        return await asyncio.to_thread(write)

    async def ask_to_cancel(self, engine: str, start: str) -> None:
        """Calls whose key begins with ``start``: the process that began one polls this."""

        def write() -> None:
            with self._transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO cancels"
                    " SELECT engine, key, ? FROM calls WHERE engine = ? AND key GLOB ?",
                    (time.time(), engine, f"{start}*"),
                )

        await asyncio.to_thread(write)

    async def cancels(self) -> list[tuple[str, str]]:
        """Engine and key of calls that are to be cancelled."""

        def read() -> list[tuple[str, str]]:
            with self._lock:
                return self._connection.execute("SELECT engine, key FROM cancels").fetchall()

        return await asyncio.to_thread(read)

    async def note_error(self, engine: str, message: str) -> None:
        def write() -> None:
            with self._transaction() as connection:
                connection.execute("INSERT OR REPLACE INTO errors VALUES (?, ?)", (engine, message))

        await asyncio.to_thread(write)


def _calls_of(connection: sqlite3.Connection, engine: str, day: str) -> int:
    row = connection.execute(
        "SELECT calls FROM days WHERE engine = ? AND day = ?", (engine, day)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _known(connection: sqlite3.Connection, engine: str, day: str) -> Known:
    error = connection.execute("SELECT said FROM errors WHERE engine = ?", (engine,)).fetchone()
    return Known(_calls_of(connection, engine, day), error and error[0])


def read_known(folder: Path, engine: str, day: str) -> Known:
    """What the ledger in ``folder`` has, where there is one; nothing is written."""
    file = folder / FILE
    if not file.exists():
        return Known(0, None)
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as connection:
        return _known(connection, engine, day)


@contextmanager
def open_ledger(folder: Path) -> Generator[Ledger]:
    """Raises BadEngines where it cannot be written."""
    file = folder / FILE
    connection = None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Autocommit: transactions are begun by hand.
        connection = sqlite3.connect(
            file, timeout=10, isolation_level=None, check_same_thread=False
        )
        connection.executescript(_SCHEMA)
    except (OSError, sqlite3.Error) as error:
        if connection is not None:
            connection.close()
        raise BadEngines(
            f"{file} cannot be written ({error}); AI_DATA_DIR names another folder"
        ) from error
    ledger = Ledger(connection)
    try:
        yield ledger
    finally:
        ledger.close()
