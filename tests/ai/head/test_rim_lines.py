from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.rim_lines import lines_drawn_in


def test_an_outline_on_the_edge_is_moved_inside_and_a_plain_edge_is_not() -> None:
    alpha, head = np.zeros((160, 160), np.float32), np.full((160, 160, 3), 0.9, np.float32)
    cv2.circle(alpha, (80, 80), 50, 1.0, -1)
    cv2.circle(head, (80, 80), 50, (0.8, 0.6, 0.5), -1)
    outlined = head.copy()
    cv2.circle(outlined, (80, 80), 50, (0.05, 0.05, 0.05), 6)
    moved = lines_drawn_in(outlined, alpha, 6)
    inside = alpha > 0.5
    ink, before = (np.mean(rgb.mean(axis=2)[inside] < 0.3) for rgb in (moved, outlined))
    assert ink > 1.4 * before
    assert np.abs(lines_drawn_in(head, alpha, 6) - head)[inside].max() < 0.05


def test_what_is_moved_with_a_line_does_not_end_in_a_step() -> None:
    alpha, head = np.zeros((240, 240), np.float32), np.full((240, 240, 3), 0.95, np.float32)
    cv2.circle(alpha, (120, 120), 90, 1.0, -1)
    y, x = np.mgrid[:240, :240] - 120.0
    away = np.hypot(x, y)
    head[away < 90] = (0.9 - away[away < 90] / 180)[:, None]  # ever darker outwards
    cv2.circle(head, (120, 120), 91, (0.02, 0.02, 0.02), 7)
    moved = lines_drawn_in(head, alpha, 8)
    before, after = head[120, 132:200, 0], moved[120, 132:200, 0]
    assert np.abs(after - before).max() > 0.005
    assert np.abs(np.diff(after, 2)).max() < 0.004
