"""Shapes as pixels: what a viewer shows of the same shapes as SVG."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.drawn.portrait import portrait_of
from cartoon_avatar.ai.engines.drawn.raster import rendered
from cartoon_avatar.ai.engines.drawn.sheet import Sheet, circle
from cartoon_avatar.ai.pictures import Picture
from tests.ai.engines.drawn.test_recipe import NAMES, STYLES, scene
from tests.ai.svg import shown

RED, BLUE = np.array([53.0, 80, 67]), np.array([32.0, 79, -108])


def on_white(picture: Picture) -> np.ndarray:
    rgb = picture.rgb.astype(float)
    if picture.alpha is None:
        return rgb
    alpha = picture.alpha[..., None] / 255
    return rgb * alpha + 255 * (1 - alpha)


def pixels(sheet: Sheet, width: int, height: int, *, opaque: bool = False) -> Picture:
    return rendered(sheet.shapes, (sheet.width, sheet.height), (width, height), opaque=opaque)


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_looks_as_its_svg(name: str):
    picture = drawn.draw(scene("astronaut"), STYLES[name], 0).picture
    viewed = shown(drawn.svg(scene("astronaut"), STYLES[name], 0), picture.width, picture.height)

    apart = np.abs(on_white(picture) - on_white(viewed)).max(axis=2)

    # Edges differ by a share of a pixel.
    assert apart.mean() < 2
    assert (apart > 48).mean() < 0.005


def test_a_clip_in_a_clip_shows_what_lies_in_both():
    sheet = Sheet(100, 100)
    with (
        sheet.clipped(circle(np.array([40, 50]), 30)),
        sheet.clipped(circle(np.array([60, 50]), 30)),
    ):
        sheet.fill(circle(np.array([50, 50]), 45), RED)
    sheet.fill(circle(np.array([90, 90]), 5), BLUE)

    picture = pixels(sheet, 200, 200)

    assert picture.alpha is not None
    y, x = (np.indices((200, 200)) + 0.5) / 2
    both = (np.hypot(x - 40, y - 50) < 30) & (np.hypot(x - 60, y - 50) < 30)
    dot = np.hypot(x - 90, y - 90) < 5
    assert ((picture.alpha > 127) != (both | dot)).mean() < 0.005
    assert picture.rgb[100, 100, 0] > 200
    assert picture.rgb[180, 180, 2] > 200


@pytest.mark.parametrize("clip", ["", "M300 300L400 300L400 400Z"])
def test_in_a_clip_that_shows_nothing_nothing_is_drawn(clip: str):
    sheet = Sheet(100, 100)
    with sheet.clipped(clip):
        sheet.fill(circle(np.array([50, 50]), 45), RED)

    alpha = pixels(sheet, 64, 64).alpha

    assert alpha is not None
    assert not alpha.any()


def test_what_is_half_opaque_keeps_its_colour_on_nothing():
    sheet = Sheet(100, 100)
    sheet.fill(circle(np.array([50, 50]), 40), RED, opacity=0.5)

    picture, opaque = pixels(sheet, 100, 100), pixels(sheet, 100, 100, opaque=True)

    assert picture.alpha is not None
    assert opaque.alpha is None
    assert abs(int(picture.alpha[50, 50]) - 128) <= 1
    assert np.abs(picture.rgb[50, 50].astype(int) - (255, 0, 0)).max() < 6
    assert np.abs(opaque.rgb[50, 50].astype(int) - (128, 0, 0)).max() < 6
    assert picture.alpha[2, 2] == 0


def test_holes_stay_open():
    ring = circle(np.array([50, 50]), 40)
    sheet = Sheet(100, 100)
    # The inner ring runs the other way, as outlines of holes do.
    sheet.fill(ring + "M40 50L50 60L60 50L50 40Z", RED)

    picture, viewed = pixels(sheet, 400, 400), shown(sheet.svg(), 400, 400)

    assert picture.alpha is not None
    assert viewed.alpha is not None
    assert ((picture.alpha > 127) != (viewed.alpha > 127)).mean() < 0.01
    assert viewed.alpha[200, 200] == 0


def test_units_are_stretched_to_whole_pixels():
    sheet = Sheet(1000, 333.3)
    sheet.fill("M0 0L1000 0L1000 333.3L0 333.3Z", BLUE)

    picture = pixels(sheet, 640, 214)

    assert picture.alpha is not None
    assert picture.rgb.shape == (214, 640, 3)
    assert picture.alpha.min() == 255


def test_an_outline_is_drawn_around_every_ring():
    sheet = Sheet(100, 100)
    rings = circle(np.array([30, 50]), 15) + circle(np.array([70, 50]), 15)
    sheet.fill(rings, BLUE, line=RED, line_width=6)

    picture = pixels(sheet, 200, 200, opaque=True)

    for x in (30, 70):
        assert picture.rgb[100, 2 * (x + 15), 0] > 200
        assert picture.rgb[100, 2 * x, 2] > 200


@pytest.mark.parametrize("photo", ["astronaut", "officer"])
def test_an_outline_has_no_nick_where_it_starts(photo: str):
    portrait = portrait_of(scene(photo), Clock())
    sheet = Sheet(portrait.reading.width, portrait.reading.height)
    path = portrait.silhouette(portrait.everything)
    sheet.fill(path, BLUE, line=RED, line_width=60)

    picture, viewed = pixels(sheet, 1000, 1000), shown(sheet.svg(), 1000, 1000)

    # Joins differ by a pixel, at corners.
    apart = (np.abs(on_white(picture) - on_white(viewed)).max(axis=2) > 100).astype(np.uint8)
    assert not cv2.erode(apart, np.ones((2, 2))).any()


def test_many_thin_layers_are_not_rounded_down():
    sheet, all_of_it = Sheet(100, 100), "M0 0L100 0L100 100L0 100Z"
    sheet.fill(all_of_it, np.array([60.0, 0, 0]))
    left = "M0 0L50 0L50 100L0 100Z"
    for _ in range(20):
        sheet.fill(left, np.array([60.0, 0, 0]), opacity=0.05)
        sheet.fill(left, RED, opacity=0.02)

    rgb = pixels(sheet, 200, 200, opaque=True).rgb.astype(float)

    ground, red = rgb[100, 150], np.array([255.0, 0, 0])
    expected = ground.copy()
    for _ in range(20):
        expected += 0.05 * (ground - expected)
        expected += 0.02 * (red - expected)
    np.testing.assert_allclose(rgb[100, 50], expected, atol=2)
