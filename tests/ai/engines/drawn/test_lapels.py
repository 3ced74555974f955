from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cartoon_avatar.ai.engines.drawn.garments import cloth_regions
from cartoon_avatar.ai.engines.drawn.lapels import Suit, lapel_of, read_suit, shirt_front
from cartoon_avatar.ai.engines.drawn.paths import area_of
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.reading import read
from cartoon_avatar.ai.seeing.subject import Pose, Read
from tests.ai.engines.drawn.test_recipe import scene

NAVY, BLACK, WHITE = (18, 2, -14), (6, 0, 0), (93, 0, 0)


def dressed(jacket: tuple[int, ...], shirt: tuple[int, ...]) -> Reading:
    """A V of ``shirt`` from the sides of the neck down, ``jacket`` beside it."""
    reading = read(scene("astronaut"))
    below = (reading.down_at - reading.at(152) @ reading.down) / reading.unit
    aside = np.abs(reading.across_at - reading.at(152) @ reading.across) / reading.unit
    chest = (below > -0.05) & ~reading.oval & ~reading.hair & (aside < 0.4 + below)
    reading.clothes = reading.clothes_seen = chest
    reading.skin_below = reading.skin_below & ~chest
    front = chest & (aside < 0.3 - 0.25 * below)
    reading.lab[chest] = jacket
    reading.lab[front] = shirt
    return reading


def suit_of(reading: Reading) -> Suit | None:
    return read_suit(reading, cloth_regions(reading, reading.clothes))


@pytest.mark.parametrize("jacket", [NAVY, BLACK])
def test_a_dark_jacket_over_a_white_shirt_has_two_lapels(jacket: tuple[int, ...]):
    reading = dressed(jacket, WHITE)
    suit = suit_of(reading)

    assert suit is not None
    left, right = suit.edges
    middle = reading.at(152)[0]
    assert left[:, 0].max() < middle < right[:, 0].min()
    for edge, side in ((left, -1), (right, 1)):
        lapel = lapel_of(reading, edge, side)
        assert 0.01 < area_of(lapel) / reading.unit**2 < 0.25
        assert (side * (lapel[:, 0] - middle)).min() > 0


def test_between_the_lapels_is_shirt_unless_a_dark_tie_lies_there():
    reading = dressed(NAVY, WHITE)
    cloths = cloth_regions(reading, reading.clothes)
    suit = read_suit(reading, cloths)
    assert suit is not None

    front = shirt_front(reading, suit, cloths)

    assert front is not None
    assert np.linalg.norm(front[1] - np.array(WHITE)) < 3
    tie = np.abs(reading.across_at - reading.at(152) @ reading.across) < 0.15 * reading.unit
    cloths[0].mask[:] |= tie & cloths[1].mask
    cloths[1].mask[:] &= ~tie
    assert shirt_front(reading, suit, cloths) is None


def test_what_is_not_a_suit_has_no_lapels():
    assert suit_of(dressed(WHITE, NAVY)) is None  # a dark shirt under a light sweater
    assert suit_of(dressed(NAVY, NAVY)) is None


def test_a_shirt_that_light_hides_on_one_side_is_worn_on_both():
    reading = dressed(NAVY, WHITE)
    right = reading.across_at > reading.at(152) @ reading.across
    shirt = reading.clothes & (np.linalg.norm(reading.lab - np.array(WHITE), axis=2) < 1)
    reading.lab[shirt & right] = NAVY
    reading.subject = replace(reading.subject, pose=Read(Pose(0, 0, 0), 1.0))
    reading.hair = reading.hair & (reading.down_at < reading.at(152) @ reading.down)

    cloths = cloth_regions(reading, reading.clothes)

    white = next(cloth for cloth in cloths if cloth.colour[0] > 80)
    assert (white.mask & right).sum() > 0.5 * (white.mask & ~right).sum()
