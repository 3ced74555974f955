"""Opens the database."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import event
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

# How long a SQLite writer waits for another before the client hears 503.
SQLITE_BUSY_S = 5


@dataclass(frozen=True, slots=True)
class Database:
    """``reading`` opens a session that only reads, ``writing`` one that may write.

    They differ on SQLite alone: a writer takes the write lock at BEGIN, because a reader
    that turns writer half-way cannot wait for its turn and fails.
    """

    engine: AsyncEngine
    reading: async_sessionmaker[AsyncSession]
    writing: async_sessionmaker[AsyncSession]


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    engine = create_async_engine(
        url,
        pool_pre_ping=not url.startswith("sqlite"),
        hide_parameters=True,  # errors are logged; parameters hold device ids
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    writer = engine.execution_options(writes=True)
    try:
        yield Database(
            engine,
            async_sessionmaker(engine, expire_on_commit=False),
            async_sessionmaker(writer, expire_on_commit=False),
        )
    finally:
        await engine.dispose()


def _prepare_sqlite(connection, record) -> None:
    # The driver's own BEGIN comes too late and is never IMMEDIATE; we send ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    # First, for two processes that start together and both switch the journal.
    cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_S * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # An answered upload survives a power cut, which WAL's default (NORMAL) does not promise.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def is_busy(error: Exception) -> bool:
    """Whether the database was locked or out of reach, as opposed to refusing a statement."""
    return _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or bool(
        getattr(error, "connection_invalidated", False)
    )


def is_full(error: Exception) -> bool:
    return _sqlite_code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _sqlite_code(error: Exception) -> int | None:
    cause = getattr(error, "orig", None)
    code = getattr(cause, "sqlite_errorcode", None)
    # The low byte is the primary code, the rest says more.
    return None if code is None else code & 0xFF
