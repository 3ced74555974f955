"""Names of files, made of our times and ids and never of a client's file name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Literal, get_args

FileType = Literal["originals", "temp", "downloaded"]
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
    return _FILENAME.fullmatch(name) is not None
