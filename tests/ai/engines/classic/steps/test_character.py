from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.sheet import Complexion
from cartoon_avatar.ai.engines.classic.steps import character
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import Features, area, features_of
from tests.ai import seen

SCALE = 3


@cache
def _face() -> tuple[np.ndarray, Features]:
    photo = seen.scaled(seen.astronaut(), SCALE)
    return photo.rgb, features_of(open_face_finder(seen.models())(photo)[0].landmarks)


def _lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


@pytest.mark.parametrize("amount", [0.08, 0.12, 0.18])
def test_eyes_grow_by_what_was_asked_and_the_rest_stays(amount: float) -> None:
    rgb, person = _face()
    warped, (moved,) = character.enlarge_eyes(rgb, [person], amount)
    for before, after in zip(person.eyes, moved.eyes, strict=True):
        assert 0.4 * amount < after.width / before.width - 1 < amount
        assert after.radius > before.radius
    assert np.allclose(moved.lips, person.lips)
    away = np.ones(rgb.shape[:2], bool)
    for eye in person.eyes:
        x, y = eye.outline.mean(axis=0).astype(int)
        reach = int(1.2 * eye.width)
        away[y - reach : y + reach, x - reach : x + reach] = False
    assert np.array_equal(warped[away], rgb[away])
    found = features_of(open_face_finder(seen.models())(seen.Picture(warped))[0].landmarks)
    for predicted, actual in zip(moved.eyes, found.eyes, strict=True):
        assert np.linalg.norm(predicted.iris - actual.iris) < 0.12 * predicted.width


def test_whites_get_whiter_and_irises_keep_their_place() -> None:
    rgb, person = _face()
    photo, lab = _lab(rgb), _lab(rgb)
    character.paint_eyes(lab, photo, [person], whites=0.9, irises=0.9)
    for eye in person.eyes:
        white = area(lab.shape[:2], eye.outline) > 0.9
        y, x = np.nonzero(white)
        iris = np.hypot(x - eye.iris[0], y - eye.iris[1]) < 0.8 * eye.radius
        assert lab[y[~iris], x[~iris], 0].mean() > photo[y[~iris], x[~iris], 0].mean()
        assert np.median(lab[y[iris], x[iris], 0]) < 45
    outside = area(lab.shape[:2], *(e.outline for e in person.eyes), soft_px=4) < 0.001
    assert np.array_equal(lab[outside], photo[outside])


def test_eyes_behind_dark_glasses_are_not_painted() -> None:
    rgb, person = _face()
    dark = rgb.copy()
    for eye in person.eyes:
        x, y = eye.outline.mean(axis=0).astype(int)
        cv2.circle(dark, (int(x), int(y)), int(eye.width), (20, 20, 22), -1)
    lab = _lab(dark)
    character.paint_eyes(lab, _lab(dark), [person], whites=1, irises=1)
    assert np.array_equal(lab, _lab(dark))


def test_teeth_become_pale_and_lips_do_not() -> None:
    rgb, person = _face()
    photo, lab = _lab(rgb), _lab(rgb)
    skins = [Complexion(72, 12, 16)]
    character.paint_mouth(lab, photo, [person], skins, lips=0.4, teeth=1.0)
    x, y = person.mouth.mean(axis=0).astype(int)
    teeth = lab[y - 2 : y + 3, x - 12 : x + 13].reshape(-1, 3)
    assert np.median(teeth[:, 0]) > 70
    assert np.median(np.hypot(teeth[:, 1], teeth[:, 2])) < 12
    lower_lip = person.landmarks[[17, 14]].mean(axis=0).astype(int)
    assert lab[lower_lip[1], lower_lip[0], 1] > 10


def test_lid_lines_lie_on_the_upper_lids() -> None:
    rgb, person = _face()
    ink = character.lid_lines(rgb.shape[:2], [person], 1.0)
    for eye in person.eyes:
        x, y = eye.upper[4].astype(int)
        assert ink[y - 3 : y + 4, x].max() > 0.9
    assert (ink > 0).mean() < 0.01


def test_blush_warms_the_cheeks_and_only_on_skin() -> None:
    rgb, person = _face()
    lab = _lab(rgb)
    character.blush(lab, [person], np.zeros(rgb.shape[:2], np.float32), 0.5)
    assert np.array_equal(lab, _lab(rgb))
    character.blush(lab, [person], np.ones(rgb.shape[:2], np.float32), 0.5)
    x, y = person.cheeks[0].astype(int)
    assert lab[y, x, 1] > _lab(rgb)[y, x, 1] + 4
