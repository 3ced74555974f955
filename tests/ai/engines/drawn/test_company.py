"""Friends who are one piece with the person are drawn; nothing of a hidden body is made up."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.drawn.colours import lab_of
from cartoon_avatar.ai.engines.drawn.doubts import without_blurred, without_doubt
from cartoon_avatar.ai.engines.drawn.lines import edges_of
from cartoon_avatar.ai.engines.drawn.portrait import portrait_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import area
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai import seen

from .test_recipe import STYLES, scene


@cache
def friends() -> Scene:
    """Two people whose shoulders touch."""
    one = seen.astronaut().rgb[:360, 40:440]
    both = Picture(np.hstack([one[:, :330], one[:, ::-1][:, 70:]]))
    models = seen.models()
    found = open_scene(
        both,
        open_face_finder(models),
        open_mask_finder(models),
        framing="full",
        long_side=512,
    )
    assert len(found.people) == 2
    return found


@pytest.mark.parametrize("name", ["poster", "ink", "flat", "sticker"])
def test_a_friend_who_touches_is_drawn_as_the_photo_has_them(name: str):
    shown = friends()
    face = area(shown.picture.rgb.shape[:2], shown.features[1].oval) > 0.5
    face = cv2.erode(face.astype(np.uint8), np.ones((9, 9))) > 0

    photo = np.median(lab_of(shown.picture.rgb)[face], axis=0)
    drawing = np.median(lab_of(drawn.draw(shown, STYLES[name], 0).picture.rgb)[face], axis=0)

    assert np.abs(drawing - photo).max() < 10


def test_who_stands_alone_has_no_company():
    assert portrait_of(friends(), Clock()).crowded
    for name in ("astronaut", "officer"):
        assert not portrait_of(scene(name), Clock()).crowded


def test_no_ink_crosses_a_friend_s_features():
    portrait = portrait_of(friends(), Clock())
    (friend,) = portrait.beside
    edges = edges_of(portrait, inside=True)

    friend = friend.features
    for outline in (friend.lips, *(eye.outline for eye in friend.eyes)):
        there = portrait.on_pixels(portrait.reading.inside(outline)) > 0.9
        assert there.any()
        assert (edges[there] < 0).all()


def test_the_head_is_cut_without_the_friend():
    shown = friends()
    head = drawn.head_alone(shown, STYLES["poster"], 0)
    alpha = head.rendered(shown.picture.width, shown.picture.height).alpha
    mine, friend = (area(alpha.shape, features.oval) > 0.5 for features in shown.features)

    assert (alpha[mine] > 127).mean() > 0.97
    assert (alpha[friend] > 127).mean() < 0.02


def test_styles_that_differ_in_how_friends_are_traced_share_nothing_of_them():
    flat = STYLES["flat"]
    coarse = replace(flat, company=replace(flat.company, step=3 * flat.company.step))
    alone = drawn.svg(replace(friends()), coarse, 0)
    shared = replace(friends())

    assert drawn.svg(shared, flat, 0) != alone
    assert drawn.svg(shared, coarse, 0) == alone


def test_a_lawn_that_masks_doubt_is_no_shirt_and_a_sleeve_is_one():
    """Both lie as wide and as doubtful beside the person: colours tell."""
    shown = scene("astronaut")
    masks, unit = shown.masks, shown.features[0].height
    assert masks is not None
    behind = cv2.erode((masks.person < 0.02).astype(np.uint8), np.ones((25, 25))) > 0
    y, x = np.argwhere(behind)[len(np.argwhere(behind)) // 2]
    spot = cv2.circle(np.zeros_like(masks.person), (int(x), int(y)), round(0.12 * unit), 1, -1) > 0
    person = np.where(spot, 0.7, masks.person).astype(np.float32)
    doubted = replace(shown, masks=replace(masks, person=person))
    rgb = shown.picture.rgb.copy()
    cloth = (masks.clothes > 0.98) & (masks.person > 0.98)
    rgb[spot] = np.median(rgb[cloth], axis=0)
    sleeved = replace(doubted, picture=Picture(rgb))

    near = cv2.dilate(spot.astype(np.uint8), np.ones((15, 15))) > 0
    for given, left in ((doubted, 0.0), (sleeved, 0.7)):
        found = without_doubt(given).masks
        assert found is not None
        assert np.median(found.person[spot]) == pytest.approx(left)
        assert np.array_equal(found.person[~near], person[~near])


@pytest.mark.parametrize("in_focus", [True, False])
def test_a_blurred_crowd_is_no_company_and_a_sharp_friend_is(in_focus: bool):
    shown = scene("astronaut")
    masks, unit = shown.masks, shown.features[0].height
    assert masks is not None
    beside = np.zeros(masks.person.shape, bool)
    beside[: round(unit), : round(0.6 * unit)] = True
    crowd = np.zeros_like(shown.picture.rgb)
    crowd[(np.arange(len(crowd)) // round(unit / 4)) % 2 == 0] = (225, 170, 140)
    if not in_focus:
        crowd = cv2.GaussianBlur(crowd, (0, 0), 0.06 * unit)
    rgb = np.where(beside[..., None], crowd, shown.picture.rgb)
    person = np.where(beside, 1, masks.person).astype(np.float32)
    crowded = replace(shown, picture=Picture(rgb), masks=replace(masks, person=person))

    found = without_blurred(crowded).masks

    assert found is not None
    inside = cv2.erode(beside.astype(np.uint8), np.ones((9, 9))) > 0
    assert found.person[inside].mean() == pytest.approx(1.0 if in_focus else 0.0, abs=0.05)
    assert np.array_equal(found.person > 0.5, person > 0.5) is in_focus
    away = cv2.dilate(beside.astype(np.uint8), np.ones((9, 9))) == 0
    assert np.array_equal(found.person[away], person[away])
