"""Smile lines, lines under the eyes, lines of the forehead: only where the photo has them."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import mixed
from cartoon_avatar.ai.engines.drawn.likeness import youth
from cartoon_avatar.ai.engines.drawn.paths import resampled, smoothed_values, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

_SMILE = ((49, 203, 206, 216), (279, 423, 426, 436))
_UNDER_EYES = ((112, 26, 22, 23, 24), (341, 256, 252, 253, 254))
_BROWS = (105, 66, 107, 9, 336, 296, 334)
_HAIRLINE = (103, 67, 109, 10, 338, 297, 332)


def draw_creases(pen: Pen, covered: np.ndarray) -> None:
    """``covered`` is where beard or glasses hide the skin, on the grid."""
    reading, unit, down = pen.reading, pen.reading.unit, pen.reading.down
    if youth(reading) > 0.3:
        return
    hidden: np.ndarray = covered | reading.hair | reading.hat
    light = reading.soft(reading.lab[..., 0], 0.008 * unit)
    smile = [_crease(reading, reading.points(*ids), 0.03, light, hidden) for ids in _SMILE]
    # A smile is one: both sides count as deep as the shallower one, the light apart.
    depth = np.sqrt(max(smile[0][1], 0) * max(smile[1][1], 0))
    for line, _ in smile:
        _draw(pen, line, float(np.clip((depth - 2.5) / 5, 0, 1)), 0.95)
    under = [
        _crease(reading, reading.points(*ids) + down * 0.035 * unit, 0.022, light, hidden)
        for ids in _UNDER_EYES
    ]
    depth = np.sqrt(max(under[0][1], 0) * max(under[1][1], 0))
    for line, _ in under:
        _draw(pen, line, float(np.clip((depth - 4.0) / 5, 0, 1)), 0.8)
    # Single hairs before the brow are no lines of it.
    hidden |= reading.grown(reading.hair, 0.05 * unit)
    for share in (0.4, 0.6, 0.8):
        row = reading.points(*_BROWS) * (1 - share) + reading.points(*_HAIRLINE) * share
        line, depth = _crease(reading, row, 0.03, light, hidden)
        _draw(pen, line, float(np.clip((depth - 3.5) / 4, 0, 1)), 0.8)


def _crease(
    reading: Reading, path: np.ndarray, reach: float, light: np.ndarray, hidden: np.ndarray
) -> tuple[np.ndarray, float]:
    """The darkest line near ``path`` and how much darker than both sides it is, L."""
    unit = reading.unit
    line = resampled(spline(path), 0.02 * unit)
    ahead = np.gradient(line, axis=0)
    aside = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    aside /= np.maximum(np.hypot(*aside.T), 1e-6)[:, None]
    offsets = np.linspace(-reach, reach, 13) * unit
    rows = line[None] + aside[None] * offsets[:, None, None]

    def seen(shift: float, values: np.ndarray) -> np.ndarray:
        points = (rows + aside * shift * unit).reshape(-1, 2)
        return reading.sample(points, values).reshape(rows.shape[:2])

    valley = np.minimum(seen(0.03, light), seen(-0.03, light)) - seen(0, light)
    valley = np.where(seen(0, hidden), 0, valley).astype(float)
    valley -= 1.5 * (offsets / (reach * unit))[:, None] ** 2
    valley = np.stack([smoothed_values(row, 1.2) for row in valley])
    best = smoothed_values(offsets[valley.argmax(axis=0)], 2)
    # Nearly all of its length must be there.
    depth = float(np.percentile(valley.max(axis=0), 30))
    return smoothed_values(line + aside * best[:, None], 1.5), depth


def _draw(pen: Pen, line: np.ndarray, strength: float, weight: float) -> None:
    if strength <= 0.05:
        return
    width = pen.fine * (0.6 + 0.55 * strength) * weight
    colour = mixed(
        mixed(pen.skin.shade, pen.skin.deep, 0.5 + 0.5 * strength), pen.skin.line, 0.35 * strength
    )
    pen.brush(line, [0.2, width, width * 0.9, 0.2], colour)
