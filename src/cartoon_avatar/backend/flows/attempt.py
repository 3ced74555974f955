"""One cancellable attempt at what a POST asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.client import Turn
from cartoon_avatar.backend.errors import JobCanceled

T = TypeVar("T")
# Stores the outcome, in the transaction that adds its rows.
Settle = Callable[[Connection, Any], None]


def _settle_nothing(connection: Connection, result: object) -> None:
    pass


class Attempt:
    """``turn`` is its request to the AI service. It can be cancelled until it is committed; while
    the AI service works, cancelling closes the connection to it."""

    def __init__(self, turn: Turn, settle: Settle = _settle_nothing) -> None:
        self.turn = turn
        self.settle = settle
        self._canceled = False
        self._asking: asyncio.Future[Any] | None = None

    def cancel(self) -> None:
        self._canceled = True
        if self._asking is not None:
            self._asking.cancel()

    def require_wanted(self) -> None:
        """Raise JobCanceled where it has been cancelled: a safe point."""
        if self._canceled:
            raise JobCanceled

    async def ask(self, asking: Coroutine[Any, Any, T]) -> T:
        """What the AI service answers. Raises JobCanceled."""
        if self._canceled:
            asking.close()
            raise JobCanceled
        self._asking = asyncio.ensure_future(asking)
        try:
            return await self._asking
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._canceled and not (task and task.cancelling()):
                raise JobCanceled from None
            raise
        finally:
            self._asking = None
