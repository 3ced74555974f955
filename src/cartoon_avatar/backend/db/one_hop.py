"""SQLite's driver with one hop to its thread for a statement, where aiosqlite takes four.

Opening a cursor, running the statement, reading the rows and closing the cursor each wait for
the thread there, and waking a thread costs more than a small statement does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import aiosqlite
from aiosqlite.context import contextmanager


class Connection(aiosqlite.Connection):
    @contextmanager
    async def cursor(self) -> Cursor:
        return Cursor(self, self._conn.cursor())

    async def rollback(self) -> None:
        # Asked for at the end of every session, of one that only read as well.
        if self._conn.in_transaction:
            await super().rollback()


class Cursor(aiosqlite.Cursor):
    _rows: list[Any]

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Cursor:
        await self._execute(self._run, sql, parameters or ())
        return self

    def _run(self, sql: str, parameters: Iterable[Any]) -> None:
        self._cursor.execute(sql, parameters)
        self._rows = self._cursor.fetchall() if self._cursor.description else []

    async def fetchall(self) -> Iterable[Any]:
        return self._rows

    async def close(self) -> None:
        # Its statement has been run to the end: nothing is left that could wait.
        self._cursor.close()


def connect(database: str, **options: Any) -> Connection:
    def opened() -> sqlite3.Connection:
        # Cursors are opened and closed outside the thread; only one of both is at work at once.
        return sqlite3.connect(database, **{**options, "check_same_thread": False})

    connection = Connection(opened, iter_chunk_size=64)
    connection._thread.daemon = True
    return connection
