"""The nose: of a family chosen by measurement, drawn with the photo's own nostrils and wings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import mixed
from cartoon_avatar.ai.engines.drawn.likeness import youth
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

# From above the wing round it to the lip; the nostril's upper and lower edge from the wing to
# the septum; the bridge's edge from the eye to the tip. The picture's left side first.
_WINGS = ((131, 49, 48, 64, 98, 75), (360, 279, 278, 294, 327, 305))
_NOSTRIL_TOPS = ((166, 218, 237, 44), (392, 438, 457, 274))
_NOSTRIL_BOTTOMS = ((59, 75, 60, 238), (289, 305, 290, 458))
_NOSTRIL_MIDDLES = ((79, 239, 218), (309, 459, 438))
_BRIDGES = ((193, 122, 196, 3, 51, 45), (417, 351, 419, 248, 281, 275))
# Beside the ridge from the eye down to the wing.
_FLANKS = ((168, 188, 174, 198, 131, 49), (168, 412, 399, 420, 360, 279))
_BASE = (99, 242, 94, 462, 328)

# Medians over the sample portraits.
_BROAD, _NARROW = 0.88, 0.74  # width over length
_TURNED_DEG = 13.0

Family = Literal["turned", "open", "broad", "narrow", "even"]


@dataclass(frozen=True, slots=True)
class NoseShape:
    """``nostrils`` is how much of them is seen, 0..1; ``wings`` how deep the crease beside each."""

    family: Family
    nostrils: float
    wings: tuple[float, float]
    far: int  # the side turned away, -1 or 1, of a turned nose


def nose_shape(reading: Reading) -> NoseShape:
    at, unit = reading.at, reading.unit
    light = reading.soft(reading.lab[..., 0], 0.006 * unit)
    width = float(np.hypot(*(at(64) - at(294))))
    length = float(np.hypot(*(at(168) - at(2))))
    skin = float(np.median(reading.sample(reading.points(195, 5, 4, 51, 281), light)))
    dark = [
        float(reading.sample(reading.points(*indices), light).min()) for indices in _NOSTRIL_MIDDLES
    ]
    nostrils = float(np.clip((skin - np.mean(dark) - 12) / 45, 0, 1))
    wings = []
    for indices, side in zip(_WINGS, (-1, 1), strict=True):
        edge = reading.points(*indices[1:4])
        away = reading.across * side * 0.018 * unit
        ball = reading.sample(edge - away * 1.4, light)
        crease = np.min(
            [reading.sample(edge + away * share, light) for share in (-0.3, 0, 0.4, 0.8, 1.1)],
            axis=0,
        )
        wings.append(float(np.clip((np.median(ball - crease) - 3) / 18, 0, 1)))
    # How far the tip stands from the middle between the wings tells the turn better than a pose.
    middle = (at(64) + at(294)) / 2
    turn = float((at(4) - middle) @ reading.across) / max(1e-6, width)
    family: Family = "even"
    if abs(turn) > 0.2:
        family = "turned"
    elif width / length > _BROAD:
        family = "broad"
    elif width / length < _NARROW:
        family = "narrow"
    elif nostrils > 0.7:
        family = "open"
    return NoseShape(family, nostrils, (wings[0], wings[1]), 1 if turn > 0 else -1)


def draw_nose(pen: Pen) -> None:
    reading, unit = pen.reading, pen.reading.unit
    shape = nose_shape(reading)
    line = mixed(pen.skin.line, pen.ink, 0.35)
    _draw_volume(pen)
    _draw_shade_below(pen)
    for index, side in enumerate((-1, 1)):
        hidden = shape.family == "turned" and side == shape.far
        if not hidden:
            _draw_nostril(pen, index, shape, line)
        _draw_wing(pen, index, shape, hidden)
    fine = pen.fine * (1 - 0.3 * youth(reading))
    if shape.family != "open" and shape.nostrils < 0.75:
        # A tip that hangs over its base is seen as one line from nostril to nostril.
        base = reading.points(*_BASE) + reading.down * 0.002 * unit
        weight = fine * (0.9 - 0.5 * shape.nostrils)
        pen.brush(base, [0.3, weight * 0.8, weight, weight * 0.8, 0.3], line)
    if shape.family == "turned" and youth(reading) < 0.5:
        bridge = reading.points(*_BRIDGES[0 if shape.far < 0 else 1])
        tip = reading.at(1) * 0.7 + reading.at(4) * 0.3 + reading.across * shape.far * 0.01 * unit
        contour = np.concatenate([bridge[2:], tip[None]])
        colour = mixed(pen.skin.line, pen.skin.deep, 0.4 if pen.inner else 1.0)
        pen.brush(contour, [0.3, fine * 0.6, fine * 0.8, fine * 0.9, 0.3], colour)
    elif shape.family == "narrow" and pen.inner:
        side = 0 if reading.light_side < 0 else 1
        bridge = reading.points(*_BRIDGES[side][:4])
        pen.brush(bridge, [0.3, fine * 0.5, fine * 0.6, 0.3], pen.skin.deep)


def _draw_volume(pen: Pen) -> None:
    """The flank away from the light in shade, a light along the ridge and on the tip."""
    reading, unit = pen.reading, pen.reading.unit
    side = 1 if reading.light_side > 0 else 0
    aside = reading.across * (1 if side else -1)
    ridge = reading.points(6, 197, 195, 5, 4) + aside * np.array([1, 1, 1, 1.2, 1.9])[:, None] * (
        0.013 * unit
    )
    flank = reading.points(*_FLANKS[side])
    around = np.concatenate([spline(ridge), spline(flank)[::-1]])
    strength = 0.55 - 0.25 * youth(reading)
    tone = mixed(pen.skin.base, pen.skin.shade, strength)
    pen.sheet.fill(bezier(few_points(around)), tone)
    light = mixed(pen.skin.base, pen.skin.light, 0.85)
    lit = reading.points(197, 195, 5) - aside * 0.006 * unit
    pen.brush(lit, [0.3, 0.016 * unit, 0.012 * unit, 0.3], light)
    tip = reading.at(4) - aside * 0.008 * unit
    across = reading.across * 0.014 * unit
    pen.brush(np.array([tip - across, tip, tip + across]), [0.5, 0.02 * unit, 0.5], light)


def _draw_shade_below(pen: Pen) -> None:
    """The nose throws a small shadow on the lip, away from the light."""
    reading, unit = pen.reading, pen.reading.unit
    base = reading.points(98, 97, 2, 326, 327)
    aside = reading.across * reading.light_side * 0.008 * unit
    under = base + reading.down * np.array([0.2, 0.9, 1.1, 0.9, 0.2])[:, None] * 0.02 * unit + aside
    around = np.concatenate([spline(base), spline(under)[::-1]])
    pen.sheet.fill(bezier(few_points(around)), pen.skin.shade)


def _draw_nostril(pen: Pen, index: int, shape: NoseShape, line: np.ndarray) -> None:
    """A bean between the nostril's edges, as open as the photo shows it."""
    reading, unit = pen.reading, pen.reading.unit
    top, bottom = (
        spline(reading.points(*edges[index])) for edges in (_NOSTRIL_TOPS, _NOSTRIL_BOTTOMS)
    )
    # The end at the septum stays off it, the end at the wing runs out below it.
    middle = (top * 0.4 + bottom * 0.6)[: int(0.86 * len(top))]
    thick = float(np.median(np.hypot(*(top - bottom).T)))
    thick = float(np.clip(thick * (0.3 + 0.55 * shape.nostrils), 0.012 * unit, 0.04 * unit))
    middle[:, :] -= reading.down * 0.12 * thick
    pen.brush(middle[::3], [0.4, 0.75 * thick, 1.05 * thick, 0.8 * thick, 0.3], line)


def _draw_wing(pen: Pen, index: int, shape: NoseShape, hidden: bool) -> None:
    """The line round the wing: long where its crease is deep, a short hook where it is not."""
    reading, fine = pen.reading, pen.fine
    way = spline(reading.points(*_WINGS[index]))
    deep = shape.wings[index]
    if shape.family == "broad":
        deep = max(deep, 0.65)
    start = int(len(way) * (0.5 - 0.42 * deep))
    end = int(len(way) * (0.8 + 0.12 * deep))
    weight = fine * (0.5 + 0.55 * deep) * (0.7 if hidden else 1.0)
    colour = mixed(pen.skin.deep, pen.skin.line, 0.45 + 0.45 * deep)
    pen.brush(way[start:end:3], [0.3, weight * 0.6, weight, weight * 0.8, 0.3], colour)
