from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.seeing.faces import Face, open_face_finder
from tests.ai import seen
from tests.ai.head.faces import face_at

CHIN, FOREHEAD = 152, 10


def ruler(picture: seen.Picture) -> Ruler:
    return Ruler.of(open_face_finder(seen.models())(picture)[0])


def test_lengths_are_face_heights_from_the_chin() -> None:
    across, down = Ruler.of(seen_from_the_front()).measure(Square(0, 0, 400), 400)
    assert (across[299, 199], down[299, 199]) == pytest.approx((0, 0), abs=0.01)
    assert down[199, 199] == pytest.approx(-1, abs=0.01)
    assert across[299, 299] == pytest.approx(1, abs=0.01)


def seen_from_the_front() -> Face:
    face = face_at((200, 300), 100)
    points = face.landmarks
    points[CHIN], points[FOREHEAD], points[1] = (200, 300), (200, 200), (200, 250)
    points[234], points[454] = (160, 250), (240, 250)
    return face


def test_a_skull_is_one_away_from_its_middle_all_around() -> None:
    ruler = Ruler.of(seen_from_the_front())
    top, side = np.float32([0, ruler.half]), np.float32([-0.72 - 0.85, -0.72])
    assert ruler.from_skull(top, side) == pytest.approx([1, 1], abs=1e-3)


def test_a_face_from_the_front_is_not_turned_and_a_profile_is() -> None:
    assert abs(ruler(seen.officer()).turn) < 0.3
    assert abs(ruler(seen.cameraman()).turn) > 0.8


def test_a_head_that_leans_has_a_roll() -> None:
    face = seen_from_the_front()
    angle = np.deg2rad(30)
    turn = np.float32([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    face.landmarks[:] = face.landmarks @ turn.T
    assert np.rad2deg(Ruler.of(face).roll) == pytest.approx(30, abs=0.1)
