"""Runs jobs: those of the queue in their turn, and those that requests wait for."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from cartoon_avatar.backend.ai.requests import Turn
from cartoon_avatar.backend.changes import set_within
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queue
from cartoon_avatar.backend.db.session import is_busy
from cartoon_avatar.backend.db.tables import Job
from cartoon_avatar.backend.errors import (
    AiBusy,
    AiUnavailable,
    DatabaseBusy,
    GenerationFailed,
    JobCanceled,
    RequestRunning,
    StorageUnavailable,
)
from cartoon_avatar.backend.flows.attempt import Attempt
from cartoon_avatar.backend.flows.devices import Caller
from cartoon_avatar.backend.flows.job_ends import abandon, end, put_back, recover, settle
from cartoon_avatar.backend.flows.job_rows import (
    JobRequest,
    Result,
    ai_key,
    job_request_of,
    new_claim,
)
from cartoon_avatar.backend.flows.jobs import carry_out
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage.protocol import FileMissing
from cartoon_avatar.contract.errors import AvatarError

log = structlog.get_logger()

T = TypeVar("T")
# Polling interval, for changes that no notification announced.
_POLL_S = 2
# How often progress is stored for other processes; this process has it at once.
_PROGRESS_S = 1
_RENEWAL_S = 3
# Grace for running jobs at shutdown; then they are queued again for other processes, which may
# take so long. Together less than the server leaves its worker.
_GRACE_S = 5
_PUTTING_BACK_S = 8
# Pause after a transient error.
_PAUSE_S = 1
_LONGEST_PAUSE_S = 5
_TRANSIENT = (AiUnavailable, DatabaseBusy, StorageUnavailable)
# Errors that no job causes, so the attempt does not count. AiUnavailable is none of them: a job
# may crash the AI service.
_NO_ATTEMPT = (AiBusy, DatabaseBusy, StorageUnavailable)


@dataclass(slots=True, eq=False)
class _Running:
    job: Job
    attempt: Attempt
    task: asyncio.Task[Any]
    # Progress as last stored.
    noted: tuple[str, float | None] | None = None


class Runner:
    """One in each process. It claims no more jobs of an engine than the engine can draw at once:
    the others stay in the queue, where devices take turns."""

    def __init__(self, backend: State) -> None:
        self._backend = backend
        self._by_claim: dict[str, _Running] = {}
        self._wake = asyncio.Event()
        self._renew_now = asyncio.Event()
        # By engine that had no place: when it is tried again (time.monotonic).
        self._paused_until: dict[str, float] = {}
        # Whether the AI service or the storage was unreachable at the last request.
        self._ai_unreachable = self._storage_unreachable = False
        self._stopping = False
        # Held while a job is claimed, until it is among the running ones.
        self._claiming = asyncio.Lock()
        backend.changes.listen(self._on_change)

    async def run(self) -> None:
        """Claim jobs and renew their leases until cancelled."""
        renewing = asyncio.create_task(self._renew_leases())
        try:
            while True:
                self._wake.clear()
                pause_s: float = _POLL_S
                try:
                    if await self._backend.database.read(queue.any_lapsed):
                        await recover(self._backend)
                    pause_s = await self._claim_what_can_be_drawn()
                except Exception as error:  # noqa: BLE001 (it is logged, and tried again)
                    _log_unless_transient("jobs_not_claimed", error)
                    pause_s = _PAUSE_S
                await set_within(self._wake, pause_s)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    def stop_claiming(self) -> None:
        self._stopping = True

    async def stop(self) -> None:
        """Let running jobs finish within the grace; queue the others again."""
        self.stop_claiming()
        async with self._claiming:  # or a job that is being claimed would stay with nobody
            tasks = [running.task for running in self._by_claim.values()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=_GRACE_S)
        for running in self._by_claim.values():
            running.attempt.cancel()
        if late:
            await asyncio.wait(late, timeout=_PUTTING_BACK_S)

    def carry_out(self, job: Job, caller: Caller, job_request: JobRequest) -> asyncio.Task[Result]:
        """Run a job that a request has claimed; it goes on when the request is gone."""
        attempt = self._attempt_at(job)
        work = self._for_request(job, attempt, caller, job_request)
        return self._start(job, attempt, work)

    def _on_change(self, job_id: str) -> None:
        self._wake.set()
        if any(running.job.id == job_id for running in self._by_claim.values()):
            self._renew_now.set()  # renewing returns whether the job is to be cancelled

    async def _claim_what_can_be_drawn(self) -> float:
        """Returns the seconds after which to look again, unless something happens before."""
        database, ai = self._backend.database, self._backend.ai
        waited_for = await database.read(queue.engines_waited_for)
        if waited_for and self._ai_unreachable:
            if not await ai.is_ready():
                return _PAUSE_S
            self._ai_unreachable = False
        if waited_for and self._storage_unreachable:
            await self._backend.storage.check()  # raises until it answers again
            self._storage_unreachable = False
        for engine in waited_for:
            while await self._claim_next(engine):
                pass
        now = time.monotonic()
        pauses = [self._paused_until.get(engine, 0) - now for engine in waited_for]
        return min([_POLL_S, *(pause_s for pause_s in pauses if pause_s > 0)])

    async def _claim_next(self, engine: str) -> bool:
        """Begin the next job of an engine; False where there is none, or no place for it."""
        async with self._claiming:
            if not self._has_place(engine):
                return False
            claim = partial(queue.claim_next, engine=engine, claim=new_claim(), now=utc_now())
            job = await self._backend.database.write(claim)
            if job is not None:
                self._carry_out_queued(job)
            return job is not None

    def _has_place(self, engine: str) -> bool:
        if self._stopping or time.monotonic() < self._paused_until.get(engine, 0):
            return False
        at_work = Counter(running.job.engine for running in self._by_claim.values())
        return at_work[engine] < self._backend.ai.places(engine)

    def _carry_out_queued(self, job: Job) -> None:
        attempt = self._attempt_at(job, partial(self._backend.changes.report, job.id))
        self._start(job, attempt, self._for_queue(job, attempt))
        self._backend.changes.announce(job.id)

    def _attempt_at(self, job: Job, report: Any = None) -> Attempt:
        until = self._backend.ai.deadline(job.engine)
        key = ai_key(job) if job.kind != "download" else None
        turn = Turn(job.device_id, until, queued=report is not None, report=report, key=key)

        def settle_it(connection: Connection, result: Result) -> None:
            settle(connection, job, result)

        cancel_drawing = None if key is None else partial(self._backend.ai.cancel, key)
        return Attempt(turn, settle_it, cancel_drawing)

    def _start(self, job: Job, attempt: Attempt, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        assert job.claim is not None
        task = asyncio.create_task(work)
        running = _Running(job, attempt, task)
        self._by_claim[job.claim] = running
        task.add_done_callback(partial(self._ended, running))
        return task

    def _ended(self, running: _Running, task: asyncio.Task[Any]) -> None:
        assert running.job.claim is not None
        del self._by_claim[running.job.claim]
        self._backend.changes.progress.pop(running.job.id, None)
        if not task.cancelled():
            task.exception()  # retrieved: the request raises it, if it is still there
        self._backend.changes.announce(running.job.id)

    async def _for_request(
        self, job: Job, attempt: Attempt, caller: Caller, job_request: JobRequest
    ) -> Result:
        try:
            return await carry_out(self._backend, caller, job_request, attempt)
        except BaseException as error:
            with suppress(Exception):  # its lease lapses anyway
                await abandon(self._backend, job, error)
            raise

    async def _for_queue(self, job: Job, attempt: Attempt) -> None:
        # In place of the request id, which the AI service logs too.
        structlog.contextvars.bind_contextvars(request_id=f"job-{job.id}")
        self._backend.metrics.job_attempts.labels(job.engine).inc()
        try:
            try:
                job_request = await job_request_of(self._backend, job)
                await carry_out(self._backend, Caller(job.device_id, 0), job_request, attempt)
            except (JobCanceled, RequestRunning):
                await put_back(self._backend, job, counts=False)
            except _TRANSIENT as error:
                self._pause(job.engine, error)
                await put_back(
                    self._backend,
                    job,
                    counts=not isinstance(error, _NO_ATTEMPT),
                    # It may be this photo alone that the storage refuses.
                    later=isinstance(error, StorageUnavailable),
                )
            except AvatarError as error:
                await end(self._backend, job, "failed", error)
            except FileMissing:
                log.error("job_photo_missing")
                await end(self._backend, job, "failed", GenerationFailed())
            except Exception as error:  # noqa: BLE001 (it is logged, and tried again)
                _log_unless_transient("job_attempt_failed", error)
                self._pause(job.engine, error)
                await put_back(self._backend, job, counts=True)
        except Exception as error:  # noqa: BLE001 (it is logged, and tried again)
            # Its lease lapses, and another process takes it up.
            _log_unless_transient("job_not_put_back", error)

    def _pause(self, engine: str, error: Exception) -> None:
        self._ai_unreachable |= isinstance(error, AiUnavailable)
        self._storage_unreachable |= isinstance(error, StorageUnavailable)
        wait_s = error.retry_after_s if isinstance(error, AiBusy) else None
        pause_s = min(wait_s or _PAUSE_S, _LONGEST_PAUSE_S)
        self._paused_until[engine] = time.monotonic() + pause_s

    async def _renew_leases(self) -> None:
        renewed_at = time.monotonic()
        while True:
            await set_within(self._renew_now, _PROGRESS_S)
            is_due = time.monotonic() - renewed_at >= _RENEWAL_S or self._renew_now.is_set()
            self._renew_now.clear()
            try:
                await self._note_progress()
                if is_due and self._by_claim:
                    renewed_at = time.monotonic()
                    await self._renew()
            except Exception as error:  # noqa: BLE001 (it is logged, and tried again)
                _log_unless_transient("leases_not_renewed", error)

    async def _note_progress(self) -> None:
        known = self._backend.changes.progress
        new = [
            (running, known[running.job.id])
            for running in self._by_claim.values()
            if known.get(running.job.id) != running.noted
        ]
        if not new:
            return

        def note(connection: Connection) -> None:
            for running, (stage, progress) in new:
                queue.note_progress(connection, running.job, stage, progress)

        await self._backend.database.write(note)
        for running, progress in new:
            running.noted = progress

    async def _renew(self) -> None:
        claims = list(self._by_claim)
        held = await self._backend.database.write(partial(queue.renew, claims=claims))
        for claim in claims:
            running = self._by_claim.get(claim)
            # Its claim was lost, it has finished, or it was cancelled; a commit is not interrupted.
            if running is not None and held.get(claim, True):
                is_wanted = partial(queue.may_be_requested_again, job=running.job)
                for_good = held.get(claim, False) or not await self._backend.database.read(
                    is_wanted
                )
                running.attempt.cancel(for_good=for_good)


def _log_unless_transient(event: str, error: Exception) -> None:
    if isinstance(error, (*_TRANSIENT, TimeoutError)) or is_busy(error):
        log.warning(event, reason=type(error).__name__)
    else:
        log.exception(event)
