"""Photos into cartoons."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import ExitStack
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.engines.catalogue import STYLES, has_svg
from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION
from cartoon_avatar.ai.engines.protocol import Engine, StyleFacts
from cartoon_avatar.ai.engines.registry import Engines
from cartoon_avatar.ai.routes.answers import Answer, Watch, answered
from cartoon_avatar.ai.routes.bodies import form_of, image_in, state_of, with_thumbnail
from cartoon_avatar.contract import headers, options, paths
from cartoon_avatar.contract.boxes import faces_text
from cartoon_avatar.contract.errors import InvalidFormat
from cartoon_avatar.contract.limits import CARTOON_PX, RANDOM_SEEDS

router = APIRouter()


@router.post(paths.GENERATE_CARTOON, operation_id="generateCartoon")
async def generate_cartoon(request: Request) -> Response:
    """Draw a cartoon of a photo; the response is the picture itself.

    With ``thumbnail`` the photo's thumbnail follows in the same body, so that a photo is sent
    and decoded once for both. ``format=svg`` gives a style's shapes, without a thumbnail. With
    ``Accept: text/event-stream`` events tell of the progress before the picture.
    """
    ai = state_of(request)
    with ExitStack() as held:
        held.enter_context(ai.workers.place())
        form = await form_of(request, "image")
        fields = form.fields
        options.require_known(fields, (*options.DRAWING_FIELDS, "format", "thumbnail"))
        engine, style = await _chosen(ai.engines, fields.get("style"))
        as_svg = _as_svg(fields, style)
        seed = options.seed_of(fields)
        size = options.cartoon_size_of(fields) or CARTOON_PX
        framing = options.framing_of(fields) or "portrait"
        face = options.face_of(fields) or 0
        thumbnail = with_thumbnail(fields)
        if seed is None:
            seed = secrets.randbelow(RANDOM_SEEDS)
        photo = image_in(form, "image")
        if as_svg:
            job = partial(ai.run, engine, jobs.draw_svg, photo, style.name, seed, size)
            job = partial(job, framing, face)
        else:
            job = partial(ai.run, engine, jobs.draw_cartoon, photo, style.name, seed, size)
            job = partial(job, thumbnail, framing, face)

        async def drawn(watch: Watch) -> Answer:
            result = await job(moved=watch.moved, report=watch.report)
            ai.metrics.drawing_seconds.labels(style.name).observe(sum(result.stages.values()))
            return Answer.of(
                result,
                {
                    headers.STYLE: style.name,
                    headers.SEED: str(seed),
                    headers.ENGINE_VERSION: str(ENGINE_VERSION),
                    headers.FACE_COUNT: str(result.faces),
                    headers.CROP_BOX: str(result.crop),
                    headers.FACES: faces_text(result.face_boxes),
                    **(headers.SVG_HEADERS if as_svg else {}),
                },
            )

        return await answered(request, drawn, held)


async def _chosen(engines: Engines, value: object) -> tuple[Engine, StyleFacts]:
    name = STYLES[0].name if options.is_absent(value) else str(value)
    built_in = engines.all[0]
    for style in built_in.styles():
        if style.name == name:
            return built_in, style
    # In a thread: a file that was not seen before is read from end to end.
    return await asyncio.to_thread(engines.of, name)


def _as_svg(fields: dict[str, Any], style: StyleFacts) -> bool:
    value = fields.get("format")
    if options.is_absent(value):
        return False
    if value != "svg":
        raise InvalidFormat("format must be svg; without it, a drawing is a JPEG or WebP.")
    if not style.svg:
        shapes = [one.name for one in STYLES if has_svg(one)]
        raise InvalidFormat(
            f"The style {style.name} draws pixels, of which there is no SVG; {', '.join(shapes)}"
            " draw shapes."
        )
    return True
