"""A new photo and its first cartoon."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.client import AiClient, Drawing, DrawingWish
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.db.tables import Cartoon, Original
from cartoon_avatar.backend.flows.devices import introduce
from cartoon_avatar.backend.flows.photos import Photo
from cartoon_avatar.backend.flows.room import discarding, make_room
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.signing import Signer
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import NewFile, Storage, StoredFile
from cartoon_avatar.contract.media_types import IMAGE_TYPES
from cartoon_avatar.http.request_log import stage


@dataclass(frozen=True, slots=True)
class Uploaded:
    original: Original
    cartoon: Cartoon
    device_token: str | None


# Notes the answer of a request that may be repeated, in the transaction that adds its rows.
Settle = Callable[[Connection, object], None]


async def upload(
    database: Database,
    storage: Storage,
    ai: AiClient,
    signer: Signer,
    settings: BackendSettings,
    *,
    device_id: str,
    live_cartoons: int,
    photo: Photo,
    wish: DrawingWish,
    settle: Settle,
) -> Uploaded:
    """Keep the photo for good and draw its first cartoon: both, or neither."""
    await make_room(database, storage, settings, live_cartoons=live_cartoons)
    until = ai.deadline()
    with stage("draw"):
        drawing = await ai.generate_cartoon(
            photo.pieces,
            photo.mime_type,
            with_seed(wish),
            device_id=device_id,
            until=until,
            thumbnail=True,
        )
        thumbnail = drawing.thumbnail
        if thumbnail is None:  # an AI service that knows the original design alone
            thumbnail = (await ai.thumbnail(photo.pieces, photo.mime_type, until=until)).data

    now = utc_now()
    original_id = new_id()
    async with discarding(storage) as new_files:
        with stage("store"):
            extension = IMAGE_TYPES[photo.mime_type]
            original_keys = keys.new_keys("originals", device_id, extension, now)
            stored, kept = await storage.put_new(
                NewFile(original_keys, photo.pieces, photo.mime_type, thumbnail),
                cartoon_file(original_id, drawing, now),
            )
            thumbnail_path = keys.thumbnail_key(stored.key)
            new_files += [stored.key, thumbnail_path, kept.key]

        original = Original(
            id=original_id,
            device_id=device_id,
            **file_columns(stored, photo.mime_type),
            image_url=keys.url_path_of(stored.key),
            width=drawing.photo_width,
            height=drawing.photo_height,
            face_count=drawing.face_count,
            thumbnail_path=thumbnail_path,
            last_style=drawing.style,
            created_at=now,
        )
        cartoon = new_cartoon(original, drawing, kept, now)

        def commit(connection: Connection) -> Uploaded:
            token = introduce(connection, signer, device_id, now)
            queries.add(connection, original)
            queries.add(connection, cartoon)
            uploaded = Uploaded(original, cartoon, token)
            settle(connection, uploaded)
            return uploaded

        with stage("commit"):
            return await database.write(commit)


def new_id() -> str:
    return secrets.token_hex(12)


def with_seed(wish: DrawingWish) -> DrawingWish:
    seed = secrets.randbelow(2**31) if wish.seed is None else wish.seed
    return DrawingWish(wish.style, seed)


def file_columns(stored: StoredFile, mime_type: str) -> dict[str, str | int]:
    """What a row says of its file."""
    return {
        "filename": keys.filename_of(stored.key),
        "file_path": stored.key,
        "file_size": stored.size_bytes,
        "mime_type": mime_type,
        "sha256": stored.sha256,
    }


def cartoon_file(original_id: str, drawing: Drawing, now: datetime) -> NewFile:
    names = keys.new_keys("temp", original_id, IMAGE_TYPES[drawing.mime_type], now)
    return NewFile(names, [drawing.data], drawing.mime_type)


def new_cartoon(original: Original, drawing: Drawing, stored: StoredFile, now: datetime) -> Cartoon:
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
        created_at=now,
    )
