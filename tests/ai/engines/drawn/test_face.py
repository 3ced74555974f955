"""The geometry of a drawn face: shapes where they belong, families by measurement."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines.drawn.beard import read_beard
from cartoon_avatar.ai.engines.drawn.brows import draw_brows, traced_brow
from cartoon_avatar.ai.engines.drawn.close import Close
from cartoon_avatar.ai.engines.drawn.creases import draw_creases
from cartoon_avatar.ai.engines.drawn.eyes import draw_eyes, lash_darkness
from cartoon_avatar.ai.engines.drawn.forms import relief
from cartoon_avatar.ai.engines.drawn.glasses import read_glasses
from cartoon_avatar.ai.engines.drawn.head import ears_of, head_contour, head_mask
from cartoon_avatar.ai.engines.drawn.likeness import exaggerated, made_up, youth
from cartoon_avatar.ai.engines.drawn.mouth import draw_mouth, teeth_seen
from cartoon_avatar.ai.engines.drawn.nose import draw_nose, nose_darkness
from cartoon_avatar.ai.engines.drawn.palette import INK, fairness, greyed, hair_tones, skin_tones
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.reading import read
from cartoon_avatar.ai.engines.drawn.sheet import Sheet
from cartoon_avatar.ai.seeing.features import LOWER_LIDS, UPPER_LIDS
from cartoon_avatar.ai.seeing.subject import Read
from tests.ai.engines.drawn.test_recipe import scene


def reading_of(name: str) -> Reading:
    return read(scene(name))


def lit(reading: Reading, change: Callable[[Close, np.ndarray], None]) -> Reading:
    """``reading`` with the lightness of its close look changed in place by ``change``."""
    light = reading.close.light.copy()
    change(reading.close, light)
    return replace(reading, close=replace(reading.close, light=light))


def test_a_point_of_the_close_look_is_found_again():
    close = reading_of("officer").close
    points = np.array([[300.0, 400.0], [512.5, 333.0]])

    assert np.allclose(close.units(close.here(points)), points)
    assert np.allclose(close.here(close.middle), np.array(close.shape[::-1]) / 2)


def test_the_close_look_shows_what_the_grid_does():
    reading = reading_of("astronaut")
    close = reading.close
    here = close.from_grid(reading.lab[..., 0], reading.scale)
    inside = reading.closely(reading.grown(reading.oval, -0.05 * reading.unit))

    assert np.corrcoef(here[inside], close.light[inside])[0, 1] > 0.95


def test_nostrils_are_traced_where_they_are_dark():
    reading = reading_of("astronaut")

    def dark(close: Close, light: np.ndarray) -> None:
        for place in close.here(reading.points(79, 309)):
            x, y = np.round(place).astype(int).tolist()
            cv2.circle(light, (x, y), round(0.015 * close.unit), 8, -1)

    seen = nose_darkness(lit(reading, dark))
    x, y = reading.close.here(reading.points(79, 309)).astype(int).T

    assert (seen[y, x] > 0.3).all()
    assert seen[reading.closely(reading.disc(reading.at(6), 0.03 * reading.unit))].max() < 0.05


def test_brows_are_traced_where_their_hairs_are():
    reading = reading_of("officer")
    for index in (0, 1):
        brow = traced_brow(reading, index)
        assert brow is not None
        rows, columns = np.nonzero(brow.dark > 0.5)
        middle = reading.close.here(reading.features.brows[index].mean(axis=0)[None])[0]
        away = np.array([columns.mean(), rows.mean()]) - middle

        assert (np.abs(away) < np.array([0.1, 0.03]) * reading.close.unit).all()
        assert 0 < brow.share < 0.9


def test_a_brow_that_is_as_fair_as_the_skin_is_not_drawn():
    reading = reading_of("officer")

    def fair(close: Close, light: np.ndarray) -> None:
        light[:] = 70

    assert traced_brow(lit(reading, fair), 0) is None


@pytest.mark.parametrize("name", ["astronaut", "officer"])
def test_the_jaw_is_one_contour_along_the_mesh(name: str):
    reading = reading_of(name)
    contour = max(head_contour(reading, head_mask(reading)), key=len)
    low = contour[contour @ reading.down > reading.at(17) @ reading.down]
    oval = reading.features.oval.astype(float)
    dense = np.concatenate(
        [oval + (np.roll(oval, -1, axis=0) - oval) * share for share in np.linspace(0, 1, 20)]
    )
    away = np.hypot(*(low[:, None] - dense[None]).transpose(2, 0, 1)).min(axis=1)

    assert np.hypot(*(contour[0] - contour[-1])) < 0.02 * reading.unit
    assert away.max() < 0.03 * reading.unit


def test_ears_stand_beside_the_face_and_not_behind_a_turned_cheek():
    reading = reading_of("officer")
    ears = ears_of(reading)
    pose = reading.subject.pose
    assert pose is not None

    assert {ear.side for ear in ears} == {-1, 1}
    for ear in ears:
        assert 0.1 * reading.unit < ear.height < 0.5 * reading.unit
    for yaw in (-40, 40):
        turned = replace(pose, value=replace(pose.value, yaw=yaw))
        seen = ears_of(replace(reading, subject=replace(reading.subject, pose=turned)))
        assert {ear.side for ear in seen} == {-int(np.sign(yaw))}


def test_an_ear_that_the_mesh_swallowed_is_drawn_like_the_other():
    reading = reading_of("officer")
    right = next(ear for ear in ears_of(reading) if ear.side == 1)
    swallowed = replace(reading, face=reading.face & ~right.mask)
    ears = {ear.side: ear for ear in ears_of(swallowed)}

    assert set(ears) == {-1, 1}
    assert ears[1].height == ears[-1].height


def test_a_smile_is_drawn_as_a_smile():
    reading = reading_of("astronaut")
    before, after = reading, exaggerated(reading)

    def corners(of: Reading) -> float:
        return float((of.at(13) - (of.at(61) + of.at(291)) / 2) @ of.down)

    assert corners(after) > corners(before) > 0


def test_a_dark_patch_of_a_cheek_is_read_as_shade():
    reading = reading_of("astronaut")
    head = head_mask(reading)
    nothing = np.zeros_like(head)
    patch = reading.closely(reading.disc(reading.at(50), 0.07 * reading.unit))

    def darker(close: Close, light: np.ndarray) -> None:
        light[patch] -= 20

    before = relief(reading, head, nothing)
    after = relief(lit(reading, darker), head, nothing)

    assert before is not None
    assert after is not None
    assert (before[0] - after[0])[patch].mean() > 8


def test_a_face_of_which_nothing_is_seen_has_no_forms():
    reading = reading_of("astronaut")
    head = head_mask(reading)

    assert relief(reading, head, np.ones_like(head)) is None


def test_teeth_are_a_row_between_the_lips():
    reading = reading_of("astronaut")
    upper = reading.points(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
    lower = reading.points(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
    spans = teeth_seen(reading, upper, lower)

    assert spans is not None
    assert (spans >= 0).all()
    assert (spans <= 1).all()
    assert (spans[:, 1] - spans[:, 0] > 0.3).all()


def test_a_dark_mouth_has_no_teeth():
    reading = reading_of("astronaut")
    dark = reading.lab.copy()
    dark[reading.inside(reading.features.lips), 0] = 15
    upper = reading.points(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
    lower = reading.points(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)

    assert teeth_seen(replace(reading, lab=dark), upper, lower) is None


def test_lashes_are_as_dark_as_the_lid_is():
    reading = reading_of("astronaut")
    fair, dark = reading.lab.copy(), reading.lab.copy()
    for lids in (*UPPER_LIDS, *LOWER_LIDS):
        for index in lids:
            spot = reading.disc(reading.at(index), 0.03 * reading.unit)
            fair[spot, 0] = reading.skin_lightness
            dark[spot, 0] = 6

    assert lash_darkness(replace(reading, lab=fair), 0) < 0.1
    assert lash_darkness(replace(reading, lab=dark), 0) > 0.9


def test_a_shaven_face_has_no_beard():
    for name in ("astronaut", "officer"):
        assert not read_beard(reading_of(name)).there


def test_a_frame_is_drawn_about_the_eyes_only():
    reading = reading_of("officer")
    glasses = read_glasses(reading)

    assert glasses is not None
    assert not glasses.dark
    rows = reading.down_at[glasses.frame]
    assert rows.min() > reading.at(10) @ reading.down
    assert rows.max() < reading.at(2) @ reading.down


def test_larger_irises_tell_a_child():
    reading = reading_of("astronaut")
    eyes = reading.features.eyes
    child = tuple(replace(eye, radius=eye.radius * 1.25) for eye in eyes)
    grown = tuple(replace(eye, radius=eye.radius * 0.9) for eye in eyes)

    assert youth(replace(reading, features=replace(reading.features, eyes=child))) == 1
    assert youth(replace(reading, features=replace(reading.features, eyes=grown))) == 0


def with_skin(reading: Reading, lab: tuple[float, float, float]) -> Reading:
    black = Read((10.0, 0.0, 0.0), 0.9)
    return replace(
        reading, subject=replace(reading.subject, skin=Read(lab, 0.9), hair_colour=black)
    )


def test_dim_light_makes_no_skin_dark_and_dark_skin_stays_dark():
    reading = reading_of("astronaut")

    assert fairness(with_skin(reading, (50.0, 10.0, 12.0))) == 1
    assert fairness(with_skin(reading, (50.0, 18.0, 24.0))) == 0


def test_the_lines_of_a_young_face_are_left_out():
    reading = reading_of("officer")
    nothing = np.zeros_like(reading.oval)
    young = tuple(replace(eye, radius=eye.radius * 1.5) for eye in reading.features.eyes)
    child = replace(reading, features=replace(reading.features, eyes=young))
    shapes = []
    for person in (reading, child):
        pen = pen_for(person)
        draw_creases(pen, nothing)
        shapes.append(len(pen.sheet.shapes))

    assert shapes[0] > 0
    assert shapes[1] == 0


def pen_for(reading: Reading) -> Pen:
    return Pen(
        sheet=Sheet(reading.width, reading.height),
        reading=reading,
        skin=skin_tones(reading),
        hair=hair_tones(reading.lab[reading.hair], reading),
        ink=INK,
        outline=0.017 * reading.unit,
        inner=0.013 * reading.unit,
        fine=0.014 * reading.unit,
        random=np.random.default_rng(0),
    )


@pytest.mark.parametrize("draw", [draw_nose, draw_brows, draw_eyes, draw_mouth])
@pytest.mark.parametrize("name", ["astronaut", "officer"])
def test_features_are_closed_shapes_inside_of_the_face(name: str, draw: Callable[[Pen], None]):
    reading = reading_of(name)
    pen = pen_for(reading)
    draw(pen)
    low, high = reading.features.oval.min(axis=0), reading.features.oval.max(axis=0)
    paths = [shape.d for shape in pen.sheet.shapes if shape.kind == "path"]

    assert paths
    for d in paths:
        assert d.endswith("Z")
        start = np.array(re.match(r"M(-?[\d.]+) ?(-?[\d.]+)", d).groups(), float)
        assert (start > low).all()
        assert (start < high).all()


@pytest.mark.parametrize("name", ["astronaut", "officer"])
def test_skin_stays_as_light_as_in_even_light(name: str):
    reading = reading_of(name)
    even = reading.subject.even_skin
    assert even is not None

    assert abs(skin_tones(reading).base[0] - even.value[0]) <= 8


def test_red_lips_and_long_hair_are_made_up_and_beards_are_not():
    reading = reading_of("astronaut")
    lips = reading.inside(reading.features.lips) & ~reading.inside(reading.features.mouth)
    skin = np.median(reading.sample(reading.points(205, 425, 50, 280, 200), reading.lab), axis=0)
    short = replace(reading.subject, hair=Read("short", 1.0), facial_hair=Read("none", 1.0))

    reading.subject = short
    reading.lab[lips] = skin + np.array([-2, 1, 0])
    assert made_up(reading) == 0
    reading.lab[lips] = skin + np.array([-20, 20, 4])
    assert made_up(reading) == 1
    reading.subject = replace(short, facial_hair=Read("beard", 1.0))
    assert made_up(reading) == 0
    reading.lab[lips] = skin
    reading.subject = replace(short, hair=Read("long", 1.0))
    assert made_up(reading) > 0.5


def test_cropped_hair_greys_beside_a_grey_beard_only():
    reading = reading_of("astronaut")
    grey = replace(reading, subject=replace(reading.subject, monochrome=True))
    dark = hair_tones(np.array([[18.0, 4, 6]] * 20), reading)
    white = hair_tones(np.array([[62.0, 1, 2]] * 20), grey)
    red = hair_tones(np.array([[45.0, 20, 25]] * 20), reading)

    assert dark.base[0] + 8 < greyed(dark, white).base[0] < white.base[0]
    assert greyed(dark, red) is dark
    assert greyed(dark, dark) is dark
