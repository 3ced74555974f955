"""Light as in a studio: dim faces become bright, dark skin stays dark."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.sheet import Sheet
from cartoon_avatar.ai.engines.painted.steps.reading import beard, contrast_of, without_creases
from cartoon_avatar.ai.filters.abstraction import smoothed
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.box import box_of_mask
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.seeing.features import Features, area, grown
from cartoon_avatar.ai.seeing.subject import Subject

# How far skin moves to what it is in even light, and how much brighter it becomes at most, L.
_EVENED = 0.65
_BRIGHTER_AT_MOST = 3.0
# Hues of skin, degrees in the a-b plane, that light of a neutral colour shows.
_HUES_DEG = (43.0, 64.0)
# By which share of that skin of other hues is moved on into them, and how far at most, degrees.
_INWARDS, _INWARDS_MOST = 0.4, 8.0
# How much darker than skin a dark beard is, and from which on it shows none, L on fair skin.
_DARK_BEARD, _THIN = 12.0, (14.0, 38.0)
# A beard is grey that is lighter than this, L, and has less than this share of the skin's chroma.
_BLACK, _GREYER = 28.0, 0.5
# How far (CIELAB a, b) lamps move skin, and from where on it is painted or lit on purpose.
_CAST, _PAINT = 18.0, 36.0


@dataclass(frozen=True, slots=True)
class Complexion:
    """A face's plain skin, CIELAB medians, as it is painted."""

    light: float
    a: float
    b: float


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """A sheet in good light.

    ``sheet.lab`` is lit and without creases, ``photo_light`` (H×W, L) lit and with them.
    ``plain`` are the masks of each face's plain skin (H×W bool), ``complexions`` its colours;
    ``tone`` is the skin colour that each place has (h×w×3 CIELAB, small), None without people.
    """

    sheet: Sheet
    photo_light: np.ndarray
    plain: list[np.ndarray]
    complexions: list[Complexion]
    tone: np.ndarray | None

    def photo(self) -> np.ndarray:
        """The lit photo, H×W×3 float32 CIELAB: a copy."""
        lab = self.sheet.lab.copy()
        lab[..., 0] = self.photo_light
        return lab


def light_of(sheet: Sheet) -> Light:
    """Light ``sheet`` as a studio would: for the first of its people."""
    spared = np.maximum(sheet.features, sheet.hair)
    plain = [
        area(sheet.shape, grown(one.oval, 0.82)) * sheet.skin * (1 - spared) > 0.5
        for one in sheet.people
    ]
    lab = _relit(sheet.lab, sheet.subjects, plain, blurred(sheet.person, 0.05 * sheet.face_px))
    colours = _complexions(lab, plain)
    photo_light = cv2.extractChannel(lab, 0)
    beards = np.zeros(sheet.shape, np.float32)
    for person, subject, colour in zip(sheet.people, sheet.subjects, colours, strict=True):
        kind = subject.facial_hair.value if subject.facial_hair is not None else None
        found = beard(lab, person, kind)
        _warm_thin_beard(lab, found * sheet.person, colour)
        # Between hairs it is dark, too.
        without_creases(lab, person, sheet.bare * (1 - found))
        np.maximum(beards, found, out=beards)
    tone = nearest_complexion(sheet.shape, sheet.people, colours) if sheet.people else None
    return Light(replace(sheet, lab=lab, beards=beards), photo_light, plain, colours, tone)


def _warm_thin_beard(lab: np.ndarray, found: np.ndarray, skin: Complexion) -> None:
    """Give skin that shows through a dark beard, ``found`` H×W 0..1, the hue of ``skin`` in ``lab``
    (H×W×3 CIELAB), in place: cold light makes it a grey patch."""
    box = box_of_mask(found, 0)
    here, light = found[box], lab[box][..., 0]
    contrast = contrast_of(skin.light)
    sure = here > 0.6
    if not sure.any():
        return
    usual, *hue_of_hair = np.median(lab[box][sure], axis=0)
    is_grey = usual > _BLACK and np.hypot(*hue_of_hair) < _GREYER * np.hypot(skin.a, skin.b)
    if is_grey or usual > skin.light - _DARK_BEARD * contrast:
        return
    darker = (skin.light - blurred(np.ascontiguousarray(light), 1.5)) / np.float32(contrast)
    thin = here * (1 - smoothstep(darker, *_THIN)) * smoothstep(darker, -12, -4)
    hue = np.asarray([skin.a, skin.b], np.float32) * (light / skin.light)[..., None]
    lab[box][..., 1:] += thin[..., None] * (hue - lab[box][..., 1:])


