"""What is before a face is drawn as what it is, and nothing that it hides."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import area
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, cropped, open_scene
from tests.ai import seen
from tests.ai.engines.drawn.test_recipe import STYLES

# Over the astronaut, in px of her photo.
MASK = [(182, 122), (202, 116), (223, 113), (244, 116), (268, 124), (262, 152), (244, 174),
        (222, 182), (200, 174), (186, 152)]  # fmt: skip
GOGGLES = [(178, 88), (272, 91), (270, 114), (237, 116), (225, 110), (212, 115), (182, 112)]
HOOD_TOP = (224, 6)
HOOD = [HOOD_TOP, (278, 30), (296, 90), (286, 150), (276, 200), (176, 200), (166, 150), (154, 90),
        (172, 30)]  # fmt: skip
EYES_BARE = (226, 102)
RED = (170, 30, 45)
BLUE, ORANGE, BROWN, WHITE = (105, 165, 205), (225, 110, 40), (92, 58, 34), (246, 246, 242)


@cache
def behind(thing: str) -> Scene:
    rgb = seen.astronaut().rgb.copy()
    for at, colour in {
        "a mask": [(MASK, BLUE)],
        "goggles": [(GOGGLES, ORANGE)],
        "a patch": [((204, 102), BROWN)],
        "a pad": [((246, 103), WHITE)],
    }.get(thing, []):
        if isinstance(at, tuple):
            cv2.ellipse(rgb, at, (16, 14), 0, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(rgb, [np.array(at, np.int32)], colour, cv2.LINE_AA)
    if thing == "a hood":
        bare = rgb.copy()
        cv2.fillPoly(rgb, [np.array(HOOD, np.int32)], RED, cv2.LINE_AA)
        slit = np.zeros(rgb.shape[:2], np.uint8)
        cv2.ellipse(slit, EYES_BARE, (44, 17), 0, 0, 360, 1, -1)
        rgb[slit > 0] = bare[slit > 0]
    models = seen.models()
    finders = open_face_finder(models), open_mask_finder(models)
    return open_scene(Picture(rgb), *finders, long_side=512)


def drawn_in(scene: Scene, style: str, outline: np.ndarray) -> np.ndarray:
    """The pixels (N×3) inside ``outline``, px of the drawing."""
    rgb = drawn.draw(scene, STYLES[style], 0).picture.rgb
    return rgb[area(rgb.shape[:2], outline) > 0.9].astype(int)


@pytest.mark.parametrize("style", ["ink", "flat", "sticker"])
def test_a_mask_is_drawn_in_its_colour_and_no_mouth_on_it(style: str):
    scene = behind("a mask")
    lips = drawn_in(scene, style, scene.features[0].lips)

    assert (lips[:, 2] > lips[:, 0] + 30).mean() > 0.95
    # A painting has fuller colours.
    assert np.abs(np.median(lips, axis=0) - BLUE).max() < 50


@pytest.mark.parametrize(("thing", "hidden"), [("a patch", 0), ("a pad", 1)])
def test_what_is_before_one_eye_is_drawn_and_the_other_eye_too(thing: str, hidden: int):
    scene = behind(thing)
    light = [drawn_in(scene, "ink", eye.outline).mean(axis=1) for eye in scene.features[0].eyes]

    assert np.ptp(np.percentile(light[hidden], [5, 95])) < 25
    assert np.ptp(np.percentile(light[1 - hidden], [5, 95])) > 120
    assert np.median(light[hidden]) == pytest.approx(61 if hidden == 0 else 245, abs=25)


def test_goggles_are_drawn_and_no_eyes_in_them():
    scene = behind("goggles")
    for eye in scene.features[0].eyes:
        colours = drawn_in(scene, "ink", eye.outline)
        assert (colours[:, 0] > colours[:, 2] + 60).mean() > 0.95


def test_a_hooded_head_is_drawn_whole():
    scene = behind("a hood")
    brow, chin = scene.people[0].landmarks[[10, 152]].astype(int)
    rgb = drawn.draw(scene, STYLES["ink"], 0).picture.rgb.astype(int)

    for x, y in (brow - (chin - brow) // 5, (brow + 3 * chin) // 4):
        assert rgb[y, x, 0] > rgb[y, x, 1:].max() + 60


def share_of_green(scene: Scene, there: np.ndarray, kind: str, style: str) -> float:
    """How much of what is green in a photo, and of a ``kind`` of mask, is green in the drawing."""
    masks, rgb = scene.masks, scene.picture.rgb.copy()
    assert masks is not None
    rgb[there] = (30, 120, 60)
    planes = {}
    for one in ("person", "mine", "other", "hair", "skin", "face_skin", "body_skin", "clothes"):
        on = float(one in ("person", "mine", kind))
        planes[one] = np.where(there, on, getattr(masks, one)).astype(np.float32)
    worn = replace(scene, picture=Picture(rgb), masks=replace(masks, **planes))
    drawing = drawn.draw(worn, STYLES[style], 0).picture.rgb[there].astype(int)
    return float((drawing[:, 1] > drawing[:, 0] + 30).mean())


@pytest.mark.parametrize("style", ["ink", "flat", "sticker"])
def test_an_earring_is_drawn(style: str):
    bare = behind("nothing")
    person, masks = bare.features[0], bare.masks
    assert masks is not None
    ear = person.landmarks[1] + person.height * np.array([0.42, 0.05])
    down, across = np.indices(masks.person.shape)
    jewel = np.hypot(across - ear[0], down - ear[1]) < 0.06 * person.height

    assert share_of_green(bare, jewel, "other", style) > 0.5


def test_a_high_shoulder_that_the_frame_cuts_is_drawn():
    whole = behind("nothing")
    person = whole.features[0]
    chin, unit = person.landmarks[152], person.height
    high = cropped(whole, np.s_[0 : round(float(chin[1] - 0.07 * unit)), 0 : whole.picture.width])
    masks = high.masks
    assert masks is not None
    down, across = np.indices(masks.person.shape)
    beside = (chin[0] - across) / unit
    shoulder = (beside > 0.4) & (beside < 0.7) & (down > chin[1] - 0.2 * unit)

    assert share_of_green(high, shoulder, "clothes", "flat") > 0.5


def test_beside_an_arm_that_hangs_down_nothing_is_drawn():
    shown = behind("nothing")
    masks, person = shown.masks, shown.features[0]
    assert masks is not None
    down, across = np.indices(masks.person.shape)
    beside = person.landmarks[152, 0] - across > 0.6 * person.height
    gap = beside & (down > person.landmarks[152, 1] + 0.5 * person.height)
    bare = masks.each(lambda plane: np.where(gap, 0, plane).astype(np.float32))
    picture = drawn.draw(replace(shown, masks=bare), STYLES["sticker"], 0).picture

    inside = cv2.erode(gap.astype(np.uint8), np.ones((41, 41))) > 0
    assert picture.alpha is not None
    assert inside.sum() > 1000
    assert picture.alpha[inside].mean() < 10
