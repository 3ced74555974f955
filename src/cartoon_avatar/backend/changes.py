"""Notifies listeners in this process of changes to jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Call ``announce`` after a commit. Commits of other processes arrive by ``LISTEN`` on
    PostgreSQL, and by polling on other databases.

    ``progress`` has stage and share of the jobs that run in this process, newer than the stored
    ones.
    """

    def __init__(self) -> None:
        self.progress: dict[str, tuple[str, float | None]] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._progress_listeners: list[Callable[[str], None]] = []

    def listen(
        self,
        on_change: Callable[[str], None],
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        """Call them with the id of each job that changes."""
        self._listeners.append(on_change)
        if on_progress is not None:
            self._progress_listeners.append(on_progress)

    def announce(self, job_id: str) -> None:
        for listener in self._listeners:
            listener(job_id)

    def report(self, job_id: str, stage: str, progress: float | None) -> None:
        self.progress[job_id] = stage, progress
        for listener in self._progress_listeners:
            listener(job_id)


async def set_within(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait until ``event`` is set, for ``timeout_s`` at most; whether it is."""
    # Not wait_for, which before Python 3.12 forgets a cancellation that comes with the event.
    try:
        async with asyncio.timeout(timeout_s):
            return await event.wait()
    except TimeoutError:
        return False
