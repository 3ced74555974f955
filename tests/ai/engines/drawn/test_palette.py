"""The tones of skin: as light as under even light, the order of people kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cartoon_avatar.ai.engines.drawn.palette import fairness, skin_tones
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.reading import read
from cartoon_avatar.ai.seeing.subject import Read
from tests.ai.engines.drawn.test_recipe import scene


def with_skin(lab: tuple[float, float, float]) -> Reading:
    reading = read(scene("astronaut"))
    black = Read((10.0, 0.0, 0.0), 0.9)
    return replace(
        reading, subject=replace(reading.subject, skin=Read(lab, 0.9), hair_colour=black)
    )


def test_dim_light_makes_no_skin_dark_and_dark_skin_stays_dark():
    assert fairness(with_skin((50.0, 10.0, 12.0))) == 1
    assert fairness(with_skin((50.0, 18.0, 24.0))) == 0


@pytest.mark.parametrize("name", ["astronaut", "officer"])
def test_skin_stays_as_light_as_in_even_light(name: str):
    reading = read(scene(name))
    even = reading.subject.even_skin
    assert even is not None

    assert abs(skin_tones(reading).base[0] - even.value[0]) <= 8
