"""Files that are stored before their rows are committed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cartoon_avatar.backend.storage.protocol import Storage
from cartoon_avatar.contract.errors import AvatarError


@asynccontextmanager
async def discarding(storage: Storage) -> AsyncGenerator[list[str]]:
    """Collect the keys of new files in a list, and delete those files where an expected error ends
    the block.

    After any other error the row may have been committed; then the sweeper decides, once the
    files are past their grace.
    """
    keys: list[str] = []
    try:
        yield keys
    except AvatarError:
        await storage.delete(keys)
        raise
