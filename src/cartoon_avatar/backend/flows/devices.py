"""Authenticating, introducing and deleting devices."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import devices
from cartoon_avatar.backend.errors import Unauthorized
from cartoon_avatar.backend.flows.export import delete_exports
from cartoon_avatar.backend.signing import Signer, token_hash, token_matches
from cartoon_avatar.backend.storage.protocol import Storage

log = structlog.get_logger()

# Reading is activity too, but not worth a write each time.
_ACTIVITY_STEP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated device, and how many live cartoons it had then."""

    device_id: str
    live_cartoons: int


async def authenticate(
    database: Database,
    *,
    device_id: str,
    token: str | None,
    token_required: bool,
    first: bool,
) -> Caller:
    """Authenticate the owner of ``device_id``. Raises Unauthorized.

    The first request that carries the right token locks the device to it. ``first`` is true
    for an upload, which is how a device that is not known yet begins.
    """
    device = await database.read(partial(queries.device_of, device_id=device_id))
    # A token that comes with the first upload would open nothing afterwards.
    if device is None and (token is None if first else not token_required):
        return Caller(device_id, 0)
    # The same error as for an unknown device, so that it does not reveal which devices exist.
    if token is None:
        if device is None or device.locked or token_required:
            raise Unauthorized
    elif device is None or not token_matches(token, device.token_hash):
        raise Unauthorized(
            "The token is not this device's: another phone may have taken over with its recovery"
            " code. The first upload of a device, or after its deletion, carries no token; its"
            " response has one."
        )
    assert device is not None

    now = utc_now()
    locks = token is not None and not device.locked
    if locks or now - device.last_active_at > _ACTIVITY_STEP:
        try:
            await database.write(
                partial(queries.touch_device, device_id=device_id, now=now, lock=locks)
            )
        except DBAPIError as error:
            # Failing to store activity must not refuse a reader; failing to store the lock must.
            if locks:
                raise
            log.warning("activity_not_noted", reason=type(error.orig).__name__)
    return Caller(device_id, device.live_cartoons)


def introduce(connection: Connection, signer: Signer, device_id: str, now: datetime) -> str | None:
    """Make the device known; returns its token if this is its first time."""
    if queries.touch_device(connection, device_id, now):
        return None
    salt = secrets.token_hex(16)
    token = signer.new_device_token(device_id, salt)
    device = {
        "device_id": device_id,
        "created_at": now,
        "last_active_at": now,
        "token_salt": salt,
        "token_hash": token_hash(token),
        "locked": False,
    }
    # It may be deleted in between; then it is new again.
    while not queries.added(connection, devices, device):
        if queries.touch_device(connection, device_id, now):
            return None
    return token


async def forget(database: Database, storage: Storage, *, device_id: str) -> None:
    """Delete everything of the device: rows first, so that no row ever lacks its file."""

    def remove(connection: Connection) -> tuple[list[str], list[str]]:
        its_faces = queries.face_ids(connection, device_id)
        return queries.remove_device(connection, device_id), its_faces

    files, its_faces = await database.write(remove)
    await storage.delete(files)
    await delete_exports(storage, its_faces)
