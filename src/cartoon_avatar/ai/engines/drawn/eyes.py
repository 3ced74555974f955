"""Eyes: tapered lids, the iris between them, glints on the lit side."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, from_lch, lch, mixed, shifted
from cartoon_avatar.ai.engines.drawn.palette import WHITE
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, resampled, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.sheet import circle
from cartoon_avatar.ai.seeing.features import Eye

_CREASES = ((247, 30, 29, 27, 28, 56, 190), (467, 260, 259, 257, 258, 286, 414))
# Drawn eyes are larger than life, in width and in height.
_WIDER, _HIGHER = 1.3, 1.52
# Below this opening, as share of the width, an eye is closed.
_CLOSED = 0.13


def draw_eyes(pen: Pen) -> None:
    colour = iris_colour(pen.reading)
    wide = max(eye.width for eye in pen.reading.features.eyes)
    for index, eye in enumerate(pen.reading.features.eyes):
        if eye.width > 0.35 * wide:  # the far eye of a profile is not seen
            _draw_eye(pen, index, eye, colour)


def iris_colour(reading: Reading) -> Lab:
    """One of few honest colours: dark brown unless another was read."""
    read = reading.subject.iris_colour
    if reading.subject.monochrome:
        return from_lch(32, 2, 60)
    if read is None or read.confidence < 0.5:
        return from_lch(25, 20, 55)
    light, chroma, hue = lch(np.array(read.value))
    hue %= 360
    if light >= 26 and 200 < hue < 325:
        return from_lch(50, 24, 248)
    if light >= 27 and 92 < hue <= 200:
        return from_lch(47, 22, 150)
    if light >= 36 and chroma < 9:
        return from_lch(52, 12, 240)
    if light >= 31 and chroma >= 10 and 42 < hue <= 92:
        return from_lch(40, 32, 74)
    return from_lch(25, 20, 55)


def _draw_eye(pen: Pen, index: int, eye: Eye, colour: Lab) -> None:
    reading, sheet, unit = pen.reading, pen.sheet, pen.reading.unit
    across, down = reading.across, reading.down
    outward = -1 if index == 0 else 1
    centre = eye.outline.mean(axis=0).astype(float)

    def larger(points: np.ndarray) -> np.ndarray:
        from_centre = np.asarray(points, float) - centre
        x, y = from_centre @ across * _WIDER, from_centre @ down * _HIGHER
        return centre + x[..., None] * across + y[..., None] * down

    upper, lower = larger(eye.upper), larger(eye.lower)
    width = float(np.hypot(*(upper[0] - upper[-1])))
    opening = eye.opening * _HIGHER
    lash = mixed(pen.skin.line, pen.ink, 0.75)
    wing = upper[0] + across * outward * 0.026 * unit - down * 0.012 * unit

    if eye.opening < _CLOSED * eye.width:
        closed = (upper * 0.35 + lower * 0.65)[:, :]
        line = np.concatenate([wing[None] + down * 0.012 * unit, closed])
        pen.brush(line, [0.4, 0.022 * unit, 0.03 * unit, 0.026 * unit, 0.014 * unit, 0.6], lash)
        return

    lid = spline(upper)
    crease = larger(reading.points(*_CREASES[index])) * 0.55 + upper[1:8] * 0.45
    crease = spline(np.concatenate([upper[:1], crease, upper[-1:]]))
    sheet.fill(bezier(few_points(np.concatenate([lid, crease[::-1]]))), pen.skin.shade)
    around = bezier(few_points(np.concatenate([lid, spline(lower)[::-1]]), fine=1.5))
    sheet.fill(around, mixed(WHITE, pen.skin.base, 0.06))
    with sheet.clipped(around):
        # The gaze is kept: the iris does not move apart as the lids do.
        iris = centre + (eye.iris.astype(float) - centre) * 1.06
        radius = float(np.clip(eye.radius * 1.22, opening * 0.54, width * 0.31))
        rim = shifted(colour, -16, 0.8)
        sheet.fill(circle(iris, radius), rim)
        sheet.fill(circle(iris, radius * 0.83), colour)
        sheet.fill(
            circle(iris + down * radius * 0.34, radius * 0.5, 1.15), shifted(colour, 15, 1.15, 6)
        )
        sheet.fill(circle(iris, radius * 0.46), np.array([4.0, 2, 0]))
        depth = min(0.02 * unit, 0.22 * opening)
        shadow = np.concatenate(
            [spline(upper - down * 0.03 * unit), spline(upper + down * depth)[::-1]]
        )
        sheet.fill(bezier(few_points(shadow)), pen.skin.line, opacity=0.3)
    lit = -reading.light_side
    glint = iris + across * lit * radius * 0.34 - down * radius * 0.34
    sheet.fill(circle(glint, max(radius * 0.3, 0.9)), WHITE)
    second = iris - across * lit * radius * 0.36 + down * radius * 0.38
    sheet.fill(circle(second, max(radius * 0.13, 0.5)), WHITE, opacity=0.8)

    # Narrow eyes keep their iris in sight.
    heavy = min(unit, 0.55 * unit + 5 * opening)
    widths = [0.4, 0.028, 0.04, 0.038, 0.031, 0.022, 0.009]
    pen.brush(
        np.concatenate([wing[None], upper - down * 0.004 * unit]),
        [0.4, *(value * heavy for value in widths[1:])],
        lash,
    )
    under = np.concatenate([upper[:1], lower[1:6]])
    fine = pen.fine
    pen.brush(
        under, [fine * 0.9, fine * 0.7, fine * 0.5, 0.3], mixed(pen.skin.line, pen.skin.deep, 0.3)
    )
    fold = resampled(crease, 8)[1:-1]
    if len(fold) > 4:
        pen.brush(fold, [0.3, fine * 0.6, fine * 0.7, fine * 0.5, 0.3], pen.skin.deep)
