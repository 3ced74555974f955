"""A photo in every style, small: nothing of it is kept, and it counts as no drawing."""

from __future__ import annotations

import asyncio
from functools import partial

from cartoon_avatar.backend.ai.requests import Turn
from cartoon_avatar.backend.ai.styles import Preview
from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.errors import AiUnavailable, NotFound
from cartoon_avatar.backend.flows.fetching import fetched
from cartoon_avatar.backend.state import State
from cartoon_avatar.http.request_log import stage

# Workers draw them side by side, and each looks at the photo by itself, a tenth of the work. Where
# the machine is busy, more of a small part is done before the AI service's time limit.
_PARTS = 4


async def previews_of(
    backend: State, *, device_id: str, original_id: str, face: int
) -> list[Preview]:
    """One person of a photo in every style; those that the AI service had no place or time for are
    left out. Raises NotFound."""
    find = partial(queries.original_of, device_id=device_id, original_id=original_id)
    original = await backend.database.read(find)
    if original is None:
        raise NotFound
    photo = await fetched(backend, original.file_path, find)
    ai, turn = backend.ai, Turn(device_id, backend.ai.deadline())
    names = [style.name for style in await ai.styles(until=turn.until)]
    with stage("draw"):
        parts = await asyncio.gather(
            *(
                ai.previews([photo], original.mime_type, names[part::_PARTS], face, turn)
                for part in range(min(_PARTS, len(names)))
            ),
            return_exceptions=True,
        )
    # When the AI service is busy, there may be a place for one part only.
    refused = [part for part in parts if isinstance(part, BaseException)]
    for error in refused:
        if len(refused) == len(parts) or not isinstance(error, AiUnavailable):
            raise error
    received = [part for part in parts if not isinstance(part, BaseException)]
    drawn = {preview.style: preview for part in received for preview in part}
    return [drawn[name] for name in names if name in drawn]
