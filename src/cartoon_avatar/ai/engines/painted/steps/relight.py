"""Light as in a studio: dim faces become bright, dark skin stays dark."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.abstraction import smoothed
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.seeing.features import Features, area, grown

# Lightness of the white of an eye under even light, whatever the skin around it.
_WHITE_OF_EYE = 69.0
# The most that skin is lifted, in L: to even out dim light, and beyond that.
_EVENED_AT_MOST = 5.0
_BRIGHTER_AT_MOST = 3.5
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
    lab: np.ndarray, people: list[Features], plain: list[np.ndarray], near: np.ndarray
) -> np.ndarray:
    """``lab`` (H×W×3 float32 CIELAB) with the first of ``people`` well lit.

    ``plain`` are the masks of plain skin; ``near`` (H×W, 0..1) is where the light falls. A
    gamma on an edge-keeping base lifts shapes and leaves their detail alone.
    """
    if not people or not plain[0].any():
        return lab
    light = np.ascontiguousarray(lab[..., 0])
    level = float(np.median(light[plain[0]]))
    goal = _goal(level, _white_of_eye(light, people[0]))
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


def _goal(level: float, white: float | None) -> float:
    """The lightness for skin that has ``level``: the white of the eye tells how dim it is."""
    if level > 80:
        return 80 + 0.3 * (level - 80)
    dim = 0.0 if white is None else max(0.0, _WHITE_OF_EYE - max(white, level))
    brighter = min(_BRIGHTER_AT_MOST, 0.14 * max(0.0, 74 - level))
    return level + min(_EVENED_AT_MOST, 0.35 * dim) + brighter


def _white_of_eye(light: np.ndarray, person: Features) -> float | None:
    """L of the white of the eyes; None behind dark glasses and where they are too small."""
    whites = np.concatenate([light[area(light.shape, eye.outline) > 0.8] for eye in person.eyes])
    if whites.size < 20:
        return None
    white = float(np.percentile(whites, 92))
    cheeks = [_at(light, point) for point in person.cheeks]
    return None if white < 0.62 * float(np.mean(cheeks)) else white


def _at(plane: np.ndarray, point: np.ndarray) -> float:
    x, y = np.clip(point.astype(int), 0, [plane.shape[1] - 1, plane.shape[0] - 1])
    return float(plane[y, x])


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
