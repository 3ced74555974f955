"""Where masks are in doubt about who is there, colours decide, and the photo's focus."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import lab_of
from cartoon_avatar.ai.engines.drawn.reading import bust
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.seeing.features import area, grown
from cartoon_avatar.ai.seeing.looks import face_axes
from cartoon_avatar.ai.seeing.matting import Masks
from cartoon_avatar.ai.seeing.scene import Scene

# Between these a mask is in doubt; how wide a place is at least about which it is (rims of hair are
# narrower), and how far around its colours are compared, face heights.
_DOUBT, _WIDE, _NEAR = (0.03, 0.97), 0.06, 0.25
# How much nearer to the colours of the scene than to those of people a place is that is scene.
_LIKE_SCENE = 0.5
# The face height, px, at which colours are compared, and at which blur is seen.
_FACE_PX, _SHARP_FACE_PX = 120, 240
# Scales of what is fine and of what is coarse, and how far around it is looked at, face heights.
_FINE, _COARSE, _AROUND = 0.01, (0.03, 0.1), 0.05
# From which coarse contrast on blur is told, L, below which share of the face's sharpness a place
# is blurred, and from which blurred share on a piece of people is out of focus.
_CONTRAST, _BLURRED, _OUT_OF_FOCUS = 3.0, 0.3, 0.3
# How much wider than faces heads are, times, and how high a person's own shoulders, face heights.
_OWN, _SHOULDERS = 1.6, 0.3
# Less than this beside them, squared face heights, is no crowd.
_CROWD = 0.02


def without_doubt(scene: Scene) -> Scene:
    """``scene`` whose mask of people leaves out wide places that it is in doubt about and that
    have the colours of the scene: a lawn between two people would be drawn as a shirt."""
    masks = scene.masks
    if masks is None or not scene.people:
        return scene
    height, width = masks.person.shape
    scale = min(1.0, _FACE_PX / scene.features[0].height)
    size = max(1, round(scale * height)), max(1, round(scale * width))
    face_px = scale * scene.features[0].height
    person = sized(masks.person, size)
    doubtful = ((person > _DOUBT[0]) & (person < _DOUBT[1])).astype(np.uint8)
    doubtful = cv2.morphologyEx(doubtful, cv2.MORPH_OPEN, disc(_WIDE * face_px / 2))
    if not doubtful.any():
        return scene
    lab = lab_of(cv2.resize(scene.picture.rgb, size[::-1], interpolation=cv2.INTER_AREA))
    to_scene, to_people = (
        np.linalg.norm(lab - blurred_within(lab, sure, _NEAR * face_px), axis=2)
        for sure in (
            (person <= _DOUBT[0]).astype(np.float32) + np.float32(1e-6),
            (person >= _DOUBT[1]).astype(np.float32) + np.float32(1e-6),
        )
    )
    return _left_out(scene, masks, doubtful * (to_scene < _LIKE_SCENE * to_people))


def without_blurred(scene: Scene) -> Scene:
    """``scene``, a photo, whose mask of people leaves out who is out of focus behind the first of
    them: a blurred crowd is no company."""
    masks = scene.masks
    if masks is None or not scene.people or scene.features[0].height < _FACE_PX:
        return scene
    height, width = masks.person.shape
    scale = min(1.0, _SHARP_FACE_PX / scene.features[0].height)
    size = max(1, round(scale * height)), max(1, round(scale * width))
    face_px = scale * scene.features[0].height
    beside = (sized(masks.person, size) > _DOUBT[0]) & ~_in_any_focus(scene, scale, size)
    if beside.sum() < _CROWD * face_px**2:
        return scene
    rgb = cv2.resize(scene.picture.rgb, size[::-1], interpolation=cv2.INTER_AREA)
    oval = area(size, scale * scene.features[0].oval) > 0.5
    soft = _blurred_places(lab_of(rgb)[..., 0], oval, face_px)
    _, labels = cv2.connectedComponents(beside.astype(np.uint8))
    blurry, total = (
        np.bincount(labels[which], minlength=int(labels.max()) + 1)
        for which in (beside & soft, beside)
    )
    gone = (blurry > _OUT_OF_FOCUS * total)[labels] & beside
    return _left_out(scene, masks, gone) if gone.any() else scene


def _left_out(scene: Scene, masks: Masks, gone: np.ndarray) -> Scene:
    """``scene`` with its ``masks`` of people without what is ``gone`` (h×w, 0 or 1)."""
    left = 1 - sized(gone.astype(np.float32), masks.person.shape)
    masks = replace(masks, person=masks.person * left, mine=masks.mine * left)
    return replace(scene, masks=masks, as_read=scene.subjects)


def _blurred_places(light: np.ndarray, face: np.ndarray, face_px: float) -> np.ndarray:
    """H×W bool: where ``light`` (H×W, L) has broad edges and hardly a fine one beside those of the
    ``face`` (H×W bool). What is plain tells nothing."""

    def rms(plane: np.ndarray) -> np.ndarray:
        return np.sqrt(blurred(plane * plane, _AROUND * face_px))

    fine = rms(light - blurred(light, _FINE * face_px))
    coarse = rms(np.subtract(*(blurred(light, reach * face_px) for reach in _COARSE)))
    sharp, telling = fine / (coarse + 1), coarse > _CONTRAST
    usual = np.median(sharp[face & telling]) if (face & telling).any() else 0.0
    return telling & (sharp < _BLURRED * usual)


def _in_any_focus(scene: Scene, scale: float, size: tuple[int, int]) -> np.ndarray:
    """H×W bool: heads and their hair, and the first one's shoulders, at ``scale``."""
    assert scene.masks is not None
    first, face_px = scene.people[0], scale * scene.features[0].height
    chin, forehead = (scale * first.landmarks[at].astype(float) for at in (152, 10))
    down = face_axes(first)[0][:, 1]
    heads = [grown(scale * one.oval, _OWN) for one in scene.features]
    found = area(size, *heads, bust(chin, forehead, down, face_px, raised=_SHOULDERS)) > 0.5
    _, hair = cv2.connectedComponents((sized(scene.masks.hair, size) > 0.5).astype(np.uint8))
    return found | np.isin(hair, np.setdiff1d(hair[found], 0))
