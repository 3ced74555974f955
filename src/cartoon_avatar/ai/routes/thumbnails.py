"""Photos into thumbnails."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.routes.requests import form_of, image_in, state_of
from cartoon_avatar.ai.routes.responses import FinishedPicture, Watch, respond
from cartoon_avatar.contract import options, paths

router = APIRouter()


@router.post(paths.THUMBNAIL, operation_id="makeThumbnail")
async def make_thumbnail(request: Request) -> Response:
    """Make a small WebP of a photo: longest side 320 px, upright, without metadata."""
    ai = state_of(request)
    with ai.workers.place():
        form = await form_of(request, "image")
        options.require_known(form.fields, ())
        photo = image_in(form, "image")

        async def made(watch: Watch) -> FinishedPicture:
            return FinishedPicture.of(await ai.workers.run(jobs.make_thumbnail, photo), {})

        return await respond(request, made)
