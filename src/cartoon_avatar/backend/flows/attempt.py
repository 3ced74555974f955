"""One cancellable attempt at the work of a POST request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.requests import Turn
from cartoon_avatar.backend.errors import JobCanceled

T = TypeVar("T")
# Stores the outcome, in the transaction that adds its rows.
Settle = Callable[[Connection, Any], None]


def _settle_nothing(connection: Connection, result: object) -> None:
    pass


class Attempt:
    """``turn`` is its request to the AI service. It can be cancelled until it is committed; while
    the AI service works, cancelling closes the connection to it. ``cancel_drawing`` is called where
    the same will not be requested again."""

    def __init__(
        self,
        turn: Turn,
        settle: Settle = _settle_nothing,
        cancel_drawing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.turn = turn
        self.settle = settle
        self._cancel_drawing = cancel_drawing
        self._canceled = False
        self._for_good = False
        self._asking: asyncio.Future[Any] | None = None

    def cancel(self, *, for_good: bool = False) -> None:
        """``for_good``: it will not be attempted again, here or elsewhere."""
        self._canceled = True
        self._for_good = self._for_good or for_good
        if self._asking is not None:
            self._asking.cancel()

    def require_wanted(self) -> None:
        """Raise JobCanceled where it has been cancelled: a safe point."""
        if self._canceled:
            raise JobCanceled

    async def ask(self, asking: Coroutine[Any, Any, T]) -> T:
        """The result of a request to the AI service. Raises JobCanceled."""
        if self._canceled:
            asking.close()
            raise JobCanceled
        self._asking = asyncio.ensure_future(asking)
        try:
            return await self._asking
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._canceled and not (task and task.cancelling()):
                if self._for_good and self._cancel_drawing is not None:
                    await self._cancel_drawing()
                raise JobCanceled from None
            raise
        finally:
            self._asking = None
