from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.head.rivals import share_of
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.matting import BACKGROUND, FACE_SKIN, HAIR
from tests.ai.head.faces import face_at

Colour = tuple[int, int, int]


def test_hair_that_hangs_beside_anothers_face_stays_with_its_own_head() -> None:
    left, right = face_at((150, 250), 90), face_at((275, 250), 90)
    rgb = np.full((384, 384, 3), (150, 180, 200), np.uint8)
    red, black = (150, 50, 30), (30, 25, 25)
    cv2.ellipse(rgb, (275, 205), (58, 72), 0, 0, 360, black, -1)
    cv2.ellipse(rgb, (150, 205), (58, 72), 0, 0, 360, red, -1)
    # A strand of the left one's, nearer to the right one's skull than to its own.
    strand = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(
        strand, [np.array([[180, 150], [208, 190], [222, 300], [190, 300], [175, 190]])], 1
    )
    rgb[strand > 0] = red
    for face in (left, right):
        x, y = (int(value) for value in face.landmarks[0])
        cv2.ellipse(rgb, (x, y), (34, 44), 0, 0, 360, (225, 180, 150), -1)

    def share(face: Face) -> np.ndarray:
        return share_of(face, [left, right], Square(0, 0, 384), rgb)

    tip = strand.astype(bool) & (np.arange(384)[:, None] > 200) & (np.arange(384)[:, None] < 240)
    assert share(left)[tip].mean() > 0.8
    assert share(right)[tip].mean() < 0.2
    black_hair = (rgb == black).all(axis=2) & (np.arange(384) > 285)
    assert share(right)[black_hair].mean() > 0.95
    assert share(left)[black_hair].mean() < 0.05


def test_hair_that_touches_anothers_is_parted_where_their_lights_differ() -> None:
    """Not half-way between the two: the left one has the thicker hair."""
    left, right = face_at((130, 260), 110), face_at((262, 260), 110)
    rgb = np.full((384, 384, 3), (90, 140, 60), np.uint8)
    cv2.ellipse(rgb, (262, 190), (70, 85), 0, 0, 360, (48, 40, 36), -1)
    cv2.ellipse(rgb, (130, 190), (82, 95), 0, 0, 360, (26, 20, 18), -1)
    own = (rgb == (26, 20, 18)).all(axis=2)
    for face in (left, right):
        x, y = (int(value) for value in face.landmarks[0])
        cv2.ellipse(rgb, (x, y), (42, 54), 0, 0, 360, (225, 180, 150), -1)
    hair = (rgb.max(axis=2) < 60) & (np.arange(384)[:, None] < 250)
    beside = hair & (np.abs(np.arange(384) - 206) < 30)

    share = share_of(left, [left, right], Square(0, 0, 384), rgb)

    assert share[beside & own].mean() > 0.85
    assert share[beside & ~own].mean() < 0.15


def test_a_face_half_covered_by_anothers_hair_ends_at_the_hair() -> None:
    """Whose mesh goes on below that hair; the one in front keeps it."""
    behind, before = face_at((140, 250), 110), face_at((232, 250), 110)
    rgb = np.full((384, 384, 3), (120, 150, 170), np.uint8)
    classes = np.zeros((384, 384, 7), np.float32)
    classes[..., BACKGROUND] = 1

    def paint(centre: tuple[int, int], axes: tuple[int, int], colour: Colour, kind: int) -> None:
        where = np.zeros(rgb.shape[:2], np.uint8)
        cv2.ellipse(where, centre, axes, 0, 0, 360, 1, -1)
        rgb[where > 0] = colour
        classes[where > 0] = np.eye(7, dtype=np.float32)[kind]

    skin, blond, black = (235, 190, 160), (190, 150, 90), (30, 25, 22)
    for face, hair in ((behind, blond), (before, black)):
        x, y = (int(value) for value in face.landmarks[0])
        paint((x, y - 30), (68, 85), hair, HAIR)
        paint((x, y), (42, 54), skin, FACE_SKIN)
    hair_before = (rgb == black).all(axis=2)

    mine, theirs = (
        share_of(face, [behind, before], Square(0, 0, 384), rgb, classes)
        for face in (behind, before)
    )

    assert mine[hair_before].mean() < 0.1
    assert theirs[hair_before].mean() > 0.9
    blond_hair = (rgb == blond).all(axis=2)
    assert mine[blond_hair].mean() > 0.9


