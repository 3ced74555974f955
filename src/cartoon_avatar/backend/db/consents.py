"""Queries of what devices agreed to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from cartoon_avatar.backend.db.tables import Consent, consents, devices


def consents_of(connection: Connection, device_id: str) -> list[Consent]:
    """Withdrawn ones too, by engine."""
    query = select(consents).where(consents.c.device_id == device_id).order_by(consents.c.engine)
    return [Consent(*row) for row in connection.execute(query)]


def has_consent(connection: Connection, device_id: str, engine: str, sent_to: str) -> bool:
    """Whether the device agrees now that photos are sent there, for this engine."""
    query = select(consents.c.engine).where(
        consents.c.device_id == device_id,
        consents.c.engine == engine,
        consents.c.sent_to == sent_to,
        consents.c.withdrawn_at.is_(None),
    )
    return connection.scalar(query) is not None


def put_consent(connection: Connection, consent: Consent) -> None:
    """In place of an earlier one for the same engine."""
    its = (consents.c.device_id == consent.device_id, consents.c.engine == consent.engine)
    connection.execute(delete(consents).where(*its))
    connection.execute(insert(consents), asdict(consent))


def withdraw(connection: Connection, device_id: str, engine: str, now: datetime) -> bool:
    """False if there was nothing to withdraw."""
    withdrawn = (
        update(consents)
        .where(
            consents.c.device_id == device_id,
            consents.c.engine == engine,
            consents.c.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=now)
    )
    return connection.execute(withdrawn).rowcount == 1


def move_consents(connection: Connection, source: str, target: str) -> None:
    """What ``source`` decided becomes ``target``'s; of two decisions the later holds."""
    decided = {consent.engine: consent for consent in consents_of(connection, target)}
    for consent in consents_of(connection, source):
        earlier = decided.get(consent.engine)
        if earlier is None or earlier.decided_at < consent.decided_at:
            consent.device_id = target
            put_consent(connection, consent)
    connection.execute(delete(consents).where(consents.c.device_id == source))


def remove_unused(connection: Connection, given_before: datetime, limit: int) -> int:
    """Delete up to ``limit`` of those of devices that never became known; returns how many."""
    unused = (
        select(consents.c.device_id)
        .where(consents.c.given_at < given_before, ~_known.exists())
        .limit(limit)
    )
    gone = delete(consents).where(consents.c.device_id.in_(unused))
    return connection.execute(gone).rowcount


_known = select(devices.c.device_id).where(devices.c.device_id == consents.c.device_id)
