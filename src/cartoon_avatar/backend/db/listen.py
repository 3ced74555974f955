"""Notifications of other processes on PostgreSQL, by LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from cartoon_avatar.backend.db.session import Database, Postgres, apart

log = structlog.get_logger()

_AGAIN_S = 2
# A connection that died silently is found out by a query this often.
_STILL_THERE_S = 30


async def listen(database: Database, channel: str, on_notify: Callable[[str], None]) -> None:
    """Call ``on_notify`` with every payload until cancelled, by one connection of its own that is
    opened again when it is lost; with another database it returns at once."""
    if not isinstance(database, Postgres):
        return

    def notified(connection: object, process_id: int, channel: str, payload: str) -> None:
        on_notify(payload)

    while True:
        try:
            async with apart(database) as connection:
                await connection.add_listener(channel, notified)
                await _until_lost(connection)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is opened again)
            log.warning("not_listening", reason=type(error).__name__)
        await asyncio.sleep(_AGAIN_S)


async def _until_lost(connection: Any) -> None:
    """Return, or raise, once the connection is closed or does not answer any more."""
    lost = asyncio.Event()

    def ended(connection: object) -> None:
        lost.set()

    connection.add_termination_listener(ended)
    while not lost.is_set():
        try:
            async with asyncio.timeout(_STILL_THERE_S):
                await lost.wait()
        except TimeoutError:
            await connection.execute("SELECT 1", timeout=_STILL_THERE_S)
