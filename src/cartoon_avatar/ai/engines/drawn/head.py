"""The head: one contour from crown to jaw, ears behind it, shadows and blush on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import mixed
from cartoon_avatar.ai.engines.drawn.forms import draw_forms
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
    # From the brows down the mesh knows the cheek better than the mask, which takes ears along.
    above = reading.down_at < reading.at(9) @ reading.down - 0.02 * unit
    beside = reading.face & ~above & ~reading.grown(reading.oval, 0.025 * unit)
    skin &= ~beside
    skin |= reading.oval
    skin = _touching(reading, skin, reading.oval)
    covered = reading.hair | reading.hat | (reading.worn_on_face > 0.3)
    # It goes on under hair, but not past an ear that the hair leaves free.
    under = reading.grown(skin, 0.08 * unit) & (above | ~reading.grown(beside, 0.1 * unit))
    head = skin | ((under | reading.grown(skin, 0.02 * unit)) & covered)
    # An ear between cheek and hair is no hole of the head.
    whole = reading.filled(reading.largest(head), 0.2) & ~beside
    return reading.soft(whole, 0.02 * unit) > 0.5


def _touching(reading: Reading, mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    kept = np.zeros_like(mask)
    for piece in reading.pieces(mask, 0.0005):
        if (piece & other).any():
            kept |= piece
    return kept


@dataclass(frozen=True, slots=True)
class Ear:
    """``side`` is -1 on the picture's left of the face; ``top``, ``bottom`` along ``down`` and
    ``inner``, ``outer`` along ``across`` are its box, units; ``mask`` is its skin on the grid."""

    mask: np.ndarray
    side: int
    top: float
    bottom: float
    inner: float
    outer: float

    @property
    def width(self) -> float:
        return abs(self.outer - self.inner)

    @property
    def height(self) -> float:
        return self.bottom - self.top


# Turned further than this, degrees, a head hides the ear behind its cheek.
_EAR_HIDDEN_DEG = 14.0


def ears_of(reading: Reading) -> list[Ear]:
    """The ears that the masks show beside the oval, at most one on each side."""
    unit, at, down = reading.unit, reading.at, reading.down
    band = (reading.down_at > at(27) @ down - 0.1 * unit) & (
        reading.down_at < at(13) @ down + 0.04 * unit
    )
    beside = reading.face & ~reading.grown(reading.oval, 0.02 * unit) & band
    beside &= reading.worn_on_face < 0.5
    pose = reading.subject.pose
    yaw = pose.value.yaw if pose is not None else 0.0
    ears: dict[int, Ear] = {}
    rim = reading.grown(reading.oval, 0.12 * unit)
    for piece in reading.pieces(reading.opened(beside, 0.008 * unit), 0.002):
        if not (piece & rim).any():
            continue
        ear = _ear(reading, piece)
        shaped = 0.07 * unit < ear.height < 0.5 * unit and 0.02 * unit < ear.width < 0.2 * unit
        turned_away = ear.side * yaw > _EAR_HIDDEN_DEG
        if shaped and ear.height > 1.1 * ear.width and ear.side not in ears and not turned_away:
            ears[ear.side] = ear
    if len(ears) == 1 and abs(yaw) < 10:
        (ear,) = ears.values()
        other = _mirrored(reading, ear)
        # A wide mesh can swallow an ear whole; hair is seen where it hides one.
        middle = (other.top + other.bottom) / 2 * down + other.outer * reading.across
        covered = reading.grown(reading.hair | reading.hat, 0.02 * unit)
        if not reading.sample(middle[None], covered)[0]:
            ears[other.side] = other
    return list(ears.values())


def _mirrored(reading: Reading, ear: Ear) -> Ear:
    """An ear like ``ear`` on the other side, as far out as the mesh's cheek and a little more."""
    unit, across = reading.unit, reading.across
    edge = float(reading.at(454 if ear.side < 0 else 234) @ across)
    outer = edge - ear.side * 0.03 * unit
    return Ear(np.zeros_like(ear.mask), -ear.side, ear.top, ear.bottom, edge, outer)


