"""Photos into cartoons."""

from __future__ import annotations

import asyncio
import re
import secrets
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import IO, Any, NamedTuple

from fastapi import APIRouter, Request, Response

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.engines.catalogue import STYLES, has_svg
from cartoon_avatar.ai.engines.protocol import Engine, EngineFacts, StyleFacts, version_of
from cartoon_avatar.ai.engines.remote.engine import RemoteEngine
from cartoon_avatar.ai.errors import AiBusy
from cartoon_avatar.ai.forms import Pieces
from cartoon_avatar.ai.generating import DrawingRequest, generate
from cartoon_avatar.ai.routes.requests import flag, form_of, image_in, state_of
from cartoon_avatar.ai.routes.responses import FinishedPicture, Watch, respond
from cartoon_avatar.ai.state import State
from cartoon_avatar.contract import headers, options, paths
from cartoon_avatar.contract.boxes import faces_text
from cartoon_avatar.contract.errors import (
    AvatarError,
    ConsentRequired,
    EngineRefused,
    EngineUnavailable,
    InvalidFormat,
    InvalidRequest,
)
from cartoon_avatar.contract.limits import CARTOON_PX, RANDOM_SEEDS

router = APIRouter()

_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Fields that the backend alone sends.
_OUR_FIELDS = ("format", "thumbnail", "cartoon_thumbnail", "fallback", "stay")


@router.post(paths.GENERATE_CARTOON, operation_id="generateCartoon")
async def generate_cartoon(request: Request) -> Response:
    """Draw a cartoon of a photo; the response is the picture itself.

    With ``thumbnail`` the photo's thumbnail follows in the same body, so that a photo is sent
    and decoded once for both; with ``cartoon_thumbnail`` then the drawing's. ``format=svg`` gives a
    style's shapes, without thumbnails. With ``Accept: text/event-stream`` events tell of the
    progress before the picture. With ``stay`` the photo is sent to nobody else's server. Under an
    ``Idempotency-Key`` a generator's drawing goes on when the client hangs up; the same request is
    given it, and ``DELETE`` cancels it.
    """
    ai = state_of(request)
    key = _key_in(request)
    with ExitStack() as held:
        # Of its own: a generator frees the workers' place while it draws.
        place = held.enter_context(ExitStack())
        place.enter_context(ai.workers.place())
        engine, drawing = await _read(ai, request, key)
        return await respond(request, partial(_drawn, ai, engine, drawing, place), held)


@router.delete(paths.GENERATE_CARTOON, status_code=204, operation_id="cancelCartoon")
async def cancel_cartoon(request: Request) -> None:
    """Cancel what generators draw under an ``Idempotency-Key``, if anything: the provider hears of
    it within a second."""
    key = _key_in(request)
    if key is None:
        raise InvalidRequest("The Idempotency-Key of what is to be cancelled is missing.")
    for engine in state_of(request).remote:
        await engine.cancel(key)


async def _read(
    ai: State, request: Request, key: str | None
) -> tuple[Engine | RemoteEngine, DrawingRequest]:
    form = await form_of(request, "image")
    fields = form.fields
    options.require_known(fields, (*options.DRAWING_FIELDS, *_OUR_FIELDS))
    engine, style = await _chosen(ai, fields.get("style"))
    if engine.facts.leaves_machine and flag(fields, "stay"):
        raise ConsentRequired
    as_svg = _as_svg(fields, style)
    seed = options.seed_of(fields)
    return engine, DrawingRequest(
        style=style,
        as_svg=as_svg,
        seed=secrets.randbelow(RANDOM_SEEDS) if seed is None else seed,
        long_side=options.cartoon_size_of(fields) or CARTOON_PX,
        framing=options.framing_of(fields) or "portrait",
        face=options.face_of(fields) or 0,
        thumbnail=flag(fields, "thumbnail"),
        cartoon_thumbnail=flag(fields, "cartoon_thumbnail"),
        may_fall_back=flag(fields, "fallback"),
        photo=image_in(form, "image"),
        request_key=key or request.state.request_id,
        outlives=key is not None,
    )


