from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.media.noir import NOIR, darkness
from cartoon_avatar.ai.engines.classic.sheet import Complexion
from cartoon_avatar.ai.engines.classic.styles import style_named
from tests.ai.engines.classic.sheets import blank_sheet


def test_there_is_black_one_grey_and_white() -> None:
    tones = [float(np.median(darkness(blank_sheet(light)))) for light in (10, 40, 90)]
    assert tones == pytest.approx([0.98, 0.42, 0], abs=0.01)


def test_light_skin_is_white_where_a_wall_as_light_is_grey() -> None:
    dark = darkness(blank_sheet(50, Complexion(76, 12, 16)))
    assert dark[:, :32].max() == 0
    assert dark[:, 32:].min() == pytest.approx(0.42, abs=0.01)


def test_dark_skin_is_grey_and_does_not_drown_in_black() -> None:
    dark = darkness(blank_sheet(20, Complexion(34, 12, 16)))
    assert np.median(dark[:, :32]) == pytest.approx(0.42, abs=0.01)
    assert np.median(dark[:, 32:]) == pytest.approx(0.98, abs=0.01)


def test_ink_is_black_on_all_of_them() -> None:
    sheet = blank_sheet(90)
    sheet.coverage += 1
    assert darkness(sheet).min() == pytest.approx(0.98)


def test_it_is_printed_in_the_ink_and_on_the_paper_of_the_style() -> None:
    style = style_named("noir").vary(0)
    rgb = NOIR.paint(blank_sheet(90), style, np.random.default_rng(0))
    assert tuple(rgb[0, 0]) == style.materials.papers[0]
