"""The mouth: lips of four curves, teeth as one clean shape."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, from_lch, lch, mixed, shifted
from cartoon_avatar.ai.engines.drawn.likeness import made_up
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, smoothed_values, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

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

    def between(one: np.ndarray, other: np.ndarray) -> str:
        return bezier(few_points(np.concatenate([spline(one), spline(other)[::-1]]), fine=1.5))

    sheet.fill(between(upper_outer, lower_outer), lip)
    sheet.fill(between(upper_outer, upper_inner), shifted(lip, -7))
    fullness = float(np.hypot(*(at(14) - at(17))))
    if fullness > 0.028 * unit and made_up(reading) > 0.3:
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
        pen.brush(upper_inner, [0.3, fine * 0.7, fine * 0.9, fine * 0.7, 0.3], dark)
        pen.brush(lower_inner, [fine * 0.3, fine * 0.5, fine * 0.55, fine * 0.5, fine * 0.3], dark)
    else:
        line = (upper_inner + lower_inner) / 2
        pen.brush(line, [fine * v for v in (0.2, 0.6, 0.95, 0.8, 0.95, 0.6, 0.2)], dark)
    soft = mixed(dark, pen.skin.deep, 0.6)
    for corner, side in ((at(61), -1), (at(291), 1)):
        hook = np.array(
            [corner - across * side * 0.022 * unit, corner - across * side * 0.004 * unit,
             corner + across * side * 0.014 * unit - down * 0.003 * unit]
        )  # fmt: skip
        pen.brush(hook, [0.3, fine * 0.8, 0.3], soft)


def _lip_colour(pen: Pen, bearded: bool) -> Lab:
    """As much darker and redder than the skin as in the photo."""
    reading = pen.reading
    features = reading.features
    lips = reading.inside(features.lips) & ~reading.inside(features.mouth)
    pixels = reading.lab[lips]
    if len(pixels) > 10:
        # Gloss and the dark between the lips are less coloured than lips are.
        chromas = np.hypot(pixels[:, 1], pixels[:, 2])
        seen = np.median(pixels[chromas >= np.percentile(chromas, 40)], axis=0)
    else:
        seen = np.array([55.0, 25, 18])
    light, chroma, hue = lch(seen)
    skin_light, skin_chroma, _ = lch(pen.skin.base)
    darker = light - reading.skin_lightness
    light = skin_light + float(np.clip(darker, -38, -7)) * 0.9
    if reading.subject.monochrome:
        return from_lch(light - 4, 2, 45)
    # Under cool light brown lips look purple.
    cool = reading.subject.light is not None and reading.subject.light.value.tint[1] < -2
    hue = float(np.clip(hue, 24 if cool else 10, 42))
    colour = from_lch(light, float(np.clip(chroma * 1.12, max(18, skin_chroma + 3), 60)), hue)
    bare = 1 - made_up(reading)
    return mixed(
        colour, mixed(pen.skin.shade, pen.skin.blush, 0.3), max(0.4 * bearded, 0.55 * bare)
    )


def teeth_seen(reading: Reading, upper: np.ndarray, lower: np.ndarray) -> np.ndarray | None:
    """Where between the lips the teeth begin and end, N×2 as shares of the way down.

    Along each of the N lines from ``upper`` to ``lower`` (N×2 units) the teeth are what is
    lighter than halfway between the mouth's dark and its brightest; None where there is no
    such difference.
    """
    share = np.linspace(0.04, 0.96, 15)
    points = upper[:, None] + (lower - upper)[:, None] * share[None, :, None]
    light = reading.soft(reading.lab[..., 0], 0.003 * reading.unit)
    lights = reading.sample(points.reshape(-1, 2), light).reshape(len(upper), -1)
    inner = lights[2:-2]
    bright, dark = np.percentile(inner, 90), np.percentile(inner, 8)
    if bright < 0.72 * reading.skin_lightness:
        return None
    if bright - dark < 14:
        return np.tile([0.0, 1.0], (len(upper), 1))
    on = lights > dark + 0.45 * (bright - dark)
    spans = []
    for row in on:
        where = np.flatnonzero(row)
        spans.append((share[where[0]], share[where[-1]]) if len(where) > 2 else (np.nan, np.nan))
    spans = np.array(spans)
    known = ~np.isnan(spans[:, 0])
    if known.sum() < 4:
        return None
    at = np.arange(len(upper))
    for column in spans.T:
        column[:] = np.interp(at, at[known], column[known])
        column[:] = smoothed_values(column, 1.2)
    # The lip hides the upper edge but in the widest smiles; teeth are a row, not crumbs.
    spans[:, 0] = np.clip(spans[:, 0] - 0.06, 0, 0.3)
    spans[:, 1] = np.clip(spans[:, 1] + 0.03, spans[:, 0] + 0.4, 1.0)
    return spans


def _draw_inside(pen: Pen, upper: np.ndarray, lower: np.ndarray, gap: float, width: float) -> None:
    reading, sheet, unit, down = pen.reading, pen.sheet, pen.reading.unit, pen.reading.down
    monochrome = reading.subject.monochrome
    if gap > 0.09 * unit:
        tongue = (reading.at(14) + down * 0.012 * unit)[None]
        turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        ring = np.stack([np.cos(turn) * width * 0.27, np.sin(turn) * gap * 0.33], axis=1)
        points = tongue + ring[:, :1] * reading.across + ring[:, 1:] * down
        sheet.fill(bezier(points), from_lch(46, 2 if monochrome else 38, 25))
    spans = teeth_seen(reading, upper, lower)
    read = reading.subject.teeth
    if spans is None and (read is None or not read.value):
        return
    if spans is None:
        spans = np.tile([0.0, 0.8], (len(upper), 1))
    way = lower - upper
    top, low = upper + way * spans[:, :1], upper + way * spans[:, 1:]
    # In the corners it is dark: the rows of teeth turn away.
    middle = (top + low) / 2
    close = np.array([0, 0.45, 0.9, *[1] * (len(upper) - 6), 0.9, 0.45, 0])[:, None]
    inset = np.linspace(0.94, -0.94, len(upper))[:, None] * 0.05 * width * reading.across
    top = middle + (top - middle) * close + inset * (1 - close)
    low = middle + (low - middle) * close + inset * (1 - close)
    row = np.concatenate([spline(top), spline(low)[::-1]])
    d = bezier(few_points(row, fine=1.5))
    tint = 1.0 if monochrome else 4.0
    sheet.fill(d, from_lch(95, tint, 85))
    high = float(np.median(np.hypot(*(low - top).T)[3:-3]))
    with sheet.clipped(d):
        if high > 0.03 * unit:
            _draw_gaps(pen, top, low, width, from_lch(83, 1.6 * tint, 70))
        shade = np.concatenate(
            [spline(upper - down * 0.02 * unit),
             spline(upper + down * min(0.012 * unit, gap * 0.16))[::-1]]
        )  # fmt: skip
        sheet.fill(bezier(few_points(shade)), from_lch(76, 2.5 * tint, 50))


def _draw_gaps(pen: Pen, top: np.ndarray, low: np.ndarray, width: float, colour: Lab) -> None:
    """Between the front teeth, faint and short: a whole grid of them makes a skeleton's mouth."""
    reading = pen.reading
    centre = (reading.at(13) + reading.at(14)) / 2 @ reading.across
    top_line, low_line = spline(top), spline(low)
    for share, length in ((0.0, 0.7), (0.125, 0.5), (-0.125, 0.5)):
        x = centre + share * width
        start = top_line[np.abs(top_line @ reading.across - x).argmin()]
        end = low_line[np.abs(low_line @ reading.across - x).argmin()]
        start = end + (start - end) * length
        fine = 0.25 * pen.fine
        pen.brush(np.array([start, (start + end) / 2, end]), [0.2, fine, fine * 1.2], colour)
