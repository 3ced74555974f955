"""The geometry of a drawn face: shapes where they belong, families by measurement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cartoon_avatar.ai.engines.drawn.beard import read_beard
from cartoon_avatar.ai.engines.drawn.eyes import lash_darkness
from cartoon_avatar.ai.engines.drawn.forms import relief
from cartoon_avatar.ai.engines.drawn.glasses import read_glasses
from cartoon_avatar.ai.engines.drawn.head import ears_of, head_contour, head_mask
from cartoon_avatar.ai.engines.drawn.mouth import teeth_seen
from cartoon_avatar.ai.engines.drawn.nose import nose_shape
from cartoon_avatar.ai.engines.drawn.palette import skin_tones
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.reading import read
from cartoon_avatar.ai.seeing.features import LOWER_LIDS, NOSE_BASE, UPPER_LIDS, features_of
from tests.ai.engines.drawn.test_recipe import scene


def reading_of(name: str) -> Reading:
    return read(scene(name))


def moved(reading: Reading, indices: tuple[int, ...], by: np.ndarray) -> Reading:
    """``reading`` with some landmarks elsewhere."""
    landmarks = reading.landmarks.copy()
    landmarks[list(indices)] += by.astype(np.float32)
    return replace(reading, features=features_of(landmarks))


def test_a_wide_nose_is_broad_and_a_slim_one_is_narrow():
    reading = reading_of("astronaut")
    aside = reading.across * 0.06 * reading.unit

    wide = moved(moved(reading, (64,), -aside), (294,), aside)
    slim = moved(moved(reading, (64,), aside), (294,), -aside)

    assert nose_shape(wide).family == "broad"
    assert nose_shape(slim).family == "narrow"


@pytest.mark.parametrize("side", [-1, 1])
def test_a_nose_whose_tip_stands_aside_is_turned_that_way(side: int):
    reading = reading_of("astronaut")
    turned = moved(reading, (4,), side * 0.09 * reading.unit * reading.across)

    assert nose_shape(turned).family == "turned"
    assert nose_shape(turned).far == side


def test_nostrils_show_where_they_are_dark():
    reading = reading_of("astronaut")
    base = reading.inside(reading.points(*NOSE_BASE))
    fair, dark = reading.lab.copy(), reading.lab.copy()
    fair[base, 0] = reading.skin_lightness
    for index in (79, 309):
        dark[reading.disc(reading.at(index), 0.02 * reading.unit), 0] = 8

    assert nose_shape(replace(reading, lab=fair)).nostrils < 0.2
    assert nose_shape(replace(reading, lab=dark)).nostrils > 0.8


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


def test_a_dark_patch_of_a_cheek_is_read_as_shade():
    reading = reading_of("astronaut")
    head = head_mask(reading)
    nothing = np.zeros_like(head)
    patch = reading.disc(reading.at(50), 0.07 * reading.unit)
    darker = reading.lab.copy()
    darker[patch, 0] -= 20

    before = relief(reading, head, nothing)
    after = relief(replace(reading, lab=darker), head, nothing)

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


@pytest.mark.parametrize("name", ["astronaut", "officer"])
def test_skin_stays_as_light_as_in_even_light(name: str):
    reading = reading_of(name)
    even = reading.subject.even_skin
    assert even is not None

    assert abs(skin_tones(reading).base[0] - even.value[0]) <= 7
