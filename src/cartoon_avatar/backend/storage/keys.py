"""Names of files, made of our times and ids and never of a client's file name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Literal, get_args

FileType = Literal["originals", "temp", "downloaded", "exports"]
FILE_TYPES: tuple[str, ...] = get_args(FileType)


def new_keys(file_type: FileType, owner: str, extension: str, now: datetime) -> Iterator[str]:
    """Keys to try in turn: a taken one moves the timestamp on by a millisecond.

    ``owner`` is the device id of an original, the original's id of anything else.
    """
    for timestamp_ms in count(round(now.timestamp() * 1000)):
        yield f"uploads/{file_type}/{timestamp_ms}_{owner}.{extension}"


def thumbnail_key(key: str) -> str:
    """Beside the uploads, so that those folders hold what the contract says and no more."""
    return f"thumbnails/{key.removeprefix('uploads/')}.webp"


def filename_of(key: str) -> str:
    return key.rpartition("/")[2]


def url_path_of(key: str) -> str:
    return f"/{key}"


_FILENAME = re.compile(r"[0-9]{1,20}_[A-Za-z0-9._-]{1,160}\.[a-z]{3,4}")


def is_filename(name: str) -> bool:
    """Whether ``name`` could be one of ours: no separators, no dots to climb by."""
    return _FILENAME.fullmatch(name) is not None or _EXPORT.fullmatch(name) is not None


# Exports are derived and may go at any time. Their names say when: each belongs to a period, in
# which the same options find the same file, and is kept for that and the next, so that a URL
# works for longer than was promised.
_EXPORTS = "uploads/exports/"
_PERIOD = timedelta(days=7)
_EXPORT = re.compile(r"([A-Za-z0-9]{1,32})_([0-9]{1,6})_[a-z]+-[0-9a-f]+_([0-9]+)x([0-9]+)\.[a-z]+")


def exports_of(face_id: str) -> str:
    """How the keys of a face's exports begin."""
    return f"{_EXPORTS}{face_id}_"


def export_prefix(face_id: str, preset: str, digest: str, now: datetime) -> str:
    """How the key of an export begins; ``digest`` is that of the options."""
    return f"{exports_of(face_id)}{_period(now)}_{preset}-{digest}_"


def export_key(prefix: str, width: int, height: int, extension: str) -> str:
    return f"{prefix}{width}x{height}.{extension}"


def export_size(key: str) -> tuple[int, int]:
    """Width and height in px of the export under ``key``."""
    name = _EXPORT.fullmatch(filename_of(key))
    assert name is not None
    return int(name[3]), int(name[4])


def face_of_export(key: str, now: datetime) -> str | None:
    """The id of the face that keeps the export under ``key``; None of what is no export, or has
    had its time."""
    name = _EXPORT.fullmatch(filename_of(key)) if key.startswith(_EXPORTS) else None
    return name[1] if name is not None and int(name[2]) >= _period(now) - 1 else None


def _period(now: datetime) -> int:
    return int(now.timestamp() // _PERIOD.total_seconds())
