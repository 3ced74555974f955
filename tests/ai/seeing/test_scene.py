from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.errors import FaceIndexOutOfRange
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face, open_face_finder
from cartoon_avatar.ai.seeing.framing import inside_frame, portrait, resampled, whole
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import open_scene, shrunk
from cartoon_avatar.contract.boxes import Box, FaceBox
from cartoon_avatar.contract.options import Framing
from tests.ai import seen


def face(left: float, top: float, size: float) -> Face:
    """A face in a square box whose landmarks fill it."""
    corners = np.float32([[left, top], [left + size, top + size]])
    landmarks = np.linspace(corners[0], corners[1], 478).astype(np.float32)
    return Face((left, top, size, size), landmarks, 0.95)


def grey(width: int, height: int) -> Picture:
    return Picture(np.full((height, width, 3), 128, np.uint8))


def test_a_portrait_is_a_square_around_the_face_inside_the_photo():
    crop = portrait(face(400, 300, 200), [], whole(1200, 900))

    assert crop.width == crop.height == round(200 / 0.38)
    assert crop.left < 400
    assert crop.top < 300
    assert crop.left + crop.width <= 1200
    assert crop.top + crop.height <= 900


def test_a_face_at_the_rim_is_framed_without_leaving_the_photo():
    crop = portrait(face(0, 0, 200), [], whole(1200, 900))

    assert (crop.left, crop.top) == (0, 0)


@pytest.mark.parametrize("colour", [(0, 0, 0), (20, 20, 90), (250, 240, 0)])
@pytest.mark.parametrize("sides", [(2, 2, 0, 2), (60, 0, 60, 0), (9, 9, 30, 9), (0, 90, 0, 90)])
def test_a_frame_or_bars_are_left_out_of_a_portrait(colour, sides: tuple[int, int, int, int]):
    top, right, bottom, left = sides
    bright = np.rint(80 + 0.6 * seen.astronaut().rgb[:460]).astype(np.uint8)
    rgb = cv2.copyMakeBorder(bright, *(top, bottom, left, right), cv2.BORDER_CONSTANT, value=colour)
    ok, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 80])  # its edges are soft
    assert ok

    box = inside_frame(Picture(cv2.imdecode(data, cv2.IMREAD_COLOR)))

    height, width = rgb.shape[:2]
    cut = box.top, width - box.left - box.width, height - box.top - box.height, box.left
    assert all(side <= px <= side + 3 * (side > 0) for px, side in zip(cut, sides, strict=True))


@pytest.mark.parametrize("size", [(8, 8), (8, 300), (300, 8), (20, 20)])
def test_of_the_smallest_photo_something_is_left_inside_its_frame(size: tuple[int, int]):
    rgb = np.full((*size, 3), 240, np.uint8)
    rgb[1:-1, 1:-1] = 30

    box = inside_frame(Picture(rgb))

    assert min(box.width, box.height) >= min(size) / 2


def test_what_is_transparent_is_no_frame():
    rgb, alpha = seen.astronaut().rgb.copy(), np.full((512, 512), 255, np.uint8)
    rgb[:60], alpha[:60] = 0, 0

    assert inside_frame(Picture(rgb)).top == 62
    assert inside_frame(Picture(rgb, alpha)) == whole(512, 512)


def test_a_plain_wall_and_a_sky_are_no_frame():
    sky = np.full((500, 400, 3), 235, np.uint8)
    cv2.circle(sky, (200, 300), 120, (90, 80, 70), -1)
    down = np.linspace(60, 250, 500)[:, None, None]
    for rgb in (sky, np.broadcast_to(down, (500, 400, 3)).astype(np.uint8), seen.officer().rgb):
        assert inside_frame(Picture(rgb)) == whole(rgb.shape[1], rgb.shape[0])


