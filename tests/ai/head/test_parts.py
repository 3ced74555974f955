from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.parts import _without_notches, head_by_classes
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.head.view import view_of
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import BACKGROUND, FACE_SKIN
from tests.ai import seen


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


def test_what_the_network_takes_for_background_in_a_face_is_the_heads() -> None:
    """Of a close-up that shows a face from brow to lip the network sees next to nothing."""
    picture = seen.officer()
    (face,) = open_face_finder(seen.models())(picture)
    left, top, wide, high = face.box
    square = Square(left - wide, top - high, 3 * wide)
    view = view_of(picture, face, [face], square, 256)
    classes = np.zeros((256, 256, 7), np.float32)
    classes[..., FACE_SKIN] = view.oval
    corner = (view.across < -0.1) & (view.down < -0.4)
    classes[corner, FACE_SKIN] = 0
    classes[..., BACKGROUND] = 1 - classes[..., FACE_SKIN]
    head, _, _ = head_by_classes(view, classes)
    inside = cv2.erode(view.oval, np.ones((21, 21))) > 0
    assert (corner & inside).any()
    assert head[inside].min() > 0.9
