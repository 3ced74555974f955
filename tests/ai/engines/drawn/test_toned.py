"""Tones of the painting, with the eyes and the smile of the photo."""

from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawn.colours import lab_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.ai.seeing.subject import Read

from .test_recipe import STYLES, scene

POSTER = STYLES["poster"]


def opening_of(shown: Scene, outline: np.ndarray) -> np.ndarray:
    """The pixels inside of ``outline``."""
    there = np.zeros(shown.picture.rgb.shape[:2], np.uint8)
    cv2.fillPoly(there, [np.round(outline).astype(np.int32)], 1)
    return there > 0


def test_skin_keeps_its_lightness_and_hue():
    shown = scene("astronaut")
    face = cv2.erode((shown.masks.face_skin > 0.9).astype(np.uint8), np.ones((9, 9))) > 0

    photo = np.median(lab_of(shown.picture.rgb)[face], axis=0)
    poster = np.median(lab_of(drawn.draw(shown, POSTER, 0).picture.rgb)[face], axis=0)

    assert abs(photo[0] - poster[0]) < 8
    turned = np.degrees(np.arctan2(*photo[:0:-1]) - np.arctan2(*poster[:0:-1]))
    assert abs(turned) < 8


def test_it_has_many_tones_and_blushes():
    document = drawn.svg(scene("astronaut"), POSTER, 0)

    assert len(set(re.findall(r'fill="(#[0-9a-f]{6})"', document))) > 100
    assert document.count('fill-opacity="0.03"') > 10


def looks(shown: Scene) -> int:
    """How many parts are traced by themselves."""
    return drawn.svg(shown, POSTER, 0).count("<clipPath")


def test_a_covered_mouth_is_not_traced_as_one():
    bare = scene("astronaut")
    covered = replace(bare.subjects[0], mouth_covered=Read(True, 0.9))

    assert looks(replace(bare, as_read=[covered])) == looks(bare) - 1


def test_a_covered_eye_is_not_traced_as_one():
    bare = scene("astronaut")
    covered = replace(bare.subjects[0], eyes_covered=Read((True, False), 0.9))

    # The eye, and in its opening the iris.
    assert looks(replace(bare, as_read=[covered])) == looks(bare) - 3


def test_an_open_mouth_shows_the_teeth_of_the_photo():
    shown = scene("astronaut")
    there = opening_of(shown, shown.features[0].mouth)

    def light(rgb: np.ndarray) -> np.ndarray:
        # A warp of the painting moves the jaw by a pixel or two.
        return cv2.GaussianBlur(lab_of(rgb)[..., 0], (0, 0), 1.5)[there]

    photo, poster = light(shown.picture.rgb), light(drawn.draw(shown, POSTER, 0).picture.rgb)

    assert np.corrcoef(photo, poster)[0, 1] > 0.6
    assert np.ptp(np.percentile(poster, [10, 90])) > 25


def test_eyes_and_teeth_of_dark_skin_are_not_the_whitest_white():
    light = scene("astronaut")
    dark = replace(light, picture=Picture((light.picture.rgb * 0.45).astype(np.uint8)))

    def lightest(shown: Scene) -> float:
        drawn_lab = lab_of(drawn.draw(shown, POSTER, 0).picture.rgb)
        face = shown.features[0]
        outlines = [face.mouth, *(eye.outline for eye in face.eyes)]
        # Without the glints.
        return max(
            float(np.percentile(drawn_lab[opening_of(shown, one), 0], 85)) for one in outlines
        )

    assert lightest(dark) < lightest(light)


def test_people_are_where_they_are_in_an_oblong_picture():
    square = scene("astronaut")
    size = square.picture.width
    beside = [(0, 0), (0, size)]
    rgb = np.pad(square.picture.rgb, [*beside, (0, 0)], mode="edge")
    masks = square.masks.each(lambda mask: np.pad(mask, beside))
    wide = replace(square, picture=Picture(np.repeat(np.repeat(rgb, 2, 0), 2, 1)))
    wide = replace(
        wide,
        masks=masks.each(lambda mask: np.repeat(np.repeat(mask, 2, 0), 2, 1)),
        people=[replace(face, landmarks=2 * face.landmarks) for face in square.people],
    )

    lab = lab_of(drawn.draw(wide, POSTER, 0).picture.rgb)

    there = cv2.erode((wide.masks.face_skin > 0.9).astype(np.uint8), np.ones((9, 9))) > 0
    photo = np.median(lab_of(wide.picture.rgb)[there], axis=0)
    assert np.abs(np.median(lab[there], axis=0) - photo).max() < 12


