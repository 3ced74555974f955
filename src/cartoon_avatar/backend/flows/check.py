"""Compares rows with files, both ways, and says what does not match."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import structlog

from cartoon_avatar.backend.db import jobs, queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import TABLE_OF, Cartoon, Face, Original
from cartoon_avatar.backend.flows.sweep import ages_are_reliable, unowned_files
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.storage.protocol import FileMissing, Storage

log = structlog.get_logger()

_BATCH = 200

Fault = Literal["missing", "unreadable", "truncated", "changed", "stray"]


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a row names; of a thumbnail neither size nor content is kept."""

    table: str
    id: str
    key: str
    size_bytes: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """``stray`` is a file without a row, past the sweeper's grace; the others name their row."""

    fault: Fault
    key: str
    row: str = ""
    repaired: bool = False


async def check(
    database: Database, storage: Storage, settings: BackendSettings, *, repair: bool = False
) -> AsyncIterator[Finding]:
    """Read every file and yield what is wrong. The service may be running meanwhile.

    ``repair`` removes stray files and nothing else: a row whose file is lost is the only
    trace of a picture that was acknowledged. It removes nothing after the clock has jumped, as the
    sweeper does: a file whose row is about to be committed seems old then.
    """
    async for named in named_files(database):
        fault = await _fault_of(storage, named)
        if fault is None:
            continue
        # Deleted since we read its row, which is nothing wrong.
        if not await database.read(partial(queries.owned_among, keys=[named.key])):
            continue
        yield Finding(fault, named.key, f"{named.table} {named.id}")

    if repair and not await ages_are_reliable(settings):
        log.warning("repair_held", reason="the clock has jumped")
        repair = False
    async for strays in unowned_files(database, storage, settings):
        if repair:
            await storage.delete(strays)
        for key in strays:
            yield Finding("stray", key, repaired=repair)


async def named_files(database: Database) -> AsyncIterator[Named]:
    """Every file that a row names, read in short transactions."""
    kinds: tuple[type[Original | Face | Cartoon], ...] = (Original, Face, Cartoon)
    for kind in kinds:
        table, last = TABLE_OF[kind].name, ""
        while True:
            rows = await database.read(
                partial(queries.rows_after, kind=kind, last_id=last, limit=_BATCH)
            )
            for row in rows:
                yield Named(table, row.id, row.file_path, row.file_size, row.sha256)
                if row.thumbnail_path is not None:
                    yield Named(table, row.id, row.thumbnail_path, None, None)
            if len(rows) < _BATCH:
                break
            last = rows[-1].id
    # Last: of a job that ends meanwhile the photo has become an original's.
    last = ""
    while True:
        waiting = await database.read(partial(jobs.photos_after, last_id=last, limit=_BATCH))
        for photo in waiting:
            yield Named("jobs", photo.id, photo.path, photo.size_bytes, photo.sha256)
        if len(waiting) < _BATCH:
            break
        last = waiting[-1].id


async def _fault_of(storage: Storage, named: Named) -> Fault | None:
    try:
        data = await storage.get(named.key)
    except FileMissing:
        return "missing"
    except OSError:  # a bad sector
        return "unreadable"
    if named.size_bytes is None:
        return None if data else "truncated"
    if len(data) != named.size_bytes:
        return "truncated"
    return None if hashlib.sha256(data).hexdigest() == named.sha256 else "changed"
