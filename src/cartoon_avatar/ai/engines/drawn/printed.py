"""A person as a screen print: the tones of their painting in two inks on paper."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.drawn.inks import Inks
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.portrait import portrait_of
from cartoon_avatar.ai.engines.drawn.sheet import Sheet
from cartoon_avatar.ai.engines.drawn.styles import DrawnStyle
from cartoon_avatar.ai.engines.drawn.toned import toned_of
from cartoon_avatar.ai.seeing.scene import Scene

# Greys that are printed as the bright ink and as a tint of it, and the lightness of a face, L, that
# would not stand out from the first.
_BRIGHT_GROUND, _LIGHT_GROUND = "#737373", "#ededed"
_DARK_FACE = 66.0


def print_of(
    scene: Scene, style: DrawnStyle, seed: int, clock: Clock, *, head_only: bool = False
) -> tuple[Sheet, Pen]:
    """The scene's first person in two of the style's inks."""
    face = portrait_of(scene, clock).face_colour
    dark = face is not None and face[0] < _DARK_FACE
    ground = _LIGHT_GROUND if dark else _BRIGHT_GROUND
    style = replace(style, backdrops=(ground,))
    sheet, pen = toned_of(scene, style, seed, clock, head_only=head_only)
    # Neighbouring seeds take other inks: two prints in a row never share them.
    inks = Inks.of(style.inks[seed % len(style.inks)])
    printed = cache(inks.printed)
    sheet.shapes = [
        replace(
            shape,
            fill=printed(shape.fill) if shape.fill else "",
            line=printed(shape.line) if shape.line else "",
        )
        for shape in sheet.shapes
    ]
    pen.ink = inks.dark
    return sheet, pen
