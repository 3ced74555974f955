"""Away from the mean face: what is wide, full, open or high in a person becomes a little more so.

Exaggerating a face's own deviations makes a drawing easier to recognise (Brennan 1985).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.seeing.features import INNER_LIPS, OUTER_LIPS, features_of

# Medians over 34 portraits: shares of the face's width, of its height, or of an eye's width.
_MOUTH_WIDTH = 0.462
_LIP_HEIGHT = 0.081
_EYE_OPENING = 0.292
_STRENGTH = 0.6
_LEAST, _MOST = 0.88, 1.15

_LIPS = (*OUTER_LIPS, *INNER_LIPS)
_EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 249, 390, 373, 374, 380, 381, 382),
)


def exaggerated(reading: Reading) -> Reading:
    """``reading`` with features by 5 to 15 % further from the mean; for drawing only."""
    moved = reading.landmarks.astype(float).copy()
    across, down, unit, at = reading.across, reading.down, reading.unit, reading.at
    face_width = float(np.hypot(*(at(234) - at(454))))

    def scale(indices: tuple[int, ...], along: np.ndarray, factor: float) -> None:
        points = moved[list(indices)]
        away = (points - points.mean(axis=0)) @ along
        moved[list(indices)] = points + (away * (factor - 1))[:, None] * along

    mouth = float(np.hypot(*(at(61) - at(291)))) / face_width
    gap = float(np.hypot(*(at(13) - at(14))))
    lips = (float(np.hypot(*(at(0) - at(17)))) - gap) / unit
    # A wide mouth is a thin one on flat colour: lips grow more in height than in width.
    scale(_LIPS, across, min(1.06, _factor(mouth / _MOUTH_WIDTH)))
    scale(_LIPS, down, _factor(lips / _LIP_HEIGHT))
    _lift_corners(reading, moved)
    eyes = reading.features.eyes
    opening = float(np.mean([eye.opening / max(1e-6, eye.width) for eye in eyes]))
    for indices in _EYES:
        scale(indices, down, _factor(opening / _EYE_OPENING))
    return replace(reading, features=features_of(moved))


def _lift_corners(reading: Reading, moved: np.ndarray) -> None:
    """Raise the corners of a smiling mouth by another third, and what lies towards them."""
    read = reading.subject.smile
    if read is None or read.confidence < 0.3 or read.value < 0:
        return
    lips = list(_LIPS)
    aside = (moved[lips] - moved[[61, 291]].mean(axis=0)) @ reading.across
    half = max(1e-6, float(np.abs(aside).max()))
    # A mouth at rest looks cross on flat colour.
    lift = float(np.clip(0.33 * read.value * 2 * half, 0.007 * reading.unit, 0.022 * reading.unit))
    moved[lips] -= (lift * (aside / half) ** 2)[:, None] * reading.down


def youth(reading: Reading) -> float:
    """How childlike a face is, 0..1: irises hardly grow, faces do.

    An iris is 11.7 mm wide from the age of two on (Rüfer et al. 2005), 8 to 9 % of a grown
    face's width and 10 % of a child's.
    """
    if reading.profile:
        return 0.0
    width = float(np.hypot(*(reading.at(234) - reading.at(454))))
    iris = 2 * float(np.mean([eye.radius for eye in reading.features.eyes]))
    return float(np.clip((iris / max(width, 1e-6) - 0.093) / 0.008, 0, 1))


def made_up(reading: Reading) -> float:
    """How far lashes and lips are to be drawn as if made up, 0..1.

    Lips redder and darker than the skin say so, and hair that is worn long; whoever has a beard
    or is bald has bare ones. The mesh's lashes alone do not: the edge of every lid is dark.
    """
    subject = reading.subject
    bearded = subject.facial_hair is not None and subject.facial_hair.value != "none"
    hair = subject.hair.value if subject.hair is not None else "short"
    if bearded or hair == "bald":
        return 0.0
    lips = reading.inside(reading.features.lips) & ~reading.inside(reading.features.mouth)
    if not lips.any():
        return 0.0
    skin = np.median(reading.sample(reading.points(205, 425, 50, 280, 200), reading.lab), axis=0)
    light, red, _ = np.median(reading.lab[lips], axis=0) - skin
    redder = float(np.clip((red - 5) / 7, 0, 1) * np.clip((-light - 5) / 8, 0, 1))
    return max(redder, 0.75 if hair in ("long", "chin", "up") else 0.0)


def _factor(ratio: float) -> float:
    return float(np.clip(max(ratio, 0.1) ** _STRENGTH, _LEAST, _MOST))