def test_a_made_up_shoulder_has_the_colour_of_the_cloth():
    whole = scene("astronaut")
    height, width = whole.picture.rgb.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width]
    round_ = np.hypot(rows - 0.4 * height, columns - 0.5 * width) < 0.42 * height
    alpha = (255 * round_).astype(np.uint8)
    masks = whole.masks.each(lambda mask: mask * round_)
    cut = replace(whole, picture=Picture(whole.picture.rgb, alpha), masks=masks)

    corner = np.s_[int(0.93 * height) :, int(0.3 * width) : int(0.7 * width)]
    drawn_there = lab_of(drawn.draw(cut, POSTER, 0).picture.rgb)[corner].reshape(-1, 3)

    # What is seen of the suit's neck is black; the picture's transparent corners are grey.
    assert np.median(drawn_there[:, 0]) < 20


def test_painted_lips_stay_red_and_pale_ones_get_a_colour():
    bare = scene("astronaut")
    there = opening_of(bare, bare.features[0].lips) & ~opening_of(bare, bare.features[0].mouth)
    there = cv2.erode(there.astype(np.uint8), np.ones((3, 3))) > 0

    skin = bare.masks.face_skin > 0.9

    def beside_skin(colour: np.ndarray) -> np.ndarray:
        """How far drawn lips are from drawn skin, CIELAB."""
        rgb = bare.picture.rgb.copy()
        rgb[there] = colour
        lab = lab_of(drawn.draw(replace(bare, picture=Picture(rgb)), POSTER, 0).picture.rgb)
        return np.median(lab[there], axis=0) - np.median(lab[skin], axis=0)

    pale = beside_skin(np.median(bare.picture.rgb[skin], axis=0))
    painted = beside_skin(np.array([150, 20, 50]))

    assert pale[0] < -3
    assert pale[1] > 2
    assert painted[0] < pale[0] - 12
    assert painted[1] > pale[1] + 15


def test_the_sky_in_hair_is_the_hair_s_colour():
    bare = scene("astronaut")
    hair = bare.masks.hair > 0.9
    lit = hair & (np.arange(hair.shape[1]) < np.percentile(np.nonzero(hair)[1], 15))
    rgb = bare.picture.rgb.copy()
    rgb[lit] = (0.3 * rgb[lit] + 0.7 * np.array([196, 200, 206])).astype(np.uint8)
    picture = drawn.draw(replace(bare, picture=Picture(rgb)), POSTER, 0).picture.rgb
    inside = cv2.erode(lit.astype(np.uint8), np.ones((5, 5))) > 0

    sky, shown = (np.median(lab_of(one)[inside], axis=0) for one in (rgb, picture))
    assert shown[2] > sky[2] + 4


def test_irises_keep_their_colour():
    bare = scene("astronaut")
    rgb = bare.picture.rgb.copy()
    irises = np.zeros(rgb.shape[:2], np.uint8)
    for eye in bare.features[0].eyes:
        cv2.circle(irises, np.round(eye.iris).astype(int).tolist(), round(0.9 * eye.radius), 1, -1)
    there = (irises > 0) & np.logical_or.reduce(
        [opening_of(bare, eye.outline) for eye in bare.features[0].eyes]
    )

    def blue(colour: tuple[int, int, int]) -> float:
        rgb[there] = colour
        other = replace(bare, picture=Picture(rgb.copy()))
        picture = drawn.draw(other, POSTER, 0).picture.rgb
        return float(np.percentile(lab_of(picture)[there, 2], 25))

    assert blue((70, 120, 190)) < blue((110, 70, 40)) - 8
