"""Drawings under way at a provider. They may outlive the request: what has been paid for is kept
for a repeated one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.errors import DrawingCancelled

T = TypeVar("T")
# How long a drawing is kept that ended while nobody waited for it: longer than a backend takes to
# start, and its jobs' leases to lapse.
_UNCLAIMED_S = 60

# Draws. It is given a callback for progress, and one to call once the drawing is to go on although
# nobody waits for it.
Draw = Callable[[Report, Callable[[], None]], Coroutine[Any, Any, T]]


@dataclass(slots=True, eq=False)
class _Drawing(Generic[T]):
    """``is_kept``: it goes on when nobody waits for it any more."""

    task: asyncio.Future[T]
    reports: list[Report] = field(default_factory=list)
    is_kept: bool = False


class UnderWay(Generic[T]):
    """By key, those of one engine in this process."""

    def __init__(self) -> None:
        self._drawings: dict[str, _Drawing[T]] = {}

    def __bool__(self) -> bool:
        return bool(self._drawings)

    def has(self, start: str) -> bool:
        return any(key.startswith(start) for key in self._drawings)

    async def ask(self, key: str, draw: Draw[T], report: Report) -> T:
        """The drawing under ``key``, begun unless it is under way already.

        Cancelling this cancels the drawing too, unless others wait for it or it is kept. Raises
        ``DrawingCancelled`` where ``cancel`` was called.
        """
        drawing = self._drawings.get(key) or self._begun(key, draw)
        drawing.reports.append(report)
        try:
            return await asyncio.shield(drawing.task)
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if drawing.task.cancelled() and not (this and this.cancelling()):
                raise DrawingCancelled from None
            raise
        finally:
            drawing.reports.remove(report)
            if drawing.task.done():
                self._forget(key, drawing)
            elif not drawing.reports and not drawing.is_kept:
                drawing.task.cancel()
                await asyncio.wait([drawing.task])

    def _begun(self, key: str, draw: Draw[T]) -> _Drawing[T]:
        def report(stage: str, progress: float | None) -> None:
            for report_to in drawing.reports:
                report_to(stage, progress)

        def keep() -> None:
            drawing.is_kept = True

        drawing = _Drawing[T](asyncio.ensure_future(draw(report, keep)))
        drawing.task.add_done_callback(partial(self._ended, key, drawing))
        self._drawings[key] = drawing
        return drawing

    def _ended(self, key: str, drawing: _Drawing[T], task: asyncio.Future[T]) -> None:
        if drawing.reports or task.cancelled():
            self._forget(key, drawing)
        else:
            task.exception()  # retrieved: it is raised for a repeated request
            task.get_loop().call_later(_UNCLAIMED_S, self._forget, key, drawing)

    def _forget(self, key: str, drawing: _Drawing[T]) -> None:
        if self._drawings.get(key) is drawing:
            del self._drawings[key]

    def cancel(self, start: str) -> None:
        """Those whose key begins so."""
        for key, drawing in self._drawings.items():
            if key.startswith(start):
                drawing.task.cancel()

    async def end(self) -> None:
        """Cancel all."""
        tasks = [drawing.task for drawing in self._drawings.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
