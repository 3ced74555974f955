"""What is before a face and hides its eyes or mouth: a mask, a patch, goggles, a hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cartoon_avatar.ai.engines.drawn.clothes import draw_cloth
from cartoon_avatar.ai.engines.drawn.garments import Cloth, cloth_regions
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.seeing.features import grown

# Further from the skin's colour than this (CIELAB, lightness weighing half) is something else.
_UNLIKE_SKIN = 18.0


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    mask: np.ndarray  # H×W bool on the reading's grid
    cloths: list[Cloth]


def read_cover(reading: Reading, *, dark_glasses: bool) -> Cover | None:
    """What lies over covered eyes and mouth, but for sunglasses."""
    skin = reading.subject.skin
    if reading.profile or skin is None:
        return None
    unit = reading.unit
    colours = reading.soft(reading.lab, 0.006 * unit) - np.asarray(skin.value, np.float32)
    unlike = np.linalg.norm(colours * np.asarray([0.5, 1, 1], np.float32), axis=2) > _UNLIKE_SKIN
    free = ~reading.hair & ~reading.hat
    near = reading.grown(reading.oval, 0.1 * unit)
    unlike = reading.opened(unlike & reading.oval, 0.02 * unit)
    over = reading.opened((reading.before_face | unlike) & free, 0.012 * unit)
    hidden = [reading.inside(outline) for outline in _hidden(reading, dark_glasses)]
    cover = _over(reading, over & near, hidden)
    if not cover.any():
        return None
    if (unlike & cover).sum() < 0.4 * cover.sum():
        # A hand's edges are lost in the face.
        cover = _over(reading, reading.opened(cover, 0.045 * unit), hidden)
        if not cover.any():
            return None
    else:
        # A mask hangs over the jaw.
        for piece in reading.pieces(over, 0.003):
            if (piece & cover).any() and (piece & near).sum() > 0.75 * piece.sum():
                cover |= piece
    cover = reading.filled(cover, 0.02)
    # A hat's colours are told apart as a mask's are: without collars.
    return Cover(cover, cloth_regions(replace(reading, hat=cover), cover))


def _over(reading: Reading, mask: np.ndarray, features: list[np.ndarray]) -> np.ndarray:
    """The pieces of ``mask`` that lie over one of the ``features``."""
    found = np.zeros_like(mask)
    for piece in reading.pieces(mask, 0.003):
        if any((piece & feature).sum() > 0.4 * feature.sum() for feature in features):
            found |= piece
    return found


def _hidden(reading: Reading, dark_glasses: bool) -> list[np.ndarray]:
    """Outlines of the covered features (N×2 units)."""
    features = reading.features
    found = [
        grown(eye.outline, 1.3)
        for index, eye in enumerate(features.eyes)
        if reading.hides_eye(index) and not dark_glasses
    ]
    return [*found, grown(features.lips, 1.2)] if reading.hides_mouth else found


def draw_cover(pen: Pen, cover: Cover) -> None:
    # No head throws its shadow on what is before it.
    reading = replace(pen.reading, oval=pen.reading.oval | cover.mask)
    draw_cloth(replace(pen, reading=reading), cover.mask, cover.cloths)