@dataclass
class Friends:
    """Faces on a wall, with hair on top of each, and beside those who wear it long."""

    rgb: np.ndarray
    classes: np.ndarray

    @classmethod
    def before_a_wall(cls) -> Friends:
        rgb = np.full((384, 384, 3), (120, 150, 170), np.uint8)
        classes = np.zeros((384, 384, 7), np.float32)
        classes[..., BACKGROUND] = 1
        return cls(rgb, classes)

    def paint(self, where: np.ndarray, colour: Colour, kind: int) -> None:
        self.rgb[where > 0] = colour
        self.classes[where > 0] = np.eye(7, dtype=np.float32)[kind]

    def add(self, face: Face, *, long_hair: bool) -> None:
        x, y = (int(value) for value in face.landmarks[0])
        hair, skin = np.zeros((2, 384, 384), np.uint8)
        cv2.ellipse(hair, (x, y - 32), (50, 46), 0, 0, 360, 1, -1)
        if long_hair:
            cv2.rectangle(hair, (x - 58, y - 30), (x + 58, y + 62), 1, -1)
        cv2.ellipse(skin, (x, y), (36, 50), 0, 0, 360, 1, -1)
        self.paint(hair, (48, 38, 32), HAIR)
        self.paint(skin, (225, 180, 150), FACE_SKIN)

    def share(self, face: Face, faces: list[Face]) -> np.ndarray:
        return share_of(face, faces, Square(0, 0, 384), self.rgb, self.classes)


def test_hair_between_two_faces_belongs_to_the_one_who_wears_it_long() -> None:
    """Though all hair has one colour, and some of it is nearer to the other face."""
    cropped, long = face_at((140, 220), 100), face_at((238, 220), 100)
    friends = Friends.before_a_wall()
    friends.add(long, long_hair=True)
    friends.add(cropped, long_hair=False)
    between = np.zeros((384, 384), bool)
    between[215:265, 182:196] = True
    between &= friends.classes[..., HAIR] > 0

    assert friends.share(cropped, [cropped, long])[between].mean() < 0.1
    assert friends.share(long, [cropped, long])[between].mean() > 0.9


def test_a_head_between_two_others_claims_no_hair_because_theirs_is_short() -> None:
    left, middle, right = (face_at((x, 220), 100) for x in (92, 192, 292))
    friends = Friends.before_a_wall()
    for face in (left, right, middle):
        friends.add(face, long_hair=False)
    # A lock beside the right one that reaches the middle one.
    flap = np.zeros((384, 384), np.uint8)
    cv2.rectangle(flap, (228, 175), (256, 235), 1, -1)
    friends.paint(flap, (48, 38, 32), HAIR)

    assert friends.share(middle, [left, middle, right])[flap > 0].mean() < 0.1


def test_hair_above_heads_is_parted_at_the_notches_between_them() -> None:
    """Not half-way between their skulls: the one in the middle has far more of it."""
    left, middle, right = face_at((87, 270), 100), face_at((192, 250), 85), face_at((297, 270), 100)
    friends = Friends.before_a_wall()
    tousled, skin = np.zeros((2, 384, 384), np.uint8)
    cv2.ellipse(tousled, (192, 170), (80, 70), 0, 0, 360, 1, -1)
    cv2.ellipse(skin, (192, 207), (30, 42), 0, 0, 360, 1, -1)
    friends.paint(tousled, (48, 38, 32), HAIR)
    friends.paint(skin, (225, 180, 150), FACE_SKIN)
    others = np.zeros((384, 384), np.uint8)
    for face in (left, right):
        friends.add(face, long_hair=False)
        x, y = (int(value) for value in face.landmarks[0])
        cv2.ellipse(others, (x, y - 32), (52, 48), 0, 0, 360, 1, -1)
    y, x = np.indices((384, 384))
    sides = (tousled > 0) & (others == 0) & (y < 170) & (abs(x - 192) > 45)

    assert friends.share(middle, [left, middle, right])[sides].mean() > 0.65


def test_alone_all_of_a_picture_is_ones_own() -> None:
    face = face_at((150, 250), 90)
    rgb = np.zeros((64, 64, 3), np.uint8)
    assert share_of(face, [face], Square(0, 0, 384), rgb).min() == 1
