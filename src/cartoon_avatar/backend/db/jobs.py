"""Queries of the jobs; each is named after its result.

A job is ``queued`` until a process claims it, then ``running`` under that claim for as long as its
lease is renewed, and in the end ``succeeded``, ``failed`` or ``canceled``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    Connection,
    Executable,
    String,
    bindparam,
    delete,
    false,
    func,
    literal,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from cartoon_avatar.backend.db.queries import added
from cartoon_avatar.backend.db.tables import Job, JobState, Milliseconds, jobs

CHANNEL = "jobs"
# A lease is renewed while its job is carried out; one whose process died lapses this soon.
LEASE_MS = 10_000
_UNFINISHED: tuple[JobState, ...] = ("queued", "running")


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

_BY_ID = select(jobs).where(jobs.c.id == bindparam("id"), jobs.c.device_id == bindparam("of"))
_BY_KEY = select(jobs).where(jobs.c.device_id == bindparam("of"), jobs.c.key == bindparam("key"))


def job_of(connection: Connection, device_id: str, job_id: str) -> Job | None:
    return _first(connection, _BY_ID, {"of": device_id, "id": job_id})


def job_with_key(connection: Connection, device_id: str, key: str) -> Job | None:
    return _first(connection, _BY_KEY, {"of": device_id, "key": key})


def jobs_of(
    connection: Connection,
    device_id: str,
    state: JobState | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Job]:
    """The device's jobs, newest first."""
    query = select(jobs).where(jobs.c.device_id == device_id)
    if state is not None:
        query = query.where(jobs.c.state == state)
    if after is not None:
        end = tuple_(literal(after[0], Milliseconds), literal(after[1], String))
        query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < end)
    query = query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
    return _all(connection, query)


def jobs_by_id(connection: Connection, ids: Sequence[str]) -> list[Job]:
    return _all(connection, select(jobs).where(jobs.c.id.in_(ids)))


_COLUMNS = jobs.columns.keys()


def add_job(connection: Connection, job: Job) -> bool:
    """False where the device has a job with this key."""
    if not added(connection, jobs, {name: getattr(job, name) for name in _COLUMNS}):
        return False
    notify(connection, job.id)
    return True


def remove_outlived(
    connection: Connection, device_id: str, key: str, created_before: datetime
) -> None:
    """Free the key of a job that is a day old, or of a request whose process is gone."""
    gone = (jobs.c.accepted == false()) & (jobs.c.state == "running") & (_LEASE < _NOW)
    old = jobs.c.state.not_in(_UNFINISHED) & (jobs.c.created_at < created_before)
    connection.execute(
        delete(jobs).where(jobs.c.device_id == device_id, jobs.c.key == key, gone | old)
    )


_CLAIMED_BY_US = jobs.c.id == bindparam("job"), jobs.c.claim == bindparam("by")
_LEASED = update(jobs).where(*_CLAIMED_BY_US).values(lease_until=_UNTIL)


def lease(connection: Connection, job: Job) -> None:
    """Start the lease of a job that was added with a claim."""
    connection.execute(_LEASED, {"job": job.id, "by": job.claim})


_TURN = jobs.c.turn
_OWN_TURNS = select(func.max(_TURN)).where(
    jobs.c.device_id == bindparam("of"),
    jobs.c.state.in_(_UNFINISHED),
    jobs.c.engine == bindparam("engine"),
)
_ROUND = select(func.min(_TURN)).where(
    jobs.c.state == "queued", jobs.c.engine == bindparam("engine")
)
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


_COUNT = select(func.count()).select_from(jobs)
_WAITING = _COUNT.where(jobs.c.state == "queued")
_OWN_UNFINISHED = _COUNT.where(jobs.c.device_id == bindparam("of"), jobs.c.state.in_(_UNFINISHED))


def waiting_jobs(connection: Connection) -> int:
    return connection.scalar(_WAITING) or 0


def unfinished_jobs(connection: Connection, device_id: str) -> int:
    return connection.scalar(_OWN_UNFINISHED, {"of": device_id}) or 0


# A walk from one engine to the next, not from job to job.
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
    .where(jobs.c.state == "queued", jobs.c.engine == bindparam("of_engine"))
    .order_by(jobs.c.turn, jobs.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(jobs)
    .where(jobs.c.id == _NEXT.scalar_subquery(), jobs.c.state == "queued")
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
    """The job whose turn it is, now running under ``claim``."""
    claimed = _first(connection, _CLAIM, {"of_engine": engine, "by": claim, "now": now})
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


def note_progress(
    connection: Connection, job: Job, stage: str | None, progress: float | None
) -> None:
    held = _held(job)
    connection.execute(update(jobs).where(*held).values(stage=stage, progress=progress))
    notify(connection, job.id)


def succeed(connection: Connection, job: Job, now: datetime, **came_of_it: Any) -> bool:
    """In the transaction that adds the result's rows; False where the claim is lost or the job is
    to be cancelled, and then nothing of it may be committed."""
    settled = connection.execute(
        update(jobs)
        .where(*_held(job), jobs.c.cancel_asked == false())
        .values(**_ENDED, state="succeeded", photo_path=None, finished_at=now, **came_of_it)
    )
    notify(connection, job.id)
    return settled.rowcount == 1


_ENDED: dict[str, Any] = {"claim": None, "lease_until": None, "stage": None, "progress": None}


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
        .values(**_ENDED, state=state, key=None, photo_path=None, finished_at=now, error=error)
    )
    notify(connection, job.id)
    return job.photo_path if ended.rowcount == 1 else None


