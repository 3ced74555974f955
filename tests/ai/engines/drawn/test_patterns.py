from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawn.garments import cloth_regions
from cartoon_avatar.ai.engines.drawn.patterns import pattern_colours, patterned, short_path
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.reading import read
from tests.ai.engines.drawn.test_recipe import scene

RED, WHITE, NAVY = (45, 60, 35), (92, 0, 2), (20, 5, -20)


def dressed_in(colours: np.ndarray) -> Reading:
    reading = read(scene("astronaut"))
    cloth = reading.clothes & reading.clothes_seen
    reading.lab[cloth] = colours[cloth]
    return reading


def stripes(reading: Reading, period: float) -> np.ndarray:
    """H×W×3: red and white across the body; ``period`` in face heights."""
    red = reading.down_at / (period * reading.unit) % 1 < 0.5
    return np.where(red[..., None], np.float32(RED), np.float32(WHITE))


def test_stripes_are_read_and_drawn_in_their_own_colours():
    reading = read(scene("astronaut"))
    reading = dressed_in(stripes(reading, 0.07))
    cloth = reading.clothes & reading.clothes_seen

    assert patterned(reading, cloth).sum() > 0.6 * cloth.sum()
    (main, *_) = cloth_regions(reading, reading.clothes)
    assert main.patterned
    (_, ground), (shapes, colour), *_ = pattern_colours(reading, main.mask)
    near = [
        min(np.linalg.norm(c - np.array(own)) for c in (ground, colour)) for own in (RED, WHITE)
    ]
    assert max(near) < 12
    assert len(shapes) > 4


def test_plain_cloth_with_a_collar_of_another_colour_has_no_pattern():
    reading = read(scene("astronaut"))
    middle = np.abs(reading.across_at - reading.at(152) @ reading.across) < 0.2 * reading.unit
    reading = dressed_in(np.where(middle[..., None], np.float32(WHITE), np.float32(NAVY)))

    assert not patterned(reading, reading.clothes).any()
    assert not any(cloth.patterned for cloth in cloth_regions(reading, reading.clothes))


def test_the_shade_of_a_fold_is_no_cloth_of_its_own_but_a_shirt_is():
    reading = read(scene("astronaut"))
    aside = (reading.across_at - reading.at(152) @ reading.across) / reading.unit
    shade = np.clip(aside - 0.2, 0, 1)[..., None] * np.float32((-30, 0, 0))
    plain = np.zeros_like(reading.lab) + np.float32((50, 10, -25))

    folded = cloth_regions(dressed_in(plain + shade), reading.clothes)
    parted = cloth_regions(
        dressed_in(np.where(aside[..., None] > 0.3, np.float32(WHITE), plain)), reading.clothes
    )

    assert len(folded) == 1
    assert len(parted) == 2


def test_a_short_path_is_the_shape_it_stands_for():
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    star = (60 + 20 * np.sin(5 * turn))[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    path = short_path([star + 100])
    size = 'width="200" height="200" viewBox="0 0 200 200"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><path d="{path}"/></svg>'

    alpha = drawn.rendered(svg, 400, 400).alpha

    assert alpha is not None
    rows, columns = np.indices(alpha.shape)
    x, y = columns / 2 + 0.25 - 100, rows / 2 + 0.25 - 100
    inside = np.hypot(x, y) < 60 + 20 * np.sin(5 * np.arctan2(y, x))
    assert ((alpha > 127) != inside).sum() < 0.04 * inside.sum()
