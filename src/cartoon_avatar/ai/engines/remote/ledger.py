"""What was asked of generators, so that a restart forgets neither budget nor what was paid for.

A file of SQLite: small, whole after any crash, and shared by the replicas of a machine.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cartoon_avatar.ai.engines.remote.config import BadEngines
from cartoon_avatar.ai.engines.remote.generation import Call

FILE = "generators.sqlite"
# As long as jobs are tried again.
_KEPT_S = 24 * 3600
_SCHEMA = """
CREATE TABLE IF NOT EXISTS days (
    engine TEXT, day TEXT, calls INTEGER NOT NULL, PRIMARY KEY (engine, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
    engine TEXT, key TEXT, day TEXT NOT NULL, begun_at REAL NOT NULL, address TEXT,
    PRIMARY KEY (engine, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS errors (engine TEXT PRIMARY KEY, said TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger has of an engine: the calls of a day, its last error, and the keys of calls
    whose end was not seen."""

    calls: int
    last_error: str | None
    open: frozenset[str]


class Ledger:
    """Written before a provider is asked. Blocking calls go to a thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # One transaction at a time, also where a task was cancelled and its thread goes on.
        self._lock = threading.Lock()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def known(self, engine: str, day: str) -> Known:
        with self._transaction() as connection:
            keys = connection.execute("SELECT key FROM calls WHERE engine = ?", (engine,))
            error = connection.execute("SELECT said FROM errors WHERE engine = ?", (engine,))
            open_keys = frozenset(key for (key,) in keys)
            said = error.fetchone()
            return Known(_calls_of(connection, engine, day), said and said[0], open_keys)

    async def begin(self, engine: str, key: str, day: str, *, again: bool) -> tuple[Call, int]:
        """The call, and the calls of the day with it. With ``again`` one whose end was not seen
        is not counted twice."""

        def write() -> tuple[Call, int]:
            now = time.time()
            with self._transaction() as connection:
                connection.execute("DELETE FROM calls WHERE begun_at < ?", (now - _KEPT_S,))
                row = connection.execute(
                    "SELECT address, begun_at FROM calls WHERE engine = ? AND key = ?",
                    (engine, key),
                ).fetchone()
                if row is None or not again:
                    connection.execute(
                        "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, NULL)",
                        (engine, key, day, now),
                    )
                    connection.execute(
                        "INSERT INTO days VALUES (?, ?, 1)"
                        " ON CONFLICT DO UPDATE SET calls = calls + 1",
                        (engine, day),
                    )
                    row = (None, None)
                return Call(row[0], row[1], keep), _calls_of(connection, engine, day)

        def write_address(address: str) -> None:
            with self._transaction() as connection:
                connection.execute(
                    "UPDATE calls SET address = ? WHERE engine = ? AND key = ?",
                    (address, engine, key),
                )

        async def keep(address: str) -> None:
            await asyncio.to_thread(write_address, address)

        return await asyncio.to_thread(write)

    async def end(self, engine: str, key: str, day: str, *, charged: bool) -> int:
        """Its end was seen; the calls of ``day``, without it where it was not ``charged``."""

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

    async def note_error(self, engine: str, said: str) -> None:
        def write() -> None:
            with self._transaction() as connection:
                connection.execute("INSERT OR REPLACE INTO errors VALUES (?, ?)", (engine, said))

        await asyncio.to_thread(write)


def _calls_of(connection: sqlite3.Connection, engine: str, day: str) -> int:
    row = connection.execute(
        "SELECT calls FROM days WHERE engine = ? AND day = ?", (engine, day)
    ).fetchone()
    return 0 if row is None else int(row[0])


def read_known(folder: Path, engine: str, day: str) -> Known:
    """What the ledger in ``folder`` has, where there is one; nothing is written."""
    file = folder / FILE
    if not file.exists():
        return Known(0, None, frozenset())
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as connection:
        error = connection.execute("SELECT said FROM errors WHERE engine = ?", (engine,)).fetchone()
        return Known(_calls_of(connection, engine, day), error and error[0], frozenset())


@contextmanager
def open_ledger(folder: Path) -> Iterator[Ledger]:
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
