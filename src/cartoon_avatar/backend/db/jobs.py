"""Queries of the jobs as rows: added, found, counted, removed. ``queue`` has whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Executable,
    String,
    bindparam,
    delete,
    func,
    literal,
    select,
    text,
    tuple_,
    update,
)

from cartoon_avatar.backend.db.queries import added
from cartoon_avatar.backend.db.tables import Job, JobState, Milliseconds, jobs

CHANNEL = "jobs"
UNFINISHED: tuple[JobState, ...] = ("queued", "running")
UNCLAIMED: dict[str, Any] = {"claim": None, "lease_until": None, "stage": None, "progress": None}

_BY_ID = select(jobs).where(jobs.c.id == bindparam("id"), jobs.c.device_id == bindparam("of"))
_BY_KEY = select(jobs).where(jobs.c.device_id == bindparam("of"), jobs.c.key == bindparam("key"))


def job_of(connection: Connection, device_id: str, job_id: str) -> Job | None:
    return first_job(connection, _BY_ID, {"of": device_id, "id": job_id})


def job_with_key(connection: Connection, device_id: str, key: str) -> Job | None:
    return first_job(connection, _BY_KEY, {"of": device_id, "key": key})


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
    return all_jobs(connection, query)


def jobs_by_id(connection: Connection, ids: Sequence[str]) -> list[Job]:
    return all_jobs(connection, select(jobs).where(jobs.c.id.in_(ids)))


_COLUMNS = jobs.columns.keys()


def add_job(connection: Connection, job: Job) -> bool:
    """False where the device has a job with this key."""
    if not added(connection, jobs, {name: getattr(job, name) for name in _COLUMNS}):
        return False
    notify(connection, job.id)
    return True


_COUNT = select(func.count()).select_from(jobs)
_WAITING = _COUNT.where(jobs.c.state == "queued")
_OWN_UNFINISHED = _COUNT.where(jobs.c.device_id == bindparam("of"), jobs.c.state.in_(UNFINISHED))


def waiting_jobs(connection: Connection) -> int:
    return connection.scalar(_WAITING) or 0


def unfinished_jobs(connection: Connection, device_id: str) -> int:
    return connection.scalar(_OWN_UNFINISHED, {"of": device_id}) or 0


def unfinished_at(connection: Connection, device_id: str, engine: str) -> list[Job]:
    """Of a device, at one engine."""
    query = select(jobs).where(
        jobs.c.device_id == device_id, jobs.c.engine == engine, jobs.c.state.in_(UNFINISHED)
    )
    return all_jobs(connection, query)


def accept(connection: Connection, job: Job) -> None:
    """Accept a job that so far only a waiting request knew of."""
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(accepted=True))


def move_jobs(connection: Connection, source: str, target: str) -> None:
    """Move a device's accepted, unfinished jobs to another device; an attempt under way is lost.

    All others are deleted with their keys, since their results belong to the other device now.
    """
    promised = jobs.c.accepted & jobs.c.state.in_(UNFINISHED)
    taken_over = {"device_id": target, "key": None, "with_token": False, "state": "queued"}
    connection.execute(
        update(jobs).where(jobs.c.device_id == source, promised).values(**UNCLAIMED, **taken_over)
    )
    connection.execute(delete(jobs).where(jobs.c.device_id == source))


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
        .where(jobs.c.state.in_(UNFINISHED))
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


def first_job(connection: Connection, query: Executable, wanted: dict[str, Any]) -> Job | None:
    row = connection.execute(query, wanted).first()
    return None if row is None else Job(*row)


def all_jobs(
    connection: Connection, query: Executable, wanted: dict[str, Any] | None = None
) -> list[Job]:
    return [Job(*row) for row in connection.execute(query, wanted)]