class _Made(NamedTuple):
    """What drew in the end; ``failure`` is the generator's in whose place it did."""

    result: jobs.Result
    engine: EngineFacts
    style: StyleFacts
    failure: AvatarError | None = None


async def _drawn(
    ai: State,
    engine: Engine | RemoteEngine,
    drawing: DrawingRequest,
    place: ExitStack,
    watch: Watch,
) -> FinishedPicture:
    if isinstance(engine, RemoteEngine):
        made = await _draw_elsewhere(ai, engine, drawing, place, watch)
    else:
        result = await _draw_here(ai, engine, drawing, watch)
        made = _Made(result, engine.facts, drawing.style)
    result = made.result
    ai.metrics.drawing_seconds.labels(made.style.name).observe(sum(result.stages.values()))
    optional = dict(headers.SVG_HEADERS) if drawing.as_svg else {}
    if made.failure is not None:
        optional[headers.FALLBACK] = made.failure.code
    if made.engine.deterministic:
        optional[headers.ENGINE_VERSION] = version_of(made.style)
    return FinishedPicture.of(
        await ai.signed(result),
        {
            headers.STYLE: made.style.name,
            headers.ENGINE: made.engine.name,
            headers.ALIGNED: str(int(result.aligned)),
            headers.SEED: str(drawing.seed),
            headers.FACE_COUNT: str(result.faces),
            headers.CROP_BOX: str(result.crop),
            headers.FACES: faces_text(result.face_boxes),
            **optional,
        },
    )


async def _draw_here(
    ai: State, engine: Engine, drawing: DrawingRequest, watch: Watch
) -> jobs.Result:
    run = partial(ai.run, engine, on_position=watch.on_position, report=watch.report)
    how = jobs.CartoonOptions(
        drawing.style.name, drawing.seed, drawing.long_side, drawing.framing, drawing.face
    )
    if drawing.as_svg:
        return await run(jobs.draw_svg, drawing.photo, how)
    thumbnails = drawing.thumbnail, drawing.cartoon_thumbnail
    return await run(jobs.draw_cartoon, drawing.photo, how, *thumbnails)


async def _draw_elsewhere(
    ai: State, engine: RemoteEngine, drawing: DrawingRequest, place: ExitStack, watch: Watch
) -> _Made:
    """By a generator, or where it fails, and the request allows it, by the first style."""
    with ExitStack() as kept:
        copy = None
        if drawing.may_fall_back:
            copy = kept.enter_context(await asyncio.to_thread(_copied, drawing.photo))
        try:
            result = await generate(
                ai.workers,
                ai.places[engine.config.name],
                engine,
                drawing,
                begun=place.close,
                on_position=watch.on_position,
                report=watch.report,
            )
        except (AiBusy, EngineUnavailable, EngineRefused) as error:
            if copy is None:
                raise
            failure = error
            drawing.photo[:] = [memoryview(await asyncio.to_thread(_read_again, copy))]
        else:
            return _Made(result, engine.facts, drawing.style)
    first = ai.engines.all[0]
    style = first.styles()[0]
    # A second close does nothing: ``generate`` may have freed the place already.
    place.close()
    place.enter_context(ai.workers.place())
    result = await _draw_here(ai, first, replace(drawing, style=style), watch)
    return _Made(result, first.facts, style, failure)


def _key_in(request: Request) -> str | None:
    key = request.headers.get(headers.IDEMPOTENCY_KEY)
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest("An Idempotency-Key is 1 to 64 letters, digits, dots, _ or -.")
    return key


def _copied(photo: Pieces) -> IO[bytes]:
    """The photo in a file that nobody else sees, for one of ours to draw where a generator fails:
    many wait for generators, and memory is short."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    file.writelines(photo)
    return file


def _read_again(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


async def _chosen(ai: State, value: object) -> tuple[Engine | RemoteEngine, StyleFacts]:
    name = STYLES[0].name if options.is_absent(value) else str(value)
    built_in = ai.engines.all[0]
    for style in built_in.styles():
        if style.name == name:
            return built_in, style
    for remote in ai.remote:
        if (style := remote.style_named(name)) is not None:
            return remote, style
    # In a thread: a file that was not seen before is read from end to end.
    return await asyncio.to_thread(ai.engines.of, name)


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
