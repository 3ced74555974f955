"""Boxes survive being written into a header, and only boxes are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartoon_avatar.contract.boxes import MOST_FACES, Box, FaceBox, faces_in, faces_text

SIDES = st.integers(1, 50_000)
BOXES = st.builds(Box, st.integers(-9999, 50_000), st.integers(-9999, 50_000), SIDES, SIDES)
FACES = st.builds(FaceBox, BOXES, st.integers(0, 1000).map(lambda share: share / 1000))


@given(BOXES)
def test_a_box_is_read_as_it_was_written(box: Box):
    assert Box.parse(str(box)) == box


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "1,2,0,4", "1,2,3,-4", "1.5,2,3,4", "a,b,c,d", "1, 2,3,4"]
)
def test_what_is_no_box_is_not_read(text: str):
    with pytest.raises(ValueError):
        Box.parse(text)


@given(st.lists(FACES, max_size=MOST_FACES + 3))
def test_faces_are_read_as_they_were_written_the_first_64_of_them(faces: list[FaceBox]):
    assert faces_in(faces_text(faces)) == tuple(faces[:MOST_FACES])


@pytest.mark.parametrize("text", ["1,2,3,4", "1,2,3,4,2", "1,2,3,4,0.5;", "1,2,3,4,-0.5", ";"])
def test_what_are_no_faces_is_not_read(text: str):
    with pytest.raises(ValueError):
        faces_in(text)
