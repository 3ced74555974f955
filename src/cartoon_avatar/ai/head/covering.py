"""Hats, scarves and hoods: cloth that takes the place of hair."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.classes import UNNAMED
from cartoon_avatar.ai.seeing.matting import BACKGROUND, CLOTHES, OTHER


def covering(
    classes: np.ndarray,
    sideways: np.ndarray,
    down: np.ndarray,
    from_skull: np.ndarray,
    turn: float,
) -> tuple[float, float]:
    """How far cloth takes the place of hair over the crown, and around the face; each 0..1."""

    def share(zone: np.ndarray, at_least: float, *, named: bool = False) -> float:
        mean = classes[zone].mean(axis=0) if zone.any() else np.zeros(7)
        cloth = mean[CLOTHES] + mean[OTHER] + (0 if named else mean[UNNAMED])
        return float(cloth / max(at_least, 1 - mean[BACKGROUND]))

    crown = share((abs(sideways) < 0.4) & (down > -1.45) & (down < -1.02), 0.3)
    # A hat may leave the fringe free; then its brim shows around the skull.
    brim = share((from_skull > 1.02) & (from_skull < 1.2) & (down < -0.7), 0.6)
    ears = (down > -0.65) & (down < -0.25)
    left, right = (
        max(
            share(ears & (x > 0.48) & (x < 0.72), 0.4),
            # A wide hood stands off the cheeks and closes further out.
            share(ears & (x > 0.72) & (x < 0.95), 0.8, named=True),
        )
        for x in (-sideways, sideways)
    )
    # Seen from the side, a scarf has nothing to cover before the face.
    behind, before = (left, right) if turn > 0 else (right, left)
    in_profile = float(smoothstep(np.array(abs(turn)), 0.7, 0.9))
    beside = min(behind, max(before, in_profile * behind))
    return (
        float(max(smoothstep(np.array(crown), 0.25, 0.5), smoothstep(np.array(brim), 0.65, 0.8))),
        float(smoothstep(np.array(beside), 0.35, 0.6)),
    )
