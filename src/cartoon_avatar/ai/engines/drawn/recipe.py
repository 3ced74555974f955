"""The recipe of a drawn avatar: a person's painting becomes closed paths, the paths a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np
import resvg_py

from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.engines.drawn.colours import hex_of
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.printed import print_of
from cartoon_avatar.ai.engines.drawn.reading import CANVAS
from cartoon_avatar.ai.engines.drawn.sheet import Sheet
from cartoon_avatar.ai.engines.drawn.styles import DrawnStyle
from cartoon_avatar.ai.engines.drawn.toned import toned_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.contract.errors import NoFace
from cartoon_avatar.contract.options import rgb_of

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


@dataclass(frozen=True, slots=True)
class HeadShapes:
    """A head alone, in its place: an SVG document, and the outline that is to go about it: its
    width as a share of the drawing's long side (0: none), and its colour."""

    svg: str
    outline: float
    ink: tuple[int, int, int]

    def rendered(self, width: int, height: int) -> Picture:
        """The head without its outline, on nothing."""
        return rendered(self.svg, width, height)


def head_alone(scene: Scene, style: DrawnStyle, seed: int) -> HeadShapes:
    """The head of the same drawing alone. Raises ``NoFace``.

    Head are face, ears, hair, beard and what is worn on them; neck and clothes are not.
    """
    sheet, pen = _drawn(scene, style, seed, Clock(), head_only=True)
    return HeadShapes(sheet.svg(), pen.outline / CANVAS, rgb_of(hex_of(pen.ink)))


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


def _drawn(
    scene: Scene, style: DrawnStyle, seed: int, clock: Clock, *, head_only: bool = False
) -> tuple[Sheet, Pen]:
    if not scene.people:
        raise NoFace(
            "This style draws people, and no face was found in the picture. Try a picture in which"
            " a face is well seen, or another style."
        )
    draw_person = print_of if style.inks else toned_of
    return draw_person(scene, style, seed, clock, head_only=head_only)
