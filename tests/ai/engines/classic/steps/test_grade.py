from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.sheet import Complexion, Sheet
from cartoon_avatar.ai.engines.classic.steps.grade import grade
from cartoon_avatar.ai.engines.classic.style import Backdrop, Colour, Style
from cartoon_avatar.ai.engines.classic.styles import style_named
from tests.ai.engines.classic.sheets import blank_sheet

SKIN = Complexion(66, 14, 18)
SCENE = Backdrop("scene")
PLAIN = Colour(vividness=1, skin_vividness=1, contrast=1, lift=0, turn_deg=0)


def style_with(**colour: object) -> Style:
    return replace(style_named("comic"), colour=replace(PLAIN, **colour))


def graded(sheet: Sheet, style: Style) -> Sheet:
    # What is graded away from skin has to have a colour.
    sheet.drawn.a[:, 16:], sheet.drawn.b[:, 16:] = 30, 0
    grade(sheet, style)
    return sheet


def test_contrast_turns_about_the_skin_and_leaves_it() -> None:
    light = graded(blank_sheet(90, SKIN), style_with(contrast=1.2)).drawn.light
    assert light[0, 0] == pytest.approx(SKIN.light, abs=1e-3)
    assert light[0, 40] == pytest.approx(SKIN.light + 1.2 * (90 - SKIN.light), abs=1e-3)


def test_a_hue_turn_spares_skin() -> None:
    style = replace(style_with(turn_deg=90), backdrops=(SCENE,))
    drawn = graded(blank_sheet(60, SKIN), style).drawn
    assert (drawn.a[0, 0], drawn.b[0, 0]) == pytest.approx((SKIN.a, SKIN.b))
    assert (drawn.a[0, 20], drawn.b[0, 20]) == pytest.approx((0, 30), abs=1e-4)


def test_vivid_colours_gain_less_than_dull_ones() -> None:
    sheet = blank_sheet(60)
    sheet.drawn.a[:] = np.float32([10, 90] * 16)
    grade(sheet, replace(style_with(vividness=1.5), backdrops=(SCENE,)))
    assert sheet.drawn.a[0, 0] / 10 > sheet.drawn.a[0, 1] / 90 > 1


def test_pastel_lift_is_held_back_on_dark_skin() -> None:
    def lifted(skin: Complexion) -> float:
        light = graded(blank_sheet(60, skin), style_with(lift=0.3)).drawn.light
        return float(light[0, 0]) - skin.light

    assert lifted(replace(SKIN, light=36)) == pytest.approx(0, abs=1e-3)
    assert lifted(replace(SKIN, light=82)) > 4
