"""Removes expired cartoons, and files that no row names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from anyio import to_thread

from cartoon_avatar.backend.clock import clock_runs_evenly, utc_now
from cartoon_avatar.backend.db import consents, jobs, queries, reports
from cartoon_avatar.backend.db.session import Database, only_sweeper
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import Storage

log = structlog.get_logger()

# Rows in one transaction, files in one query: short enough never to keep a user waiting.
_BATCH = 200
# How long finished jobs are kept, and with them the responses under their keys.
JOBS_KEPT_FOR = timedelta(hours=24)
# How long a consent waits for the first photo of its device.
CONSENTS_KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Swept:
    expired_cartoons: int
    unowned_files: int


async def sweep(database: Database, storage: Storage, settings: BackendSettings) -> Swept:
    """Remove what has expired. Never touches rows of originals or faces, nor a file that any row
    names.

    Does nothing for ``unowned_grace_s`` after the clock has jumped: by a wrong clock every
    cartoon is too old, and so is a file whose row is about to be committed.
    """
    if not await ages_are_reliable(settings):
        log.warning("sweep_held", reason="the clock has jumped")
        return Swept(0, 0)
    async with only_sweeper(database) as ours:
        if not ours:
            return Swept(0, 0)
        swept = Swept(
            await sweep_expired(database, storage, settings),
            await _sweep_unowned(database, storage, settings),
        )
        await _sweep_jobs(database)
        await _sweep_consents(database)
        await _sweep_reports(database, settings)
    log.info("swept", expired=swept.expired_cartoons, unowned=swept.unowned_files)
    return swept


async def sweep_expired(database: Database, storage: Storage, settings: BackendSettings) -> int:
    """Remove temporary cartoons past their life, rows before files; returns how many."""
    count = 0
    if not await ages_are_reliable(settings):
        return 0
    while True:
        created_before = utc_now() - timedelta(seconds=settings.cartoon_ttl_s)
        gone = await database.write(
            partial(queries.remove_expired_cartoons, created_before=created_before, limit=_BATCH)
        )
        await storage.delete(key for files in gone for key in files)
        count += len(gone)
        if len(gone) < _BATCH:
            return count


async def ages_are_reliable(settings: BackendSettings) -> bool:
    """Whether ages of files and rows mean anything: not for ``unowned_grace_s`` after the clock has
    jumped."""
    mark = settings.data_dir / "clock"
    return await to_thread.run_sync(clock_runs_evenly, mark, settings.unowned_grace_s)


async def _sweep_unowned(database: Database, storage: Storage, settings: BackendSettings) -> int:
    count = 0
    async for unowned in unowned_files(database, storage, settings):
        await storage.delete(unowned)
        count += len(unowned)
    return count


async def unowned_files(
    database: Database, storage: Storage, settings: BackendSettings
) -> AsyncIterator[list[str]]:
    """Keys of files that no row names and that are past their grace, in batches."""
    batch: list[str] = []
    # A file this young may belong to a request whose row is yet to come.
    young = utc_now() - timedelta(seconds=settings.unowned_grace_s)
    async for found in storage.every_file():
        if found.modified_at >= young:
            continue
        batch.append(found.key)
        if len(batch) == _BATCH:
            yield await _unowned_among(database, batch)
            batch = []
    yield await _unowned_among(database, batch)


async def _unowned_among(database: Database, paths: list[str]) -> list[str]:
    owned = await database.read(partial(queries.owned_among, keys=paths))
    # An export is its face's, for as long as it is kept.
    face_of = {path: face for path in paths if (face := keys.face_of_export(path, utc_now()))}
    faces = await database.read(partial(queries.faces_among, face_ids=set(face_of.values())))
    return [path for path in paths if path not in owned and face_of.get(path) not in faces]


async def _sweep_consents(database: Database) -> None:
    given_before = utc_now() - CONSENTS_KEPT_FOR
    remove = partial(consents.remove_unused, given_before=given_before, limit=_BATCH)
    while await database.write(remove):
        pass


async def _sweep_reports(database: Database, settings: BackendSettings) -> None:
    closed_before = utc_now() - timedelta(days=settings.reports_kept_days)
    remove = partial(reports.remove_closed, closed_before=closed_before, limit=_BATCH)
    while await database.write(remove) == _BATCH:
        pass


async def _sweep_jobs(database: Database) -> None:
    finished_before = utc_now() - JOBS_KEPT_FOR
    remove = partial(jobs.remove_finished, finished_before=finished_before, limit=_BATCH)
    while await database.write(remove) == _BATCH:
        pass
