"""People behind bars, wires and printed lines are seen as without them."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.bars import bars_in, without_bars
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import OVAL, area
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai import seen

Colour = tuple[int, int, int]

WIDTHS_AND_ANGLES = pytest.mark.parametrize(
    ("portrait", "width", "degrees", "colour"),
    [
        (seen.astronaut, 7, 110, (120, 118, 110)),
        (seen.officer, 7, 110, (60, 60, 66)),
        (seen.astronaut, 5, 50, (40, 90, 60)),
        (seen.officer, 4, 150, (230, 230, 230)),
        (seen.astronaut, 10, 90, (15, 15, 18)),
        (seen.officer, 14, 0, (250, 250, 250)),
    ],
)


def barred(picture: Picture, width: int, degrees: float, colour: Colour, first: int = 7) -> Picture:
    """``picture`` behind parallel bars, five widths apart."""
    rgb = picture.rgb.copy()
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    across = np.array([-along[1], along[0]])
    for number in range(-50, 50):
        middle = np.array([picture.width, picture.height]) / 2
        middle = middle + across * ((5 * width + 4) * number + first)
        start, end = ((middle + way * 2000 * along).astype(int).tolist() for way in (-1, 1))
        cv2.line(rgb, start, end, colour, width, cv2.LINE_AA)
    return Picture(rgb, picture.alpha)


def scene_of(picture: Picture) -> Scene:
    models = seen.models()
    return open_scene(
        picture, open_face_finder(models), open_mask_finder(models), framing="full", long_side=640
    )


@cache
def plain(portrait) -> Scene:
    return scene_of(portrait())


@WIDTHS_AND_ANGLES
def test_who_stands_behind_bars_is_seen_as_without_them(
    portrait, width: int, degrees: float, colour: Colour
) -> None:
    before = plain(portrait)
    scene = scene_of(barred(portrait(), width, degrees, colour))

    person, known = scene.people[0], before.people[0]
    height = np.hypot(*(known.landmarks[152] - known.landmarks[10]))
    assert len(scene.faces) == 1
    assert person.confirmed
    assert np.hypot(*(person.landmarks - known.landmarks).T).mean() < 0.05 * height
    assert scene.masks.trusted
    oval = area(scene.masks.person.shape, known.landmarks[list(OVAL)]) > 0.5
    assert scene.masks.person[oval].mean() > 0.97
    both = (scene.masks.person > 0.5) & (before.masks.person > 0.5)
    either = (scene.masks.person > 0.5) | (before.masks.person > 0.5)
    assert both.sum() > 0.9 * either.sum()


@WIDTHS_AND_ANGLES
def test_bars_are_painted_over_and_little_else_is(
    portrait, width: int, degrees: float, colour: Colour
) -> None:
    picture = barred(portrait(), width, degrees, colour)
    changed = (without_bars(picture).rgb != picture.rgb).any(axis=2)
    bars = (np.abs(picture.rgb.astype(int) - portrait().rgb) > 10).any(axis=2)
    assert changed[bars].mean() > 0.8
    assert changed[~bars].mean() < 0.3


def test_an_eye_behind_a_bar_is_not_drawn() -> None:
    """A bar along the eyes: the networks see none, and neither may a drawing show any."""
    (face,) = plain(seen.astronaut).people
    eyes = face.landmarks[[468, 473]]
    away = eyes[1] - eyes[0]
    degrees = float(np.degrees(np.arctan2(away[1], away[0])))
    along = away / np.hypot(*away)
    scale = seen.astronaut().width / plain(seen.astronaut).picture.width
    middle = np.array([seen.astronaut().width, seen.astronaut().height]) / 2
    first = round(float((eyes.mean(axis=0) * scale - middle) @ [-along[1], along[0]]))
    scene = scene_of(barred(seen.astronaut(), 14, degrees, (60, 60, 66), first))
    assert scene.subjects[0].shows_eyes == (False, False)


@pytest.mark.parametrize(
    "portrait", [seen.astronaut, seen.officer, seen.cameraman, seen.cat, seen.coffee]
)
def test_where_there_are_no_bars_nothing_is_painted_over(portrait) -> None:
    faces = open_face_finder(seen.models())(portrait())
    assert without_bars(portrait(), faces) is portrait()


def test_bars_beside_a_face_are_left() -> None:
    (face, *_) = open_face_finder(seen.models())(seen.astronaut())
    rgb = seen.astronaut().rgb.copy()
    for x in range(round(face.box[0] + 2 * face.box[2]), 512, 24):
        rgb[:, x : x + 6] = (60, 60, 66)
    assert bars_in(rgb, [face]) == []
    assert len(bars_in(rgb)) == 1


@pytest.mark.parametrize("size", [(1, 1), (47, 900), (48, 48), (2000, 60)])
def test_pictures_of_any_shape_and_noise_do_no_harm(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert without_bars(Picture(noise)).rgb.shape == noise.shape
    noise[:, ::7] = 255
    noise[::9] = 0
    assert without_bars(Picture(noise)).rgb.shape == noise.shape