def _ear(reading: Reading, mask: np.ndarray) -> Ear:
    unit, at, down, across = reading.unit, reading.at, reading.down, reading.across
    rows, columns = np.nonzero(mask)
    points = (np.stack([columns, rows], axis=1) + 0.5) / reading.scale
    x, y = points @ across, points @ down
    side = 1 if x.mean() > at(168) @ across else -1
    top, bottom = np.percentile(y, [2, 98])
    # Ears stand between brow and mouth, and no higher than two fifths of the face.
    top = max(float(top), float(at(105) @ down) - 0.03 * unit)
    bottom = min(float(bottom), float(at(2) @ down) + 0.13 * unit)
    # A wide mesh swallows ears: what is left of one still stands out.
    outer = max(float(np.percentile(x * side, 98)), float(at(454 if side > 0 else 234) @ across)
                * side + 0.03 * unit)  # fmt: skip
    inner = float(np.percentile(x * side, 2))
    return Ear(mask, side, top, bottom, inner * side, outer * side)


def draw_ears(pen: Pen) -> None:
    """Behind the cheek: a clean ear where the photo shows one, as high and wide as there."""
    reading = pen.reading
    across, down = reading.across, reading.down
    ears = ears_of(reading)
    for ear in ears:
        # What the mask shows of skin beyond the clean shape is skin, too.
        beyond = outlines(ear.mask, reading.scale, smooth=0.01 * reading.unit, least=20)
        pen.sheet.fill(path_of(beyond), pen.skin.shade)
    for ear in ears:
        high, wide = ear.height, max(ear.width, 0.065 * reading.unit)

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
        pen.sheet.fill(d, fill, line=pen.ink, line_width=pen.outline)
        # The shell's shadow, its rim and its inner fold.
        hollow = [(0.0, 0.3), (0.4, 0.22), (0.68, 0.36), (0.56, 0.56), (0.3, 0.74), (-0.05, 0.7)]
        inside = bezier(few_points(spline(np.array([at(*p) for p in hollow]), closed=True)))
        with pen.sheet.clipped(d):
            pen.sheet.fill(inside, pen.skin.deep if in_shade else pen.skin.shade)
        if wide > 0.045 * reading.unit:
            curl = [(0.1, 0.2), (0.46, 0.11), (0.78, 0.24), (0.74, 0.46), (0.58, 0.64)]
            line = mixed(pen.skin.deep, pen.skin.line, 0.5)
            pen.brush(np.array([at(*p) for p in curl]),
                      [0.3, pen.fine * 0.8, pen.fine * 0.9, pen.fine * 0.6, 0.3], line)  # fmt: skip
            fold = [(0.2, 0.4), (0.44, 0.46), (0.36, 0.6), (0.12, 0.66)]
            pen.brush(np.array([at(*p) for p in fold]),
                      [0.3, pen.fine * 0.8, pen.fine * 0.6, 0.3], line)  # fmt: skip


def head_contour(reading: Reading, mask: np.ndarray) -> list[np.ndarray]:
    """Outlines of the head on the sheet: masks above, the mesh's own jaw from ear to ear."""
    unit = reading.unit
    curves = outlines(mask, reading.scale, smooth=0.035 * unit, least=0.05 * unit**2)
    if reading.profile:
        return curves
    jaw = resampled(spline(reading.points(*_JAW)), 3)
    eyes, mouth = reading.at(6) @ reading.down, reading.at(13) @ reading.down
    fitted = []
    for curve in curves:
        apart = np.hypot(*(curve[:, None] - jaw[None]).transpose(2, 0, 1))
        nearest = apart.argmin(axis=1)
        share = np.clip((curve @ reading.down - eyes) / (mouth - eyes), 0, 1)
        share *= np.clip(3 - apart.min(axis=1) / (0.06 * unit), 0, 1)
        curve = curve + share[:, None] * (jaw[nearest] - curve)
        fitted.append(smoothed_values(resampled(curve, 2.0, closed=True), 4, closed=True))
    return fitted


