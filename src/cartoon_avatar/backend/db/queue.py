"""The queue of jobs: whose turn is next, which process works on what, and how that ends.

A job is ``queued`` until a process claims it, then ``running`` under that claim for as long as its
lease is renewed, and in the end ``succeeded``, ``failed`` or ``canceled``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    Connection,
    String,
    bindparam,
    delete,
    false,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.jobs import (
    UNCLAIMED,
    UNFINISHED,
    all_jobs,
    first_job,
    job_with_key,
    jobs_by_id,
    notify,
)
from cartoon_avatar.backend.db.tables import Job, JobState, Milliseconds, jobs

# A lease is renewed while its job is carried out; one whose process died lapses this soon.
LEASE_MS = 10_000


class _now_ms(FunctionElement[int]):  # noqa: N801 (reads as SQL's own functions do)
    """The database's clock, in milliseconds since 1970: one for all processes."""

    type = BigInteger()
    inherit_cache = True


@compiles(_now_ms, "sqlite")
def _sqlite_now(element: Any, compiler: Any, **options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(_now_ms, "postgresql")
def _postgres_now(element: Any, compiler: Any, **options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


_NOW: sqlalchemy.ColumnElement[int] = _now_ms()
_UNTIL = sqlalchemy.type_coerce(_NOW + LEASE_MS, BigInteger)
_LEASE = sqlalchemy.type_coerce(jobs.c.lease_until, BigInteger)
_QUEUED = jobs.c.state == "queued"
# One that was put back for later has a lease that nobody holds.
_DUE = _QUEUED & (_LEASE.is_(None) | (_LEASE < _NOW))


_CLAIMED_BY_US = jobs.c.id == bindparam("job"), jobs.c.claim == bindparam("by")
_LEASED = update(jobs).where(*_CLAIMED_BY_US).values(lease_until=_UNTIL)


def lease(connection: Connection, job: Job) -> None:
    """Start the lease of a job that was added with a claim."""
    connection.execute(_LEASED, {"job": job.id, "by": job.claim})


_TURN = jobs.c.turn
_OWN_TURNS = select(func.max(_TURN)).where(
    jobs.c.device_id == bindparam("of"),
    jobs.c.state.in_(UNFINISHED),
    jobs.c.engine == bindparam("engine"),
)
_ROUND = select(func.min(_TURN)).where(_QUEUED, jobs.c.engine == bindparam("engine"))
_LAST_ROUND = select(func.max(_TURN)).where(
    jobs.c.state == "running", jobs.c.engine == bindparam("engine")
)


def next_turn(connection: Connection, device_id: str, engine: str) -> int:
    """The round of an engine's queue in which the device has its next turn.

    Start-time fair queueing (Goyal, Vin and Cheng 1996) with jobs of equal length: the round that
    is being served, or the one after the device's last. So devices take turns, the one that asks
    for most waits for itself, and the next job is the first of an index.
    """
    wanted = {"of": device_id, "engine": engine}
    current = connection.scalar(_ROUND, wanted)
    if current is None:
        current = connection.scalar(_LAST_ROUND, wanted) or 0
    own = connection.scalar(_OWN_TURNS, wanted)
    return current if own is None else max(current, own + 1)


_QUEUE = (
    select(jobs.c.id)
    .where(_QUEUED, jobs.c.engine == bindparam("engine"))
    .order_by(jobs.c.turn, jobs.c.id)
)


def waiting_for(connection: Connection, engine: str) -> list[str]:
    """Ids of the jobs that wait for an engine, the next first."""
    return list(connection.scalars(_QUEUE, {"engine": engine}))


_AHEAD = select(func.count()).where(
    _QUEUED,
    jobs.c.engine == bindparam("engine"),
    tuple_(jobs.c.turn, jobs.c.id)
    < tuple_(bindparam("turn", type_=BigInteger), bindparam("id", type_=String)),
)


def jobs_ahead_of(connection: Connection, job: Job) -> int:
    return connection.scalar(_AHEAD, {"engine": job.engine, "turn": job.turn, "id": job.id}) or 0


# Steps along the index from one engine to the next, past the jobs of each.
_WAITED_FOR = text(
    "WITH RECURSIVE waited_for(engine) AS ("
    " SELECT min(engine) FROM jobs WHERE state = 'queued'"
    " UNION ALL"
    " SELECT (SELECT min(jobs.engine) FROM jobs WHERE jobs.state = 'queued'"
    " AND jobs.engine > waited_for.engine) FROM waited_for WHERE waited_for.engine IS NOT NULL"
    ") SELECT engine FROM waited_for WHERE engine IS NOT NULL"
)


def engines_waited_for(connection: Connection) -> list[str]:
    return list(connection.scalars(_WAITED_FOR))


_NEXT = (
    select(jobs.c.id)
    .where(_DUE, jobs.c.engine == bindparam("of_engine"))
    .order_by(jobs.c.turn, jobs.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(jobs)
    .where(jobs.c.id == _NEXT.scalar_subquery(), _QUEUED)
    .values(
        state="running",
        claim=bindparam("by"),
        lease_until=_UNTIL,
        attempts=jobs.c.attempts + 1,
        started_at=func.coalesce(jobs.c.started_at, bindparam("now", type_=Milliseconds)),
    )
    .returning(jobs)
)


def claim_next(connection: Connection, engine: str, claim: str, now: datetime) -> Job | None:
    """The job whose turn it is, now running under ``claim``; None where none is due."""
    claimed = first_job(connection, _CLAIM, {"of_engine": engine, "by": claim, "now": now})
    if claimed is not None:
        notify(connection, claimed.id)
    return claimed


def renew(connection: Connection, claims: Sequence[str]) -> dict[str, bool]:
    """Renew leases; returns the claims still held, and whether their job is to be cancelled."""
    renewed = connection.execute(
        update(jobs)
        .where(jobs.c.state == "running", jobs.c.claim.in_(claims))
        .values(lease_until=_UNTIL)
        .returning(jobs.c.claim, jobs.c.cancel_asked)
    )
    return {row.claim: row.cancel_asked for row in renewed}


def may_be_requested_again(connection: Connection, job: Job) -> bool:
    """Whether the AI service may be sent the request of a job again whose claim was lost: the job
    is queued or taken over, or its process was taken for dead and the device repeats the key.
    Otherwise it was deleted with its device."""
    if jobs_by_id(connection, [job.id]):
        return True
    if job.key is None:
        return False
    if job_with_key(connection, job.device_id, job.key) is not None:
        return True
    device = queries.device_of(connection, job.device_id)
    return not job.accepted and device is not None and device.created_at <= job.created_at


def note_progress(
    connection: Connection, job: Job, stage: str | None, progress: float | None
) -> None:
    held = _held(job)
    connection.execute(update(jobs).where(*held).values(stage=stage, progress=progress))
    notify(connection, job.id)


def ask_to_cancel(connection: Connection, job: Job) -> bool:
    """Of a running job; False where it has ended meanwhile."""
    updated = connection.execute(
        update(jobs).where(jobs.c.id == job.id, jobs.c.state == "running").values(cancel_asked=True)
    )
    notify(connection, job.id)
    return updated.rowcount == 1


def succeed(connection: Connection, job: Job, now: datetime, **came_of_it: Any) -> bool:
    """In the transaction that adds the result's rows; False where the claim is lost or the job is
    to be cancelled, and then nothing of it may be committed."""
    settled = connection.execute(
        update(jobs)
        .where(*_held(job), jobs.c.cancel_asked == false())
        .values(**UNCLAIMED, state="succeeded", photo_path=None, finished_at=now, **came_of_it)
    )
    notify(connection, job.id)
    return settled.rowcount == 1


def end(
    connection: Connection, job: Job, state: JobState, now: datetime, error: str | None
) -> str | None:
    """End a job as failed or cancelled, under the claim or in the queue where ``job`` was read.

    Its key is free again. Returns the photo that is to be deleted, if the job had one.
    """
    held = _held(job) if job.state == "running" else (jobs.c.id == job.id, _QUEUED)
    ended = connection.execute(
        update(jobs)
        .where(*held)
        .values(**UNCLAIMED, state=state, key=None, photo_path=None, finished_at=now, error=error)
    )
    notify(connection, job.id)
    return job.photo_path if ended.rowcount == 1 else None


def put_back(
    connection: Connection, job: Job, *, counts: bool, pause: timedelta = timedelta(0)
) -> None:
    """Queue a job again at its old place, where others overtake it until the ``pause`` is over;
    unless it ``counts``, the attempt was none."""
    values = {**UNCLAIMED, "state": "queued"}
    if not counts:
        values["attempts"] = jobs.c.attempts - 1
    if pause:
        pause_ms = pause // timedelta(milliseconds=1)
        values["lease_until"] = sqlalchemy.type_coerce(_NOW + pause_ms, BigInteger)
    connection.execute(update(jobs).where(*_held(job)).values(**values))
    notify(connection, job.id)


def forget_job(connection: Connection, job: Job) -> bool:
    """Remove a running job that no client knows of, under its claim; False for an accepted one."""
    gone = connection.execute(delete(jobs).where(*_held(job), jobs.c.accepted == false()))
    return gone.rowcount == 1


def remove_outlived(
    connection: Connection, device_id: str, key: str, created_before: datetime
) -> None:
    """Free the key of a job that is a day old, or of a request whose process is gone."""
    gone = (jobs.c.accepted == false()) & (jobs.c.state == "running") & (_LEASE < _NOW)
    old = jobs.c.state.not_in(UNFINISHED) & (jobs.c.created_at < created_before)
    connection.execute(
        delete(jobs).where(jobs.c.device_id == device_id, jobs.c.key == key, gone | old)
    )


_OLD = (
    select(jobs)
    .where(_QUEUED, jobs.c.created_at < bindparam("before", type_=Milliseconds))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


def queued_before(connection: Connection, created_before: datetime, limit: int) -> list[Job]:
    """Queued jobs that were created long ago, locked."""
    return all_jobs(connection, _OLD, {"before": created_before, "most": limit})


_LAPSED = (
    select(jobs)
    .where(jobs.c.state == "running", _LEASE < _NOW)
    .limit(100)
    .with_for_update(skip_locked=True)
)
_ANY_LAPSED = select(jobs.c.id).where(jobs.c.state == "running", _LEASE < _NOW).limit(1)


def any_lapsed(connection: Connection) -> bool:
    return connection.scalar(_ANY_LAPSED) is not None


def lapsed_jobs(connection: Connection) -> list[Job]:
    """Running jobs whose process did not renew their lease, locked."""
    return all_jobs(connection, _LAPSED)


def _held(job: Job) -> tuple[sqlalchemy.ColumnElement[bool], ...]:
    return jobs.c.id == job.id, jobs.c.claim == job.claim, jobs.c.state == "running"
