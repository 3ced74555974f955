"""The recipe of a drawn avatar: a person's painting becomes closed paths, the paths a picture."""

from __future__ import annotations

import re

import cv2
import numpy as np
import resvg_py

from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.printed import print_of
from cartoon_avatar.ai.engines.drawn.reading import CANVAS
from cartoon_avatar.ai.engines.drawn.sheet import Sheet
from cartoon_avatar.ai.engines.drawn.styles import DrawnStyle
from cartoon_avatar.ai.engines.drawn.toned import toned_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.contract.errors import NoFace

# In a document's first tag.
_SIZE = re.compile(r' width="[^"]*" height="[^"]*"')


def draw(scene: Scene, style: DrawnStyle, seed: int, clock: Clock | None = None) -> Drawing:
    """Draw the scene's first person, as large as its picture. Raises ``NoFace``."""
    clock = clock or Clock()
    sheet, pen = _drawn(scene, style, seed, clock)
    size = max(scene.picture.width, scene.picture.height)
    picture = rendered(sheet.svg(), scene.picture.width, scene.picture.height)
    clock.done("render")
    if not style.transparent:
        picture = Picture(picture.rgb)
    return Drawing(picture, len(scene.faces), pen.outline * size / CANVAS, clock.stages)


def svg(scene: Scene, style: DrawnStyle, seed: int) -> str:
    """The same drawing as an SVG document. Raises ``NoFace``."""
    return _drawn(scene, style, seed, Clock())[0].svg()


def head_svg(scene: Scene, style: DrawnStyle, seed: int) -> str:
    """The head of the same drawing alone, in its place, as an SVG document. Raises ``NoFace``.

    Head are face, ears, hair, beard and what is worn on them; neck and clothes are not.
    """
    return _drawn(scene, style, seed, Clock())[0].head_svg()


def rendered(document: str, width: int, height: int) -> Picture:
    """``document``, which names its width and height, as a picture of ``width`` × ``height`` px.

    It is transparent where nothing is drawn.
    """
    # Told the size as an argument, resvg keeps the ratio of a document rounded to whole units: of
    # a long one, a pixel is missing.
    sized = _SIZE.sub(
        f' width="{width}" height="{height}" preserveAspectRatio="none"', document, count=1
    )
    data = resvg_py.svg_to_bytes(svg_string=sized, skip_system_fonts=True)
    bgra = cv2.imdecode(np.frombuffer(bytes(data), np.uint8), cv2.IMREAD_UNCHANGED)
    assert bgra is not None  # the renderer's PNG is whole
    rgba = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA)
    return Picture(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))


def _drawn(scene: Scene, style: DrawnStyle, seed: int, clock: Clock) -> tuple[Sheet, Pen]:
    if not scene.people:
        raise NoFace(
            "This style draws people, and no face was found in the picture. Try a picture in which"
            " a face is well seen, or another style."
        )
    if style.inks:
        return print_of(scene, style, seed, clock)
    return toned_of(scene, style, seed, clock)
