"""What a painted portrait starts from: the photo as CIELAB, and whose pixels are whose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.steps.warp import Warp
from cartoon_avatar.ai.filters.box import box_of, corner_of
from cartoon_avatar.ai.filters.canvas import lab_of, sized
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
    """Planes of one size: ``lab`` H×W×3 float32 CIELAB, masks H×W float32 0..1; ``clothes`` may
    be smaller.

    ``features`` covers eyes, brows, nose and mouth, ``beards`` those and moustaches; ``face_px`` is
    the main face's height; ``warp`` moved the photo to where it is here.
    """

    lab: np.ndarray
    people: list[Features]
    subjects: list[Subject]
    person: np.ndarray
    hair: np.ndarray
    skin: np.ndarray
    clothes: np.ndarray
    features: np.ndarray
    beards: np.ndarray
    face_px: float
    grey: bool
    warp: Warp

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.person.shape
        return height, width

    @property
    def bare(self) -> np.ndarray:
        """Skin without hair over it, H×W 0..1."""
        return self.skin * (1 - self.hair)

    def resized(self, long_side: int) -> Sheet:
        """The same on planes no longer than ``long_side`` px."""
        height, width = self.shape
        scale = min(1.0, long_side / max(height, width))
        size = max(1, round(height * scale)), max(1, round(width * scale))
        along = np.asarray([size[1] / width, size[0] / height], np.float32)
        return replace(
            self,
            lab=sized(self.lab, size),
            people=[one.moved(one.landmarks * along) for one in self.people],
            person=sized(self.person, size),
            hair=sized(self.hair, size),
            skin=sized(self.skin, size),
            clothes=sized(self.clothes, size),
            features=sized(self.features, size),
            beards=sized(self.beards, size),
            face_px=self.face_px * scale,
        )


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
    warp = Warp(people, eye_size, slimming)
    displacement = warp.within(shape)
    if displacement is not None:
        rgb = displacement.of(rgb, cv2.INTER_CUBIC)
        person, hair, skin, clothes = (
            displacement.of(mask) for mask in (person, hair, skin, clothes)
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
        # Needed for broad shapes only.
        clothes=sized(clothes, (max(1, shape[0] // 2), max(1, shape[1] // 2))),
        features=_feature_area(shape, people),
        beards=np.zeros(shape, np.float32),
        face_px=max((one.height for one in people), default=_FACE_SHARE * min(shape)),
        grey=float(np.percentile(chroma, 95)) < _GREY,
        warp=warp,
    )


def _feature_area(shape: tuple[int, int], people: list[Features]) -> np.ndarray:
    covered = np.zeros(shape, np.float32)
    for person in people:
        margin = 0.012 * person.height
        outlines = []
        if person.shown_eyes:
            outlines += [grown(eye.outline, 1.25, 1.8 * margin) for eye in person.shown_eyes]
            outlines += [grown(brow, 1.12, 2.0 * margin) for brow in person.brows]
        if person.shows_mouth:
            outlines += [grown(person.lips, 1.03, 0.6 * margin), grown(person.nose_base, 0.9)]
        if not outlines:
            continue
        soft = max(0.9 * margin, 0.6)
        box = box_of(shape, np.concatenate(outlines), 6 * soft)
        here = covered[box]
        outlines = [outline - corner_of(box) for outline in outlines]
        np.maximum(here, area(here.shape, *outlines, soft_px=soft), out=here)
    return covered
