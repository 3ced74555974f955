"""Heads out of cartoons."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.fetching import Fetcher
from cartoon_avatar.ai.forms import Pieces, read_json
from cartoon_avatar.ai.routes.requests import flag, form_of, image_in, state_of
from cartoon_avatar.ai.routes.responses import FinishedPicture, Watch, respond
from cartoon_avatar.ai.state import State
from cartoon_avatar.contract import headers, options, paths
from cartoon_avatar.contract.boxes import MOST_FACES
from cartoon_avatar.contract.errors import InvalidRequest, NoFace

router = APIRouter()

# How a cartoon was drawn, which helps to cut out its head.
_DRAWN_FIELDS = ("style", "seed", "framing", "aligned")


@router.post(paths.PROCESS_FACE_CUT, operation_id="processFaceCut")
async def process_face_cut(request: Request) -> Response:
    """Cut the head out of a cartoon, named by URL (JSON) or sent along (multipart).

    With ``thumbnail`` the head's thumbnail follows in the same body. With
    ``Accept: text/event-stream`` events tell of the progress before the head.
    """
    ai = state_of(request)
    with ExitStack() as held:
        held.enter_context(ai.workers.place())
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            form = await form_of(request, "image", "original")
            wanted, aligned = _read(ai, form.fields)
            cartoon = image_in(form, "image")
            original = image_in(form, "original") if "original" in form.files else None
        else:
            fields = await read_json(request, timeout_s=ai.settings.body_timeout_s)
            wanted, aligned = _read(ai, fields, "image_url", "original_url")
            cartoon, original = await _fetched(ai.fetcher, fields)
        cut = partial(_cut, ai, cartoon, original if aligned else None, wanted)
        return await respond(request, cut, held)


def _read(ai: State, fields: dict[str, Any], *more: str) -> tuple[jobs.HeadOptions, bool]:
    """Options of a head, and whether the cartoon shows what its photo shows in the same place."""
    names = (*options.HEAD_FIELDS, *_DRAWN_FIELDS, "face_index", "crop", "thumbnail", *more)
    options.require_known(fields, names)
    kind = options.head_format_of(fields)
    wanted = jobs.HeadOptions(
        kind=kind,
        background=_colour(options.background_of(fields, kind)),
        size=options.head_size_of(fields),
        face=_face(fields),
        crop=options.crop_of(fields),
        drawn_as=_drawn_as(fields),
        thumbnail=flag(fields, "thumbnail"),
    )
    if _is_aligned(ai, fields):
        return wanted, True
    # What the photo shows lies elsewhere in the drawing, which tells where its head is; and of a
    # portrait it shows one person.
    whole = options.framing_of(fields) == "full"
    face = wanted.face if whole else 0
    return replace(wanted, crop=None, drawn_as=None, face=face), False


async def _cut(
    ai: State,
    cartoon: Pieces,
    original: Pieces | None,
    wanted: jobs.HeadOptions,
    watch: Watch,
) -> FinishedPicture:
    try:
        result = await ai.workers.run(
            jobs.cut_head,
            cartoon,
            original,
            wanted,
            on_position=watch.on_position,
            report=watch.report,
        )
    except NoFace:
        ai.metrics.no_face.inc()
        raise
    ai.metrics.cut_seconds.labels(result.path).observe(sum(result.stages.values()))
    seen = {
        headers.FACE_COUNT: str(result.faces),
        headers.CROP_BOX: ",".join(map(str, result.box or ())),
        headers.CUT_PATH: result.path,
    }
    if result.flags:
        seen[headers.CUT_FLAGS] = ",".join(result.flags)
    return FinishedPicture.of(await ai.signed(result), seen)


def _is_aligned(ai: State, fields: dict[str, Any]) -> bool:
    """Whether the cartoon shows what its photo shows in the same place, as its headers said; where
    that is not sent along, what is known of its style."""
    aligned = options.whole_number(fields, "aligned", InvalidRequest, 0, 1)
    if aligned is not None:
        return aligned == 1
    style = fields.get("style")
    return not any(
        not engine.facts.aligned and engine.style_named(str(style)) for engine in ai.remote
    )


async def _fetched(fetcher: Fetcher, fields: dict[str, Any]) -> tuple[Pieces, Pieces | None]:
    image_url, original_url = fields.get("image_url"), fields.get("original_url")
    if not isinstance(image_url, str) or not isinstance(original_url, str | None):
        raise InvalidRequest("image_url must be a URL, original_url too if it is given.")
    # Both judged before either is fetched.
    fetcher.check(image_url)
    if original_url is None:
        return [memoryview(await fetcher.fetch(image_url))], None
    fetcher.check(original_url)
    cartoon, original = await asyncio.gather(fetcher.fetch(image_url), fetcher.fetch(original_url))
    return [memoryview(cartoon)], [memoryview(original)]


def _face(fields: dict[str, Any]) -> int:
    """``face``, or ``face_index`` as the original contract calls it."""
    face = options.face_of(fields)
    if face is None:
        face = options.whole_number(fields, "face_index", InvalidRequest, 0, MOST_FACES - 1)
    return face or 0


def _drawn_as(fields: dict[str, Any]) -> jobs.DrawnAs | None:
    style, seed = fields.get("style"), options.seed_of(fields)
    framing = options.framing_of(fields) or "portrait"
    if style is None or style == "" or seed is None:
        return None
    if not isinstance(style, str):
        raise InvalidRequest("style must be the name of one.")
    return jobs.DrawnAs(style, seed, framing)


def _colour(background: str) -> tuple[int, int, int] | None:
    """RGB, None for transparent."""
    if background == options.TRANSPARENT:
        return None
    return options.rgb_of(background)
