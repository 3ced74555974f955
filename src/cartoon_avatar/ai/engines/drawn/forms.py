"""The forms of a face: its own shades and lights, gathered into few calm shapes.

What makes a face this person's is how light falls on it. As in portraits cut from paper, the
lightness of the photo's skin is smoothed and cut at three levels (Winnemöller et al. 2006 cut
it for video); features, beard and glasses are left out and their places filled from around.
"""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import mixed
from cartoon_avatar.ai.engines.drawn.likeness import youth
from cartoon_avatar.ai.engines.drawn.paths import outlines, path_of
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.seeing.features import grown

# Landmarks of the two halves of the face's oval from the brow's side to the chin.
_RIGHT_SIDE = (54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152)
_LEFT_SIDE = (284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152)
# The middle of the face beside them, and how far in from the side the shade reaches.
_MIDDLE = (151, 9, 8, 168, 6, 197, 195, 5, 4, 2, 0, 17, 18, 200, 152)
_SHADE_IN = (0.03, 0.08, 0.1, 0.11, 0.12, 0.15, 0.18, 0.2, 0.21, 0.2, 0.18, 0.16, 0.12, 0.1, 0.08)

# Shares of the skin in the deepest shade, in any shade, and below its lights.
_DEEP, _SHADE, _LIGHT = 7, 24, 91


def draw_forms(pen: Pen, head: np.ndarray, hidden: np.ndarray) -> None:
    """Shades and lights inside of ``head``; ``hidden`` skin (beard, glasses) tells nothing."""
    reading, unit = pen.reading, pen.reading.unit
    found = relief(reading, head, hidden)
    if found is None:
        return
    level, skin = found
    values = level[skin]
    # Young skin is smooth: only what is clearly darker is a form of it.
    young = youth(reading)
    shade = float(np.clip(-np.percentile(values, _SHADE), 4.5 + 2.5 * young, 10 + 2 * young))
    deep = max(shade + 5.5 + 6 * young, -float(np.percentile(values, _DEEP)))
    light = max(4.5, float(np.percentile(values, _LIGHT)))
    # Close in tone: what stands apart from the skin reads as a patch on it.
    tones = pen.skin
    high, low = mixed(tones.base, tones.light, 0.55), mixed(tones.base, tones.shade, 0.75)
    for mask, colour, least in (
        (level > light, high, 0.008),
        (level < -shade, low, 0.004),
        (level < -deep, mixed(low, tones.deep, 0.4), 0.009),
    ):
        curves = outlines(
            reading.opened(mask & head, 0.008 * unit),
            reading.scale,
            blur_px=1.6,
            smooth=0.026 * unit,
            least=least * unit**2,
        )
        pen.sheet.fill(path_of(curves, fine=0.8), colour)


def relief(
    reading: Reading, head: np.ndarray, hidden: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """How much lighter than the face each place is (H×W float32, L), and the skin it was read on.

    A slope of light across the whole face counts half. The side away from the light is a
    little darker even where the photo is flat.
    """
    unit = reading.unit
    skin = (reading.face | reading.oval) & ~hidden & ~_features(reading)
    skin &= ~(reading.hair | reading.hat | (reading.worn_on_face > 0.3))
    if reading.area(skin) < 0.05:
        return None
    weight = skin.astype(np.float32)
    lights = reading.lab[..., 0] * weight

    def mean(by: float) -> np.ndarray:
        return reading.soft(lights, by * unit) / np.maximum(reading.soft(weight, by * unit), 1e-3)

    near = np.clip(2 * reading.soft(weight, 0.014 * unit), 0, 1)
    filled = near * mean(0.014) + (1 - near) * mean(0.05)
    level = filled - 0.4 * mean(0.22) - 0.6 * float(np.median(reading.lab[skin][:, 0]))
    level -= 4 * reading.soft(_far_side(reading), 0.03 * unit)
    return level.astype(np.float32), skin & head


def _features(reading: Reading) -> np.ndarray:
    unit, features = reading.unit, reading.features
    left_out = reading.grown(reading.inside(features.lips), 0.022 * unit)
    for eye in features.eyes:
        left_out |= reading.inside(grown(eye.outline, 1.25))
    for brow in features.brows:
        left_out |= reading.grown(reading.inside(_convex(brow)), 0.014 * unit)
    return left_out


def _far_side(reading: Reading) -> np.ndarray:
    """The cheek away from the light; the harder the light, the further it reaches."""
    outer = reading.points(*(_LEFT_SIDE if reading.light_side > 0 else _RIGHT_SIDE))
    middle = reading.points(*_MIDDLE)
    reach = np.array(_SHADE_IN) * (0.75 + 0.5 * min(1.0, reading.side_contrast / 14))
    inner = outer + (middle - outer) * reach[:, None]
    return reading.inside(np.concatenate([outer + (outer - middle) * 0.4, inner[::-1]]))


def _convex(outline: np.ndarray) -> np.ndarray:
    return cv2.convexHull(outline.astype(np.float32))[:, 0]
