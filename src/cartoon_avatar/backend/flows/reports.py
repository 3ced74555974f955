"""A user reports a picture; the operator decides."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries, reports
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import PictureKind, Report
from cartoon_avatar.backend.errors import InvalidReport, NotFound
from cartoon_avatar.backend.flows.cartoons import new_id
from cartoon_avatar.backend.flows.deletion import delete_face, delete_original
from cartoon_avatar.backend.storage.protocol import Storage

REASONS = ("sexual", "violent", "hateful", "not_me", "other")
LONGEST_NOTE = 500
_KINDS: dict[PictureKind, Any] = {
    "cartoon": queries.cartoon_of,
    "face": queries.face_of,
    "original": queries.original_of,
}


async def report_picture(
    database: Database, *, device_id: str, fields: Mapping[str, Any]
) -> tuple[Report, bool]:
    """The report, and whether it is new: a picture is reported once until that is decided.

    Raises InvalidReport, and NotFound for a picture that the device does not have.
    """
    picture_id, reason, note = (fields.get(name) or "" for name in ("picture", "reason", "note"))
    if not isinstance(picture_id, str) or not picture_id:
        raise InvalidReport("picture must be the id of a photo, cartoon or face.")
    if reason not in REASONS:
        raise InvalidReport(f"reason must be one of {', '.join(REASONS)}.")
    if not isinstance(note, str) or len(note) > LONGEST_NOTE or "\0" in note:
        raise InvalidReport(f"note must be a text of at most {LONGEST_NOTE} characters.")

    def add(connection: Connection) -> tuple[Report, bool]:
        kind = _kind_of(connection, device_id, picture_id)
        for earlier in reports.reports_of(connection, device_id):
            if earlier.picture_id == picture_id and earlier.closed_at is None:
                return earlier, False
        new = Report(new_id(), device_id, kind, picture_id, reason, note, utc_now(), None, None)
        reports.add_report(connection, new)
        return new, True

    return await database.write(add)


def _kind_of(connection: Connection, device_id: str, picture_id: str) -> PictureKind:
    for kind, find in _KINDS.items():
        if find(connection, device_id, picture_id) is not None:
            return kind
    raise NotFound


async def close(database: Database, storage: Storage, *, report_id: str, upheld: bool) -> Report:
    """Decide: a report that is upheld removes its picture, where it is still there.

    Raises NotFound for no such report, or one that was decided.
    """
    found = await database.read(partial(reports.report_with, report_id=report_id))
    if found is None or found.closed_at is not None:
        raise NotFound
    if upheld:
        await _remove(database, storage, found)
    closed = partial(reports.close_report, report_id=report_id, now=utc_now(), upheld=upheld)
    await database.write(closed)
    return found


async def _remove(database: Database, storage: Storage, report: Report) -> None:
    """The picture may have been deleted, or have expired, meanwhile."""
    device_id, picture_id = report.device_id, report.picture_id
    try:
        if report.kind == "original":
            await delete_original(database, storage, device_id=device_id, original_id=picture_id)
        elif report.kind == "face":
            await delete_face(database, storage, device_id=device_id, face_id=picture_id)
        else:
            remove = partial(queries.remove_cartoon, device_id=device_id, cartoon_id=picture_id)
            await storage.delete(await database.write(remove))
    except NotFound:
        pass
