"""What is around a person: the scene and others, traced hue by hue."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.drawn.portrait import Portrait, portrait_in_scene, portrait_of
from cartoon_avatar.ai.engines.drawn.surroundings import (
    _TINTS,
    _even_where_plain,
    areas_of_hues,
    colours_of,
)
from cartoon_avatar.ai.filters.canvas import lab_of

from .test_recipe import STYLES, scene

STORYBOOK = STYLES["storybook"]


def test_every_pixel_is_of_one_hue():
    portrait = portrait_of(scene("officer"), Clock())

    areas = areas_of_hues(portrait.reading, portrait.lab)

    assert (np.sum(areas, axis=0) == 1).all()
    sizes = [int(area.sum()) for area in areas]
    assert sizes == sorted(sizes, reverse=True)
    # The flag's red and the blue behind it.
    assert len(areas) > 2


def test_the_picture_keeps_the_paintings_colours():
    """But for the seed's tint. Layers of hue had paled lines, beards and brows by a third."""
    for name in ("officer", "astronaut"):
        portrait = portrait_in_scene(scene(name), Clock())
        picture = lab_of(drawn.draw(scene(name), STORYBOOK, 0).picture.rgb)
        painting = cv2.resize(portrait.lab, picture.shape[1::-1])
        apart = np.abs(picture - painting)
        people = cv2.resize(portrait.everything.astype(np.uint8), picture.shape[1::-1]) > 0

        assert apart[people][:, 0].mean() < 1.8
        assert np.median(apart[:120, -120:], axis=(0, 1)).max() < 6


def test_seeds_tint_the_scene_and_not_the_face():
    face = portrait_of(scene("astronaut"), Clock()).face
    drawings = [
        drawn.draw(scene("astronaut"), STORYBOOK, seed).picture.rgb.astype(int) for seed in range(6)
    ]
    inside = cv2.erode(face.astype(np.uint8), np.ones((9, 9)))
    inside = cv2.resize(inside, drawings[0].shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    corners = {tuple(drawing[4:40, 4:40].mean(axis=(0, 1)).round()) for drawing in drawings}

    assert len(corners) > 2
    for drawing in drawings[1:]:
        assert np.abs(drawing - drawings[0])[inside].mean() < 2


def test_a_rim_that_the_masks_leave_is_nobody():
    assert not portrait_of(scene("astronaut"), Clock()).others.any()


def test_hues_of_one_part_are_told_apart_however_many_the_rest_has():
    """Cream beside light blue, as light as each other, in a picture of all colours."""
    portrait = portrait_of(scene("astronaut"), Clock())
    height, width = portrait.lab.shape[:2]
    lab = portrait.lab.copy()
    half = height // 2
    lab[half:, : width // 2] = 90, 0, 8
    lab[half:, width // 2 :] = 90, -2, -8
    within = np.zeros_like(portrait.face)
    within[within.shape[0] // 2 + 1 :] = True

    areas = areas_of_hues(portrait.reading, lab, within)

    low = np.argmax(areas, axis=0)[int(0.8 * len(within))]
    assert low[len(low) // 4] != low[3 * len(low) // 4]


def test_a_plain_wall_shows_no_clouds_and_what_is_on_it_stays():
    random = np.random.default_rng(0)
    wall = np.full((300, 300, 3), (80, 1, 3), np.float32)
    clouds = cv2.resize(random.normal(0, 1.2, (30, 30)).astype(np.float32), (300, 300))
    wall[..., 0] += clouds
    wall[200:240, 100:200] = (40, 30, 20)

    even, plain = _even_where_plain(wall, unit_px=120)

    assert plain[:100].min() > 0.9
    assert plain[220, 150] < 0.1
    assert even[:100, :, 0].std() < 0.5 * clouds[:100].std()
    assert np.abs(even - wall)[205:235, 105:195].max() < 0.5


def before_a_wall(light: float) -> Portrait:
    """The astronaut before a wall of one grey, paler in a ring around her, as photos have it."""
    portrait = portrait_of(scene("astronaut"), Clock())
    reading, lab = portrait.reading, portrait.lab.copy()
    lab[portrait.on_pixels(reading.grown(portrait.everything, 0.02 * reading.unit)) == 0] = (
        light,
        0,
        0,
    )
    ring = portrait.on_pixels(reading.grown(portrait.everything, 0.05 * reading.unit)) > 0
    lab[ring & (portrait.on_pixels(portrait.everything) == 0)] = light + 4, 0, 0
    return portrait.in_light(lab)


def test_a_plain_wall_goes_on_to_the_person_without_a_paler_ring():
    portrait = before_a_wall(70)
    colours = colours_of(portrait, _TINTS[0], people_alone=False)

    away = portrait.on_pixels(portrait.everything) == 0
    assert (portrait.lab[..., 0][away] > 73).mean() > 0.05
    assert (colours.lab[..., 0][away] > 71.5).mean() < 0.01
    # It is drawn with the scene, in one piece.
    outside = colours.people & ~portrait.reading.grown(
        portrait.everything, 0.01 * portrait.reading.unit
    )
    assert outside.sum() < 0.01 * portrait.everything.sum()


@pytest.mark.parametrize(("light", "stays"), [(3, True), (50, False), (97, True)])
def test_black_and_white_walls_are_not_stained(light: float, stays: bool):
    portrait = before_a_wall(light)
    corners = [
        np.hypot(*colours_of(portrait, tint, people_alone=False).lab[4, 4, 1:]) for tint in _TINTS
    ]
    assert (max(corners) < 0.5) == stays


def test_what_is_nearly_black_has_the_hue_of_what_is_around_it():
    portrait = portrait_of(scene("astronaut"), Clock())
    lab = np.full_like(portrait.lab, (20, 6, 12))
    spot = round(0.03 * portrait.reading.unit * portrait.scale)
    rows, columns = (size // 2 for size in lab.shape[:2])
    lab[rows : rows + spot, columns : columns + spot] = 0.3, 4, -9

    found = colours_of(portrait.in_light(lab), _TINTS[0], people_alone=True).lab

    light, _, b = found[rows + spot // 2, columns + spot // 2]
    assert light == pytest.approx(0.3, abs=0.01)
    assert b > 6
