from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.seeing.faces import Face, open_face_finder
from cartoon_avatar.ai.seeing.separation import share_of_first
from tests.ai import seen


@pytest.fixture(scope="module")
def face() -> Face:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    return face


def beside(face: Face, by: int) -> Face:
    left, top, width, height = face.box
    shift = np.array([by, 0])
    return replace(face, landmarks=face.landmarks + shift, box=(left + by, top, width, height))


def test_touching_heads_are_parted_where_their_colours_change(face: Face) -> None:
    """Not half-way between their faces: the first one's hair is the wider."""
    height, width = 400, 700
    x, top = (int(value) for value in face.landmarks[10])
    chin = int(face.landmarks[152][1])
    unit, by = chin - top, 2 * (chin - top)
    rgb = np.full((height, width, 3), (120, 170, 90), np.uint8)
    person = np.zeros((height, width), np.float32)
    edge = x + by // 2 + unit // 4
    for start, end, colour in ((x - unit, edge, (150, 70, 40)), (edge, x + 3 * unit, (30, 28, 35))):
        rgb[top - unit // 2 : chin, start:end] = colour
        person[top - unit // 2 : chin, start:end] = 1
    for at in (face, beside(face, by)):
        cv2.fillConvexPoly(rgb, cv2.convexHull(at.landmarks.astype(np.int32)), (220, 170, 140))

    share = share_of_first(person, rgb, [face, beside(face, by)])

    row = share[top - unit // 4 : top]
    assert row[:, x : edge - unit // 10].min() > 0.5
    assert row[:, edge + unit // 10 : x + by].max() < 0.5


def test_who_is_alone_has_all_of_the_picture(face: Face) -> None:
    person = np.zeros((40, 60), np.float32)

    assert share_of_first(person, np.zeros((40, 60, 3), np.uint8), [face]).min() == 1


def test_a_face_printed_on_a_shirt_is_the_wearers(face: Face) -> None:
    chin = face.landmarks[152]
    height = float(np.hypot(*(chin - face.landmarks[10])))
    person = np.ones((512, 512), np.float32)
    rgb = np.full((512, 512, 3), 200, np.uint8)

    def on_chest(size: float) -> Face:
        moved = (face.landmarks - face.landmarks.mean(axis=0)) * size + chin + [0, height]
        return replace(face, landmarks=moved.astype(np.float32))

    assert share_of_first(person, rgb, [face, on_chest(0.3)]).min() == 1
    child = share_of_first(person, rgb, [face, on_chest(0.8)])
    assert child[int(chin[1] + height), int(chin[0])] < 0.5
