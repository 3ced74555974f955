"""What is drawn over painted skin, hair that is a mass, and edges that show no pixels."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines.painted.steps.eyes import _iris_colour
from cartoon_avatar.ai.engines.painted.steps.face import _is_grey
from cartoon_avatar.ai.engines.painted.steps.folds import draw_folds
from cartoon_avatar.ai.engines.painted.steps.forms import crisp
from cartoon_avatar.ai.engines.painted.steps.hair import _dense, _even_lit
from cartoon_avatar.ai.engines.painted.steps.modelling import model_face
from cartoon_avatar.ai.engines.painted.steps.mouth import draw_mouth
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.canvas import lab_of
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown
from cartoon_avatar.ai.seeing.subject import Read, Subject
from tests.ai import seen

FAIR, DARK, GREYS = (75.0, 13, 16), (46.0, 18, 22), (70.0, 0, 0)


@pytest.mark.parametrize(
    ("hair", "skin", "grey"),
    [
        ((70, 1, 4), FAIR, True),
        ((43, 9, 9), DARK, True),
        ((38, 8, 12), FAIR, False),  # brown
        ((68, 8, 20), FAIR, False),  # blond
        ((20, 1, 1), DARK, False),  # black
        ((43, 0, 0), GREYS, False),  # in black and white nobody knows
    ],
)
def test_a_beard_is_grey_by_its_colour(hair, skin, grey: bool):
    beards = np.zeros((40, 40), np.float32)
    beards[20:] = 1
    lab = np.where(beards[..., None] > 0, np.float32(hair), np.float32(skin)).astype(np.float32)

    assert _is_grey(lab, beards, 1 - beards) is grey


@pytest.mark.parametrize("slope", [0.1, 0.2, 0.35])
def test_a_sharpened_edge_shows_no_stairs(slope: float):
    down, across = np.mgrid[:200, :200].astype(np.float32)
    share = np.clip((down - 100 - slope * (across - 100)) / 3 + 0.5, 0, 1)[..., None]
    lab = np.float32(FAIR) + share * np.float32(np.subtract((12, 2, 3), FAIR))

    light = crisp(lab)[..., 0]

    columns, middle = np.arange(40, 160), (75 + 12) / 2
    place = []
    for column in light[:, columns].T:
        above = int(np.flatnonzero((column[:-1] >= middle) & (column[1:] < middle))[0])
        fall = column[above] - column[above + 1]
        place.append(above + (column[above] - middle) / fall)
    off = np.array(place) - np.polyval(np.polyfit(columns, place, 1), columns)
    # Sharpened, but straight.
    assert np.abs(np.diff(light, axis=0)).max() > 35
    assert np.abs(off).max() < 0.2


@cache
def face() -> tuple[np.ndarray, Features, np.ndarray]:
    """A smiling face, H×W×3 CIELAB, and its skin's colour."""
    photo = seen.astronaut()
    person = features_of(open_face_finder(seen.models())(photo)[0].landmarks)
    lab = lab_of(photo.rgb)
    return lab, person, np.median(lab[area(lab.shape[:2], grown(person.oval, 0.5)) > 0.5], axis=0)


