"""Light as in a studio: dim faces become bright, dark skin stays dark."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.abstraction import smoothed
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.seeing.features import Features, area, grown
from cartoon_avatar.ai.seeing.subject import Subject

# How far skin moves to what it is in even light, and how much brighter it becomes at most, L.
_EVENED = 0.5
_BRIGHTER_AT_MOST = 3.0
# Hues of skin, degrees in the a-b plane, that light of a neutral colour shows.
_HUES_DEG = (43.0, 64.0)


@dataclass(frozen=True, slots=True)
class Complexion:
    """A face's plain skin, CIELAB medians, as it is painted."""

    light: float
    a: float
    b: float

    @property
    def chroma(self) -> float:
        return float(np.hypot(self.a, self.b))


def plain_skin(
    shape: tuple[int, int], person: Features, skin: np.ndarray, spared: np.ndarray
) -> np.ndarray:
    """H×W bool: skin of ``person`` that is neither feature nor hair. ``spared`` is H×W 0..1."""
    inside = area(shape, grown(person.oval, 0.82))
    return inside * skin * (1 - spared) > 0.5


def relit(
    lab: np.ndarray, subjects: list[Subject], plain: list[np.ndarray], near: np.ndarray
) -> np.ndarray:
    """``lab`` (H×W×3 float32 CIELAB) with the first of ``subjects`` well lit.

    ``plain`` are the masks of plain skin; ``near`` (H×W, 0..1) is where the light falls. A
    gamma on an edge-keeping base lifts shapes and leaves their detail alone.
    """
    if not subjects or not plain[0].any():
        return lab
    light = np.ascontiguousarray(lab[..., 0])
    level = float(np.median(light[plain[0]]))
    goal = _goal(level, subjects[0])
    lab = lab.copy()
    if abs(goal - level) > 0.5 and 1 < level < 99:
        gamma = float(np.clip(np.log(goal / 100) / np.log(level / 100), 0.5, 1.5))
        guide = cv2.convertScaleAbs(light, alpha=2.55)
        base = np.clip(smoothed(guide, light, 30, 40), 0.5, 100)
        # Blacks stay black: the curve bends back below a tenth.
        kept = np.clip((base - 3) / 19, 0, 1)
        kept *= kept * (3 - 2 * kept)
        gain = 1 + ((base / 100) ** np.float32(gamma - 1) - 1) * kept * (0.35 + 0.65 * near)
        lab[..., 0] = np.clip(light * gain, 0, 100)
        lab[..., 1:] *= (1 + 0.5 * (np.minimum(gain, 2.2) - 1))[..., None]
    return _balanced(lab, plain[0])


def complexions(lab: np.ndarray, plain: list[np.ndarray]) -> list[Complexion]:
    """Of each face's ``plain`` skin; a face without any takes the first one's, or a common one."""
    found = [
        Complexion(*(float(value) for value in np.median(lab[mask], axis=0)))
        if mask.sum() > 40
        else None
        for mask in plain
    ]
    known = next((one for one in found if one is not None), Complexion(65.0, 12.0, 18.0))
    return [one or known for one in found]


def _goal(level: float, subject: Subject) -> float:
    """The lightness for skin that has ``level`` in the photo, CIELAB L."""
    if level > 80:
        return 80 + 0.3 * (level - 80)
    evened = 0.0
    if subject.skin is not None and subject.even_skin is not None:
        evened = max(0.0, subject.even_skin.value[0] - subject.skin.value[0])
    return level + _EVENED * evened + min(_BRIGHTER_AT_MOST, 0.14 * max(0.0, 74 - level))


def _balanced(lab: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """White balance by the hue of skin: only hues that no skin has are moved."""
    a, b = (float(np.median(lab[..., channel][skin])) for channel in (1, 2))
    chroma = float(np.hypot(a, b))
    if chroma < 6:
        return lab
    hue = np.degrees(np.arctan2(b, a))
    goal = np.radians(np.clip(hue, *_HUES_DEG))
    share = np.float32(0.85) * np.clip((lab[..., 0] - 5) / 35, 0, 1)
    lab[..., 1] += share * np.float32(chroma * np.cos(goal) - a)
    lab[..., 2] += share * np.float32(chroma * np.sin(goal) - b)
    return lab


def lit_area(person: np.ndarray, face_px: float) -> np.ndarray:
    """Where the painter's light falls: ``person`` (H×W 0..1) with a soft border."""
    return blurred(person, 0.05 * face_px)
