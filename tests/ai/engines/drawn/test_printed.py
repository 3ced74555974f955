"""Duotone: two inks on paper, light and shade as they are painted."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawn.colours import lab_of, lab_of_hex
from cartoon_avatar.ai.engines.drawn.inks import Inks

from .test_recipe import STYLES, scene

DUOTONE = STYLES["duotone"]


def test_all_is_printed_in_a_step_between_two_inks_and_paper():
    document = drawn.svg(scene("astronaut"), DUOTONE, 0)

    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', document))
    inks = Inks.of(DUOTONE.inks[0])
    steps = {inks.printed(f"#{grey:02x}{grey:02x}{grey:02x}") for grey in range(256)}
    steps = [lab_of_hex(colour) for colour in steps]

    assert len(used) > 20
    for colour in map(lab_of_hex, used):
        assert min(np.linalg.norm(colour - step) for step in steps) < 2


def test_neighbouring_seeds_take_other_inks():
    shown = scene("astronaut")

    pictures = [drawn.draw(shown, DUOTONE, seed).picture.rgb for seed in range(3)]

    for one, other in combinations(pictures, 2):
        assert np.abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1))).max() > 20


def test_a_face_stands_out_from_the_ground():
    for name in ("astronaut", "officer"):
        shown = scene(name)
        printed = lab_of(drawn.draw(shown, DUOTONE, 0).picture.rgb)[..., 0]
        assert shown.masks is not None
        face = np.median(printed[shown.masks.face_skin > 0.9])
        ground = np.median(printed[shown.masks.person < 0.1])
        assert abs(face - ground) > 8, name


def test_who_is_lit_in_the_photo_is_lit_in_the_print():
    shown = scene("astronaut")

    printed = lab_of(drawn.draw(shown, DUOTONE, 0).picture.rgb)[..., 0]
    photo = lab_of(shown.picture.rgb)[..., 0]

    person = shown.masks.person > 0.9
    assert np.corrcoef(printed[person], photo[person])[0, 1] > 0.75
