from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cartoon_avatar.ai.seeing.alignment import differences, is_aligned
from cartoon_avatar.ai.seeing.faces import Face


@pytest.fixture
def face() -> Face:
    points = np.random.default_rng(5).uniform((100, 100), (200, 200), (478, 2))
    return Face(box=(100, 100, 100, 100), landmarks=points.astype(np.float32), score=1.0)


def moved(face: Face, matrix: np.ndarray, by: tuple[float, float] = (0, 0)) -> Face:
    landmarks = (face.landmarks - 150) @ matrix.T + 150 + np.array(by)
    return replace(face, landmarks=landmarks.astype(np.float32))


def turned(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_a_similarity_transform_changes_no_shape(face: Face) -> None:
    shape, place = differences(face, moved(face, 1.3 * turned(20), (30, -10)))
    assert shape < 1e-3
    assert place > 0.3


def test_the_place_is_how_far_the_head_s_corners_go(face: Face) -> None:
    assert differences(face, moved(face, np.eye(2), (3, 4)))[1] == pytest.approx(0.05, abs=1e-3)
    # The corner of the head lies 110 px from the middle, across and down.
    away = 0.02 * 110 * np.sqrt(2) / 100
    assert differences(face, moved(face, 1.02 * np.eye(2)))[1] == pytest.approx(away, abs=1e-3)


@pytest.mark.parametrize(
    ("matrix", "by", "aligned"),
    [
        (np.eye(2), (0, 0), True),
        (np.eye(2), (5, 5), True),
        (np.eye(2), (12, 0), False),
        (turned(2), (0, 0), True),
        (turned(5), (0, 0), False),
        (np.diag([1.2, 1.0]), (0, 0), False),
        (np.diag([-1.0, 1.0]), (0, 0), False),
    ],
    ids=["same", "a little aside", "aside", "a little turned", "turned", "wider", "mirrored"],
)
def test_what_lies_on_the_photo_is_aligned(
    face: Face, matrix: np.ndarray, by: tuple[float, float], aligned: bool
) -> None:
    assert is_aligned(face, moved(face, matrix, by)) is aligned
