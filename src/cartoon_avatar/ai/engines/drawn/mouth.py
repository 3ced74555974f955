"""The mouth: lips of four curves, teeth as one clean shape."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, from_lch, lch, mixed, shifted
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen

_UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)


def draw_mouth(pen: Pen, *, bearded: bool = False) -> None:
    reading, sheet, unit = pen.reading, pen.sheet, pen.reading.unit
    across, down, at = reading.across, reading.down, reading.at
    upper_outer, lower_outer, upper_inner, lower_inner = (
        reading.points(*indices)
        for indices in (_UPPER_OUTER, _LOWER_OUTER, _UPPER_INNER, _LOWER_INNER)
    )
    lip = _lip_colour(pen, bearded)
    light = lip[0]
    dark = from_lch(min(18, light * 0.33), 0 if reading.subject.monochrome else 18, 25)
    gap = float(np.median(np.hypot(*(upper_inner - lower_inner).T)[3:8]))
    opened = gap > 0.02 * unit
    width = float(np.hypot(*(upper_outer[0] - upper_outer[-1])))

    below = at(17) + down * 0.035 * unit
    shade = np.array(
        [below - across * width * 0.24 - down * 0.006 * unit, below + down * 0.008 * unit,
         below + across * width * 0.24 - down * 0.006 * unit]
    )  # fmt: skip
    pen.brush(shade, [0.5, unit * 0.024, 0.5], pen.skin.shade)

    def between(one: np.ndarray, other: np.ndarray) -> str:
        return bezier(few_points(np.concatenate([spline(one), spline(other)[::-1]]), fine=1.5))

    sheet.fill(between(upper_outer, lower_outer), lip)
    sheet.fill(between(upper_outer, upper_inner), shifted(lip, -7))
    fullness = float(np.hypot(*(at(14) - at(17))))
    if fullness > 0.028 * unit:
        shine = at(14) * 0.42 + at(17) * 0.58
        pen.brush(
            np.array([shine - across * width * 0.15, shine + down * 0.004 * unit,
                      shine + across * width * 0.1]),
            [0.5, min(unit * 0.015, fullness * 0.4), 0.5],
            shifted(lip, 13, 0.85, 4),
        )  # fmt: skip
    fine = pen.fine
    if opened:
        inside = between(upper_inner, lower_inner)
        sheet.fill(inside, dark)
        with sheet.clipped(inside):
            _draw_inside(pen, upper_inner, lower_inner, gap, width)
        pen.brush(upper_inner, [fine * 0.6, fine, fine * 1.1, fine, fine * 0.6], dark)
        pen.brush(lower_inner, [fine * 0.3, fine * 0.5, fine * 0.55, fine * 0.5, fine * 0.3], dark)
    else:
        line = (upper_inner + lower_inner) / 2
        pen.brush(line, [fine * v for v in (0.7, 0.9, 1.15, 0.95, 1.15, 0.9, 0.7)], dark)
    for corner, side in ((at(61), -1), (at(291), 1)):
        hook = np.array(
            [corner - across * side * 0.014 * unit, corner + across * side * 0.006 * unit,
             corner + across * side * 0.016 * unit + down * 0.004 * unit]
        )  # fmt: skip
        pen.brush(hook, [fine * 0.9, fine, 0.3], dark)


def _lip_colour(pen: Pen, bearded: bool) -> Lab:
    """As much darker and redder than the skin as in the photo."""
    reading = pen.reading
    features = reading.features
    lips = reading.inside(features.lips) & ~reading.inside(features.mouth)
    pixels = reading.lab[lips]
    seen = np.median(pixels, axis=0) if len(pixels) > 10 else np.array([55.0, 25, 18])
    light, chroma, hue = lch(seen)
    skin_light, skin_chroma, _ = lch(pen.skin.base)
    light = skin_light + float(np.clip(light - reading.skin_lightness, -26, -7)) * 0.85
    if reading.subject.monochrome:
        return from_lch(light - 4, 2, 45)
    hue = float(np.clip(hue, 14, 42))
    colour = from_lch(light, float(np.clip(chroma * 1.1, max(18, skin_chroma + 3), 52)), hue)
    return mixed(colour, pen.skin.shade, 0.4 if bearded else 0.12)


def _draw_inside(pen: Pen, upper: np.ndarray, lower: np.ndarray, gap: float, width: float) -> None:
    reading, sheet, unit, down = pen.reading, pen.sheet, pen.reading.unit, pen.reading.down
    inside = reading.inside(np.concatenate([upper, lower[::-1]]))
    lights = reading.lab[inside][:, 0]
    if gap > 0.09 * unit:
        tongue = (reading.at(14) + down * 0.012 * unit)[None]
        turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        ring = np.stack([np.cos(turn) * width * 0.27, np.sin(turn) * gap * 0.33], axis=1)
        points = tongue + ring[:, :1] * reading.across + ring[:, 1:] * down
        red = from_lch(50, 2 if reading.subject.monochrome else 40, 25)
        sheet.fill(bezier(points), red)
    read = reading.subject.teeth
    teeth = read.value if read is not None else False
    if teeth or (len(lights) and np.percentile(lights, 70) > reading.skin_lightness * 0.8):
        low = upper + (lower - upper) * (0.9 if gap < 0.1 * unit else 0.72)
        teeth = np.concatenate([spline(upper - down * 0.01 * unit), spline(low)[::-1]])
        tint = 1.0 if reading.subject.monochrome else 3.0
        sheet.fill(bezier(few_points(teeth)), from_lch(95, tint, 85))
        shade = np.concatenate(
            [spline(upper - down * 0.02 * unit),
             spline(upper + down * min(0.01 * unit, gap * 0.14))[::-1]]
        )  # fmt: skip
        sheet.fill(bezier(few_points(shade)), from_lch(78, 2.5 * tint, 50))
