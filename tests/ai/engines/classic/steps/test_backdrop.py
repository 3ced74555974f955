from __future__ import annotations

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.steps.backdrop import pattern, scene_without, without_spill
from cartoon_avatar.ai.filters.canvas import Canvas


@pytest.mark.parametrize("kind", ["plain", "gradient", "rays", "dots", "circle", "bands"])
def test_every_pattern_is_a_share_of_two_colours(kind: str) -> None:
    share = pattern(kind, (90, 120), centre=(60, 40), radius_px=25, cell_px=10, turn=0.3)
    assert share.shape == (90, 120)
    assert share.dtype == np.float32
    assert share.min() >= 0
    assert share.max() <= 1
    assert (share.std() > 0.1) == (kind != "plain")


def test_people_leave_no_halo_in_the_scene_behind_them() -> None:
    rgb = np.full((120, 120, 3), (60, 120, 180), np.uint8)
    rgb[30:90, 30:90] = (250, 20, 20)
    person = np.zeros((120, 120), np.float32)
    person[30:90, 30:90] = 1
    scene = scene_without(rgb, person, 60)
    assert np.abs(scene.astype(int) - (60, 120, 180)).max() < 12


def test_what_shone_in_from_the_old_backdrop_goes() -> None:
    """A dark coat before a bright meadow, and a mask that lies a little outside of it."""
    light, a, b = (np.full((128, 128), value, np.float32) for value in (80, -40, 50))
    coat, mask = np.s_[34:94, 34:94], np.zeros((128, 128), np.float32)
    mask[32:96, 32:96] = 1
    for plane, value in ((light, 15), (a, 2), (b, -6)):
        plane[coat] = value
    drawn = Canvas(cv2.resize(light, (256, 256), interpolation=cv2.INTER_NEAREST), a, b)
    before = drawn.light.copy()
    without_spill(drawn, mask, 7)
    under = mask > 0
    assert a[under].min() > -12
    assert cv2.resize(drawn.light, (128, 128))[under].max() < 35
    # Inside nothing changes, and neither does what lies far from anyone.
    assert np.array_equal(drawn.light[90:160, 90:160], before[90:160, 90:160])
    assert np.array_equal(drawn.light[:20], before[:20])
