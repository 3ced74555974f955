"""Recovery codes: a code, written down, moves a library to another phone.

The other phone goes on as the device that the code was made for, with a new token; rows and
files stay where they are, so that what is on its way from the old phone arrives. The old token
opens nothing from then on, nor does the id alone.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, select, update

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db.consents import move_consents
from cartoon_avatar.backend.db.jobs import move_jobs
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import (
    TABLE_OF,
    devices,
    recovery_codes,
    reports,
    spent_cartoons,
)
from cartoon_avatar.backend.errors import InvalidRecoveryCode, NotFound, WrongRecoveryCode
from cartoon_avatar.backend.signing import Signer, token_hash

# Crockford's base 32: no letter that looks like a digit, and no U, so that fewer codes spell words.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans("OIL", "011")
# A hundred bits, in groups that a person can copy.
_LENGTH, _GROUP = 20, 4
# A code works once; the phone that used it may repeat the request for this long.
_REPEATED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Recovered:
    """The device id that the phone has from now on, and its token."""

    device_id: str
    token: str


async def new_recovery_code(database: Database, *, device_id: str) -> str:
    """A code for the device; an earlier one is void. It cannot be shown again."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    row = {"code_hash": _hash(code), "device_id": device_id, "created_at": utc_now()}

    def keep(connection: Connection) -> None:
        if not _lock_devices(connection, [device_id]):
            raise NotFound
        connection.execute(delete(recovery_codes).where(recovery_codes.c.device_id == device_id))
        connection.execute(recovery_codes.insert(), row)

    await database.write(keep)
    return "-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def code_in(text: object) -> str:
    """Normalise a code as a person typed it. Raises InvalidRecoveryCode."""
    code = re.sub(r"[\s-]", "", text).upper() if isinstance(text, str) else ""
    code = code.translate(_LOOKALIKES)
    if not re.fullmatch(f"[{_ALPHABET}]{{{_LENGTH}}}", code):
        raise InvalidRecoveryCode
    return code


async def device_with(database: Database, code: str, *, asked_by: str) -> str:
    """The device whose library ``code`` opens to ``asked_by``. Raises WrongRecoveryCode."""
    found = await database.read(partial(_usable, code=code, asked_by=asked_by))
    return str(found.device_id)


async def recover(database: Database, signer: Signer, *, code: str, asked_by: str) -> Recovered:
    """Move the library to the admitted device ``asked_by``, whose own pictures are added to it.

    Raises WrongRecoveryCode.
    """
    return await database.write(partial(_recovered, signer=signer, code=code, asked_by=asked_by))


def _recovered(connection: Connection, signer: Signer, code: str, asked_by: str) -> Recovered:
    device_id = str(_usable(connection, code, asked_by).device_id)
    # In order, so that two that go opposite ways do not wait for each other.
    _lock_devices(connection, sorted({device_id, asked_by}))
    found = _usable(connection, code, asked_by)  # again: another request may have used it meanwhile
    device = connection.execute(select(devices).where(devices.c.device_id == device_id)).one()
    if found.taken_by is not None:
        token = signer.device_token(device_id, device.token_salt, device.token_hash)
        if token is None:
            raise WrongRecoveryCode  # its signing key is gone: a new code is needed
        return Recovered(device_id, token)
    if asked_by != device_id:
        _move_everything(connection, asked_by, device_id)
    salt = secrets.token_hex(16)
    token = signer.new_device_token(device_id, salt)
    now = utc_now()
    connection.execute(
        update(devices)
        .where(devices.c.device_id == device_id)
        .values(token_salt=salt, token_hash=token_hash(token), locked=True, last_active_at=now)
    )
    connection.execute(
        update(recovery_codes)
        .where(recovery_codes.c.code_hash == found.code_hash)
        .values(taken_by=asked_by, taken_at=now)
    )
    return Recovered(device_id, token)


def _move_everything(connection: Connection, source: str, target: str) -> None:
    """What ``source`` has becomes ``target``'s; the device ``source`` is forgotten."""
    tables: list[Table] = [*TABLE_OF.values(), spent_cartoons, reports]
    for table in tables:
        connection.execute(
            update(table).where(table.c.device_id == source).values(device_id=target)
        )
    move_jobs(connection, source, target)
    move_consents(connection, source, target)
    connection.execute(delete(devices).where(devices.c.device_id == source))


def _lock_devices(connection: Connection, device_ids: list[str]) -> bool:
    """Keep the devices as they are until the transaction ends; False if none is there."""
    locked_devices = (
        select(devices.c.device_id)
        .where(devices.c.device_id.in_(device_ids))
        .order_by(devices.c.device_id)
        .with_for_update()
    )
    return bool(connection.execute(locked_devices).all())


def _usable(connection: Connection, code: str, asked_by: str) -> Row[*tuple[Any, ...]]:
    found = connection.execute(
        select(recovery_codes).where(recovery_codes.c.code_hash == _hash(code))
    ).first()
    if found is None or not _is_open(found, asked_by, utc_now()):
        raise WrongRecoveryCode
    return found


def _is_open(found: Row[*tuple[Any, ...]], asked_by: str, now: datetime) -> bool:
    if found.taken_by is None:
        return True
    return bool(found.taken_by == asked_by and now - found.taken_at < _REPEATED_FOR)


def _hash(code: str) -> str:
    # A hundred random bits need no salt and no slow hash.
    return hashlib.sha256(code.encode()).hexdigest()