def draw_head(pen: Pen, mask: np.ndarray, hidden: np.ndarray) -> str:
    """The skin with its forms; gives the head's path, for clipping.

    ``hidden`` is where beard or glasses hide the skin, on the grid.
    """
    reading = pen.reading
    contour = head_contour(reading, mask)
    d = path_of(contour)
    pen.sheet.fill(d, pen.skin.base)
    with pen.sheet.clipped(d):
        draw_forms(pen, mask, hidden)
        if not reading.profile:
            _draw_fallen_shade(pen, mask)
            _draw_blush(pen)
    # The jaw's own stroke is laid over it: by itself the contour is finer.
    pen.sheet.line(d, mixed(pen.ink, pen.skin.line, 0.5), 0.65 * pen.outline)
    if contour and not reading.profile:
        _draw_jaw(pen, max(contour, key=len))
    return d


def _draw_fallen_shade(pen: Pen, mask: np.ndarray) -> None:
    """Hair and hat throw a shadow on the brow."""
    reading, unit = pen.reading, pen.reading.unit
    cover = reading.hair | reading.hat
    if cover.any():
        by = reading.down * 0.03 * unit + reading.across * reading.light_side * 0.01 * unit
        fallen = reading.moved(cover, by)
        fallen &= (reading.down_at < reading.at(4) @ reading.down) & mask & ~cover
        fallen = reading.closed(fallen | (cover & mask), 0.02 * unit)
        d = path_of(outlines(fallen, reading.scale, blur_px=3, smooth=0.03 * unit, least=200))
        pen.sheet.fill(d, mixed(pen.skin.base, pen.skin.shade, 0.5))


def _draw_blush(pen: Pen) -> None:
    """A breath of red where the photo's cheeks are redder than the brow."""
    reading, unit = pen.reading, pen.reading.unit
    if reading.subject.monochrome:
        return
    red = reading.soft(reading.lab[..., 1], 0.03 * unit)
    brow = float(np.median(reading.sample(reading.points(151, 9, 108, 337), red)))
    cheeks = float(np.median(reading.sample(reading.points(50, 205, 280, 425), red)))
    strength = 0.025 + 0.055 * float(np.clip((cheeks - brow) / 8, 0, 1))
    turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    for index in (50, 280):
        centre = reading.at(index) + reading.down * 0.03 * unit
        for size in (1.0, 0.78, 0.54):
            round_ = np.stack([np.cos(turn) * 0.14, np.sin(turn) * 0.09], axis=1) * unit * size
            points = centre + round_[:, :1] * reading.across + round_[:, 1:] * reading.down
            pen.sheet.fill(bezier(points), pen.skin.blush, opacity=1.3 * strength)


def _draw_jaw(pen: Pen, contour: np.ndarray) -> None:
    """The contour again from cheek to cheek, swelling under the jaw."""
    reading, unit = pen.reading, pen.reading.unit
    low = contour @ reading.down > reading.at(2) @ reading.down
    if low.sum() < 0.3 * unit / 2:
        return
    # Begin the run where the contour leaves the part above.
    start = int(np.flatnonzero(~low)[0]) if not low.all() else 0
    rolled, kept = np.roll(contour, -start, axis=0), np.roll(low, -start)
    first, last = np.flatnonzero(kept)[[0, -1]]
    way = rolled[first : last + 1 : 4]
    width = pen.outline
    pen.brush(way, [0.3, width * 0.5, width * 0.85, width, width * 0.85, width * 0.5, 0.3],
              mixed(pen.ink, pen.skin.line, 0.5))  # fmt: skip
