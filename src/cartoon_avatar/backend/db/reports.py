"""Queries of what devices reported."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from cartoon_avatar.backend.db.tables import Report, reports


def add_report(connection: Connection, report: Report) -> None:
    connection.execute(insert(reports), asdict(report))


def reports_of(connection: Connection, device_id: str) -> list[Report]:
    """Of one device, the newest first."""
    query = select(reports).where(reports.c.device_id == device_id)
    return [Report(*row) for row in connection.execute(query.order_by(reports.c.created_at.desc()))]


def all_reports(connection: Connection, *, closed: bool) -> list[Report]:
    """Of every device, the oldest first: those that wait, or with ``closed`` all."""
    query = select(reports).order_by(reports.c.created_at, reports.c.id)
    if not closed:
        query = query.where(reports.c.closed_at.is_(None))
    return [Report(*row) for row in connection.execute(query)]


def report_with(connection: Connection, report_id: str) -> Report | None:
    row = connection.execute(select(reports).where(reports.c.id == report_id)).first()
    return None if row is None else Report(*row)


def close_report(connection: Connection, report_id: str, now: datetime, *, upheld: bool) -> None:
    closed = update(reports).where(reports.c.id == report_id).values(closed_at=now, upheld=upheld)
    connection.execute(closed)


def remove_closed(connection: Connection, closed_before: datetime, limit: int) -> int:
    """Delete up to ``limit`` that were decided long ago; returns how many."""
    old = select(reports.c.id).where(reports.c.closed_at < closed_before).limit(limit)
    return connection.execute(delete(reports).where(reports.c.id.in_(old))).rowcount
