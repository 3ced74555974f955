"""Who lies in a picture is drawn with the body below the head, as standing people are."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.reading import read
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import body_axes
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import open_scene
from tests.ai import seen


@cache
def reading(quarters: int) -> Reading:
    models = seen.models()
    finders = open_face_finder(models), open_mask_finder(models)
    return read(open_scene(seen.turned(seen.astronaut(), quarters), *finders, long_side=512))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_the_clothes_of_who_lies_are_those_of_who_stands(quarters: int):
    standing, lying = reading(0).clothes, np.rot90(reading(quarters).clothes, quarters)

    assert (standing & lying).sum() > 0.85 * (standing | lying).sum()


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_nothing_of_a_body_is_drawn_above_the_head_of_who_lies(quarters: int):
    lying = reading(quarters)
    above = lying.down_at < lying.at(10) @ lying.down

    assert lying.clothes.sum() > 0
    assert not (lying.clothes & above).any()


@pytest.mark.parametrize(
    ("lean", "below"), [(0, (0, 1)), (50, (0, 1)), (-50, (0, 1)), (75, (1, 0)), (-100, (-1, 0)),
                        (170, (0, -1)), (-170, (0, -1))],
)  # fmt: skip
def test_a_head_leans_on_a_body_that_stands_and_lies_with_one_that_lies(lean, below):
    down = np.array([np.sin(np.radians(lean)), np.cos(np.radians(lean))])
    right, under = body_axes(down).T

    assert tuple(under) == below
    assert tuple(right) == (below[1], -below[0])
