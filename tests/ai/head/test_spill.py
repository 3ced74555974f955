from __future__ import annotations

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.head.spill import without_spill

UNIT_PX = 160.0
BROWN, GREEN, GREY = (0.2, 0.13, 0.1), (0.35, 0.6, 0.15), (0.6, 0.6, 0.6)
RED = (0.75, 0.1, 0.12)


def backlit(backdrop: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Brown hair with a bow before a backdrop that shines through its rim, and its alpha."""
    y, x = np.mgrid[:400, :400] - 200.0
    away = np.hypot(x, y) - 150
    alpha = (away < 0).astype(np.float32)
    through = np.clip(1 + away / 25, 0, 1)[..., None] * 0.5
    rgb = (1 - through) * np.float32(BROWN) + through * np.float32(backdrop)
    cv2.circle(rgb, (200, 62), 10, RED, -1)
    rgb[alpha == 0] = backdrop
    return rgb.astype(np.float32), alpha


def cleaned(backdrop: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CIELAB of the head before and after, and where its rim is."""
    rgb, alpha = backlit(backdrop)
    behind = np.rint(255 * rgb).astype(np.uint8)
    after = without_spill(rgb, alpha, alpha, behind, 1 - alpha, UNIT_PX)
    rim = (
        (alpha > 0) & (cv2.erode(alpha, np.ones((17, 17))) == 0) & (np.indices(alpha.shape)[0] > 90)
    )
    return *(cv2.cvtColor(plane, cv2.COLOR_RGB2LAB) for plane in (rgb, after)), rim


def test_the_rim_of_hair_has_its_hue_and_keeps_its_light() -> None:
    before, after, rim = cleaned(GREEN)
    brown = cv2.cvtColor(np.float32([[BROWN]]), cv2.COLOR_RGB2LAB)[0, 0]
    off = [np.hypot(*(lab[rim][:, 1:] - brown[1:]).T).mean() for lab in (before, after)]
    assert off[0] > 20
    assert off[1] < 0.35 * off[0]
    assert before[rim][:, 1].mean() < -10 < 0 < after[rim][:, 1].mean()  # green, then not
    assert np.abs(after[rim][:, 0] - before[rim][:, 0]).max() < 1


def test_what_has_another_colour_than_the_backdrop_keeps_it() -> None:
    before, after, _ = cleaned(GREEN)
    assert np.abs(after[62, 200] - before[62, 200]).max() < 2
    assert np.abs(after[200, 200] - before[200, 200]).max() < 1


@pytest.mark.parametrize("backdrop", [GREY, BROWN])
def test_a_backdrop_without_a_hue_of_its_own_colours_nothing(
    backdrop: tuple[float, float, float],
) -> None:
    before, after, _ = cleaned(backdrop)
    assert np.abs(after - before).max() < 1


def test_a_drawing_in_colours_of_its_own_keeps_them() -> None:
    photo, alpha = backlit((0.2, 0.35, 0.75))
    behind = np.rint(255 * photo).astype(np.uint8)
    grey = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    duotone = grey * np.float32((0.9, 0.2, 0.6)) + (1 - grey) * np.float32((0.1, 0.2, 0.6))
    for drawing in (grey, duotone):
        after = without_spill(drawing, alpha, alpha, behind, 1 - alpha, UNIT_PX)
        assert np.abs(after - drawing).max() < 0.01


def test_skin_is_left_as_it_is() -> None:
    rgb, alpha = backlit(GREEN)
    behind = np.zeros(rgb.shape, np.uint8)
    nothing = np.zeros_like(alpha)
    assert without_spill(rgb, alpha, nothing, behind, 1 - alpha, UNIT_PX) is rgb
