from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines.painted.steps.reading import beard
from cartoon_avatar.ai.engines.painted.steps.relight import Complexion, _warm_thin_beard
from cartoon_avatar.ai.filters.canvas import lab_of
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown
from tests.ai import seen


@cache
def face() -> tuple[np.ndarray, Features]:
    """A face without a beard, H×W×3 CIELAB."""
    photo = seen.astronaut()
    return lab_of(photo.rgb), features_of(open_face_finder(seen.models())(photo)[0].landmarks)


def chin(person: Features) -> np.ndarray:
    """H×W bool: below the mouth and within the face."""
    shape = face()[0].shape[:2]
    below = np.arange(shape[0])[:, None] > person.landmarks[17, 1] + 0.03 * person.height
    return (area(shape, person.oval) > 0.5) & below


def test_a_beard_is_found_whole_and_not_above_the_mouth():
    lab, person = face()
    bearded, where = lab.copy(), chin(person)
    hairs = np.random.default_rng(0).normal(0, 12, where.shape)
    bearded[where] = np.stack([38 + hairs, 0 * hairs + 4, 0 * hairs + 8], axis=-1)[where]

    found = beard(bearded, person, "beard")

    inner = where & (np.arange(len(lab))[:, None] < person.landmarks[152, 1] - 0.03 * person.height)
    assert found[inner].mean() > 0.85
    above = np.arange(len(lab))[:, None] < person.landmarks[2, 1] - 0.05 * person.height
    assert found[above & (area(where.shape, grown(person.oval, 0.8)) > 0.5)].max() < 0.1


@pytest.mark.parametrize("colour", [(6.0, 9.0), (0.0, 0.0)], ids=["colour", "black and white"])
def test_a_white_moustache_is_found_up_to_the_nose(colour: tuple[float, float]):
    """It is as light as skin, and on a black-and-white photo only rough."""
    lab, person = face()
    shape = lab.shape[:2]
    down = person.landmarks[152] - person.landmarks[10]
    nose, lip = person.landmarks[2], person.landmarks[0]
    over = grown(person.lips[:11], 1.1) - 0.3 * (lip - nose)
    where = area(shape, np.concatenate([over, over[::-1] + 0.03 * down])) > 0.5
    white = lab * np.float32([1, *(value > 0 for value in colour)])
    hairs = np.random.default_rng(0).normal(0, 14, shape).astype(np.float32)
    white[where] = np.stack([75 + hairs, 0 * hairs + 2, 0 * hairs], axis=-1)[where]

    found = beard(white, person, "moustache")

    assert found[where].mean() > 0.5
    near = cv2.dilate(where.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    assert found[~near].sum() < 0.15 * found.sum()


def test_a_smooth_red_shadow_is_no_beard():
    lab, person = face()
    shaded, where = lab.copy(), chin(person)
    shaded[where] += np.float32([-15, 5, 3])

    assert beard(shaded, person, "beard")[where].mean() < 0.25


@pytest.mark.parametrize(("beard_light", "warmed"), [(22.0, True), (40.0, False), (70.0, False)])
def test_skin_in_a_dark_beard_is_no_grey_patch(beard_light: float, warmed: bool):
    """A grey or white beard stays so, and the wall behind a beard stays as it is."""
    lab = np.full((60, 60, 3), (beard_light, 2, 2), np.float32)
    lab[:, 20:30] = 58, 3, -4
    lab[:, 50:] = 95, 0, 0
    wall = lab[30, 55].copy()

    _warm_thin_beard(lab, np.ones((60, 60), np.float32), Complexion(65.0, 14.0, 18.0))

    assert (lab[30, 25, 2] > 8) == warmed
    assert lab[30, 55] == pytest.approx(wall, abs=0.1)
    assert lab[30, 5, 2] == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize("kind", ["none", "stubble", None])
def test_where_no_beard_was_read_there_is_none(kind):
    lab, person = face()

    assert not beard(lab, person, kind).any()
