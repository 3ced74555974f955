"""Reads the file that a row names."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from cartoon_avatar.backend.errors import NotFound
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage.protocol import FileMissing
from cartoon_avatar.http.request_log import stage


async def fetched(backend: State, key: str, find: Callable[[Connection], object | None]) -> bytes:
    """The file under ``key``, which is named by the row that ``find`` reads.

    Raises NotFound where the row was deleted meanwhile, FileMissing where it is still there.
    """
    with stage("fetch"):
        try:
            return await backend.storage.get(key)
        except FileMissing as error:
            if await backend.database.read(find) is None:
                raise NotFound from error
            raise
