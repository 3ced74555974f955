"""Lines: where the painting has edges, and never where it is finer than a pen."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.drawn.lines import edges_of
from cartoon_avatar.ai.engines.drawn.portrait import Portrait, portrait_of
from cartoon_avatar.ai.seeing.features import grown

from .test_recipe import STYLES, scene


def portrait(name: str) -> Portrait:
    return portrait_of(scene(name), Clock())


def inked(name: str, *, inside: bool) -> np.ndarray:
    """H×W bool on the reading's grid."""
    one = portrait(name)
    passed = (edges_of(one, inside=inside) > 0).astype(np.float32)
    return cv2.resize(passed, one.face.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5


@pytest.mark.parametrize("name", ["astronaut", "officer"])
def test_no_line_crosses_eyes_and_lips(name: str):
    reading = portrait(name).reading
    lines = inked(name, inside=True)

    for eye in reading.features.eyes:
        assert not lines[reading.inside(eye.outline)].any()
    assert not lines[reading.inside(reading.features.lips)].any()


@pytest.mark.parametrize("name", ["astronaut", "officer"])
def test_no_line_runs_beside_the_outline(name: str):
    one = portrait(name)
    rim = one.everything & ~one.reading.grown(one.everything, -0.01 * one.reading.unit)

    assert not inked(name, inside=True)[rim].any()


def test_no_black_fold_is_drawn_on_a_face():
    one = portrait("officer")
    cheeks = one.face & one.reading.inside(grown(one.reading.features.oval, 0.8))
    cheeks &= ~(one.reading.grown(one.reading.worn_on_face > 0.3, 0.03 * one.reading.unit))

    assert not inked("officer", inside=True)[cheeks].any()


def test_without_ink_lines_are_only_where_parts_meet():
    one = portrait("astronaut")
    middle = one.reading.grown(one.clothes, -0.05 * one.reading.unit)
    middle |= one.reading.grown(one.hair, -0.05 * one.reading.unit)

    assert inked("astronaut", inside=True)[middle].any()
    assert not inked("astronaut", inside=False)[middle].any()
    assert inked("astronaut", inside=False).any()


def test_a_style_without_an_outline_has_no_lines():
    poster = STYLES["poster"]
    shapes = {
        outline: drawn.svg(scene("astronaut"), replace(poster, outline=outline), 0).count("<path")
        for outline in (0.0, poster.outline)
    }

    assert shapes[poster.outline] > shapes[0.0]
