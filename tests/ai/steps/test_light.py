from __future__ import annotations

from itertools import pairwise

import numpy as np

from cartoon_avatar.ai.steps.light import expose


def _scene(face: float, around: float, a: float = 14, b: float = 18) -> tuple:
    """A face of one lightness before one of another: CIELAB and the skin mask."""
    lab = np.zeros((64, 64, 3), np.float32)
    lab[..., 0] = around
    lab[16:48, 16:48] = (face, a, b)
    skin = np.zeros((64, 64), np.float32)
    skin[16:48, 16:48] = 1
    return lab, skin


def test_a_face_in_shadow_before_a_bright_backdrop_is_lifted() -> None:
    lab, skin = _scene(face=22, around=92)
    assert expose(lab, skin, 0)[32, 32, 0] > 30


def test_a_well_lit_face_is_left_alone() -> None:
    lab, skin = _scene(face=70, around=30)
    assert np.allclose(expose(lab, skin, 0), lab, atol=0.01)


def test_the_order_from_dark_to_light_skin_is_kept() -> None:
    lights = [expose(*_scene(face, 60), 0)[32, 32, 0] for face in range(10, 98, 4)]
    assert all(one < other for one, other in pairwise(lights))


def test_warm_lamp_light_is_taken_back_along_the_skins_own_hue() -> None:
    lab, skin = _scene(60, 60, a=30, b=45)
    _, a, b = expose(lab, skin, 0)[32, 32]
    assert np.hypot(a, b) < 0.8 * np.hypot(30, 45)
    assert abs(np.arctan2(b, a) - np.arctan2(45, 30)) < 0.02


def test_a_grey_photo_stays_grey() -> None:
    lab, skin = _scene(30, 80, a=0, b=0)
    assert np.abs(expose(lab, skin, 0.5)[..., 1:]).max() < 1e-4


def test_a_dark_picture_without_a_face_is_lifted_a_little() -> None:
    lab, _ = _scene(12, 10)
    lifted = expose(lab, None, 0)
    assert 10 < np.median(lifted[..., 0]) < 40


def test_the_picture_that_comes_in_is_not_changed() -> None:
    lab, skin = _scene(22, 92)
    before = lab.copy()
    expose(lab, skin, 0.5)
    assert np.array_equal(lab, before)
