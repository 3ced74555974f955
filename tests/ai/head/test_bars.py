"""Heads behind bars, wires and printed lines keep their shape."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.head.bars import behind_lines
from cartoon_avatar.ai.head.cut import cut
from cartoon_avatar.ai.head.sampling import Square, sampled
from cartoon_avatar.ai.head.shapes import _shape_in_photo
from cartoon_avatar.ai.pictures import Picture
from tests.ai import seen
from tests.ai.head.test_cut import face_of, head_of, in_place, iou

Colour = tuple[int, int, int]
SIDE_PX = 512


def barred(picture: Picture, degrees: float, apart: int, width: int, colour: Colour) -> Picture:
    """``picture`` behind parallel lines."""
    rgb = picture.rgb.copy()
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    across = np.array([-along[1], along[0]])
    for number in range(-40, 40):
        middle = np.array([picture.width, picture.height]) / 2 + across * (apart * number + 7)
        start, end = ((middle + way * 2000 * along).astype(int).tolist() for way in (-1, 1))
        cv2.line(rgb, start, end, colour, width, cv2.LINE_AA)
    return Picture(rgb, picture.alpha)


@pytest.mark.parametrize(
    ("portrait", "degrees", "apart", "width", "colour"),
    [
        (seen.astronaut, 70, 34, 4, (60, 60, 66)),
        (seen.astronaut, 45, 15, 1, (250, 250, 250)),
        (seen.officer, 90, 40, 5, (40, 40, 45)),
        (seen.officer, -50, 30, 3, (230, 230, 230)),
        (seen.officer, 110, 48, 6, (30, 30, 30)),
        (seen.officer, 45, 22, 2, (255, 255, 255)),
        (seen.astronaut, 110, 40, 5, (30, 30, 30)),
    ],
)
def test_a_head_behind_lines_is_cut_as_without_them(
    portrait, degrees: float, apart: int, width: int, colour: Colour
) -> None:
    picture = barred(portrait(), degrees, apart, width, colour)
    behind = in_place(cut(picture, seen.models(), picture), picture)
    assert iou(behind, in_place(head_of(portrait), picture)) > 0.9


@pytest.mark.parametrize("portrait", [seen.astronaut, seen.officer])
def test_a_drawn_head_is_judged_by_the_photo_without_its_bars(portrait) -> None:
    behind = barred(portrait(), 0, 60, 9, (30, 30, 30))
    heads = []
    for photo in (behind, portrait()):
        shape = _shape_in_photo(photo, face_of(portrait()), seen.models())
        assert shape.path == "classes"
        in_photo = Square(-shape.square.left, -shape.square.top, SIDE_PX)
        heads.append(
            sampled(shape.head, in_photo.scaled(len(shape.head) / shape.square.side), SIDE_PX)
        )

    assert iou(*heads) > 0.95


@pytest.mark.parametrize("portrait", [seen.astronaut, seen.officer, seen.cameraman])
def test_a_face_with_nothing_before_it_is_looked_at_as_it_is(portrait) -> None:
    assert behind_lines(portrait(), face_of(portrait())) is portrait()
    striped = portrait().rgb.copy()  # a shirt: its stripes end below the face
    down = int(face_of(portrait()).landmarks[152][1])
    striped[down::8] = 240
    assert behind_lines(Picture(striped), face_of(portrait())).rgb is striped
