"""What holds whatever happened."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from cartoon_avatar.backend.db.session import open_database
from cartoon_avatar.backend.flows.sweep import sweep
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.storage.local import LocalStorage
from tests.patience import PATIENCE_S

GRACE_S = 3600
TABLES = ("originals", "regenerated_cartoons", "downloaded_faces")
FOLDERS = ("uploads", "thumbnails", "incoming")


def rows_of(data: Path, database_url: str | None = None) -> dict[str, list[Any]]:
    if database_url is not None:
        return asyncio.run(_rows_of_server(database_url))
    database = sqlite3.connect(data / "avatars.sqlite", timeout=PATIENCE_S)
    database.row_factory = sqlite3.Row
    try:
        return {table: database.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    finally:
        database.close()


async def _rows_of_server(database_url: str) -> dict[str, list[Any]]:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""), ssl=False)
    try:
        return {table: await connection.fetch(f"SELECT * FROM {table}") for table in TABLES}
    finally:
        await connection.close()


def files_in(data: Path) -> set[str]:
    return {
        path.relative_to(data).as_posix()
        for folder in FOLDERS
        for path in (data / folder).rglob("*")
        if path.is_file()
    }


def assert_whole(
    data: Path, acknowledged: Iterable[str] = (), database_url: str | None = None
) -> None:
    """Every row's file is there with its size and sha256, every file has a row or is young,
    and every acknowledged original or face (by id) has its row."""
    named: set[str] = set()
    ids: set[str] = set()
    for rows in rows_of(data, database_url).values():
        for row in rows:
            content = (data / row["file_path"]).read_bytes()
            assert len(content) == row["file_size"], row["file_path"]
            assert hashlib.sha256(content).hexdigest() == row["sha256"], row["file_path"]
            assert row["file_path"] not in named
            named.add(row["file_path"])
            ids.add(row["id"])
            # A cartoon has a thumbnail where its AI service makes them.
            if "thumbnail_path" in row.keys() and row["thumbnail_path"] is not None:  # noqa: SIM118 (a Row iterates over values)
                assert (data / row["thumbnail_path"]).stat().st_size
                named.add(row["thumbnail_path"])
    for key in files_in(data) - named:
        assert time.time() - (data / key).stat().st_mtime < GRACE_S, key
    lost = set(acknowledged) - ids
    assert not lost


def sweep_as_if_later(data: Path, database_url: str | None = None) -> None:
    """Sweep as if every file were past its grace; what is left must be what rows name."""
    long_ago = time.time() - 2 * GRACE_S
    for key in files_in(data):
        os.utime(data / key, (long_ago, long_ago))

    async def run() -> None:
        settings = BackendSettings(data_dir=data, database_url=database_url)
        give_up = time.monotonic() + PATIENCE_S
        async with open_database(settings.database, PATIENCE_S) as database:
            while True:
                with structlog.testing.capture_logs() as logged:
                    await sweep(database, LocalStorage(data), settings)
                if any(entry["event"] == "swept" for entry in logged):
                    return
                # A backend sweeps as it starts, and one sweeps at a time.
                assert time.monotonic() < give_up, logged
                await asyncio.sleep(0.05)

    asyncio.run(run())
    assert_whole(data, database_url=database_url)
