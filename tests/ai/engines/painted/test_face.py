"""Beards, and edges that pixels do not show through."""

from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.engines.painted.steps.face import _is_grey
from cartoon_avatar.ai.engines.painted.steps.forms import crisp

FAIR, DARK, GREYS = (75.0, 13, 16), (46.0, 18, 22), (70.0, 0, 0)


@pytest.mark.parametrize(
    ("hair", "skin", "grey"),
    [
        ((70, 1, 4), FAIR, True),
        ((43, 9, 9), DARK, True),
        ((38, 8, 12), FAIR, False),  # brown
        ((68, 8, 20), FAIR, False),  # blond
        ((20, 1, 1), DARK, False),  # black
        ((43, 0, 0), GREYS, False),  # in black and white nobody knows
    ],
)
def test_a_beard_is_grey_by_its_colour(hair, skin, grey: bool):
    beards = np.zeros((40, 40), np.float32)
    beards[20:] = 1
    lab = np.where(beards[..., None] > 0, np.float32(hair), np.float32(skin)).astype(np.float32)

    assert _is_grey(lab, beards, 1 - beards) is grey


@pytest.mark.parametrize("slope", [0.1, 0.2, 0.35])
def test_a_sharpened_edge_shows_no_stairs(slope: float):
    down, across = np.mgrid[:200, :200].astype(np.float32)
    share = np.clip((down - 100 - slope * (across - 100)) / 3 + 0.5, 0, 1)[..., None]
    lab = np.float32(FAIR) + share * np.float32(np.subtract((12, 2, 3), FAIR))

    light = crisp(lab)[..., 0]

    columns, middle = np.arange(40, 160), (75 + 12) / 2
    place = []
    for column in light[:, columns].T:
        above = int(np.flatnonzero((column[:-1] >= middle) & (column[1:] < middle))[0])
        fall = column[above] - column[above + 1]
        place.append(above + (column[above] - middle) / fall)
    off = np.array(place) - np.polyval(np.polyfit(columns, place, 1), columns)
    # Sharpened, but straight.
    assert np.abs(np.diff(light, axis=0)).max() > 35
    assert np.abs(off).max() < 0.2
