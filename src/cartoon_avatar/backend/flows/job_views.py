"""Jobs as their device sees them, and waiting for them without a thread or a connection each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
from sqlalchemy import Connection

from cartoon_avatar.backend.changes import set_within
from cartoon_avatar.backend.db import jobs, queue
from cartoon_avatar.backend.db.session import is_busy
from cartoon_avatar.backend.db.tables import Job, JobState
from cartoon_avatar.backend.errors import DatabaseBusy, NotFound
from cartoon_avatar.backend.flows.job_rows import Result, result_of
from cartoon_avatar.backend.flows.listing import Page, cursor_of, position_in
from cartoon_avatar.backend.state import State

log = structlog.get_logger()

# Polling interval, for changes that no notification announced.
_POLL_S = 2
# How often waiting clients are sent their position: each move of a long queue changes the
# position of every job in it.
_POSITIONS_S = 5
_BATCH = 500
# Events of a thousand clients in one go would keep everything else waiting for 0.2 s.
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class View:
    """``position`` counts from 1, the next to be drawn; only a queued job has one. ``result`` is
    None of a job that has none, or none any more."""

    job: Job
    position: int | None
    result: Result | None


def view_in(connection: Connection, backend: State, job: Job) -> View:
    if job.state == "queued":
        return View(job, queue.jobs_ahead_of(connection, job) + 1, None)
    if job.state == "succeeded":
        return View(job, None, result_of(connection, backend, job))
    return View(_with_progress(backend, job), None, None)


def _with_progress(backend: State, job: Job) -> Job:
    """``job`` with the progress that this process knows, which is newer than the stored one."""
    known = backend.changes.progress.get(job.id)
    if job.state != "running" or known is None:
        return job
    return replace(job, stage=known[0], progress=known[1])


async def view_of(backend: State, *, device_id: str, job_id: str) -> View:
    """Raises NotFound."""

    def read_rows(connection: Connection) -> View:
        job = jobs.job_of(connection, device_id, job_id)
        if job is None:
            raise NotFound
        return view_in(connection, backend, job)

    return await backend.database.read(read_rows)


async def list_jobs(
    backend: State, *, device_id: str, state: JobState | None, cursor: str | None, limit: int
) -> Page[View]:
    after = None if cursor is None else position_in(cursor)

    def read_rows(connection: Connection) -> Page[View]:
        # One more than asked for tells whether there is a next page.
        found = jobs.jobs_of(connection, device_id, state, after, limit + 1)
        page = found[:limit]
        last = page[-1] if len(found) > limit else None
        views = [view_in(connection, backend, job) for job in page]
        return Page(views, None if last is None else cursor_of(last.created_at, last.id))

    return await backend.database.read(read_rows)


@dataclass(eq=False, slots=True)
class Watch:
    """``job``, ``position`` and ``result`` are the last known; ``changed`` is set when they change.
    ``job`` is None once the job is gone."""

    job: Job | None
    position: int | None
    result: Result | None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self, timeout_s: float) -> bool:
        """Whether something changed within ``timeout_s``."""
        changed = await set_within(self.changed, timeout_s)
        if changed:
            self.changed.clear()
        return changed


class Watcher:
    """One in each process. Reads changed jobs for all waiting clients, at once when a change is
    announced, and polls all of them every ``_POLL_S``."""

    def __init__(self, backend: State) -> None:
        self._backend = backend
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self.is_stopping = False
        backend.changes.listen(self._on_change, self._on_progress)

    def stop(self) -> None:
        """Release every waiting client: the process is about to end."""
        self.is_stopping = True
        for watches in self._watches.values():
            for watch in watches:
                watch.changed.set()

    @contextlib.contextmanager
    def watching(self, view: View) -> Generator[Watch]:
        job_id = view.job.id
        watch = Watch(view.job, view.position, view.result)
        self._watches[job_id].add(watch)
        # It may have changed between being read and being watched.
        self._on_change(job_id)
        try:
            yield watch
        finally:
            self._watches[job_id].discard(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    async def finished(self, view: View, timeout_s: float) -> None:
        """Return when the job has ended or is gone, or after ``timeout_s``."""
        until = time.monotonic() + timeout_s
        with self.watching(view) as watch:
            while watch.job is not None and not (watch.job.is_finished or self.is_stopping):
                left_s = until - time.monotonic()
                if left_s <= 0 or not await watch.next(left_s):
                    return

    async def run(self) -> None:
        """Until cancelled."""
        polled_at = positions_sent_at = time.monotonic()
        while True:
            await set_within(self._wake, _POLL_S)
            self._wake.clear()
            now = time.monotonic()
            ids = list(self._changed)
            self._changed.clear()
            if now - polled_at >= _POLL_S:
                polled_at, ids = now, list(self._watches)
            try:
                await self._refresh(ids)
                if now - positions_sent_at >= _POSITIONS_S:
                    positions_sent_at = now
                    await self._refresh_positions()
            except Exception as error:
                self._changed.update(ids)
                if not (isinstance(error, DatabaseBusy | TimeoutError) or is_busy(error)):
                    log.exception("jobs_not_read")
                await asyncio.sleep(1)

    def _on_change(self, job_id: str) -> None:
        if job_id in self._watches:
            self._changed.add(job_id)
            self._wake.set()

    def _on_progress(self, job_id: str) -> None:
        for watch in self._watches.get(job_id, ()):
            if watch.job is not None:
                watch.job = _with_progress(self._backend, watch.job)
                watch.changed.set()

    async def _refresh(self, ids: list[str]) -> None:
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            found = await self._backend.database.read(partial(self._read, ids=batch))
            for job_id in batch:
                job, result = found.get(job_id, (None, None))
                self._notify(job_id, job, result)

    def _read(self, connection: Connection, ids: list[str]) -> dict[str, tuple[Job, Result | None]]:
        """The jobs, with the results of those that have succeeded."""
        backend = self._backend
        return {
            job.id: (
                _with_progress(backend, job),
                result_of(connection, backend, job) if job.state == "succeeded" else None,
            )
            for job in jobs.jobs_by_id(connection, ids)
        }

    def _notify(self, job_id: str, job: Job | None, result: Result | None) -> None:
        for watch in self._watches.get(job_id, ()):
            if _visible(watch.job) != _visible(job):
                if job is None or job.state != "queued":
                    watch.position = None
                watch.job, watch.result = job, result
                watch.changed.set()

    async def _refresh_positions(self) -> None:
        waiting = [
            (watch, watch.job)
            for watches in self._watches.values()
            for watch in watches
            if watch.job is not None and watch.job.state == "queued"
        ]
        for engine in {job.engine for _, job in waiting}:
            in_turn = await self._backend.database.read(partial(queue.waiting_for, engine=engine))
            positions = {job_id: position for position, job_id in enumerate(in_turn, start=1)}
            for number, (watch, job) in enumerate(waiting, start=1):
                position = positions.get(job.id)
                if job.engine == engine and position is not None and position != watch.position:
                    watch.position = position
                    watch.changed.set()
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)


def _visible(job: Job | None) -> tuple[object, ...] | None:
    if job is None:
        return None
    return job.state, job.stage, job.progress, job.attempts, job.cancel_asked
