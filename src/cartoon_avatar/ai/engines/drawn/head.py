"""The skin of a head, going on under hair, hat and glasses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.person import Reading


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
