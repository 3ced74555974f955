from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from cartoon_avatar.ai.head.shape import _decided, _one_piece, shape_of_head
from cartoon_avatar.ai.seeing.faces import open_face_finder
from tests.ai import seen


def test_a_shape_is_head_and_rest_of_one_person() -> None:
    photo = seen.astronaut()
    faces = open_face_finder(seen.models())(photo)
    shape = shape_of_head(photo, faces, 0, seen.models())
    assert (shape.path, shape.cut_by_frame) == ("classes", False)
    assert shape.head.shape == shape.rest.shape
    assert (shape.head + shape.rest).max() < 1.02
    assert 0.1 < (shape.head > 0.5).mean() < 0.5


def test_the_square_grows_until_the_hair_is_in_it() -> None:
    photo = seen.astronaut()
    faces = open_face_finder(seen.models())(photo)
    left, top, wide, high = faces[0].box
    # A detector that found only eyes and nose.
    small = (left + wide / 3, top + high / 3, wide / 3, high / 3)
    shape = shape_of_head(photo, [dataclasses.replace(faces[0], box=small)], 0, seen.models())
    assert shape.square.side > 2.7 * high / 3 * 1.4


def test_what_is_not_joined_to_the_face_goes_and_pinholes_are_filled() -> None:
    head, oval = np.zeros((100, 100), np.float32), np.zeros((100, 100), np.float32)
    cv2.circle(head, (50, 50), 30, 1.0, -1)
    cv2.circle(oval, (50, 55), 15, 1.0, -1)
    head[30:32, 48:50] = 0
    head[:8, :8] = 1
    whole = _one_piece(head, oval)
    assert whole[:12, :12].max() == 0
    assert whole[30:32, 48:50].min() == 1


def test_far_from_its_outline_a_head_is_there_or_not() -> None:
    head = np.zeros((100, 100), np.float32)
    cv2.circle(head, (50, 50), 30, 0.7, -1)
    head[:10, :10] = 0.3
    decided = _decided(head, 4)
    assert decided[50, 50] == 1
    assert decided[:8, :8].max() == 0
    assert decided[50, 79] == np.float32(0.7)
