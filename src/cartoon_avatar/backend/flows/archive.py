"""Everything of a device as one ZIP, made while it is sent: never more than a picture in memory."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import fields
from datetime import datetime
from functools import partial
from typing import IO, Any

from anyio import to_thread
from pydantic.alias_generators import to_camel
from typing_extensions import override

from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import jobs, queries
from cartoon_avatar.backend.db.consents import consents_of
from cartoon_avatar.backend.db.reports import reports_of
from cartoon_avatar.backend.db.tables import Cartoon, Consent, Face, Job, Original, Report
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import FileMissing

Row = Original | Cartoon | Face | Job

_ROWS_AT_ONCE = 100
_PIECE_BYTES = 256 * 1024
# Columns that name our own files, since the archive has the pictures themselves.
_OURS = {
    *("file_path", "thumbnail_path", "image_url", "face_url", "last_style", "device_id"),
    "drawing_key",
    # What matters only while a job is carried out.
    *("key", "fingerprint", "turn", "accepted", "cancel_asked", "attempts", "claim"),
    *("lease_until", "photo_path", "status", "with_token"),
}


async def archive_of(backend: State, *, device_id: str) -> AsyncGenerator[bytes]:
    """The pieces of a ZIP: folders of pictures, and a JSON file for each, ``originals.json`` say,
    with a row for every picture; ``jobs.json`` has those of the last day, with the photos of those
    that wait, and ``consents.json`` and ``reports.json`` what the device agreed to and reported.
    What is deleted meanwhile is in none.

    Pictures are packed already, so they are stored as they are. Raises what the storage does,
    which cuts the response off: a ZIP without its central directory, which every reader notices.
    """
    of_device = partial(jobs.jobs_of, device_id=device_id, state=None)
    newest = partial(queries.newest_of, device_id=device_id)
    sent = _Sent()
    # Unseekable, so that sizes follow each file instead of being filled in before it.
    with zipfile.ZipFile(sent, "w") as archive:
        for folder, rows in (
            # First, since their photos become originals'.
            ("jobs", _paged(backend, of_device)),
            ("originals", _paged(backend, partial(newest, kind=Original))),
            ("cartoons", _live_cartoons(backend, device_id)),
            ("faces", _paged(backend, partial(newest, kind=Face))),
        ):
            # Closed before the archive is, which must have no file open then.
            async with aclosing(_packed(backend, archive, folder, rows)) as steps:
                async for _ in steps:
                    for piece in sent.pieces():
                        yield piece
        for name, query in (("consents", consents_of), ("reports", reports_of)):
            kept = await backend.database.read(partial(query, device_id=device_id))
            described = [_as_json(row) for row in kept]
            archive.writestr(_entry(f"{name}.json", utc_now()), json.dumps(described, indent=1))
    for piece in sent.pieces():
        yield piece


async def _packed(
    backend: State, archive: zipfile.ZipFile, folder: str, rows: AsyncIterator[Row]
) -> AsyncGenerator[None]:
    """Write the pictures of ``rows`` into ``folder`` and the rows into its JSON file, a step at a
    time, so that what was written can be sent in between."""
    # On disk: the rows of a large library are larger than any picture of it.
    with tempfile.TemporaryFile() as listed:
        async for row in rows:
            picture = await _picture_of(backend, row)
            if picture is not None:
                name, data = picture
                path = f"{folder}/{name}"
                await to_thread.run_sync(archive.writestr, _entry(path, row.created_at), data)
                _list(listed, {"file": path, **_as_json(row)})
            elif isinstance(row, Job):
                _list(listed, _as_json(row))
            yield
        _end_list(listed)
        with archive.open(_entry(f"{folder}.json", utc_now()), "w") as entry:
            while piece := listed.read(_PIECE_BYTES):
                entry.write(piece)
                yield


class _Sent(io.RawIOBase):
    """An unseekable file that buffers what is written until it is sent."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: Any) -> int:
        self._waiting += data
        return len(data)

    def pieces(self) -> Iterator[bytes]:
        waiting, self._waiting = memoryview(self._waiting), bytearray()
        for at in range(0, len(waiting), _PIECE_BYTES):
            yield bytes(waiting[at : at + _PIECE_BYTES])


async def _paged(backend: State, page: Callable[..., Sequence[Row]]) -> AsyncIterator[Row]:
    """Rows of a query that gives them newest first, up to a limit and after a position."""
    after: queries.Position | None = None
    while True:
        rows = await backend.database.read(partial(page, after=after, limit=_ROWS_AT_ONCE))
        for row in rows:
            yield row
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1].created_at, rows[-1].id


async def _live_cartoons(backend: State, device_id: str) -> AsyncIterator[Cartoon]:
    for row in await backend.database.read(partial(queries.live_cartoons_of, device_id=device_id)):
        yield row


async def _picture_of(backend: State, row: Row) -> tuple[str, bytes] | None:
    """The name and the bytes of its file; None for a job without a photo, and where it has been
    deleted meanwhile."""
    path = row.photo_path if isinstance(row, Job) else row.file_path
    if path is None:
        return None
    try:
        return keys.filename_of(path), await backend.storage.get(path)
    except FileMissing:
        return None


def _entry(name: str, made: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, made.timetuple()[:6])
    entry.external_attr = 0o600 << 16
    return entry


def _as_json(row: Row | Consent | Report) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for field in fields(row):
        if field.name not in _OURS:
            value = getattr(row, field.name)
            if value is not None and field.name in ("options", "error"):
                value = json.loads(value)
            if isinstance(value, datetime):
                value = f"{value.isoformat(timespec='milliseconds')[:23]}Z"
            described[to_camel(field.name)] = value
    return described


def _list(listed: IO[bytes], described: dict[str, Any]) -> None:
    listed.write(b",\n" if listed.tell() else b"[\n")
    listed.write(json.dumps(described, ensure_ascii=False).encode())


def _end_list(listed: IO[bytes]) -> None:
    listed.write(b"\n]\n" if listed.tell() else b"[]\n")
    listed.seek(0)
