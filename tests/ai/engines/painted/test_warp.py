"""Caricatures of one and of many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cartoon_avatar.ai.engines.painted.steps.warp import Warp
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import features_of
from tests.ai import seen


def test_a_face_is_moved_by_itself_and_by_no_other() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    others = [
        replace(face, landmarks=face.landmarks + np.float32([300 * at, 0])) for at in (1, 2, 3)
    ]
    alone, *beside = (features_of(one.landmarks) for one in (face, *others))
    moved = Warp([alone], 1.2, 0.06).moved(face.landmarks)
    assert np.abs(moved - face.landmarks).max() > 1
    assert np.array_equal(Warp([*beside, alone], 1.2, 0.06).moved(face.landmarks), moved)
    assert np.array_equal(Warp(beside, 1.2, 0.06).moved(face.landmarks), face.landmarks)
