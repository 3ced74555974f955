from __future__ import annotations

from itertools import pairwise

import numpy as np

from cartoon_avatar.ai.engines.classic.steps.light import expose
from cartoon_avatar.ai.filters.canvas import Canvas


def _scene(face: float, around: float, a: float = 14, b: float = 18) -> tuple:
    """A face of one lightness before a wall of another, and the skin mask."""
    light = np.full((128, 128), around, np.float32)
    light[32:96, 32:96] = face
    skin = np.zeros((64, 64), np.float32)
    skin[16:48, 16:48] = 1
    return Canvas(light, np.float32(a) * skin, np.float32(b) * skin), skin


def test_a_face_in_shadow_before_a_bright_backdrop_is_lifted() -> None:
    seen, skin = _scene(face=22, around=92)
    assert expose(seen, skin, 0).light[64, 64] > 30


def test_a_well_lit_face_is_left_alone() -> None:
    seen, skin = _scene(face=70, around=30)
    assert np.allclose(expose(seen, skin, 0).lab(), seen.lab(), atol=0.01)


def test_the_order_from_dark_to_light_skin_is_kept() -> None:
    lights = [expose(*_scene(face, 60), 0).light[64, 64] for face in range(10, 98, 4)]
    assert all(one < other for one, other in pairwise(lights))


def test_warm_lamp_light_is_taken_back_along_the_skins_own_hue() -> None:
    seen, skin = _scene(60, 60, a=30, b=45)
    lit = expose(seen, skin, 0)
    a, b = lit.a[32, 32], lit.b[32, 32]
    assert np.hypot(a, b) < 0.8 * np.hypot(30, 45)
    assert abs(np.arctan2(b, a) - np.arctan2(45, 30)) < 0.02


def test_a_grey_photo_stays_grey() -> None:
    seen, skin = _scene(30, 80, a=0, b=0)
    lit = expose(seen, skin, 0.5)
    assert max(np.abs(lit.a).max(), np.abs(lit.b).max()) < 1e-4


def test_a_dark_picture_without_a_face_is_lifted_a_little() -> None:
    seen, _ = _scene(12, 10)
    assert 10 < np.median(expose(seen, None, 0).light) < 40


def test_the_picture_that_comes_in_is_not_changed() -> None:
    seen, skin = _scene(22, 92)
    before = seen.lab()
    expose(seen, skin, 0.5)
    assert np.array_equal(seen.lab(), before)
