"""A new photo and its first cartoon."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from anyio import to_thread
from sqlalchemy import Connection

from cartoon_avatar.backend.ai.client import AiClient
from cartoon_avatar.backend.ai.requests import DrawingOptions, Turn
from cartoon_avatar.backend.ai.responses import Drawing
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.tables import Cartoon, Original
from cartoon_avatar.backend.flows.attempt import Attempt
from cartoon_avatar.backend.flows.cartoons import (
    cartoon_file,
    file_columns,
    files_of,
    new_cartoon,
    new_id,
    require_quota,
    with_seed,
)
from cartoon_avatar.backend.flows.consents import may_leave
from cartoon_avatar.backend.flows.devices import Caller, introduce
from cartoon_avatar.backend.flows.disk_space import require_space
from cartoon_avatar.backend.flows.moderate import moderate
from cartoon_avatar.backend.flows.new_files import discarding
from cartoon_avatar.backend.flows.photos import Photo, photo_file, sha256_of
from cartoon_avatar.backend.flows.reuse import drawing_key, drawn_before
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import NewFile, Storage, StoredFile
from cartoon_avatar.contract.boxes import faces_text
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
    attempt: Attempt,
) -> Uploaded:
    """Keep the photo for good and draw its first cartoon: both, or neither."""
    require_quota(caller.live_cartoons, backend.settings.max_live_cartoons)
    await require_space(backend.database, backend.storage, backend.settings)
    drawing = await _drawn_before(backend, caller, photo, options, attempt.turn)
    leaves = False
    if drawing is None:
        leaves = await may_leave(backend, caller.device_id, options.style, attempt.turn.until)
    await moderate(backend, attempt, photo.pieces, photo.mime_type, "photo", options.style)
    if drawing is None:
        with stage("draw"):
            drawing = await attempt.ask(
                _drawn(
                    backend.ai, photo, with_seed(options, attempt.turn.key), attempt.turn, leaves
                )
            )
    await moderate(backend, attempt, [drawing.data], drawing.mime_type, "cartoon", drawing.style)

    now = utc_now()
    original_id = new_id()
    async with discarding(backend.storage) as new_files:
        with stage("store"):
            cartoon_to_store = cartoon_file(original_id, drawing, now)
            if photo.stored is None:
                photo_to_store = photo_file(photo, caller.device_id, now, drawing.thumbnail)
                stored, stored_cartoon = await backend.storage.put_new(
                    photo_to_store, cartoon_to_store
                )
                new_files += [stored.key, keys.thumbnail_key(stored.key)]
            else:
                stored = photo.stored
                await _keep_thumbnail(backend.storage, stored.key, drawing.thumbnail)
                (stored_cartoon,) = await backend.storage.put_new(cartoon_to_store)

        original = _original(original_id, caller.device_id, photo, stored, drawing, now)
        key = drawing_key(stored.sha256, drawing, options)
        cartoon = new_cartoon(original, drawing, options, stored_cartoon, key, now)
        new_files += files_of(cartoon)
        attempt.require_wanted()

        def commit(connection: Connection) -> Uploaded:
            token = introduce(connection, backend.signer, caller.device_id, now)
            live_cartoons = queries.live_cartoons(connection, caller.device_id)
            require_quota(live_cartoons, backend.settings.max_live_cartoons)
            queries.add(connection, original)
            queries.add(connection, cartoon)
            uploaded = Uploaded(original, cartoon, token)
            attempt.settle(connection, uploaded)
            return uploaded

        with stage("commit"):
            return await backend.database.write(commit)


async def _drawn_before(
    backend: State, caller: Caller, photo: Photo, options: DrawingOptions, turn: Turn
) -> Drawing | None:
    if options.seed is None:  # the photo's checksum is not wanted yet
        return None
    size_bytes = sum(map(len, photo.pieces))
    is_there = partial(
        queries.has_original_of_size, device_id=caller.device_id, size_bytes=size_bytes
    )
    if not await backend.database.read(is_there):  # a checksum takes longer than a query
        return None
    sha256 = await to_thread.run_sync(sha256_of, photo)
    return await drawn_before(backend, caller.device_id, sha256, options, turn.until)


async def _drawn(
    ai: AiClient, photo: Photo, options: DrawingOptions, turn: Turn, leaves: bool
) -> Drawing:
    """The first cartoon, with the photo's thumbnail."""
    drawing = await ai.generate_cartoon(
        photo.pieces, photo.mime_type, options, turn, thumbnail=True, may_leave=leaves
    )
    if drawing.thumbnail is not None:
        return drawing
    # An AI service that knows the original design alone.
    small = await ai.thumbnail(photo.pieces, photo.mime_type, until=turn.until)
    return replace(drawing, thumbnail=small.data)


def _original(
    original_id: str,
    device_id: str,
    photo: Photo,
    stored: StoredFile,
    drawing: Drawing,
    now: datetime,
) -> Original:
    return Original(
        id=original_id,
        device_id=device_id,
        **file_columns(stored, photo.mime_type),
        image_url=keys.url_path_of(stored.key),
        width=drawing.photo_width,
        height=drawing.photo_height,
        face_count=drawing.face_count,
        thumbnail_path=keys.thumbnail_key(stored.key),
        last_style=drawing.style,
        faces=faces_text(drawing.faces),
        created_at=now,
    )


async def _keep_thumbnail(storage: Storage, key: str, thumbnail: bytes | None) -> None:
    assert thumbnail is not None
    # An attempt that was cut off may have left one, of the same photo.
    with suppress(FileExistsError):
        names = iter([keys.thumbnail_key(key)])
        await storage.put_new(NewFile(names, [thumbnail], "image/webp"))
