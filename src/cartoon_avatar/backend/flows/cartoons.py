"""A drawing becomes a cartoon: its file, its row, and how many a device may have."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.requests import DrawingOptions
from cartoon_avatar.backend.ai.responses import Drawing
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.tables import Cartoon, Original
from cartoon_avatar.backend.errors import TooManyCartoons
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import NewFile, StoredFile
from cartoon_avatar.contract.limits import RANDOM_SEEDS
from cartoon_avatar.contract.media_types import IMAGE_TYPES
from cartoon_avatar.contract.options import FRAMINGS


def new_id() -> str:
    return secrets.token_hex(12)


def with_seed(options: DrawingOptions, key: str | None) -> DrawingOptions:
    """A request that is made again under the same ``key`` gets the same seed."""
    if options.seed is not None:
        return options
    if key is None:
        return replace(options, seed=secrets.randbelow(RANDOM_SEEDS))
    return replace(options, seed=int(hashlib.sha256(key.encode()).hexdigest(), 16) % RANDOM_SEEDS)


def require_quota(live_cartoons: int, most: int) -> None:
    """Raise TooManyCartoons for a device that has as many as it may: before it is drawn for, and
    again in the transaction that adds the cartoon."""
    if live_cartoons >= most:
        raise TooManyCartoons(most)


def cartoon_and_original(
    connection: Connection, device_id: str, cartoon_id: str
) -> tuple[Cartoon, Original] | None:
    cartoon = queries.cartoon_of(connection, device_id, cartoon_id)
    if cartoon is None:
        return None
    original = queries.original_of(connection, device_id, cartoon.original_id)
    return None if original is None else (cartoon, original)


def file_columns(stored: StoredFile, mime_type: str) -> dict[str, Any]:
    """The columns of a row that describe its file."""
    return {
        "filename": keys.filename_of(stored.key),
        "file_path": stored.key,
        "file_size": stored.size_bytes,
        "mime_type": mime_type,
        "sha256": stored.sha256,
    }


def cartoon_file(original_id: str, drawing: Drawing, now: datetime) -> NewFile:
    names = keys.new_keys("temp", original_id, IMAGE_TYPES[drawing.mime_type], now)
    return NewFile(names, [drawing.data], drawing.mime_type, drawing.own_thumbnail)


def files_of(cartoon: Cartoon) -> list[str]:
    if cartoon.thumbnail_path is None:
        return [cartoon.file_path]
    return [cartoon.file_path, cartoon.thumbnail_path]


def new_cartoon(
    original: Original,
    drawing: Drawing,
    options: DrawingOptions,
    stored: StoredFile,
    drawing_key: str | None,
    now: datetime,
) -> Cartoon:
    has_thumbnail = drawing.own_thumbnail is not None
    return Cartoon(
        id=new_id(),
        device_id=original.device_id,
        original_id=original.id,
        **file_columns(stored, drawing.mime_type),
        image_url=keys.url_path_of(stored.key),
        width=drawing.width,
        height=drawing.height,
        style=drawing.style,
        seed=drawing.seed,
        framing=options.framing or FRAMINGS[0],
        face_index=options.face or 0,
        crop_left=drawing.crop.left,
        crop_top=drawing.crop.top,
        crop_width=drawing.crop.width,
        crop_height=drawing.crop.height,
        thumbnail_path=keys.thumbnail_key(stored.key) if has_thumbnail else None,
        drawing_key=drawing_key,
        aligned=drawing.aligned,
        engine=drawing.engine,
        stands_in_for=options.style if drawing.stands_in else None,
        created_at=now,
    )