def _relit(
    lab: np.ndarray, subjects: list[Subject], plain: list[np.ndarray], near: np.ndarray
) -> np.ndarray:
    """``lab`` (H×W×3 float32 CIELAB) with the first of ``subjects`` well lit.

    ``near`` (H×W, 0..1) is where the light falls. A gamma on an edge-keeping base lifts shapes
    and leaves their detail alone.
    """
    if not subjects or not plain[0].any():
        return lab
    light = np.ascontiguousarray(lab[..., 0])
    level = float(np.median(light[plain[0]]))
    goal = _goal(level, subjects[0])
    lab = lab.copy()
    if abs(goal - level) > 0.5 and 1 < level < 99:
        gamma = float(np.clip(np.log(goal / 100) / np.log(level / 100), 0.5, 1.5))
        # Of half the size: it has no detail.
        half = sized(light, (max(1, light.shape[0] // 2), max(1, light.shape[1] // 2)))
        base = np.clip(smoothed(cv2.convertScaleAbs(half, alpha=2.55), half, 15, 40), 0.5, 100)
        # Blacks stay black: the curve bends back below a tenth.
        kept = np.clip((base - 3) / 19, 0, 1)
        kept *= kept * (3 - 2 * kept) * (0.35 + 0.65 * sized(near, half.shape))
        gain = sized(1 + ((base / 100) ** np.float32(gamma - 1) - 1) * kept, light.shape)
        lab[..., 0] = np.clip(light * gain, 0, 100)
        richer = 1 + 0.5 * (np.minimum(gain, 2.2) - 1)
        for channel in (1, 2):
            lab[..., channel] *= richer
    return _balanced(lab, plain[0])


def _complexions(lab: np.ndarray, plain: list[np.ndarray]) -> list[Complexion]:
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
    # Dark skin stays dark.
    brighter = min(_BRIGHTER_AT_MOST, 0.16 * max(0.0, 88 - level))
    brighter *= float(np.clip((level - 45) / 22, 0.25, 1))
    return level + _EVENED * evened + brighter


def _balanced(lab: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """White balance by the hue of skin: only hues that no skin has are moved, and none that only
    paint or a coloured lamp gives."""
    a, b = (float(np.median(lab[..., channel][skin])) for channel in (1, 2))
    chroma = float(np.hypot(a, b))
    if chroma < 6:
        return lab
    hue = np.degrees(np.arctan2(b, a))
    nearest = np.clip(hue, *_HUES_DEG)
    # Light of a strong colour says little about the hue: it is rather in the middle.
    inwards = np.clip(_INWARDS * (nearest - hue), -_INWARDS_MOST, _INWARDS_MOST)
    goal = np.radians(nearest + inwards)
    towards_a, towards_b = chroma * np.cos(goal) - a, chroma * np.sin(goal) - b
    strength = 0.85 * (1 - smoothstep(float(np.hypot(towards_a, towards_b)), _CAST, _PAINT))
    share = np.float32(strength) * np.clip((lab[..., 0] - 5) / 35, 0, 1)
    lab[..., 1] += share * np.float32(towards_a)
    lab[..., 2] += share * np.float32(towards_b)
    return lab


def nearest_complexion(
    shape: tuple[int, int], people: list[Features], complexions: list[Complexion]
) -> np.ndarray:
    """At each place the skin colour of the nearest face: float32 CIELAB, h×w×3, an eighth as wide
    and high as ``shape``."""
    height, width = shape
    step = 8
    down, across = np.mgrid[0:height:step, 0:width:step].astype(np.float32)
    total = np.zeros((*down.shape, 3), np.float32)
    weights = np.zeros(down.shape, np.float32)
    for person, colour in zip(people, complexions, strict=True):
        x, y = person.oval.mean(axis=0)
        far = ((across - x) ** 2 + (down - y) ** 2) / person.height**2 + 0.05
        weight = 1 / far**3
        total += weight[..., None] * np.asarray([colour.light, colour.a, colour.b], np.float32)
        weights += weight
    return total / weights[..., None]
