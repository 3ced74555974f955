"""The nose: nostrils, wings, the shade below and beside, one light on the ridge."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.paths import (
    bezier,
    few_points,
    resampled,
    smoothed_values,
    spline,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen


def draw_nose(pen: Pen) -> None:
    reading, unit = pen.reading, pen.reading.unit
    across, down, at = reading.across, reading.down, reading.at
    far = reading.light_side
    line = pen.skin.line
    base = reading.points(64, 98, 97, 2, 326, 327, 294)
    drop = np.array([0.2, 0.7, 1, 1.1, 1, 0.7, 0.2])[:, None] * 0.028 * unit
    under = base + down * drop + across * far * 0.012 * unit
    around = np.concatenate([spline(base), spline(under)[::-1]])
    around = smoothed_values(resampled(around, 3, closed=True), 2, closed=True)
    pen.sheet.fill(bezier(few_points(around)), pen.skin.shade)

    ridge = reading.points(197, 195, 5, 4)
    wing = reading.points(
        *((327, 294, 278, 279, 420, 456) if far > 0 else (98, 64, 48, 49, 198, 236))
    )
    tip = at(1) * 0.45 + at(2) * 0.55
    side = np.concatenate(
        [ridge + across * far * 0.012 * unit, tip[None] + across * far * 0.02 * unit, wing]
    )
    side = smoothed_values(resampled(side, 4, closed=True), 4, closed=True)
    pen.sheet.fill(bezier(few_points(side)), pen.skin.shade, opacity=0.6)
    lit = at(4) - across * far * 0.014 * unit - down * 0.012 * unit
    pen.brush(
        np.array([lit - down * 0.07 * unit, lit - down * 0.03 * unit, lit]),
        [0.5, unit * 0.016, 0.8],
        pen.skin.light,
    )

    for outer, inner, side_ in ((98, 97, -1), (327, 326, 1)):
        middle = (at(outer) + at(inner)) / 2
        wide = abs((at(outer) - at(2)) @ across)
        nostril = np.array(
            [
                middle + across * side_ * wide * 0.36 - down * 0.002 * unit,
                middle - down * 0.016 * unit,
                middle - across * side_ * wide * 0.34,
            ]
        )
        pen.brush(nostril, [0.5, unit * 0.021, 0.5], line)
    for indices, side_ in (((48, 64, 98), -1), ((278, 294, 327), 1)):
        weight = pen.fine * (1.0 if side_ == far else 0.75)
        pen.brush(reading.points(*indices), [0.3, weight, weight * 0.8, 0.3], line)
    if pen.inner:
        # One line down the far side, from the inner end of the brow.
        down_side = reading.points(*((417, 351, 419, 456) if far > 0 else (193, 122, 196, 236)))
        pen.brush(down_side, [0.3, pen.fine * 0.7, pen.fine * 0.8, 0.3], pen.skin.deep)
