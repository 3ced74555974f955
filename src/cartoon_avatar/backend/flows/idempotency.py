"""A POST that is sent again with its key does nothing twice and gets the same response."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Row, delete, select, true, update

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import idempotency_keys
from cartoon_avatar.backend.errors import KeyReused, RequestRunning

T = TypeVar("T")
# Notes the response of a request that may be repeated, in the transaction that adds its rows.
Note = Callable[[Connection, T], None]

KEPT_FOR = timedelta(hours=24)
# A claim is renewed while its request runs; one whose process died lapses this soon.
_LEASE = timedelta(seconds=10)
_RENEWAL_S = 3
_KEY = idempotency_keys.c


@dataclass(frozen=True, slots=True)
class StoredResponse:
    status: int
    body: str
    with_token: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out a request. Without a key (``key`` None) nothing is noted."""

    device_id: str
    key: str | None
    owner: str
    # Of the first time, where there was one.
    response: StoredResponse | None = None

    def settle(self, connection: Connection, response: StoredResponse) -> None:
        """Note the response in the transaction that adds the request's rows.

        Raises RequestRunning where the claim lapsed and another request took it over.
        """
        settled = connection.execute(
            update(idempotency_keys)
            .where(_claimed_by(self.owner, self.device_id, self.key))
            .values(status=response.status, body=response.body, with_token=response.with_token)
        )
        if settled.rowcount != 1:
            raise RequestRunning


@asynccontextmanager
async def claimed(
    database: Database, *, device_id: str, key: str | None, fingerprint: str
) -> AsyncIterator[Claim]:
    """Claim the key for this request, or hold the response it had.

    A request that fails releases its key, so that it can be sent again. Raises KeyReused
    for another request under the key and RequestRunning while the first is at work.
    """
    owner = secrets.token_hex(16)
    if key is None:
        yield Claim(device_id, None, owner)
        return
    earlier = await _claim(database, device_id, key, fingerprint, owner)
    if earlier is not None:
        yield Claim(device_id, key, owner, earlier)
        return
    renewal = asyncio.create_task(_renew(database, device_id, key, owner))
    try:
        yield Claim(device_id, key, owner)
    except BaseException:
        with contextlib.suppress(Exception):  # it lapses anyway
            await _release_unsettled(database, device_id, key, owner)
        raise
    finally:
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)


async def _claim(
    database: Database, device_id: str, key: str, fingerprint: str, owner: str
) -> StoredResponse | None:
    now = utc_now()
    row = {
        "device_id": device_id,
        "key": key,
        "fingerprint": fingerprint,
        "claim": owner,
        "lease_until": now + _LEASE,
        "status": None,
        "body": None,
        "with_token": False,
        "created_at": now,
    }

    def claim(connection: Connection) -> tuple[bool, Row[*tuple[Any, ...]] | None]:
        connection.execute(
            delete(idempotency_keys).where(
                _is(device_id, key),
                (_KEY.created_at < now - KEPT_FOR)
                | (_KEY.status.is_(None) & (_KEY.lease_until < now)),
            )
        )
        if queries.added(connection, idempotency_keys, row):
            return True, None
        kept = select(idempotency_keys).where(_is(device_id, key))
        return False, connection.execute(kept).first()

    is_ours, earlier = await database.write(claim)
    if is_ours:
        return None
    if earlier is None:
        raise RequestRunning
    if earlier.fingerprint != fingerprint:
        raise KeyReused
    if earlier.status is None or earlier.body is None:
        raise RequestRunning
    return StoredResponse(earlier.status, earlier.body, earlier.with_token)


async def response_with_token(
    database: Database, device_id: str, key: str, fingerprint: str | None
) -> StoredResponse | None:
    """The response that gave the device its token, until the device has sent that token.

    For a phone that never received it and repeats the request: key and photo identify it. Before
    the photo is there (``fingerprint`` None) it says whether waiting for it is worth while.
    """

    def ask(connection: Connection) -> Row[*tuple[Any, ...]] | None:
        device = queries.device_of(connection, device_id)
        if device is None or device.locked:
            return None
        given = select(idempotency_keys).where(
            _is(device_id, key),
            true() if fingerprint is None else _KEY.fingerprint == fingerprint,
            _KEY.with_token.is_(True),
            _KEY.created_at >= utc_now() - KEPT_FOR,
        )
        return connection.execute(given).first()

    row = await database.read(ask)
    return None if row is None else StoredResponse(row.status, row.body, row.with_token)


async def _renew(database: Database, device_id: str, key: str, owner: str) -> None:
    while True:
        await asyncio.sleep(_RENEWAL_S)
        renewed = (
            update(idempotency_keys)
            .where(_claimed_by(owner, device_id, key))
            .values(lease_until=utc_now() + _LEASE)
        )
        await _execute(database, renewed)


async def _release_unsettled(database: Database, device_id: str, key: str, owner: str) -> None:
    released = delete(idempotency_keys).where(
        _claimed_by(owner, device_id, key), _KEY.status.is_(None)
    )
    await _execute(database, released)


def _is(device_id: str, key: str | None) -> ColumnElement[bool]:
    return (_KEY.device_id == device_id) & (_KEY.key == key)


def _claimed_by(owner: str, device_id: str, key: str | None) -> ColumnElement[bool]:
    return _is(device_id, key) & (_KEY.claim == owner)


async def _execute(database: Database, statement: Executable) -> None:
    await database.write(lambda connection: connection.execute(statement))
