"""Stickers of heads."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cartoon_avatar.ai.routes.requests import form_of, image_in, state_of
from cartoon_avatar.ai.routes.responses import FinishedPicture, Watch, respond
from cartoon_avatar.ai.stickers import make_sticker
from cartoon_avatar.contract import options, paths
from cartoon_avatar.contract.stickers import STICKER_FIELDS, sticker_options_of

router = APIRouter()


@router.post(paths.STICKER, operation_id="makeSticker")
async def create_sticker(request: Request) -> Response:
    """Make a sticker of a head, as a platform wants it: size, type, outline, margin, bytes."""
    ai = state_of(request)
    with ai.workers.place():
        form = await form_of(request, "image")
        options.require_known(form.fields, STICKER_FIELDS)
        sticker = sticker_options_of(form.fields)
        head = image_in(form, "image")

        async def made(watch: Watch) -> FinishedPicture:
            return FinishedPicture.of(await ai.workers.run(make_sticker, head, sticker), {})

        return await respond(request, made)
