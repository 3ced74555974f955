from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.contour import clean_contour

UNIT_PX = 200
BALD = np.zeros((300, 300), np.float32)


def head() -> np.ndarray:
    alpha = np.zeros((300, 300), np.float32)
    cv2.circle(alpha, (150, 150), 90, 1.0, -1)
    return alpha


def test_the_outline_is_crisp_and_where_it_was() -> None:
    soft = cv2.GaussianBlur(head(), (0, 0), 6)
    contour = clean_contour(soft, BALD, UNIT_PX)
    between = (contour > 0.02) & (contour < 0.98)
    assert between.sum() < 3 * 2 * np.pi * 90
    assert abs(contour.sum() / head().sum() - 1) < 0.01


def test_fuzz_and_floating_smudges_go() -> None:
    alpha = head()
    alpha[40:70, 120:180] = np.maximum(alpha[40:70, 120:180], 0.4)  # a veil over the skull
    cv2.circle(alpha, (280, 40), 10, 1.0, -1)  # a scrap of another
    cv2.line(alpha, (235, 150), (270, 140), 1.0, 1)  # a spur at the ear
    cv2.circle(alpha, (150, 200), 5, 0.0, -1)  # a gap
    contour = clean_contour(alpha, BALD, UNIT_PX)
    # But for a trace at the root of the spur.
    assert (np.abs(contour - clean_contour(head(), BALD, UNIT_PX)) > 0.1).sum() < 10


def test_hair_keeps_its_locks_and_skin_has_none() -> None:
    alpha, hair = head(), BALD.copy()
    hair[:150] = head()[:150]
    for lines in (alpha, hair):
        cv2.line(lines, (150, 80), (240, 80), 1.0, 3)
    cv2.line(alpha, (150, 220), (20, 220), 1.0, 1)
    contour = clean_contour(alpha, hair, UNIT_PX)
    assert contour[80, 225] > 0.9
    assert contour[220, 50] == 0


def test_nothing_stays_nothing() -> None:
    assert clean_contour(BALD, BALD, UNIT_PX).max() == 0
