from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from cartoon_avatar.ai.head.classes import TRUSTED, UNNAMED, fused_classes, trust
from cartoon_avatar.ai.seeing.matting import BACKGROUND, FACE_SKIN, HAIR
from tests.ai import seen


def test_the_classes_of_a_face_are_fused_and_add_up() -> None:
    rgb = cv2.resize(seen.astronaut().rgb[0:260, 90:350], (384, 384))
    looks: dict[float, np.ndarray] = {}
    classes = fused_classes(seen.models(), rgb, 0.0, 1.0, looks)
    assert classes.shape == (384, 384, UNNAMED + 1)
    assert np.abs(classes.sum(axis=2) - 1).max() < 1e-3
    assert classes[190, 200].argmax() == FACE_SKIN
    assert classes[70, 200].argmax() == HAIR
    assert len(looks) == 2


def test_without_the_network_there_are_none() -> None:
    models = dataclasses.replace(seen.models(), person_classes=None)
    assert fused_classes(models, np.zeros((9, 9, 3), np.uint8), 0.0, 1.0, {}) is None
    assert trust(None, np.ones((9, 9))) == 0


def test_a_face_that_is_seen_as_background_is_not_trusted() -> None:
    oval = np.ones((20, 20), np.float32)
    for seen_as, trusted in ((FACE_SKIN, True), (BACKGROUND, False)):
        classes = np.zeros((20, 20, 7), np.float32)
        classes[..., seen_as] = 1
        assert (trust(classes, oval) >= TRUSTED) == trusted
