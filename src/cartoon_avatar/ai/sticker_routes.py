"""HTTP in and out of the AI service: stickers of heads."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cartoon_avatar.ai.forms import read_form
from cartoon_avatar.ai.state import State
from cartoon_avatar.ai.stickers import make_sticker
from cartoon_avatar.contract import headers, options, paths
from cartoon_avatar.contract.errors import InvalidImage
from cartoon_avatar.contract.stickers import STICKER_FIELDS, sticker_options_of

router = APIRouter()


@router.post(paths.STICKER, operation_id="makeSticker")
async def create_sticker(request: Request) -> Response:
    """Make a sticker of a head, as a platform wants it: size, type, outline, margin, bytes."""
    ai: State = request.state.ai
    with ai.workers.place():
        form = await read_form(
            request,
            "image",
            max_file_bytes=ai.settings.max_upload_bytes,
            timeout_s=ai.settings.body_timeout_s,
        )
        options.require_known(form.fields, STICKER_FIELDS)
        sticker = sticker_options_of(form.fields)
        head = form.files.get("image")
        if not head:
            raise InvalidImage("There is no file in the field image.")
        result = await ai.workers.run(make_sticker, head, sticker)
    stages = (f"{stage};dur={seconds * 1000:.1f}" for stage, seconds in result.stages.items())
    return Response(
        result.data,
        media_type=result.mime_type,
        headers={
            headers.PHOTO_WIDTH: str(result.photo_width),
            headers.PHOTO_HEIGHT: str(result.photo_height),
            headers.IMAGE_WIDTH: str(result.width),
            headers.IMAGE_HEIGHT: str(result.height),
            headers.SERVER_TIMING: ", ".join(stages),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
