from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.sheet import MASKS_PX, figure_masks, open_sheet
from cartoon_avatar.ai.seeing.faces import Face, open_face_finder
from cartoon_avatar.ai.seeing.features import features_of
from cartoon_avatar.ai.seeing.matting import Masks, open_mask_finder
from tests.ai import seen


@cache
def face() -> Face:
    return open_face_finder(seen.models())(seen.astronaut())[0]


@cache
def masks() -> Masks:
    return open_mask_finder(seen.models())(seen.astronaut(), [face()])


@pytest.mark.parametrize("shape", [(1, 1), (5, 8), (9, 3)])
def test_light_is_whole_and_colours_are_half(shape: tuple[int, int]) -> None:
    sheet = open_sheet(np.zeros((*shape, 3), np.uint8), [], None, line_px=1)
    assert sheet.shape == shape
    assert sheet.seen.a.shape == (max(1, shape[0] // 2), max(1, shape[1] // 2))
    assert (sheet.full.people, sheet.full.skin, sheet.half.person) == ([], None, None)


def test_people_are_where_they_were_at_both_sizes() -> None:
    sheet = open_sheet(seen.astronaut().rgb, [features_of(face().landmarks)], masks(), line_px=2)
    for sitters, size in ((sheet.full, 512), (sheet.half, 256)):
        x, y = (sitters.people[0].oval.mean(axis=0)).astype(int)
        assert np.allclose([x, y], face().landmarks.mean(axis=0) * size / 512, rtol=0.05)
        for mask in (sitters.person, sitters.hair, sitters.skin, sitters.features):
            assert mask.shape == (size, size)
        assert sitters.skin[y, x] > 0.8
        lips = sitters.people[0].lips.mean(axis=0).astype(int)
        assert sitters.features[lips[1], lips[0]] > 0.8


def test_without_masks_a_face_is_skin() -> None:
    person = features_of(face().landmarks)
    for found in (None, Masks(*(np.zeros((64, 64), np.float32) for _ in range(8)))):
        sheet = open_sheet(seen.astronaut().rgb, [person], found, line_px=2)
        x, y = person.oval.mean(axis=0).astype(int)
        assert sheet.full.skin[y, x] == pytest.approx(1, abs=1e-3)
        assert sheet.full.skin[500, 500] == 0


def test_hair_and_skin_end_where_the_figure_does() -> None:
    small = figure_masks(masks())
    assert small is not None
    assert small.person.shape == (MASKS_PX, MASKS_PX)
    assert (small.hair <= small.person + 1e-6).all()
    assert (small.skin <= small.person + 1e-6).all()


def test_masks_that_miss_the_face_are_left_out() -> None:
    assert figure_masks(dataclasses.replace(masks(), trusted=False)) is None
