"""Room for one more picture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.errors import InsufficientStorage, TooManyCartoons
from cartoon_avatar.backend.flows.sweep import sweep_expired
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.storage.protocol import Storage
from cartoon_avatar.problems import AvatarError


async def make_room(
    database: Database, storage: Storage, settings: BackendSettings, *, device_id: str
) -> None:
    """Refuse early what could not be kept; expired cartoons are swept before giving up."""
    async with database.reading() as session:
        cartoons = await queries.live_cartoon_count(session, device_id)
    if cartoons >= settings.max_live_cartoons:
        raise TooManyCartoons(settings.max_live_cartoons)
    if await _is_short(storage, settings):
        await sweep_expired(database, storage, settings)
        if await _is_short(storage, settings):
            raise InsufficientStorage


async def _is_short(storage: Storage, settings: BackendSettings) -> bool:
    free_bytes = await storage.free_bytes()
    return free_bytes is not None and free_bytes < settings.min_free_bytes


@asynccontextmanager
async def discarding(storage: Storage) -> AsyncIterator[list[str]]:
    """Collects keys of new files, and removes them where a refusal ends the block.

    After any other failure the row may have been committed for all we know; then the
    sweeper decides, once the files are old enough to be unowned for sure.
    """
    keys: list[str] = []
    try:
        yield keys
    except AvatarError:
        await storage.delete(keys)
        raise
