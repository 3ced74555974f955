"""One person in every style, small: looked at once, drawn by each of our own engines' styles."""

from __future__ import annotations

import base64
import json
import time

from cartoon_avatar.ai.engines.drawing import Clock, Report, unwatched
from cartoon_avatar.ai.engines.protocol import DrawingOptions
from cartoon_avatar.ai.jobs.drawings import opened_scene, require_seeing
from cartoon_avatar.ai.jobs.marks import mark_of_drawing
from cartoon_avatar.ai.jobs.results import Result
from cartoon_avatar.ai.jobs.tools import Tools
from cartoon_avatar.ai.pictures import to_webp

PREVIEW_PX = 256
_SEED = 0


def draw_previews(
    tools: Tools,
    data: bytes,
    styles: tuple[str, ...] | None,
    face: int,
    budget_s: float,
    *,
    report: Report = unwatched,
) -> Result:
    """A JSON document, ``{"items": [{"style", "image"}]}`` with WebP files as ``data:`` URIs.

    ``styles`` are those asked for, all if None. Styles of people are left out where there is
    nobody, and so is what is not begun after ``budget_s``: some tiles are better than none. Raises
    ``InvalidImage``, ``ImageTooLarge``, ``FaceIndexOutOfRange`` and ``ModelsMissing``.
    """
    require_seeing(tools)
    enough = time.monotonic() + budget_s
    clock = Clock(report=report)
    photo, scene = opened_scene(tools, data, PREVIEW_PX, "portrait", face, clock)
    built_in = tools.engines.all[0]
    items = []
    for style in built_in.styles():
        if styles is not None and style.name not in styles:
            continue
        if (style.needs_face and not scene.people) or time.monotonic() > enough:
            continue
        drawing = built_in.draw(scene, DrawingOptions(style.name, _SEED, PREVIEW_PX), Clock())
        xmp = tools.xmp(mark_of_drawing(built_in.facts, style, data))
        small = base64.b64encode(to_webp(drawing.picture, 80, 2, xmp=xmp)).decode()
        items.append({"style": style.name, "image": f"data:image/webp;base64,{small}"})
        clock.done(style.name)
    return Result(
        data=json.dumps({"items": items}).encode(),
        mime_type="application/json",
        width=scene.picture.width,
        height=scene.picture.height,
        photo_width=photo.width,
        photo_height=photo.height,
        stages=clock.stages,
        faces=len(scene.faces),
    )
