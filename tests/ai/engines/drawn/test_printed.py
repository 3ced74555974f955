"""Duotone: two inks on paper, light and shade as they are painted."""

from __future__ import annotations

import re

import numpy as np

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawn.colours import lab_of, lab_of_hex

from .test_recipe import STYLES, scene

DUOTONE = STYLES["duotone"]


def test_everything_lies_between_its_inks_and_paper():
    document = drawn.svg(scene("astronaut"), DUOTONE, 0)

    used = set(re.findall(r'fill="(#[0-9a-f]{6})"', document))

    def apart(colour: str, pair: tuple[str, str]) -> float:
        return min(
            float(np.linalg.norm(lab_of_hex(colour) - ((1 - t) * first + t * second)))
            for first, second in (
                (lab_of_hex(pair[0]), lab_of_hex(pair[1])),
                (lab_of_hex(pair[1]), lab_of_hex("#fbf4e6")),
            )
            for t in np.linspace(0, 1, 41)
        )

    assert len(used) > 4
    assert min(max(apart(colour, pair) for colour in used) for pair in DUOTONE.inks) < 14


def test_who_is_lit_in_the_photo_is_lit_in_the_print():
    shown = scene("astronaut")

    printed = lab_of(drawn.draw(shown, DUOTONE, 0).picture.rgb)[..., 0]
    photo = lab_of(shown.picture.rgb)[..., 0]

    person = shown.masks.person > 0.9
    assert np.corrcoef(printed[person], photo[person])[0, 1] > 0.75
