"""A server of the original design's AI service: two endpoints and bare pictures.

It has no styles, thumbnails, health or headers; what is missing is filled in from what was asked
and from the pictures' own headers.
"""

from __future__ import annotations

import structlog
from starlette.datastructures import Headers

from cartoon_avatar.backend.ai.wire import Pieces
from cartoon_avatar.backend.errors import GenerationFailed
from cartoon_avatar.containers.dimensions import upright_size
from cartoon_avatar.containers.sniff import HEAD_BYTES, media_type_of
from cartoon_avatar.contract import headers

log = structlog.get_logger()

STYLE = "cartoon"


def described(data: bytes) -> dict[str, str]:
    """Headers of a head or drawing, read from its bytes: the Content-Type may be wrong."""
    mime_type = media_type_of(data[:HEAD_BYTES])
    size = None if mime_type is None else upright_size(data, mime_type)
    if mime_type is None or size is None:
        log.error("ai_response_garbage", mime_type=mime_type, size_bytes=len(data))
        raise GenerationFailed
    return {
        "content-type": mime_type,
        headers.IMAGE_WIDTH: str(size[0]),
        headers.IMAGE_HEIGHT: str(size[1]),
    }


def drawing_headers(
    data: bytes, photo: Pieces, mime_type: str, style: str | None, seed: int | None
) -> Headers:
    # A photo whose size cannot be read is taken to be as large as its drawing.
    drawn = described(data)
    size = upright_size(b"".join(photo), mime_type)
    width, height = size or (drawn[headers.IMAGE_WIDTH], drawn[headers.IMAGE_HEIGHT])
    return Headers(
        {
            **drawn,
            headers.STYLE: style or STYLE,
            headers.SEED: str(seed or 0),
            headers.PHOTO_WIDTH: str(width),
            headers.PHOTO_HEIGHT: str(height),
            # It does not say. With 0 nobody would be offered to cut a head out.
            headers.FACE_COUNT: "1",
        }
    )
