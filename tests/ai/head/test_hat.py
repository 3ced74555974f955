from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.hat import whole_hat


def seen_hat(colour: tuple[int, int, int], wall: tuple[int, int, int], found: slice):
    """A hat of 60×120 px on a head, of which the networks saw only the rows ``found``."""
    rgb = np.full((300, 300, 3), wall, np.uint8)
    rgb = np.clip(rgb + np.random.default_rng(0).normal(0, 3, rgb.shape), 0, 255).astype(np.uint8)
    hat = np.zeros((300, 300), bool)
    hat[60:180, 120:180] = True
    rgb[hat] = colour
    head = np.zeros((300, 300), np.float32)
    cv2.ellipse(head, (150, 220), (45, 60), 0, 0, 360, 1.0, -1)
    head[hat] = 0.15
    head[found, 120:180] = 1
    zone = np.zeros((300, 300), bool)
    zone[:185] = True
    return rgb, hat, head, zone


def test_a_hat_is_taken_as_far_as_its_colour_reaches() -> None:
    rgb, hat, head, zone = seen_hat((150, 30, 40), (170, 170, 160), slice(130, 180))
    whole = whole_hat(rgb, head, zone, zone, 100, None)
    assert whole[hat].mean() > 0.95
    assert whole[zone & ~hat].mean() < 0.02


def test_a_hat_of_the_walls_colour_has_no_gap_between_its_brim_and_its_top() -> None:
    rgb, hat, head, zone = seen_hat((170, 170, 160), (170, 170, 160), slice(140, 180))
    head[60:80, 120:180] = 1
    crown = zone & hat.any(axis=0)
    assert whole_hat(rgb, head, zone, crown, 100, None)[hat].mean() > 0.95
    # Where the head leans so far that columns say nothing, nothing is filled in.
    nowhere = np.zeros_like(zone)
    assert whole_hat(rgb, head, zone, nowhere, 100, None)[80:140, 120:180].mean() < 0.1


def test_a_patch_of_the_hats_colour_on_one_side_is_something_else() -> None:
    rgb, hat, head, zone = seen_hat((150, 30, 40), (170, 170, 160), slice(100, 180))
    head[60:100, 120:180] = 1
    rgb[100:170, 180:260] = (150, 30, 40)
    head[100:170, 180:260] = 0.3
    y, x = np.mgrid[:300, :300].astype(np.float32)
    whole = whole_hat(rgb, head, zone, zone, 100, (299 - x, y))
    assert whole[hat].mean() > 0.95
    assert whole[100:170, 200:260].mean() < 0.05
