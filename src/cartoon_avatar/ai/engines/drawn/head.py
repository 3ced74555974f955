"""The head: skin from chin to crown, ears, the one shade, the jaw over the neck."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.paths import (
    bezier,
    few_points,
    outlines,
    path_of,
    resampled,
    smoothed_values,
    spline,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

# Landmarks of the two halves of the face's oval from the brow's side to the chin.
_RIGHT_SIDE = (54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152)
_LEFT_SIDE = (284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152)
# The middle of the face beside them, and how far in from the side the shade reaches.
_MIDDLE = (151, 9, 8, 168, 6, 197, 195, 5, 4, 2, 0, 17, 18, 200, 152)
_SHADE_IN = (0.03, 0.08, 0.12, 0.13, 0.15, 0.2, 0.24, 0.27, 0.28, 0.27, 0.24, 0.2, 0.16, 0.12, 0.1)
_JAW = (
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152,
    377, 400, 378, 379, 365, 397, 288, 361, 323, 454,
)  # fmt: skip


def head_mask(reading: Reading) -> np.ndarray:
    """The head's skin on the grid, going on under hair, hat and glasses."""
    unit = reading.unit
    ears = ears_of(reading)
    skin = reading.face.copy()
    for ear in ears:
        skin &= ~ear.mask
    # Beside the oval only what hangs together with it, without crumbs of skin in the hair.
    skin = reading.opened(skin | reading.oval, 0.03 * unit)
    if reading.profile:
        return reading.soft(reading.filled(reading.largest(skin), 0.2), 0.012 * unit) > 0.5
    # From the eyes down the mesh knows the cheek better than the mask, which takes ears along.
    above = reading.down_at < reading.at(168) @ reading.down + 0.04 * unit
    skin &= above | reading.grown(reading.oval, 0.025 * unit)
    skin |= reading.oval
    skin = _touching(reading, skin, reading.oval)
    covered = reading.hair | reading.hat | (reading.worn_on_face > 0.3)
    head = skin | (reading.grown(skin, 0.08 * unit) & covered)
    largest = reading.largest(head)
    return reading.soft(reading.filled(largest, 0.2), 0.02 * unit) > 0.5


