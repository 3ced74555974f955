"""A suit: lapels beside the shirt of a dark jacket."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, lch, shifted
from cartoon_avatar.ai.engines.drawn.garments import Cloth
from cartoon_avatar.ai.engines.drawn.paths import polygon, resampled, smoothed_values
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

# Of a lapel, from the neck to the button: share of the way, and how far out (face heights).
_CUT = ((0.0, 0.1), (0.2, 0.15), (0.38, 0.18), (0.39, 0.13), (0.44, 0.2), (0.75, 0.11), (1.0, 0.02))


@dataclass(frozen=True, slots=True, eq=False)
class Suit:
    """``edges``: where shirt and jacket meet, from the neck down, left and right; units."""

    edges: tuple[np.ndarray, np.ndarray]


def read_suit(reading: Reading, cloths: list[Cloth]) -> Suit | None:
    """A plain dark jacket over a light shirt that stands at the neck; None if it is not sure."""
    if len(cloths) < 2 or cloths[0].patterned:
        return None
    jacket, unit = cloths[0], reading.unit
    chin = reading.at(152)
    middle = np.abs(reading.across_at - chin @ reading.across) < 0.55 * unit
    by_neck = reading.grown(reading.oval | reading.skin_below, 0.08 * unit)
    inner = np.zeros_like(jacket.mask)
    stands = False
    for cloth in cloths[1:]:
        inner |= cloth.mask & middle
        light = cloth.colour[0] > jacket.colour[0] + 25 and cloth.colour[0] > 60
        high = cloth.mask & by_neck & (reading.down_at < chin @ reading.down + 0.17 * unit)
        # What is larger is a scarf.
        stands |= bool(light and 0.06 < reading.area(cloth.mask) < 0.45 and high.any())
    if not stands or jacket.colour[0] > 58:
        return None
    inner = reading.largest(reading.closed(inner | (reading.skin_below & middle), 0.03 * unit))
    shirt = inner & ~reading.skin_below
    rows = np.flatnonzero(shirt.any(axis=1))
    # It goes on down to the frame, or to the button.
    if not len(rows) or (rows[-1] - rows[0]) < 0.25 * unit * reading.scale:
        return None
    if rows[-1] < inner.shape[0] - 3 and (rows[-1] - rows[0]) < 0.6 * unit * reading.scale:
        return None
    edges = [_edge(reading, shirt, jacket.mask, side) for side in (-1, 1)]
    if edges[0] is None or edges[1] is None:
        return None
    return Suit((edges[0], edges[1]))


def _edge(reading: Reading, shirt: np.ndarray, jacket: np.ndarray, side: int) -> np.ndarray | None:
    """The outer edge of ``shirt`` on one ``side`` (-1 left) where the jacket lies beside it."""
    step = max(1, round(0.02 * reading.unit * reading.scale))
    beside = max(2, round(0.05 * reading.unit * reading.scale))
    points = []
    for row in np.flatnonzero(shirt.any(axis=1)):
        columns = np.flatnonzero(shirt[row])
        column = int(columns[0] if side < 0 else columns[-1])
        out = column + side * beside
        if 0 <= out < shirt.shape[1] and jacket[row, out]:
            points.append((column + 0.5 + 0.5 * side, row + 0.5))
    if len(points) < 8 * step:
        return None
    line = np.array(points[::step]) / reading.scale
    # A collar's leaf lies over the jacket: the lapel passes it.
    outermost = [side * (side * line[max(0, i - 4) : i + 5, 0]).max() for i in range(len(line))]
    line = smoothed_values(np.stack([outermost, line[:, 1]], axis=1), 3)
    # It runs inwards on its way down, or nearly straight.
    inwards = (line[0, 0] - line[-1, 0]) * side
    return resampled(line, 6) if inwards > -0.15 * reading.unit else None


def shirt_front(reading: Reading, suit: Suit, cloths: list[Cloth]) -> tuple[np.ndarray, Lab] | None:
    """The outline of the shirt from lapel to lapel (units) and its colour.

    None where a good part of it looks like the jacket: a dark tie.
    """
    left, right = suit.edges
    ends = np.stack([left[-1], right[-1]])
    point = ends.mean(axis=0) + 0.4 * np.hypot(*(ends[0] - ends[1])) * reading.down
    # The jacket closes over it in a point.
    outline = np.concatenate([left, point[None], right[::-1]])
    front = reading.inside(outline) & ~reading.skin_below & ~reading.oval
    shirt = max(cloths[1:], key=lambda cloth: int((cloth.mask & front).sum()))
    if shirt.patterned or reading.area(front & cloths[0].mask) > 0.1:
        return None
    return outline, shirt.colour


def lapel_of(reading: Reading, edge: np.ndarray, side: int) -> np.ndarray:
    """The outline of the lapel along ``edge``, notched; units."""
    unit = reading.unit
    at = np.linspace(0, 1, len(edge))
    out = []
    for share, far in _CUT:
        x, y = (np.interp(share, at, edge[:, axis]) for axis in (0, 1))
        out.append((x + side * far * unit, y + (0.03 * unit if far > 0.2 else 0.0)))
    return np.concatenate([edge, np.array(out)[::-1]])


def draw_suit(pen: Pen, suit: Suit, tone: Lab, line: Lab) -> None:
    """``tone`` is the jacket's colour on paper, ``line`` that of its lines."""
    reading = pen.reading
    dark = lch(tone)[0] < 30
    for edge, side in zip(suit.edges, (-1, 1), strict=True):
        outline = lapel_of(reading, edge, side)
        lit = side == -reading.light_side
        lapel = shifted(tone, (7 if dark else 5) if lit else (4 if dark else -5))
        pen.sheet.fill(
            polygon(outline),
            lapel,
            line=shifted(tone, 12) if dark else line,
            line_width=pen.inner * 0.9,
        )
