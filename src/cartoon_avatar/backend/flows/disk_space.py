"""Room on the disk for one more picture."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from anyio import to_thread

from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.errors import InsufficientStorage
from cartoon_avatar.backend.flows.sweep import sweep_expired
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.storage.protocol import Storage

_BALLAST = "ballast"
_BALLAST_BYTES = 1_000_000


async def require_space(database: Database, storage: Storage, settings: BackendSettings) -> None:
    """Raise InsufficientStorage early; expired cartoons are swept before giving up."""
    if await _is_short(storage, settings):
        await sweep_expired(database, storage, settings)
        if await _is_short(storage, settings):
            raise InsufficientStorage


async def _is_short(storage: Storage, settings: BackendSettings) -> bool:
    free_bytes = await storage.free_bytes()
    return free_bytes is not None and free_bytes < settings.min_free_bytes


@asynccontextmanager
async def room_to_delete(data_dir: Path) -> AsyncGenerator[None]:
    """Deleting needs a little room too: a database grows before it shrinks.

    On a full disk the ballast is given up for as long as that takes.
    """
    is_full = (await to_thread.run_sync(shutil.disk_usage, data_dir)).free < _BALLAST_BYTES
    if not is_full:
        yield
        return
    await to_thread.run_sync(partial((data_dir / _BALLAST).unlink, missing_ok=True))
    try:
        yield
    finally:
        await to_thread.run_sync(take_ballast, data_dir)


def take_ballast(data_dir: Path) -> None:
    """Write the ballast file for ``room_to_delete``, unless it exists or the disk is full."""
    ballast = data_dir / _BALLAST
    try:
        # Random bytes, since some file systems store zeros as holes.
        with open(ballast, "xb") as file:
            file.write(os.urandom(_BALLAST_BYTES))
    except FileExistsError:
        return
    except OSError:
        ballast.unlink(missing_ok=True)
