from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.parts import _without_notches, head_by_classes
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.head.view import View, among, view_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import BACKGROUND, BODY_SKIN, CLOTHES, FACE_SKIN
from tests.ai import seen
from tests.ai.head.faces import face_at


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
    view = view_of(picture, face, square, 256)
    classes = np.zeros((256, 256, 7), np.float32)
    classes[..., FACE_SKIN] = view.oval
    corner = (view.across < -0.1) & (view.down < -0.4)
    classes[corner, FACE_SKIN] = 0
    classes[..., BACKGROUND] = 1 - classes[..., FACE_SKIN]
    head, _, _ = head_by_classes(view, classes)
    inside = cv2.erode(view.oval, np.ones((21, 21))) > 0
    assert (corner & inside).any()
    assert head[inside].min() > 0.9


def _view(*, other: bool = False) -> View:
    face = face_at((150, 230), 120)
    faces = [face, face_at((270, 230), 120)] if other else [face]
    view = view_of(Picture(np.zeros((384, 384, 3), np.uint8)), face, Square(0, 0, 384), 384)
    return among(view, face, faces, None)


def _classes(of: int) -> np.ndarray:
    classes = np.zeros((384, 384, 7), np.float32)
    classes[..., of] = 1
    return classes


def test_a_collar_before_the_chin_is_no_head_but_a_mask_is() -> None:
    view = _view()
    y, x = np.mgrid[:384, :384]

    def head(cloth: np.ndarray) -> np.ndarray:
        classes = _classes(FACE_SKIN)
        classes[cloth] = np.eye(7, dtype=np.float32)[CLOTHES]
        return head_by_classes(view, classes)[0]

    lower = (view.oval > 0) & (view.down > -0.4)
    collar, mask = lower & (x - 150 < y - 235), lower
    assert 0.03 < collar.sum() / lower.sum() < 0.15
    assert head(collar)[collar].mean() < 0.1
    assert head(mask)[mask].mean() > 0.9


def test_skin_beside_anothers_head_is_no_ear() -> None:
    alone, beside = (head_by_classes(view, _classes(BODY_SKIN))[0]
                     for view in (_view(), _view(other=True)))  # fmt: skip
    y, x = np.mgrid[:384, :384]
    ear = (np.abs(y - 170) < 6) & (np.abs(x - 204) < 3)
    assert alone[ear].mean() > 0.9
    assert beside[ear].mean() < 0.3


def test_a_neck_beside_the_jaw_is_none_of_the_head_and_an_ear_is() -> None:
    view = _view()
    classes = _classes(BACKGROUND)
    y, x = np.mgrid[:384, :384]
    skin = np.eye(7, dtype=np.float32)[BODY_SKIN]
    classes[view.oval > 0.5] = np.eye(7, dtype=np.float32)[FACE_SKIN]
    aside = np.abs(x - 150)
    ears = (aside > 42) & (aside < 54) & (y > 170) & (y < 200) & (view.oval < 0.5)
    alone = classes.copy()
    alone[ears] = skin
    neck = (aside < 54) & (y > 182) & (view.oval < 0.5)
    classes[neck] = skin
    with_ears, with_neck = (head_by_classes(view, seen)[0] for seen in (alone, classes))
    low = neck & (view.down > -0.33) & (view.down < -0.25)
    assert with_neck[low].mean() < 0.1
    assert with_ears[ears & (view.down < -0.4)].mean() > 0.8
