"""Stickers of faces: made on demand, cached for a while, without rows.

A cached file is found by its name, which is made of the face and the options. It is deleted with
its face, and swept after a week or two; a new request makes it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from cartoon_avatar.backend.ai.requests import Turn
from cartoon_avatar.backend.clock import utc_now
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.db.tables import Face
from cartoon_avatar.backend.errors import NotFound
from cartoon_avatar.backend.flows.disk_space import require_space
from cartoon_avatar.backend.flows.fetching import fetched
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage import keys
from cartoon_avatar.backend.storage.protocol import NewFile, Storage
from cartoon_avatar.contract.media_types import IMAGE_TYPES
from cartoon_avatar.contract.stickers import STICKER_VERSION, StickerOptions
from cartoon_avatar.http.request_log import stage

_TYPE_OF_EXTENSION = {extension: mime_type for mime_type, extension in IMAGE_TYPES.items()}
# Concurrent listings when a whole device is deleted.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Export:
    """A sticker and its file; lengths in px."""

    face_id: str
    key: str
    size_bytes: int
    options: StickerOptions
    is_new: bool = False

    @property
    def mime_type(self) -> str:
        return _TYPE_OF_EXTENSION[self.key.rpartition(".")[2]]


async def export(
    backend: State, *, device_id: str, face_id: str, options: StickerOptions
) -> Export:
    """The sticker of a face: the one made before, or a new one. Raises NotFound."""
    find = partial(queries.face_of, device_id=device_id, face_id=face_id)
    face = await backend.database.read(find)
    if face is None:
        raise NotFound
    options_text = json.dumps([STICKER_VERSION, *options.fields().values()])
    digest = hashlib.sha256(options_text.encode()).hexdigest()[:16]
    prefix = keys.export_prefix(face.id, options.preset, digest, utc_now())
    for kept in await backend.storage.files_under(prefix):
        return Export(face.id, kept.key, kept.size_bytes, options)

    made = await _made(backend, face, prefix, options)
    # The face was deleted meanwhile, perhaps before this file could be listed with its exports.
    if await backend.database.read(find) is None:
        await backend.storage.delete([made.key])
        raise NotFound
    return made


async def _made(backend: State, face: Face, prefix: str, options: StickerOptions) -> Export:
    storage = backend.storage
    await require_space(backend.database, storage, backend.settings)
    find = partial(queries.face_of, device_id=face.device_id, face_id=face.id)
    head = await fetched(backend, face.file_path, find)
    with stage("sticker"):
        image = await backend.ai.sticker(
            [head],
            face.mime_type,
            options,
            Turn(face.device_id, backend.ai.deadline()),
        )
    key = keys.export_key(prefix, image.width, image.height, IMAGE_TYPES[image.mime_type])
    with stage("store"):
        try:
            await storage.put_new(NewFile(iter([key]), [image.data], image.mime_type))
        except FileExistsError:  # a concurrent request made the same export first
            return Export(face.id, key, len(image.data), options)
    return Export(face.id, key, len(image.data), options, is_new=True)


async def delete_exports(storage: Storage, face_ids: Iterable[str]) -> None:
    """Delete the exports of faces whose rows are gone."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def delete_of(face_id: str) -> None:
        async with turns:
            found = await storage.files_under(keys.exports_of(face_id))
            await storage.delete([file.key for file in found])

    await asyncio.gather(*map(delete_of, face_ids))