def test_a_gap_in_a_childs_teeth_is_no_tooth():
    lab, person, tone = face()
    photo = lab.copy()
    middle = area(lab.shape[:2], grown(person.mouth, 0.4)) > 0.5
    gums = (np.arange(lab.shape[1]) > person.mouth[:, 0].mean()) & middle
    photo[middle], photo[gums] = (80, 2, 8), (60, 32, 14)
    drawn = photo.copy()

    draw_mouth(drawn, photo, person, subject(), tone)

    teeth = middle & ~gums
    inner = cv2.erode(gums.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert np.median(drawn[teeth][:, 0]) > 84
    assert np.median(drawn[inner], axis=0) == pytest.approx((60, 32, 14), abs=4)


@pytest.mark.parametrize(("red", "redder"), [(9.0, False), (26.0, True)])
def test_lips_without_paint_do_not_become_painted(red: float, redder: bool):
    lab, person, tone = face()
    photo = lab.copy()
    lips = area(lab.shape[:2], person.lips) > 0.5
    photo[lips] = tone + np.asarray([-14, red, 0])
    drawn = photo.copy()

    draw_mouth(drawn, photo, person, subject(hair=Read("short", 1.0)), tone)

    body = cv2.erode(lips.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    body &= area(lab.shape[:2], grown(person.mouth, 1.2)) == 0
    change = float(np.median((drawn - photo)[body][:, 1]))
    assert abs(change) > 0.3
    assert (change > 0) == redder


def test_a_lamp_does_not_bleach_short_hair_and_grey_stays():
    locks = np.full((80, 160, 3), (30, 5, 9), np.float32)
    locks[:, 110:, 0] = 70
    grey = locks.copy()
    grey[:, 110:, 1:] = 1, 1
    hair = np.ones((80, 160), np.float32)

    for one in (locks, grey):
        _even_lit(one, hair, face_px=200)

    assert locks[40, 150, 0] < 60
    assert locks[40, 20, 0] == pytest.approx(30, abs=1)
    assert grey[40, 150, 0] == pytest.approx(70, abs=1)


def test_hair_that_is_nowhere_sure_has_no_flecks_and_no_holes():
    locks = np.full((60, 60, 3), (38, 2, 4), np.float32)
    grain = np.random.default_rng(0).normal(40, 9, (60, 60)).astype(np.float32)

    dense = _dense(locks, grain, np.full((60, 60), 0.75, np.float32), face_px=200)

    assert np.isfinite(dense).all()


def test_cropped_hair_is_one_mass_with_flecks():
    random, size = np.random.default_rng(0), (120, 160)
    grain = np.where(random.random(size) < 0.3, 70, 25).astype(np.float32)  # salt and pepper
    smears = 18 * np.sin(np.arange(160, dtype=np.float32) / 12)
    locks = np.full((*size, 3), (38, 2, 4), np.float32)
    locks[..., 0] += smears

    dense = _dense(locks, grain, np.ones(size, np.float32), face_px=200)

    calm = blurred(np.ascontiguousarray(dense[..., 0]), 5)
    assert np.ptp(calm[20:-20, 20:-20]) < 0.8 * np.ptp(smears)
    assert (dense[..., 0] - calm).std() > 2
    assert dense[..., 0].mean() < locks[..., 0].mean() - 3


def subject(**known: Read) -> Subject:
    """Somebody of whom no more is ``known``."""
    return Subject(**{one.name: known.get(one.name) for one in fields(Subject)})


@pytest.mark.parametrize(
    ("iris", "glasses", "drawn"),
    [
        ((35, -2, -11), "none", (35, -2, -11)),  # blue
        ((35, -2, -4), "clear", (24, 6, 9)),  # the sky in a lens
        ((35, 1, 2), "none", (24, 6, 9)),  # the sky in a brown one
        ((28, 6, 11), "none", (28, 6, 11)),
    ],
)
def test_a_blue_iris_under_black_hair_is_blue(iris, glasses: str, drawn):
    black_haired = subject(
        iris_colour=Read(iris, 0.7),
        hair_colour=Read((10, 2, 3), 0.9),
        even_skin=Read((62, 16, 18), 0.8),
        glasses=Read(glasses, 0.8),
    )
    assert tuple(_iris_colour(black_haired)) == drawn


@pytest.mark.parametrize(
    ("depth", "hair_is_grey", "aged"),
    [(45.0, False, True), (14.0, True, True), (0.0, False, False)],
)
def test_an_aged_face_keeps_its_creases_and_a_young_one_none(
    depth: float, hair_is_grey: bool, aged: bool
):
    _, person, tone = face()
    shape = seen.astronaut().rgb.shape[:2]
    plain = np.broadcast_to(tone, (*shape, 3)).astype(np.float32)
    filled, folds = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    for down in (0.08, 0.13, 0.18, 0.23):
        forehead = person.landmarks[[109, 10, 338]] + np.array([0, down * person.height])
        line = np.rint(forehead).astype(np.int32)
        cv2.polylines(filled, [line], False, 30, 3)
    for points in ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432)):
        cv2.polylines(folds, [person.landmarks[list(points)].astype(np.int32)], False, 1, 4)
    photo, drawn = plain.copy(), plain.copy()
    photo[..., 0] -= depth * cv2.GaussianBlur(folds.astype(np.float32), (0, 0), 1)

    known = subject(age=Read("older", 0.5)) if hair_is_grey else subject()
    draw_folds(drawn, photo, filled, person, known, tone)

    darker = plain[..., 0] - drawn[..., 0]
    assert bool(darker[filled > 20].mean() > 6) is aged
    assert bool(darker[folds > 0].mean() > 3) is aged
    assert darker[(filled < 1) & (folds < 1)].mean() < 1


def test_a_nose_gets_its_sides_back():
    lab, person, tone = face()
    flat = np.broadcast_to(tone, lab.shape).astype(np.float32).copy()
    photo = flat.copy()
    side = person.landmarks[[193, 129, 98, 6]].astype(np.int32)
    photo[..., 0] -= 20 * cv2.fillPoly(np.zeros(lab.shape[:2], np.float32), [side], 1)

    model_face(flat, photo, person)

    shade = tone[0] - flat[..., 0]
    x, y = np.mean(side, axis=0).astype(int)
    other = (2 * person.landmarks[5] - (x, y)).astype(int)
    assert shade[y, x] > 5
    assert shade[y, x] > shade[y, other[0]] + 5
    assert np.abs(shade[area(shade.shape, grown(person.oval, 1.02)) < 0.01]).max() < 0.1
