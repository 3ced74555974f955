"""The forms of a face: its own shades and lights, traced in a few tones that lie close together.

What makes a face this person's is how light falls on it. The lightness of the photo's skin is
smoothed, a slope of light across the whole face halved, and cut at a few levels (Winnemöller et
al. 2006 cut it for video); features, beard and glasses are left out and filled from around.
"""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.likeness import youth
from cartoon_avatar.ai.engines.drawn.palette import SkinTones
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.seeing.features import grown

# Levels that the relief is cut at, L below and above the face's own, and the L drawn there.
_SHADES = ((-2.5, -3.2), (-6.0, -7.0), (-10.0, -11.0), (-15.0, -16.0), (-22.0, -22.0))
_LIGHTS = ((3.0, 2.6), (7.0, 5.5))
# How far apart the lights of a face are drawn, L between its 10th and 90th percentile.
_SPREAD = 15.0


def draw_forms(pen: Pen, head: np.ndarray, hidden: np.ndarray) -> None:
    """Shades and lights inside of ``head``; ``hidden`` skin (beard, glasses) tells nothing."""
    reading = pen.reading
    found = relief(reading, head, hidden)
    if found is None:
        return
    level, skin = found
    spread = float(np.ptp(np.percentile(level[skin], [10, 90])))
    level = level * float(np.clip(_SPREAD / max(spread, 1e-3), 0.6, 1.5))
    level *= 1 - 0.25 * youth(reading)
    level = level.astype(np.float32)
    close = reading.close
    for cut, light in (*_SHADES, *_LIGHTS):
        over = level - cut if cut > 0 else cut - level
        mask = np.clip(0.5 + over / 4, 0, 1)
        d = close.path(mask, smooth=0.008, least=0.0014 if cut > 0 else 0.0009, fine=0.7)
        pen.sheet.fill(d, tone_at(pen.skin, light))


def tone_at(tones: SkinTones, light: float) -> Lab:
    """The colour of skin ``light`` L above (below 0: under) its own."""
    steps = sorted(
        (tone[0] - tones.base[0], tuple(tone))
        for tone in (tones.deep, tones.shade, tones.base, tones.light)
    )
    at = [step[0] for step in steps]
    return np.array([np.interp(light, at, [step[1][axis] for step in steps]) for axis in range(3)])


def relief(
    reading: Reading, head: np.ndarray, hidden: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """How much lighter than the face each place is, and the skin it was read on.

    H×W float32 (L) and bool, in the close look; ``head`` and ``hidden`` are on the grid. A slope
    of light across the whole face counts half.
    """
    close, unit = reading.close, reading.unit
    covered = reading.hair | reading.hat | (reading.worn_on_face > 0.3)
    bare = reading.closely(
        (reading.face | reading.oval) & ~hidden & ~reading.grown(covered, 0.008 * unit)
    )
    skin = bare & ~_features(reading) & reading.closely(head)
    if skin.sum() < 0.05 * close.unit**2:
        return None
    weight = skin.astype(np.float32)
    near = np.clip(2 * close.soft(weight, 0.012) - 0.15, 0, 1)
    fine = close.soft_within(close.light, weight, 0.011)
    filled = near * fine + (1 - near) * close.soft_within(close.light, weight, 0.05)
    median = float(np.median(close.light[skin]))
    level = filled - 0.45 * close.soft_within(close.light, weight, 0.25) - 0.55 * median
    return level.astype(np.float32), skin


def _features(reading: Reading) -> np.ndarray:
    """What is drawn by itself: eyes, brows, lips; H×W bool in the close look."""
    close, features = reading.close, reading.features
    left_out = close.grown(close.inside(features.lips), 0.018)
    for eye in features.eyes:
        left_out |= close.inside(grown(eye.outline, 1.2))
    for brow in features.brows:
        left_out |= close.grown(close.inside(cv2.convexHull(brow.astype(np.float32))[:, 0]), 0.014)
    return left_out
