"""HTTP in and out of the AI service."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from functools import cache
from importlib import resources
from itertools import chain, islice
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.engines.catalogue import STYLES, EngineStyle, has_svg, needs_face
from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION
from cartoon_avatar.ai.engines.onnx import NeuralModel
from cartoon_avatar.ai.errors import ClientGone, UnknownStyle
from cartoon_avatar.ai.fetching import Fetcher
from cartoon_avatar.ai.forms import Form, Pieces, read_form, read_json
from cartoon_avatar.ai.seeing.model_files import models_folder
from cartoon_avatar.ai.settings import AiSettings
from cartoon_avatar.ai.state import State
from cartoon_avatar.containers.sniff import HEAD_BYTES, media_type_of
from cartoon_avatar.contract import headers, options, paths
from cartoon_avatar.contract.boxes import MOST_FACES, faces_text
from cartoon_avatar.contract.errors import InvalidFormat, InvalidImage, InvalidRequest, NoFace
from cartoon_avatar.contract.limits import CARTOON_PX, RANDOM_SEEDS

router = APIRouter()

# How a cartoon was drawn, which helps to cut out its head.
_DRAWN_FIELDS = ("style", "seed", "framing")


def _state(request: Request) -> State:
    return request.state.ai


class StyleInfo(BaseModel):
    """A way to draw, as an app shows it."""

    name: str = Field(examples=["comic"])
    title: str = Field(examples=["Comic"])
    description: str = Field(examples=["Bold ink and flat, lively colour."])
    preview: str | None = Field(description="A small picture as a data: URI, where there is one.")
    needs_face: bool = Field(
        serialization_alias="needsFace",
        description="A photo without a face is refused (no_face).",
    )
    svg: bool = Field(description="Whether format=svg is possible.")


class StyleList(BaseModel):
    """All styles, in the order in which an app should walk through them."""

    items: list[StyleInfo]


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether pictures can be made, and what is missing."""

    status: Literal["ready", "degraded", "starting", "not_ready"]
    workers: int = Field(description="Workers that are warm.")
    workers_wanted: int = Field(serialization_alias="workersWanted")
    missing: list[str] = Field(description="What is not there: model files, workers.")
    fallback: str | None = Field(description="What is done without it.")
    neural: list[str] = Field(description="Neural styles that can be drawn in beside our own.")


@router.post(paths.GENERATE_CARTOON, operation_id="generateCartoon")
async def generate_cartoon(request: Request) -> Response:
    """Draw a cartoon of a photo; the response is the picture itself.

    With ``thumbnail`` the photo's thumbnail follows in the same body, so that a photo is sent
    and decoded once for both. ``format=svg`` gives a style's shapes, without a thumbnail.
    """
    ai = _state(request)
    with ai.workers.place():
        form = await _form(request, "image")
        options.require_known(form.fields, (*options.DRAWING_FIELDS, "format", "thumbnail"))
        style = await _style(ai.settings, form.fields.get("style"))
        as_svg = _as_svg(form.fields, style)
        seed = options.seed_of(form.fields)
        size = options.cartoon_size_of(form.fields) or CARTOON_PX
        framing = options.framing_of(form.fields) or "portrait"
        face = options.face_of(form.fields) or 0
        thumbnail = _with_thumbnail(form.fields)
        if seed is None:
            seed = secrets.randbelow(RANDOM_SEEDS)
        photo = _image(form, "image")
        if as_svg:
            result = await _in_worker(
                request, jobs.draw_svg, photo, style, seed, size, framing, face
            )
        else:
            result = await _in_worker(
                request,
                jobs.draw_cartoon,
                photo,
                style,
                seed,
                size,
                thumbnail,
                framing,
                face,
            )
    ai.metrics.drawing_seconds.labels(style).observe(sum(result.stages.values()))
    return _response(
        result,
        {
            headers.STYLE: style,
            headers.SEED: str(seed),
            headers.ENGINE_VERSION: str(ENGINE_VERSION),
            headers.FACE_COUNT: str(result.faces),
            headers.CROP_BOX: str(result.crop),
            headers.FACES: faces_text(result.face_boxes),
            **(headers.SVG_HEADERS if as_svg else {}),
        },
    )


