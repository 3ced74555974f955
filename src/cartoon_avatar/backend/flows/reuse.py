"""The result cache: what a live cartoon of the device shows already is copied and not drawn again.

The cartoons themselves are the cache, so what is deleted, downloaded or expired is never served.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial

from cartoon_avatar.backend.ai.requests import DrawingOptions
from cartoon_avatar.backend.ai.responses import Drawing
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.errors import AiUnavailable, GenerationFailed
from cartoon_avatar.backend.state import State
from cartoon_avatar.backend.storage.protocol import FileMissing
from cartoon_avatar.contract.boxes import faces_in
from cartoon_avatar.contract.limits import CARTOON_PX
from cartoon_avatar.contract.options import FRAMINGS


def drawing_key(photo_sha256: str, drawing: Drawing, options: DrawingOptions) -> str | None:
    """Stands for all that the pixels of ``drawing`` depend on; None where that includes chance."""
    version = drawing.engine_version
    if not version:
        return None
    return _key(photo_sha256, version, drawing.style, drawing.seed, options)


async def drawn_before(
    backend: State, device_id: str, photo_sha256: str, options: DrawingOptions, until: float
) -> Drawing | None:
    """The drawing that ``options`` ask for, if a live cartoon of the device shows it."""
    if options.seed is None:  # a random one gives a drawing of its own
        return None
    try:
        styles = await backend.ai.styles(until=until)
    except (AiUnavailable, GenerationFailed):  # the engine's version is not known
        return None
    for style in styles:
        if options.style in (None, style.name):
            break
    else:
        return None
    if not (style.deterministic and style.version):
        return None
    key = _key(photo_sha256, style.version, style.name, options.seed, options)
    find = partial(queries.cartoon_drawn_as, device_id=device_id, drawing_key=key)
    found = await backend.database.read(find)
    if found is None:
        return None
    cartoon, original = found
    storage = backend.storage
    try:
        data = await storage.get(cartoon.file_path)
        photo_thumbnail = await storage.get(original.thumbnail_path)
        own_thumbnail = None
        if cartoon.thumbnail_path is not None:
            own_thumbnail = await storage.get(cartoon.thumbnail_path)
    except FileMissing:  # deleted since its row was read
        return None
    backend.metrics.drawings_reused.inc()
    return Drawing(
        data=data,
        mime_type=cartoon.mime_type,
        width=cartoon.width,
        height=cartoon.height,
        style=cartoon.style,
        seed=cartoon.seed,
        engine=cartoon.engine,
        aligned=cartoon.aligned,
        stands_in=False,
        photo_width=original.width,
        photo_height=original.height,
        face_count=original.face_count,
        crop=cartoon.crop,
        faces=faces_in(original.faces),
        engine_version=style.version,
        thumbnail=photo_thumbnail,
        own_thumbnail=own_thumbnail,
    )


def _key(
    photo_sha256: str, engine_version: str, style: str, seed: int, options: DrawingOptions
) -> str:
    size = options.size or CARTOON_PX
    framing, face = options.framing or FRAMINGS[0], options.face or 0
    request = json.dumps([photo_sha256, engine_version, style, seed, size, framing, face])
    return hashlib.sha256(request.encode()).hexdigest()