def test_a_face_beside_is_left_out_or_taken_in_whole_but_not_cut():
    mine = face(500, 300, 200)
    usual = portrait(mine, [], whole(1200, 900))
    for left in range(650, 800, 25):
        crop = portrait(mine, [face(left, 320, 150)], whole(1200, 900))

        assert crop.left + crop.width < left + 10 or crop.left + crop.width > left + 150
        assert crop.left < 500 - 16
        assert crop.left + crop.width > 700 + 16
        assert 0.8 * usual.width < crop.width < 1.32 * usual.width


def test_a_crowd_that_no_square_spares_is_framed_as_usual_at_worst():
    mine = face(500, 300, 200)
    crowd = [face(left, 320, 150) for left in range(0, 1100, 60)]
    crop = portrait(mine, crowd, whole(1200, 900))

    assert crop.left < 500
    assert crop.left + crop.width > 700


def test_a_face_that_fills_the_photo_gets_the_largest_square():
    assert portrait(face(10, 10, 380), [], whole(500, 400)).width == 400


def test_a_crop_is_resampled_once_and_enlarged_at_most_four_times():
    assert resampled(grey(100, 100), Box(10, 10, 50, 50), 1024).width == 200
    assert resampled(grey(3000, 3000), whole(3000, 3000), 1024).width == 1024


def test_the_scene_of_a_small_copy_takes_its_pixels_from_the_full_photo():
    asked = []

    def closer(crop: Box, long_side: int) -> Picture:
        asked.append((crop, long_side))
        return grey(crop.width, crop.height)

    scene = open_scene(
        grey(600, 450),
        lambda picture: [face(200, 150, 100)],
        None,
        full_size=(2400, 1800),
        closer=closer,
    )

    ((crop, long_side),) = asked
    assert long_side == 1024
    assert crop == scene.crop
    assert crop.width == 4 * round(100 / 0.38)
    assert scene.picture.width == scene.picture.height == 1024
    assert scene.faces == (FaceBox(Box(800, 600, 400, 400), 1.0),)


def test_the_chosen_face_comes_first_and_a_number_too_high_is_refused():
    faces = [face(100, 100, 120), face(300, 100, 100)]

    scene = open_scene(grey(600, 400), lambda picture: faces, None, face=1)
    middle = scene.people[0].landmarks.mean(axis=0)

    assert np.abs(middle - scene.picture.width / 2).max() < 0.15 * scene.picture.width
    with pytest.raises(FaceIndexOutOfRange):
        open_scene(grey(600, 400), lambda picture: faces, None, face=2)


def test_full_framing_and_a_photo_without_a_face_show_all_of_it():
    whole_photo = open_scene(
        grey(600, 400), lambda picture: [face(200, 100, 80)], None, framing="full"
    )
    nobody = open_scene(grey(600, 400), lambda picture: [], None)

    assert whole_photo.crop == nobody.crop == Box(0, 0, 600, 400)
    assert cv2.mean(nobody.picture.rgb)[0] == 128


@pytest.mark.parametrize("framing", ["portrait", "full"])
@pytest.mark.parametrize(("left", "top"), [(40, 50), (-50, 10)])
def test_whoever_is_drawn_is_a_person_with_more_than_half_of_the_face_cut_off(
    left: float, top: float, framing: Framing
):
    """Made-up picture 20021: a face was counted, and styles of people found none."""
    cut_off = face(left, top, 90)
    scene = open_scene(grey(200, 90), lambda picture: [cut_off], None, framing=framing)

    assert len(scene.faces) == len(scene.people) == 1


def test_what_is_read_of_people_does_not_depend_on_who_asks_first():
    """A smaller copy shows the person as read in the picture, another picture shows another."""
    models = seen.models()
    found = (open_face_finder(models), open_mask_finder(models))
    first, second = (open_scene(seen.astronaut(), *found, long_side=512) for _ in range(2))
    small = shrunk(first, 128).subjects
    darker = Picture(seen.astronaut().rgb // 2)

    assert small == first.subjects == second.subjects
    third = open_scene(seen.astronaut(), *found, long_side=512)
    other = replace(third, picture=resampled(darker, third.crop, 512))
    assert other.subjects[0].skin != third.subjects[0].skin
    assert third.subjects == first.subjects
