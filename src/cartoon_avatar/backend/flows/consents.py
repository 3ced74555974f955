"""A photo leaves the machine only where its device has agreed, engine by engine."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.styles import StyleInfo
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import consents
from cartoon_avatar.backend.db.tables import Consent
from cartoon_avatar.backend.errors import ConsentRequired, NotFound
from cartoon_avatar.backend.state import State


async def may_leave(backend: State, device_id: str, style: str | None, until: float) -> bool:
    """Whether the photo may be sent to somebody else's server to be drawn in ``style``: False where
    that is not needed. Raises ConsentRequired."""
    if style is None:  # the AI service's first style, which our own engine draws
        return False
    styles = await backend.ai.styles(until=until)
    wanted = next((one for one in styles if one.name == style), None)
    if wanted is None or not wanted.leaves_machine:
        return False
    if not await backend.database.read(partial(agreed, device_id=device_id, style=wanted)):
        raise ConsentRequired.of(wanted.engine, wanted.sent_to)
    return True


def agreed(connection: Connection, device_id: str, style: StyleInfo) -> bool:
    """Whether the device's photos may be drawn in ``style``: false only where they would leave the
    machine without its consent."""
    if not style.leaves_machine:
        return True
    return consents.has_consent(connection, device_id, style.engine, style.sent_to)


async def agree(backend: State, *, device_id: str, engine: str) -> Consent:
    """Store the device's consent to ``engine``; one in force stays as it is.

    Raises NotFound for an engine that sends nothing.
    """
    styles = await backend.ai.styles(until=backend.ai.deadline())
    leaving = {one.engine: one.sent_to for one in styles if one.leaves_machine}
    if engine not in leaving:
        raise NotFound
    given = Consent(device_id, engine, leaving[engine], utc_now(), None)

    def put(connection: Connection) -> Consent:
        for earlier in consents.consents_of(connection, device_id):
            same = (earlier.engine, earlier.sent_to) == (engine, given.sent_to)
            if same and earlier.withdrawn_at is None:
                return earlier
        consents.put_consent(connection, given)
        return given

    return await backend.database.write(put)
