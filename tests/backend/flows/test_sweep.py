"""The sweeper removes what has had its time, and nothing else."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cartoon_avatar.backend.errors import StorageUnavailable
from cartoon_avatar.backend.flows.sweep import Swept, sweep
from cartoon_avatar.backend.storage.protocol import FoundFile
from tests.backend.conftest import Service, Start, end_own_sweeps, on_sqlite
from tests.patience import PATIENCE_S

DAY_MS = 24 * 3600 * 1000


def _age(file: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(file, (then, then))


async def _age_rows(service: Service, milliseconds: int) -> None:
    for table in ("originals", "regenerated_cartoons", "downloaded_faces"):
        await service.sql(f"UPDATE {table} SET created_at = created_at - {milliseconds}")


@pytest.fixture
async def service(service: Service) -> Service:
    await end_own_sweeps()
    return service


async def _sweep(service: Service) -> Swept:
    return await sweep(service.state.database, service.state.storage, service.settings)


async def test_expired_cartoons_go_and_photos_and_faces_stay(service: Service):
    uploaded = (await service.phone.upload()).json()
    await service.phone.post(f"/api/download/{uploaded['cartoon']['id']}")
    expired = await service.phone.post(f"/api/regenerate/{uploaded['original']['id']}")
    await _age_rows(service, DAY_MS + 60_000)
    fresh = await service.phone.post(f"/api/regenerate/{uploaded['original']['id']}")

    assert await _sweep(service) == Swept(expired_cartoons=1, unowned_files=0)

    cartoon = expired.json()["cartoon"]
    assert (await service.phone.post(f"/api/download/{cartoon['id']}")).status_code == 404
    assert (await service.http.get(cartoon["imageUrl"])).status_code == 404
    assert (await service.http.get(fresh.json()["cartoon"]["imageUrl"])).status_code == 200
    folders = ["downloaded", "originals", "temp"]
    for top in ("uploads", "thumbnails"):
        assert [file.parent.name for file in service.files(top)] == folders


async def test_old_files_without_a_row_go_and_young_ones_stay(service: Service):
    await service.phone.upload()
    root = service.settings.data_dir
    old = [root / "uploads/originals/1_a.jpg", root / "thumbnails/downloaded/1_a.png.webp"]
    old += [root / "incoming/unfinished", root / "uploads/temp/1_b.jpg"]
    young = root / "uploads/temp/2_c.jpg"
    for file in (*old, young):
        file.write_bytes(b"x")
    for file in old:
        _age(file, 3700)
    for file in service.files() + service.files("thumbnails"):
        if file != young:
            _age(file, 7200)

    swept = await _sweep(service)

    assert swept.unowned_files == len(old)
    assert not any(file.exists() for file in old)
    assert young.exists()
    kinds = {file.parent.name for file in service.files()}
    assert kinds == {"originals", "temp"}
    assert len(service.files("thumbnails")) == 2  # of the photo and of its cartoon


async def test_sweeping_twice_finds_nothing_more(service: Service):
    await service.phone.upload()
    await _age_rows(service, DAY_MS + 60_000)

    assert (await _sweep(service)).expired_cartoons == 1
    assert await _sweep(service) == Swept(0, 0)


@on_sqlite
async def test_a_sweep_that_meets_a_busy_database_says_so_in_a_line_and_tries_again(
    start: Start, logged: io.StringIO
):
    def told(event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in logged.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    async with start(sweep_interval_s=1) as service:
        await _until(lambda: bool(told("swept")))
        # Of the one connection that writes; nobody should wait five seconds here.
        await service.sql("PRAGMA busy_timeout = 10")
        lock = sqlite3.connect(service.settings.data_dir / "avatars.sqlite", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        await _until(lambda: bool(told("sweep_postponed")))
        postponed = told("sweep_postponed")[0]
        assert (postponed["level"], postponed["reason"]) == ("warning", "OperationalError")
        assert "exception" not in postponed
        lock.execute("ROLLBACK")
        lock.close()
        swept = len(told("swept"))
        await _until(lambda: len(told("swept")) > swept)


async def test_told_to_stop_the_sweeper_stops_whatever_the_storage_makes_of_it(start: Start):
    sweeping = asyncio.Event()

    async def cut_off() -> AsyncIterator[FoundFile]:
        sweeping.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise StorageUnavailable from error
        yield

    async with asyncio.timeout(PATIENCE_S), start(sweep_interval_s=1) as service:
        service.state.storage.every_file = cut_off
        await sweeping.wait()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 (the log has no event to wait for)
            await asyncio.sleep(0.02)
