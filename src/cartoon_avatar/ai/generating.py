"""A photo becomes a generator's drawing: prepared here, drawn elsewhere, judged here."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.engines.drawing import Report, unwatched
from cartoon_avatar.ai.engines.protocol import StyleFacts
from cartoon_avatar.ai.engines.remote.engine import RemoteEngine
from cartoon_avatar.ai.engines.remote.generation import Generation, key_of, key_start
from cartoon_avatar.ai.forms import Pieces
from cartoon_avatar.ai.pools.admission import OnPosition, Places
from cartoon_avatar.ai.pools.workers import Workers
from cartoon_avatar.containers.marks import Mark
from cartoon_avatar.contract.errors import ImageTooLarge, InvalidImage, PictureUnusable
from cartoon_avatar.contract.options import Framing


@dataclass(frozen=True, slots=True)
class DrawingRequest:
    """A request for a drawing, as the route has read it.

    ``photo`` is the file; ``long_side`` is in px. With ``may_fall_back`` the first style draws
    where a generator fails. ``request_key`` is the same where a request is made again; one that
    ``outlives`` its client goes on at the provider when the client hangs up.
    """

    photo: Pieces
    style: StyleFacts
    seed: int
    long_side: int
    framing: Framing
    face: int
    as_svg: bool
    thumbnail: bool
    cartoon_thumbnail: bool
    may_fall_back: bool
    request_key: str
    outlives: bool


async def generate(
    workers: Workers,
    places: Places,
    engine: RemoteEngine,
    drawing: DrawingRequest,
    *,
    begun: Callable[[], None],
    on_position: OnPosition | None = None,
    report: Report | None = None,
) -> jobs.Result:
    """``drawing`` by ``engine``. ``begun`` is called once the workers are hardly needed any more;
    the photo is emptied then, since many requests wait long.

    Raises ``AiBusy``, ``EngineUnavailable``, ``EngineRefused`` and ``DrawingCancelled``.
    """
    await engine.require_ready(key_start(drawing.request_key))
    with ExitStack() as held:
        held.enter_context(places.place())
        sent = await workers.run(
            jobs.prepare,
            drawing.photo,
            drawing.long_side,
            drawing.framing,
            drawing.face,
            drawing.thumbnail,
            on_position=on_position,
            report=report,
        )
        drawing.photo.clear()
        begun()
        generation = _generation_of(drawing, sent, engine)
        await engine.require_ready(generation.key)

        async def draw(report: Report, keep: Callable[[], None]) -> tuple[bytes, float]:
            with held.pop_all():  # the place is the drawing's, which may outlive us
                async with places.turn(on_position):
                    if drawing.outlives:
                        keep()
                    started = time.perf_counter()
                    data = await engine.draw(generation, report)
                    return data, time.perf_counter() - started

        data, generated_s = await engine.under_way.ask(generation.key, draw, report or unwatched)
    mark = jobs.mark_of_drawing(engine.facts, drawing.style)
    try:
        made = await workers.run(
            jobs.judge,
            [memoryview(data)],
            drawing.long_side,
            mark,
            drawing.cartoon_thumbnail,
            sent.data if engine.config.aligned is None else None,
            report=report,
        )
    except (InvalidImage, ImageTooLarge, PictureUnusable) as error:
        reason = f"its response is no picture of an accepted type ({error.code})"
        raise await engine.failed(generation.key, reason) from error
    aligned = made.aligned if engine.config.aligned is None else engine.config.aligned
    return _result(sent, made, generated_s, mark, aligned=aligned)


def _generation_of(
    drawing: DrawingRequest, sent: jobs.Prepared, engine: RemoteEngine
) -> Generation:
    return Generation(
        sent.data,
        sent.width,
        sent.height,
        prompt=engine.prompt_of(drawing.style.name),
        seed=drawing.seed,
        key=key_of(drawing.request_key, sent.data, drawing.style.name, drawing.seed),
    )


def _result(
    sent: jobs.Prepared, made: jobs.Judged, generated_s: float, mark: Mark, *, aligned: bool
) -> jobs.Result:
    """What is known of the photo that was ``sent`` and of the picture that was ``made`` of it."""
    return jobs.Result(
        data=made.data,
        mime_type=made.mime_type,
        width=made.width,
        height=made.height,
        photo_width=sent.photo_width,
        photo_height=sent.photo_height,
        stages={**sent.stages, "generate": generated_s, **made.stages},
        faces=sent.faces,
        crop=sent.crop,
        face_boxes=sent.face_boxes,
        thumbnail=sent.thumbnail,
        cartoon_thumbnail=made.thumbnail,
        mark=mark,
        aligned=aligned,
    )
