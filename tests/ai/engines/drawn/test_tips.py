from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.reading import read
from cartoon_avatar.ai.engines.drawn.tips import calm, tousled
from tests.ai.engines.drawn.test_recipe import scene


def cropped(light: np.ndarray) -> tuple[Reading, np.ndarray]:
    """Short hair on a round crown, of that ``light``."""
    reading = read(scene("astronaut"))
    crown = reading.disc(reading.at(10), 0.45 * reading.unit)
    crown &= reading.down_at < reading.at(10) @ reading.down
    crown &= ~reading.oval
    reading.hair = reading.hat = np.zeros_like(crown)
    reading.lab[...] = 60
    reading.lab[crown, 0] = light[crown]
    return reading, crown


def around(reading: Reading) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(reading.oval.shape)
    points = (np.stack([columns, rows], axis=2) + 0.5) / reading.scale - reading.at(10)
    return np.arctan2(points[..., 1], points[..., 0]), np.hypot(points[..., 0], points[..., 1])


def test_hair_that_stands_up_is_told_from_hair_that_lies():
    reading = read(scene("astronaut"))
    turn, away = around(reading)

    standing, crown = cropped(60 + 25 * np.sign(np.sin(60 * turn)))
    assert tousled(standing, crown)

    lying, crown = cropped(35 + 10 * np.sin(2 * np.pi * away / (0.06 * reading.unit)))
    assert not tousled(lying, crown)


def test_an_edge_loses_crumbs_and_drips_but_not_over_the_face():
    reading = read(scene("astronaut"))
    unit = reading.unit
    disc = reading.disc(np.array([500.0, 100.0]), 0.4 * unit)
    brow = float(reading.at(9) @ reading.down)
    end = brow + 0.4 * unit
    drip = reading.inside(np.array([(495.0, 100), (505, 100), (505, end), (495, end)])) & ~disc
    drip &= reading.down_at > (100 + 0.45 * unit) * reading.down[1]
    reading.oval = np.zeros_like(disc)

    assert not calm(reading, disc | drip)[drip].any()

    # A lock at the cheek stays as it is, a crumb of a fringe goes.
    reading.oval = drip
    kept = calm(reading, disc | drip)[drip]
    cheek = reading.down_at[drip] > brow
    assert kept[cheek].all()
    assert not kept[~cheek].any()
