from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.framing import portrait, whole
from cartoon_avatar.ai.seeing.matting import Masks
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai.head.faces import face_at

FACE = face_at((500, 700), 200)
PERSON, ARM = 255, 150


def photo(hat_top: int, paint: int = PERSON, width: int = 1000) -> Picture:
    """A head with shoulders, and what stands on it from ``hat_top`` down."""
    grey = np.zeros((1000, width), np.uint8)
    cv2.ellipse(grey, (500, 590), (100, 130), 0, 0, 360, PERSON, -1)
    cv2.rectangle(grey, (300, 720), (700, 999), PERSON, -1)
    cv2.rectangle(grey, (450, hat_top), (550, 470), paint, -1)
    return Picture(np.dstack([grey] * 3))


def find_masks(picture: Picture, _: list[Face]) -> Masks:
    """What is painted is the person; the darker half of it is bare skin."""
    light = picture.rgb[..., 0]
    person = (light > 100).astype(np.float32)
    arm = person * (light < 200)
    nothing = np.zeros_like(person)
    return Masks(person, person - arm, arm, nothing, arm, nothing, nothing, person)


def opened(picture: Picture, faces: list[Face]) -> Scene:
    return open_scene(picture, lambda _: faces, find_masks, long_side=400)


def usual() -> tuple[int, int, int, int]:
    return portrait(FACE, [], whole(1000, 1000))


def test_a_tall_hat_gets_room_and_the_face_stays_large() -> None:
    for hat_top in (330, 280, 220):
        scene = opened(photo(hat_top), [FACE])
        assert scene.crop.top < hat_top - 0.03 * usual()[2]
        assert usual()[2] <= scene.crop.width == scene.crop.height <= 1.31 * usual()[2]
        assert scene.crop.top + scene.crop.height > 800
        assert scene.people[0].landmarks[152][1] / scene.picture.height < 0.9


def test_a_head_that_has_room_is_framed_as_ever() -> None:
    assert opened(photo(400), [FACE]).crop == usual()


def test_a_hat_that_the_photo_cuts_is_shown_as_far_as_it_is_there() -> None:
    low = face_at((500, 500), 200)
    cut = Picture(photo(100).rgb[200:])
    scene = opened(cut, [low])
    assert portrait(low, [], whole(1000, 800)).top > 0 == scene.crop.top


def test_an_arm_above_the_head_is_no_hat() -> None:
    assert opened(photo(0, ARM), [FACE]).crop == usual()


def test_room_for_a_hat_cuts_no_face_beside_it() -> None:
    beside = face_at((730, 330), 150)
    picture = photo(170)
    alone = portrait(FACE, [beside], whole(1000, 1000))
    assert opened(picture, [FACE, beside]).crop == alone


def test_in_a_narrow_photo_the_square_moves_further_up() -> None:
    low = face_at((200, 700), 200)
    narrow = Picture(np.ascontiguousarray(photo(360).rgb[:, 300:700]))
    scene = opened(narrow, [low])
    side = portrait(low, [], whole(400, 1000)).width
    assert side == scene.crop.width == 400
    assert scene.crop.top < 360 - 0.03 * side
    assert scene.people[0].landmarks[152][1] / scene.picture.height < 0.95
