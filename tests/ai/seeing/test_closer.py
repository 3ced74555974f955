"""Small faces have their eyes open, as the same faces have that are large."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.closer import with_open_eyes
from cartoon_avatar.ai.seeing.detector import Face
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import LOWER_LIDS, UPPER_LIDS, features_of
from cartoon_avatar.ai.seeing.looks import face_axes
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai import seen
from tests.ai.engines.drawn.test_recipe import STYLES

PEOPLE = {"astronaut": seen.astronaut, "officer": seen.officer}


def openings(face: Face) -> list[float]:
    return [eye.opening / eye.width for eye in features_of(face.landmarks).eyes]


def sized(name: str, height_px: float) -> Picture:
    """The photo of one of ``PEOPLE``, the face so high from chin to hairline."""
    photo = PEOPLE[name]()
    (face,) = open_face_finder(seen.models())(photo)
    return seen.scaled(photo, height_px / face_axes(face)[1])


@cache
def in_a_panorama() -> Scene:
    """The astronaut in a picture 15 times as wide as high, looked at in a copy of a fifth."""
    near = sized("astronaut", 75).rgb
    full = cv2.copyMakeBorder(near, 0, 0, 2300, 2900, cv2.BORDER_REPLICATE)
    copy = Picture(cv2.resize(full, None, fx=0.22, fy=0.22, interpolation=cv2.INTER_AREA))
    models = seen.models()
    return open_scene(
        copy,
        open_face_finder(models),
        open_mask_finder(models),
        long_side=512,
        full_size=full.shape[1::-1],
        closer=lambda crop, _: Picture(
            full[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
        ),
    )


def test_a_face_that_was_small_where_it_was_found_is_read_in_the_portrait() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())

    assert openings(in_a_panorama().people[0]) == pytest.approx(openings(face), rel=0.15)
    assert in_a_panorama().subjects[0].eyes_open.value == (True, True)


def test_both_eyes_of_a_face_in_a_panorama_are_drawn_open() -> None:
    scene = in_a_panorama()
    rgb = drawn.draw(scene, STYLES["ink"], 0).picture.rgb.astype(int)
    for eye in scene.features[0].eyes:
        x, y = eye.iris.round().astype(int)
        about = rgb[y - 8 : y + 9, x - 16 : x + 17].mean(axis=2)

        assert about.max() > 200  # the white
        assert (about < 60).sum() > 12  # the pupil


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("height_px", [16, 20, 24, 28, 36, 48])
def test_no_eye_of_a_tiny_face_is_closed(name: str, height_px: int) -> None:
    scene = open_scene(sized(name, height_px), open_face_finder(seen.models()), None)

    assert min(openings(scene.people[0])) > 0.2


@pytest.mark.parametrize("turn", [0, 90, 200])
def test_lids_that_are_opened_stay_where_they_are_and_between_their_corners(turn: int) -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    landmarks = face.landmarks @ np.array([[cos, sin], [-sin, cos]], np.float32)
    shut = Face(face.box, landmarks.copy(), 0.9)
    features = features_of(landmarks)
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        shut.landmarks[list(lower)] = landmarks[list(upper)]
    opened = features_of(with_open_eyes(shut).landmarks)

    for eye, before in zip(opened.eyes, features.eyes, strict=True):
        np.testing.assert_allclose(eye.upper[[0, -1]], before.upper[[0, -1]], atol=0.01)
        assert eye.opening / eye.width == pytest.approx(0.22, abs=0.03)
        lower_by = (eye.lower[4] - eye.upper[4]) @ face_axes(shut)[0][:, 1]
        assert lower_by > 0.2 * eye.width


def test_open_eyes_are_left_as_they_are() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())

    np.testing.assert_array_equal(with_open_eyes(face).landmarks, face.landmarks)
