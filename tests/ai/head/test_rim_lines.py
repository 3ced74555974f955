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
