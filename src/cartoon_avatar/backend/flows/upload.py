"""A new photo and its first cartoon."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from cartoon_avatar.backend.ai.client import DrawingOptions
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.tables import Cartoon, Original
from cartoon_avatar.backend.flows.cartoons import (
    cartoon_file,
    file_columns,
    new_cartoon,
    new_id,
    require_quota,
    with_seed,
)
from cartoon_avatar.backend.flows.devices import Caller, introduce
from cartoon_avatar.backend.flows.disk_space import discarding, require_space
from cartoon_avatar.backend.flows.idempotency import Note
from cartoon_avatar.backend.flows.photos import Photo
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import NewFile
from cartoon_avatar.contract.boxes import faces_text
from cartoon_avatar.contract.media_types import IMAGE_TYPES
from cartoon_avatar.http.request_log import stage


@dataclass(frozen=True, slots=True)
class Uploaded:
    original: Original
    cartoon: Cartoon
    device_token: str | None


async def upload(
    backend: State,
    caller: Caller,
    photo: Photo,
    options: DrawingOptions,
    note: Note[Uploaded],
) -> Uploaded:
    """Keep the photo for good and draw its first cartoon: both, or neither."""
    require_quota(caller.live_cartoons, backend.settings.max_live_cartoons)
    await require_space(backend.database, backend.storage, backend.settings)
    ai = backend.ai
    until = ai.deadline()
    with stage("draw"):
        drawing = await ai.generate_cartoon(
            photo.pieces,
            photo.mime_type,
            with_seed(options),
            device_id=caller.device_id,
            until=until,
            thumbnail=True,
        )
        thumbnail = drawing.thumbnail
        if thumbnail is None:  # an AI service that knows the original design alone
            thumbnail = (await ai.thumbnail(photo.pieces, photo.mime_type, until=until)).data

    now = utc_now()
    original_id = new_id()
    async with discarding(backend.storage) as new_files:
        with stage("store"):
            extension = IMAGE_TYPES[photo.mime_type]
            original_keys = keys.new_keys("originals", caller.device_id, extension, now)
            stored, kept = await backend.storage.put_new(
                NewFile(original_keys, photo.pieces, photo.mime_type, thumbnail),
                cartoon_file(original_id, drawing, now),
            )
            thumbnail_path = keys.thumbnail_key(stored.key)
            new_files += [stored.key, thumbnail_path, kept.key]

        original = Original(
            id=original_id,
            device_id=caller.device_id,
            **file_columns(stored, photo.mime_type),
            image_url=keys.url_path_of(stored.key),
            width=drawing.photo_width,
            height=drawing.photo_height,
            face_count=drawing.face_count,
            thumbnail_path=thumbnail_path,
            last_style=drawing.style,
            faces=faces_text(drawing.faces),
            created_at=now,
        )
        cartoon = new_cartoon(original, drawing, options, kept, now)

        def commit(connection: Connection) -> Uploaded:
            token = introduce(connection, backend.signer, caller.device_id, now)
            live_cartoons = queries.live_cartoons(connection, caller.device_id)
            require_quota(live_cartoons, backend.settings.max_live_cartoons)
            queries.add(connection, original)
            queries.add(connection, cartoon)
            uploaded = Uploaded(original, cartoon, token)
            note(connection, uploaded)
            return uploaded

        with stage("commit"):
            return await backend.database.write(commit)
