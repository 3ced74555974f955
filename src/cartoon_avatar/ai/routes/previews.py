"""A photo in every style, small."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.routes.requests import form_of, image_in, state_of
from cartoon_avatar.ai.routes.responses import FinishedPicture, Watch, respond
from cartoon_avatar.contract import options, paths

router = APIRouter()

# Of the time a job may take: what is not drawn by then is left out.
_BUDGET = 0.6


@router.post(paths.PREVIEWS, operation_id="drawPreviews")
async def draw_previews(request: Request) -> Response:
    """Draw one person in the styles of our own engines, 256 px, each as a `data:` URI."""
    ai = state_of(request)
    with ai.workers.place():
        form = await form_of(request, "image")
        options.require_known(form.fields, ("face", "styles"))
        names = form.fields.get("styles")
        styles = None if options.is_absent(names) else tuple(str(names).split(","))
        face = options.face_of(form.fields) or 0
        photo = image_in(form, "image")

        job, budget_s = jobs.draw_previews, _BUDGET * ai.settings.task_timeout_s

        async def made(watch: Watch) -> FinishedPicture:
            return FinishedPicture.of(await ai.workers.run(job, photo, styles, face, budget_s), {})

        return await respond(request, made)