def _touching(reading: Reading, mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    kept = np.zeros_like(mask)
    for piece in reading.pieces(mask, 0.0005):
        if (piece & other).any():
            kept |= piece
    return kept


class Ear:
    """``mask`` is its skin on the grid; ``side`` is -1 on the picture's left of the face."""

    def __init__(self, reading: Reading, mask: np.ndarray):
        self.mask = mask
        rows, columns = np.nonzero(mask)
        points = (np.stack([columns, rows], axis=1) + 0.5) / reading.scale
        x, y = points @ reading.across, points @ reading.down
        middle = reading.at(168) @ reading.across
        self.side = 1 if x.mean() > middle else -1
        self.top, self.bottom = np.percentile(y, [2, 98])
        # Ears stand between brow and mouth.
        unit = reading.unit
        self.top = max(self.top, reading.at(105) @ reading.down - 0.03 * unit)
        self.bottom = min(self.bottom, reading.at(2) @ reading.down + 0.08 * unit)
        outer = np.percentile(x * self.side, 98) * self.side
        inner = np.percentile(x * self.side, 2) * self.side
        self.outer, self.inner = float(outer), float(inner)

    @property
    def width(self) -> float:
        return abs(self.outer - self.inner)

    @property
    def height(self) -> float:
        return float(self.bottom - self.top)


def ears_of(reading: Reading) -> list[Ear]:
    unit, at, down = reading.unit, reading.at, reading.down
    band = (reading.down_at > at(27) @ down - 0.1 * unit) & (
        reading.down_at < at(13) @ down + 0.04 * unit
    )
    beside = reading.face & ~reading.grown(reading.oval, 0.02 * unit) & band
    beside &= reading.worn_on_face < 0.5
    ears: dict[int, Ear] = {}
    rim = reading.grown(reading.oval, 0.12 * unit)
    for piece in reading.pieces(reading.opened(beside, 0.008 * unit), 0.002):
        if not (piece & rim).any():
            continue
        ear = Ear(reading, piece)
        shaped = 0.07 * unit < ear.height < 0.5 * unit and 0.02 * unit < ear.width < 0.2 * unit
        if shaped and ear.height > 1.1 * ear.width and ear.side not in ears:
            ears[ear.side] = ear
    return list(ears.values())


def draw_ears(pen: Pen) -> None:
    """Behind the cheek: a clean ear where the photo shows one, as high and wide as there."""
    reading = pen.reading
    across, down = reading.across, reading.down
    for ear in ears_of(reading):
        high, wide = ear.height, max(ear.width, 0.055 * reading.unit)

        def at(
            x: float,
            y: float,
            ear: Ear = ear,
            high: float = high,
            wide: float = wide,
        ) -> np.ndarray:
            """x from the cheek outwards, y from the top down, both 0..1."""
            inner = ear.outer - ear.side * wide
            return (inner + ear.side * wide * x) * across + (ear.top + high * y) * down

        shape = [(-0.7, 0.12), (0.1, 0.03), (0.62, -0.02), (0.97, 0.14), (1.0, 0.38), (0.82, 0.62),
                 (0.62, 0.84), (0.3, 1.02), (-0.15, 0.97), (-0.7, 0.8)]  # fmt: skip
        d = bezier(few_points(spline(np.array([at(*p) for p in shape]), closed=True)))
        in_shade = ear.side == reading.light_side
        fill = pen.skin.shade if in_shade else pen.skin.base
        line = pen.ink if pen.outline else pen.skin.deep
        pen.sheet.fill(d, fill, line=line, line_width=pen.outline)
        if ear.width > 0.045 * reading.unit:
            curl = np.array(
                [at(*p) for p in ((0.12, 0.24), (0.5, 0.14), (0.76, 0.3), (0.62, 0.52))]
            )
            pen.brush(curl, [0.3, pen.fine * 0.8, pen.fine * 0.8, 0.4], pen.skin.deep)
            lobe = np.array([at(*p) for p in ((0.16, 0.42), (0.42, 0.5), (0.3, 0.66), (0.08, 0.7))])
            pen.brush(lobe, [0.3, pen.fine * 0.8, pen.fine * 0.6, 0.3], pen.skin.deep)


def draw_head(pen: Pen, mask: np.ndarray) -> str:
    """The skin with its shade; gives the head's path, for clipping."""
    reading, unit = pen.reading, pen.reading.unit
    d = path_of(outlines(mask, reading.scale, smooth=0.035 * unit, least=0.05 * unit**2))
    pen.sheet.fill(d, pen.skin.base, line=pen.ink, line_width=pen.outline)
    with pen.sheet.clipped(d):
        if not reading.profile:
            _draw_shade(pen, mask)
            _draw_blush(pen)
        hair = reading.subject.hair
        if hair is not None and hair.value == "bald" and not reading.hat.any():
            # Light on the scalp, on the lit side.
            lit = reading.at(10) - reading.down * 0.13 * unit
            lit = lit - reading.across * reading.light_side * 0.1 * unit
            turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
            ring = np.stack([0.14 * np.cos(turn), 0.05 * np.sin(turn)], axis=1) * unit
            points = lit + ring[:, :1] * reading.across + ring[:, 1:] * reading.down
            pen.sheet.fill(bezier(points), pen.skin.light, opacity=0.8)

    return d


def _draw_shade(pen: Pen, mask: np.ndarray) -> None:
    reading, unit = pen.reading, pen.reading.unit
    far = reading.light_side  # the side away from the light lies on the picture's right for 1
    outer = reading.points(*(_LEFT_SIDE if far > 0 else _RIGHT_SIDE))
    middle = reading.points(*_MIDDLE)
    # The harder the light, the further the shade reaches.
    reach = np.array(_SHADE_IN) * (0.75 + 0.5 * min(1.0, reading.side_contrast / 14))
    inner = outer + (middle - outer) * reach[:, None]
    around = np.concatenate([outer + (outer - middle) * 0.4, inner[::-1]])
    around = smoothed_values(resampled(around, 6, closed=True), 5, closed=True)
    pen.sheet.fill(bezier(few_points(around)), pen.skin.shade)
    # Hair and hat throw a shadow on the brow.
    cover = reading.hair | reading.hat
    if cover.any():
        fallen = reading.moved(
            cover, reading.down * 0.04 * unit + reading.across * far * 0.012 * unit
        )
        fallen &= (reading.down_at < reading.at(4) @ reading.down) & mask & ~cover
        fallen = reading.closed(fallen | (cover & mask), 0.02 * unit)
        d = path_of(outlines(fallen, reading.scale, blur_px=3, smooth=0.03 * unit, least=200))
        pen.sheet.fill(d, pen.skin.shade)


def _draw_blush(pen: Pen) -> None:
    reading, unit = pen.reading, pen.reading.unit
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    for index in (50, 280):
        centre = reading.at(index) + reading.down * 0.03 * unit
        for size in (1.0, 0.88, 0.76, 0.64, 0.5):
            round_ = np.stack([np.cos(turn) * 0.12, np.sin(turn) * 0.08], axis=1) * unit * size
            points = centre + round_[:, :1] * reading.across + round_[:, 1:] * reading.down
            pen.sheet.fill(bezier(points), pen.skin.blush, opacity=0.1)


def draw_jaw(pen: Pen) -> None:
    """The jaw's line where chin and cheek stand before neck, hair or clothes."""
    reading, unit = pen.reading, pen.reading.unit
    jaw = resampled(spline(reading.points(*_JAW)), 3)
    away = jaw - reading.features.oval.mean(axis=0)
    away /= np.maximum(np.hypot(*away.T), 1e-6)[:, None]
    below = reading.skin_below | reading.clothes
    beneath = reading.sample(jaw + away * 0.025 * unit, below).astype(float)
    low = jaw @ reading.down > reading.at(2) @ reading.down
    over = smoothed_values(beneath * low, 6) > 0.4
    if not over.any():
        return
    first, last = np.flatnonzero(over)[[0, -1]]
    if last - first > 0.25 * unit / 3:
        width = pen.fine if not pen.inner else pen.inner * 1.1
        colour = pen.ink if pen.inner else pen.skin.deep
        pen.brush(jaw[first : last + 1 : 4], [0.4, width * 0.9, width, width * 0.9, 0.4], colour)
