from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.parts import _without_notches


def test_a_hand_in_the_hair_leaves_no_notch() -> None:
    """Its fingers stay; what of it is beyond the outline goes."""
    head, hand = np.zeros((200, 200), np.float32), np.zeros((200, 200), np.float32)
    cv2.circle(head, (100, 100), 60, 1.0, -1)
    cv2.line(hand, (78, 78), (10, 10), 1.0, 10)
    bitten = head * (1 - hand)
    mended = _without_notches(bitten, hand, 12)
    inside = cv2.erode(head, np.ones((13, 13))) > 0
    assert mended[inside & (hand > 0)].mean() > 0.95
    assert mended[(head == 0) & (hand > 0)].mean() < 0.3
    assert np.array_equal(mended[hand == 0], bitten[hand == 0])