_QUEUED = jobs.c.state == "queued"


def put_back(connection: Connection, job: Job, *, counts: bool) -> None:
    """Queue a job again at its old place; unless it ``counts``, the attempt was none."""
    attempts = jobs.c.attempts if counts else jobs.c.attempts - 1
    connection.execute(
        update(jobs).where(*_held(job)).values(**_ENDED, state="queued", attempts=attempts)
    )
    notify(connection, job.id)


def accept(connection: Connection, job: Job) -> None:
    """Accept a job that so far only a waiting request knew of."""
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(accepted=True))


def forget_job(connection: Connection, job: Job) -> bool:
    """Remove a running job that no client knows of, under its claim; False for an accepted one."""
    gone = connection.execute(delete(jobs).where(*_held(job), jobs.c.accepted == false()))
    return gone.rowcount == 1


def ask_to_cancel(connection: Connection, job: Job) -> bool:
    """Of a running job; False where it has ended meanwhile."""
    asked = connection.execute(
        update(jobs).where(jobs.c.id == job.id, jobs.c.state == "running").values(cancel_asked=True)
    )
    notify(connection, job.id)
    return asked.rowcount == 1


def move_jobs(connection: Connection, source: str, target: str) -> None:
    """What was promised to one device is done for another; an attempt under way is lost. The
    others go, and with them the keys: what they stand for is another device's now."""
    promised = jobs.c.accepted & jobs.c.state.in_(_UNFINISHED)
    taken_over = {"device_id": target, "key": None, "with_token": False, "state": "queued"}
    connection.execute(
        update(jobs).where(jobs.c.device_id == source, promised).values(**_ENDED, **taken_over)
    )
    connection.execute(delete(jobs).where(jobs.c.device_id == source))


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
    return _all(connection, _LAPSED)


_QUEUE = (
    select(jobs.c.id)
    .where(jobs.c.state == "queued", jobs.c.engine == bindparam("engine"))
    .order_by(jobs.c.turn, jobs.c.id)
)


def queue_of(connection: Connection, engine: str) -> list[str]:
    """Ids of the jobs that wait for an engine, the next first."""
    return list(connection.scalars(_QUEUE, {"engine": engine}))


_AHEAD = _COUNT.where(
    jobs.c.state == "queued",
    jobs.c.engine == bindparam("engine"),
    tuple_(jobs.c.turn, jobs.c.id)
    < tuple_(bindparam("turn", type_=BigInteger), bindparam("id", type_=String)),
)


def jobs_ahead_of(connection: Connection, job: Job) -> int:
    return connection.scalar(_AHEAD, {"engine": job.engine, "turn": job.turn, "id": job.id}) or 0


class PhotoOfJob(NamedTuple):
    id: str
    path: str
    size_bytes: int
    sha256: str


def photos_after(connection: Connection, last_id: str, limit: int) -> list[PhotoOfJob]:
    """Of jobs of every device, by the jobs' ids."""
    query = (
        select(jobs.c.id, jobs.c.photo_path, jobs.c.photo_size, jobs.c.photo_sha256)
        .where(jobs.c.photo_path.is_not(None), jobs.c.id > last_id)
        .order_by(jobs.c.id)
        .limit(limit)
    )
    return [PhotoOfJob(*row) for row in connection.execute(query)]


class Depth(NamedTuple):
    engine: str
    state: JobState
    count: int
    oldest: datetime


def depths(connection: Connection) -> list[Depth]:
    """How many unfinished jobs there are, and when the oldest came, by engine and state."""
    query = (
        select(
            jobs.c.engine,
            jobs.c.state,
            func.count().label("count"),
            func.min(jobs.c.created_at).label("oldest"),
        )
        .where(jobs.c.state.in_(_UNFINISHED))
        .group_by(jobs.c.engine, jobs.c.state)
    )
    return [Depth(*row) for row in connection.execute(query)]


def remove_finished(connection: Connection, finished_before: datetime, limit: int) -> int:
    """Delete up to ``limit`` jobs that ended long ago; returns how many."""
    old = select(jobs.c.id).where(jobs.c.finished_at < finished_before).limit(limit)
    return connection.execute(delete(jobs).where(jobs.c.id.in_(old))).rowcount


def notify(connection: Connection, job_id: str) -> None:
    """Notify every backend, once this is committed, that the job has changed."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY, {"job": job_id})


_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :job)")


def _held(job: Job) -> tuple[sqlalchemy.ColumnElement[bool], ...]:
    return jobs.c.id == job.id, jobs.c.claim == job.claim, jobs.c.state == "running"


def _first(connection: Connection, query: Executable, wanted: dict[str, Any]) -> Job | None:
    row = connection.execute(query, wanted).first()
    return None if row is None else Job(*row)


def _all(connection: Connection, query: Executable) -> list[Job]:
    return [Job(*row) for row in connection.execute(query)]
