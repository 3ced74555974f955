"""What a painted portrait starts from: the photo as CIELAB, and whose pixels are whose."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.steps.warp import Warp, warped
from cartoon_avatar.ai.filters.canvas import lab_of
from cartoon_avatar.ai.filters.holes import without_holes
from cartoon_avatar.ai.seeing.features import Features, area, grown
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.ai.seeing.subject import Subject

# Of the short side: how large a face is taken to be where there is none.
_FACE_SHARE = 0.35
# Smaller faces than this share of the short side are part of the scene.
_SMALLEST_FACE = 0.03
# Chroma (95th percentile) below which a photo is black and white.
_GREY = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Planes of one size: ``lab`` H×W×3 float32 CIELAB, masks H×W float32 0..1.

    ``features`` covers eyes, brows, nose and mouth; ``face_px`` is the main face's height.
    """

    lab: np.ndarray
    people: list[Features]
    subjects: list[Subject]
    person: np.ndarray
    hair: np.ndarray
    skin: np.ndarray
    clothes: np.ndarray
    features: np.ndarray
    face_px: float
    grey: bool


def sheet_of(scene: Scene, eye_size: float, slimming: float) -> Sheet:
    """``scene`` with its caricature: eyes larger by ``eye_size``, jaws slimmer by ``slimming``."""
    picture = scene.picture
    rgb = picture.rgb if picture.alpha is None else without_holes(picture.rgb, picture.alpha)
    shape = rgb.shape[:2]
    large = [one.height > _SMALLEST_FACE * min(shape) for one in scene.features]
    people = list(compress(scene.features, large))
    masks = scene.masks
    if masks is None:
        person = np.ones(shape, np.float32)
        hair = skin = clothes = np.zeros(shape, np.float32)
    else:
        person, hair, skin, clothes = masks.person, masks.hair, masks.skin, masks.clothes
    if people:
        warp = Warp(people, eye_size, slimming)
        maps = warp.maps(shape)
        rgb = warped(rgb, maps)
        person, hair, skin, clothes = (
            np.clip(warped(mask, maps), 0, 1) for mask in (person, hair, skin, clothes)
        )
        people = [one.moved(warp.moved(one.landmarks)) for one in people]
    # Grain and the blocks of JPEG would be painted as texture.
    rgb = cv2.bilateralFilter(rgb, 5 if max(shape) > 512 else 3, 14, 2.0)
    lab = lab_of(rgb)
    chroma = cv2.magnitude(*cv2.split(lab[::4, ::4])[1:])
    return Sheet(
        lab=lab,
        people=people,
        subjects=list(compress(scene.subjects, large)),
        person=person,
        hair=hair,
        skin=skin,
        clothes=clothes,
        features=_feature_area(shape, people),
        face_px=max((one.height for one in people), default=_FACE_SHARE * min(shape)),
        grey=float(np.percentile(chroma, 95)) < _GREY,
    )


def _feature_area(shape: tuple[int, int], people: list[Features]) -> np.ndarray:
    covered = np.zeros(shape, np.float32)
    for person in people:
        margin = 0.012 * person.height
        outlines = []
        if person.shows_eyes:
            outlines += [grown(eye.outline, 1.25, 1.8 * margin) for eye in person.eyes]
            outlines += [grown(brow, 1.12, 2.0 * margin) for brow in person.brows]
        if person.shows_mouth:
            outlines += [grown(person.lips, 1.03, 0.6 * margin), grown(person.nose_base, 0.9)]
        if not outlines:
            continue
        soft = max(0.9 * margin, 0.6)
        np.maximum(covered, area(shape, *outlines, soft_px=soft), out=covered)
    return covered
