from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.curls import bumpy, read_texture
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.reading import read
from tests.ai.engines.drawn.test_recipe import scene


def with_hair(light: np.ndarray) -> Reading:
    reading = read(scene("astronaut"))
    reading.lab[reading.hair] = np.dstack([light, light * 0, light * 0])[reading.hair]
    return reading


def test_strands_of_one_direction_are_combed():
    reading = read(scene("astronaut"))
    strands = 20 + 12 * np.sin(2 * np.pi * reading.across_at / (0.05 * reading.unit))

    assert read_texture(with_hair(strands), reading.hair) == "combed"


def test_black_hair_of_every_direction_is_curly_or_coily():
    reading = read(scene("astronaut"))
    noise = np.random.default_rng(0).normal(size=reading.hair.shape).astype(np.float32)
    grains = cv2.GaussianBlur(noise, (0, 0), 0.012 * reading.unit * reading.scale)
    grains = 18 + 8 * grains / grains.std()

    assert read_texture(with_hair(grains), reading.hair) in ("curly", "coily")


def test_cropped_hair_has_no_room_for_curls():
    reading = read(scene("astronaut"))

    assert read_texture(reading, reading.hair & (reading.across_at < 0)) == "combed"


def test_a_curly_mass_ends_in_bumps():
    reading = read(scene("astronaut"))
    disc = reading.disc(np.array([500.0, 300.0]), 200.0)
    reading.oval = reading.skin_below = reading.face = np.zeros_like(disc)

    edge = bumpy(reading, np.random.default_rng(1), disc, 25.0)

    rows, columns = np.nonzero(edge ^ (cv2.erode(edge.astype(np.uint8), np.ones((3, 3))) > 0))
    away = np.hypot(columns / 2 / reading.scale - 500, rows / 2 / reading.scale - 300)
    assert np.percentile(away, 5) > 180
    assert np.percentile(away, 95) < 235
    assert np.std(away) > 2
