"""Eyes: tapered lids, the iris between them, glints on the lit side."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, from_lch, lch, mixed, shifted
from cartoon_avatar.ai.engines.drawn.likeness import made_up, youth
from cartoon_avatar.ai.engines.drawn.palette import WHITE
from cartoon_avatar.ai.engines.drawn.paths import (
    bezier,
    few_points,
    resampled,
    smoothed_values,
    spline,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.sheet import circle
from cartoon_avatar.ai.seeing.features import Eye

# Drawn eyes are larger than life, in width and in height.
_WIDER, _HIGHER = 1.2, 1.36
# Below this opening, as share of the width, an eye is closed.
CLOSED = 0.13


def draw_eyes(pen: Pen) -> None:
    colour = iris_colour(pen.reading)
    wide = max(eye.width for eye in pen.reading.features.eyes)
    for index, eye in enumerate(pen.reading.features.eyes):
        # The far eye of a profile is not seen.
        if eye.width > 0.35 * wide and not pen.reading.hides_eye(index):
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


def lash_darkness(reading: Reading, index: int) -> float:
    """How dark the edge of an upper lid is against the skin, 0 (fair, bare) .. 1 (made up)."""
    eye = reading.features.eyes[index]
    edge = spline(eye.upper[1:7].astype(float), per_segment=4)
    light = reading.soft(reading.lab[..., 0], 0.004 * reading.unit)
    shifts = np.linspace(-0.016, 0.006, 8) * reading.unit
    darkest = np.min([reading.sample(edge + by * reading.down, light) for by in shifts], axis=0)
    return float(np.clip((1 - np.median(darkest) / reading.skin_lightness - 0.3) / 0.45, 0, 1))


def _fold(reading: Reading, index: int, eye: Eye) -> tuple[float, float]:
    """How far above the lid its fold lies (in the opening of the eye) and how deep it is, 0..1."""
    light = reading.soft(reading.lab[..., 0], 0.004 * reading.unit)
    high = np.linspace(0.018, 0.085, 18) * reading.unit
    edge = spline(eye.upper[2:7].astype(float), per_segment=3)
    lights = np.stack([reading.sample(edge - by * reading.down, light) for by in high])
    row = smoothed_values(np.median(lights, axis=1), 0.7)
    best = int(np.argmin(row[1:-4])) + 1
    rise = min(row[:best].max(), row[best + 1 :].max()) - row[best]
    return float(high[best]), float(np.clip((rise - 1.0) / 8, 0, 1))


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
    dark = lash_darkness(reading, index) * (0.4 + 0.6 * made_up(reading))
    dark *= 1 - 0.5 * youth(reading)
    lash = mixed(pen.skin.line, pen.ink, 0.45 + 0.4 * dark)
    # Only made-up lashes run out into a wing.
    winged = float(np.clip((dark - 0.45) / 0.4, 0, 1))
    wing = upper[0] + across * outward * (0.006 + 0.024 * winged) * unit
    wing = wing - down * (0.014 * winged - 0.004) * unit

    if eye.opening < CLOSED * eye.width:
        closed = upper * 0.35 + lower * 0.65
        line = np.concatenate([wing[None] + down * 0.012 * unit, closed])
        pen.brush(line, [0.4, 0.022 * unit, 0.03 * unit, 0.026 * unit, 0.014 * unit, 0.6], lash)
        return

    lid = spline(upper)
    above, deep = _fold(reading, index, eye)
    above = min(above, 0.042 * unit)
    if deep > 0.2:
        # The lid up to its fold is a little darker than the skin, the fold a line.
        lift = np.array([0.15, 0.55, 0.85, 1, 1.05, 1, 0.8, 0.45, 0.1])[:, None]
        crease = spline(upper - down * (above * 1.15 + 0.004 * unit) * lift)
        sheet.fill(
            bezier(few_points(np.concatenate([lid, crease[::-1]]))),
            mixed(pen.skin.base, pen.skin.shade, 0.5),
        )
        fold = resampled(crease, 8)[1:-1]
        weight = pen.fine * (0.4 + 0.5 * deep)
        if len(fold) > 4:
            pen.brush(fold, [0.3, weight * 0.9, weight, weight * 0.7, 0.3],
                      mixed(pen.skin.shade, pen.skin.deep, 0.4 + 0.6 * deep))  # fmt: skip
    around = bezier(few_points(np.concatenate([lid, spline(lower)[::-1]]), fine=1.5))
    sheet.fill(around, mixed(WHITE, pen.skin.base, 0.05))
    with sheet.clipped(around):
        # The gaze is kept: the iris does not move apart as the lids do.
        iris = centre + (eye.iris.astype(float) - centre) * 1.06
        radius = float(np.clip(eye.radius * 1.28, opening * 0.55, width * 0.32))
        inner = upper[-1] - across * outward * -0.02 * width
        sheet.fill(circle(inner, 0.07 * width, 1.5), mixed(pen.skin.blush, WHITE, 0.35))
        _draw_iris(pen, iris, radius, colour)
        depth = min(0.018 * unit, 0.2 * opening)
        shadow = np.concatenate(
            [spline(upper - down * 0.03 * unit), spline(upper + down * depth)[::-1]]
        )
        sheet.fill(bezier(few_points(shadow)), pen.skin.line, opacity=0.32)
    draw_glints(pen, iris, radius)

    # Narrow eyes keep their iris in sight.
    heavy = min(unit, 0.55 * unit + 5 * opening) * (0.56 + 0.4 * dark)
    widths = [0.4, 0.02 + 0.008 * winged, 0.036, 0.04, 0.034, 0.022, 0.008]
    pen.brush(
        np.concatenate([wing[None], upper - down * 0.004 * unit]),
        [0.4, *(value * heavy for value in widths[1:])],
        lash,
    )
    under = np.concatenate([upper[:1], lower[1:6]])
    fine = pen.fine * (0.75 + 0.35 * dark)
    pen.brush(
        under, [fine * 0.9, fine * 0.7, fine * 0.5, 0.3], mixed(pen.skin.line, pen.skin.deep, 0.3)
    )


def _draw_iris(pen: Pen, iris: np.ndarray, radius: float, colour: Lab) -> None:
    """A dark rim, the colour, its light below as in a lens, the pupil."""
    sheet, down = pen.sheet, pen.reading.down
    sheet.fill(circle(iris, radius), shifted(colour, -18, 0.8))
    sheet.fill(circle(iris, radius * 0.85), colour)
    for share, reach, lighter in ((0.36, 0.56, 9), (0.46, 0.4, 20)):
        sheet.fill(
            circle(iris + down * radius * share, radius * reach, 1.3),
            shifted(colour, lighter, 1.2, 6),
        )
    sheet.fill(circle(iris - down * radius * 0.04, radius * 0.47), np.array([4.0, 2, 0]))


def draw_glints(pen: Pen, iris: np.ndarray, radius: float) -> None:
    """Two lights on each eye, the large one towards the light."""
    across, down = pen.reading.across, pen.reading.down
    lit = -pen.reading.light_side
    glint = iris + across * lit * radius * 0.33 - down * radius * 0.33
    pen.sheet.fill(circle(glint, max(radius * 0.28, 1.0)), WHITE)
    second = iris - across * lit * radius * 0.4 + down * radius * 0.36
    pen.sheet.fill(circle(second, max(radius * 0.13, 0.5)), WHITE, opacity=0.8)
