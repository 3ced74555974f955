"""A device takes its consent back: nothing more is sent for it."""

from __future__ import annotations

from functools import partial

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import consents, jobs, queue
from cartoon_avatar.backend.errors import ConsentRequired, NotFound
from cartoon_avatar.backend.flows.job_ends import end
from cartoon_avatar.backend.state import State


async def withdraw(backend: State, *, device_id: str, engine: str) -> None:
    """Withdraw a consent. Jobs that wait for the engine end as refused; one that is under way is
    cancelled, at its provider too. Raises NotFound without a consent."""
    taken_back = partial(consents.withdraw, device_id=device_id, engine=engine, now=utc_now())
    if not await backend.database.write(taken_back):
        raise NotFound
    unfinished = partial(jobs.unfinished_at, device_id=device_id, engine=engine)
    for job in await backend.database.read(unfinished):
        if job.state == "queued":
            await end(backend, job, "failed", ConsentRequired.withdrawn(engine))
        else:
            await backend.database.write(partial(queue.ask_to_cancel, job=job))
            backend.changes.announce(job.id)
