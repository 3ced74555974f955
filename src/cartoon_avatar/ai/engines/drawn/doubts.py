"""Where masks are in doubt about who is there, colours decide."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import lab_of
from cartoon_avatar.ai.filters.blur import blurred_within
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.seeing.scene import Scene

# Between these a mask is in doubt; how wide a place is at least about which it is (rims of hair are
# narrower), and how far around its colours are compared, face heights.
_DOUBT, _WIDE, _NEAR = (0.03, 0.97), 0.06, 0.25
# How much nearer to the colours of the scene than to those of people a place is that is scene.
_LIKE_SCENE = 0.5
# The face height, px, at which colours are compared.
_FACE_PX = 120


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
    bare = doubtful * (to_scene < _LIKE_SCENE * to_people)
    left = 1 - sized(bare.astype(np.float32), (height, width))
    masks = replace(masks, person=masks.person * left, mine=masks.mine * left)
    return replace(scene, masks=masks, as_read=scene.subjects)