@router.post(paths.PROCESS_FACE_CUT, operation_id="processFaceCut")
async def process_face_cut(request: Request) -> Response:
    """Cut the head out of a cartoon, named by URL (JSON) or sent along (multipart).

    With ``thumbnail`` the head's thumbnail follows in the same body.
    """
    ai = _state(request)
    with ai.workers.place():
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            form = await _form(request, "image", "original")
            fields = form.fields
        else:
            form = None
            fields = await read_json(request, timeout_s=ai.settings.body_timeout_s)
        names = (*options.HEAD_FIELDS, *_DRAWN_FIELDS, "face_index", "crop", "thumbnail")
        options.require_known(fields, names if form else ("image_url", "original_url", *names))
        kind = options.head_format_of(fields)
        background = _colour(options.background_of(fields, kind))
        size = options.head_size_of(fields)
        face_index = _face(fields)
        crop = options.crop_of(fields)
        drawn_as = _drawn_as(fields)
        thumbnail = _with_thumbnail(fields)

        if form is not None:
            cartoon = _image(form, "image")
            original = _image(form, "original") if "original" in form.files else None
        else:
            cartoon, original = await _fetched(ai.fetcher, fields)
        try:
            result = await _in_worker(
                request,
                jobs.cut_head,
                cartoon,
                original,
                kind,
                background,
                size,
                face_index,
                thumbnail,
                crop,
                drawn_as,
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
    return _response(result, seen)


@router.post(paths.THUMBNAIL, operation_id="makeThumbnail")
async def make_thumbnail(request: Request) -> Response:
    """Make a small WebP of a photo: longest side 320 px, upright, without metadata."""
    with _state(request).workers.place():
        form = await _form(request, "image")
        options.require_known(form.fields, ())
        return _response(await _in_worker(request, jobs.make_thumbnail, _image(form, "image")), {})


@router.get(paths.STYLES, operation_id="listStyles")
async def list_styles(request: Request) -> StyleList:
    """All styles, in walking order; last the neural ones whose weights are here."""
    return StyleList(
        items=[
            StyleInfo(
                name=style.name,
                title=style.title,
                description=style.sentence,
                preview=_preview(style.name),
                needs_face=needs_face(style),
                svg=has_svg(style),
            )
            for style in await _styles(_state(request).settings)
        ]
    )


async def _styles(settings: AiSettings) -> list[EngineStyle | NeuralModel]:
    # In a thread: a file that was not seen before is read from end to end.
    return await asyncio.to_thread(jobs.styles_in, models_folder(settings.models_dir))


@cache
def _preview(style: str) -> str | None:
    file = resources.files("cartoon_avatar.ai") / "previews" / f"{style}.webp"
    if not file.is_file():
        return None
    return "data:image/webp;base64," + base64.b64encode(file.read_bytes()).decode()


@router.get(paths.HEALTHZ, operation_id="health")
async def health() -> Health:
    """The process answers."""
    return Health()


@router.get(paths.READYZ, operation_id="readiness")
async def readiness(request: Request, response: Response) -> Readiness:
    """Whether pictures can be made: 503 until a worker is warm and can find faces."""
    ai = _state(request)
    workers = ai.workers
    ready = sorted(workers.ready, key=id)
    models = sorted({name for worker in ready for name in worker.greeting})
    missing = models + (["workers"] if len(ready) < workers.size else [])
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
        status: Literal["ready", "degraded", "starting", "not_ready"] = "starting"
    elif any(name.startswith("face_") for name in models):
        response.status_code = 503
        response.headers["Retry-After"] = "5"
        status = "not_ready"
    else:
        status = "degraded" if models else "ready"
    return Readiness(
        status=status,
        workers=len(ready),
        workers_wanted=workers.size,
        missing=missing,
        fallback=_fallback(models),
        neural=[style.name for style in await _styles(ai.settings) if style not in STYLES],
    )


def _fallback(missing: list[str]) -> str | None:
    if not missing:
        return None
    if any(name.startswith("face_") for name in missing):
        return "Nothing: faces cannot be found, so cartoons are not drawn and heads not cut."
    return "Heads are cut by the landmarks of the face, hair less exactly."


@router.get(paths.METRICS, operation_id="metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    registry = _state(request).metrics.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _form(request: Request, *file_names: str) -> Form:
    settings = _state(request).settings
    return await read_form(
        request,
        *file_names,
        max_file_bytes=settings.max_upload_bytes,
        timeout_s=settings.body_timeout_s,
    )


def _image(form: Form, name: str) -> Pieces:
    pieces = form.files.get(name)
    if pieces is None:
        raise InvalidImage(f"There is no file in the field {name}.")
    if not pieces:
        raise InvalidImage(f"The file in the field {name} is empty.")
    if media_type_of(bytes(islice(chain.from_iterable(pieces), HEAD_BYTES))) is None:
        raise InvalidImage
    return pieces


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


async def _in_worker(
    request: Request, job: Callable[..., jobs.Result], *args: object
) -> jobs.Result:
    """Run ``job``; if the client leaves while it waits for its turn, so does the job."""
    working = asyncio.ensure_future(_state(request).workers.run(job, *args))
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait([working, gone], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.wait([working])
            raise ClientGone
        return working.result()
    finally:
        working.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _response(result: jobs.Result, others: dict[str, str]) -> Response:
    stages = (f"{stage};dur={seconds * 1000:.1f}" for stage, seconds in result.stages.items())
    if result.thumbnail:
        others = {**others, headers.THUMBNAIL_BYTES: str(len(result.thumbnail))}
    return Response(
        result.data + result.thumbnail,
        media_type=result.mime_type,
        headers={
            headers.PHOTO_WIDTH: str(result.photo_width),
            headers.PHOTO_HEIGHT: str(result.photo_height),
            headers.IMAGE_WIDTH: str(result.width),
            headers.IMAGE_HEIGHT: str(result.height),
            headers.SERVER_TIMING: ", ".join(stages),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **others,
        },
    )


async def _style(settings: AiSettings, value: object) -> str:
    if value is None or value == "":
        return STYLES[0].name
    if value in {style.name for style in STYLES}:
        return str(value)
    names = [style.name for style in await _styles(settings)]
    if value not in names:
        raise UnknownStyle(names)
    return str(value)


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


def _as_svg(fields: dict[str, Any], style: str) -> bool:
    value = fields.get("format")
    if options.is_absent(value):
        return False
    if value != "svg":
        raise InvalidFormat("format must be svg; without it, a drawing is a JPEG or WebP.")
    shapes = [one.name for one in STYLES if has_svg(one)]
    if style not in shapes:
        raise InvalidFormat(
            f"The style {style} draws pixels, of which there is no SVG; {', '.join(shapes)} draw"
            " shapes."
        )
    return True


def _with_thumbnail(fields: dict[str, Any]) -> bool:
    return options.whole_number(fields, "thumbnail", InvalidRequest, 0, 1) == 1


def _colour(background: str) -> tuple[int, int, int] | None:
    """RGB, None for transparent."""
    if background == options.TRANSPARENT:
        return None
    red, green, blue = bytes.fromhex(background[1:])
    return red, green, blue
