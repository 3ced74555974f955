from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines import painted
from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.painted import STYLES, PaintedStyle
from cartoon_avatar.ai.filters.canvas import lab_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import OVAL, area, grown
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai import seen

SIZE_PX = 384


def scene_of(picture: Picture, long_side: int = SIZE_PX) -> Scene:
    models = seen.models()
    return open_scene(
        picture, open_face_finder(models), open_mask_finder(models), long_side=long_side
    )


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of(seen.astronaut())


def by_name(name: str) -> PaintedStyle:
    return next(style for style in STYLES if style.name == name)


def test_a_painting_is_as_large_as_the_scene_and_counts_its_faces(scene: Scene) -> None:
    drawing = painted.draw(scene, STYLES[0], 0)

    assert drawing.picture.rgb.shape == scene.picture.rgb.shape
    assert drawing.faces == 1
    assert drawing.ink_px > 0


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_the_face_is_found_again_where_it_was(scene: Scene, style: PaintedStyle) -> None:
    drawing = painted.draw(scene, style, 0)
    (found,) = scene_of(drawing.picture).people
    face = scene.people[0]
    apart = np.linalg.norm(found.landmarks - face.landmarks, axis=1).mean()

    assert apart < 0.03 * face.box[3]


@pytest.mark.parametrize("portrait", [seen.astronaut, seen.officer])
def test_skin_keeps_its_lightness_and_hue(portrait) -> None:
    scene = scene_of(portrait())
    before, after = (
        np.median(lab[plain_skin(scene)], axis=0)
        for lab in (
            lab_of(scene.picture.rgb),
            lab_of(painted.draw(scene, by_name("painted"), 0).picture.rgb),
        )
    )
    even = scene.subjects[0].even_skin
    hues = [np.degrees(np.arctan2(colour[2], colour[1])) for colour in (before, after)]

    assert even is not None
    assert min(before[0], even.value[0]) - 3 < after[0] < max(before[0], even.value[0]) + 4
    assert abs(hues[1] - hues[0]) < 5


def plain_skin(scene: Scene) -> np.ndarray:
    face = scene.features[0]
    shape = scene.picture.rgb.shape[:2]
    features = area(
        shape,
        *(grown(eye.outline, 1.5, 3) for eye in face.eyes),
        *(grown(brow, 1.2, 4) for brow in face.brows),
        grown(face.lips, 1.1),
    )
    assert scene.masks is not None
    return area(shape, grown(face.oval, 0.8)) * scene.masks.skin * (1 - features) > 0.5


def test_coloured_goggles_keep_their_colour_and_show_no_eyes() -> None:
    blue = (60, 80, 140)
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    (left, right), down = face.landmarks[[468, 473]], np.asarray([0, 11])
    corners = left - down - [22, 0], right - down + [22, 0], right + down + [22, 0], left + down
    rgb = seen.astronaut().rgb.copy()
    cv2.fillConvexPoly(rgb, np.asarray([*corners, left + down - [22, 0]]).astype(int), blue)
    worn = scene_of(Picture(rgb))

    drawn = lab_of(painted.draw(worn, STYLES[0], 0).picture.rgb)
    assert worn.features[0].shown_eyes == ()
    for eye in (468, 473):
        x, y = worn.people[0].landmarks[eye].astype(int)
        lens = drawn[y - 6 : y + 7, x - 8 : x + 9]
        assert np.ptp(lens[..., 0]) < 25
        assert lens[..., 2].max() < -10


def test_a_mask_with_dots_shows_no_folds_of_a_smile() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    rgb, worn_on = seen.astronaut().rgb.copy(), np.zeros((512, 512), np.uint8)
    cheeks_and_chin = [234, 132, 172, 150, 176, 152, 400, 379, 397, 361, 454, 347, 6, 118]
    cv2.fillPoly(worn_on, [face.landmarks[cheeks_and_chin].astype(np.int32)], 1)
    dots = np.zeros_like(worn_on)
    for y, x in itertools.product(range(0, 512, 7), repeat=2):
        cv2.circle(dots, (x, y), 2, 1, -1)
    rgb[worn_on > 0] = (240, 240, 236)
    rgb[(worn_on & dots) > 0] = (120, 120, 125)
    worn = scene_of(Picture(rgb), 512)

    drawn = lab_of(painted.draw(worn, by_name("painted"), 0).picture.rgb)
    assert not worn.features[0].shows_mouth
    middle = area(drawn.shape[:2], grown(worn.features[0].lips, 1.8)) > 0.5
    assert drawn[middle][:, 1].max() < 4  # folds have the colour of skin


def test_a_painted_face_keeps_its_colour_and_leaves_the_rest_its_own() -> None:
    photo = seen.astronaut()
    (face,) = open_face_finder(seen.models())(photo)
    green = np.asarray([30, 150, 60], np.float32)
    share = 0.55 * area(photo.rgb.shape[:2], face.landmarks[list(OVAL)])[..., None]
    rgb = (photo.rgb + share * (green - photo.rgb)).astype(np.uint8)
    scene = scene_of(Picture(rgb))
    drawn = lab_of(painted.draw(scene, by_name("painted"), 0).picture.rgb)
    before = lab_of(scene.picture.rgb)
    cheek = area(before.shape[:2], grown(scene.people[0].landmarks[list(OVAL)], 0.7)) > 0.5
    # A shift to magenta is of a and b together.
    for zone in (cheek, (scene.masks.clothes > 0.8)):
        moved = np.median(drawn[zone], axis=0) - np.median(before[zone], axis=0)
        assert np.hypot(*moved[1:]) < 12


def test_two_drawings_in_a_row_never_look_alike(scene: Scene) -> None:
    drawn = [painted.draw(scene, STYLES[0], seed).picture.rgb.astype(int) for seed in range(6)]

    for one, next_one in itertools.pairwise(drawn):
        assert np.abs(one - next_one).mean() > 1.5


def test_the_styles_differ_at_a_glance(scene: Scene) -> None:
    small = [
        cv2.resize(painted.draw(scene, style, 0).picture.rgb, (32, 32)).astype(int)
        for style in STYLES
    ]

    for number, one in enumerate(small):
        for other in small[:number]:
            assert np.abs(one - other).mean() > 8


def test_the_same_arguments_give_the_same_pixels_in_every_process(scene: Scene) -> None:
    here = painted.draw(scene, STYLES[0], 3).picture.rgb
    script = (
        "import hashlib\n"
        "from cartoon_avatar.ai.engines import painted\n"
        "from tests.ai import seen\n"
        "from tests.ai.engines.painted.test_recipe import scene_of\n"
        "drawn = painted.draw(scene_of(seen.astronaut()), painted.STYLES[0], 3)\n"
        "print(hashlib.sha256(drawn.picture.rgb.tobytes()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    again = scene_of(seen.astronaut())

    assert np.array_equal(here, painted.draw(again, STYLES[0], 3).picture.rgb)
    assert there.stdout.split()[-1] == digest(here)


def digest(rgb: np.ndarray) -> str:
    import hashlib

    return hashlib.sha256(rgb.tobytes()).hexdigest()


def test_a_picture_without_a_face_is_painted_whole() -> None:
    scene = scene_of(seen.coffee())
    drawing = painted.draw(scene, STYLES[0], 0)

    assert drawing.faces == 0
    assert drawing.picture.rgb.shape == scene.picture.rgb.shape
    assert 2 < np.abs(drawing.picture.rgb.astype(int) - scene.picture.rgb).mean() < 60


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_stays_free_of_specks(level: int) -> None:
    plain = Picture(np.full((120, 160, 3), level, np.uint8))
    painting = painted.draw(scene_of(plain), STYLES[0], 1).picture.rgb

    assert painting.std(axis=(0, 1)).max() < 2


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (13, 169), (300, 20)])
def test_a_tiny_or_narrow_picture_is_painted_too(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    drawing = painted.draw(scene_of(Picture(pixels)), STYLES[0], 0)

    assert drawing.picture.rgb.ndim == 3


def test_a_black_and_white_photo_stays_without_colour() -> None:
    photo = seen.astronaut()
    grey = cv2.cvtColor(cv2.cvtColor(photo.rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    drawn = painted.draw(scene_of(replace(photo, rgb=grey)), STYLES[0], 0).picture.rgb

    assert np.ptp(drawn.astype(int), axis=2).max() <= 3


def test_a_painting_for_another_engine_moves_the_people_with_their_pixels(scene: Scene) -> None:
    prepared = painted.prepared(scene, 1, Clock())
    (found,) = scene_of(prepared.picture).people
    apart = np.linalg.norm(found.landmarks - prepared.people[0].landmarks, axis=1).mean()

    assert prepared.picture.rgb.shape == scene.picture.rgb.shape
    assert apart < 0.02 * scene.people[0].box[3]


def test_of_a_photo_that_is_painted_in_part_only_skin_and_eyes_are(scene: Scene):
    prepared = painted.prepared(scene, 0.9, Clock())

    changed = np.abs(prepared.picture.rgb.astype(int) - scene.picture.rgb).max(axis=-1) > 2
    assert scene.masks is not None
    skin = cv2.dilate(scene.masks.skin, np.ones((15, 15), np.uint8)) > 0.02
    eyes = [grown(eye.outline, 2.5) for eye in scene.features[0].shown_eyes]
    assert not changed[~skin & (area(skin.shape, *eyes) == 0)].any()
    assert changed[scene.masks.skin > 0.9].mean() > 0.5


def test_a_lamps_reflection_on_a_forehead_is_painted_as_skin(scene: Scene):
    person = scene.features[0]
    middle = person.landmarks[10] + person.height * np.array([0.1, 0.12])
    size = np.array([0.11, 0.07]) * person.height
    down, across = np.indices(scene.picture.rgb.shape[:2])
    shine = np.hypot((across - middle[0]) / size[0], (down - middle[1]) / size[1]) < 1
    rgb = scene.picture.rgb.copy()
    rgb[shine] = 252

    shiny = replace(scene, picture=Picture(rgb))
    drawn = lab_of(painted.draw(shiny, by_name("painted"), 0).picture.rgb)[shine]

    # The patch itself is white: no chroma, L 99.
    assert np.median(np.hypot(drawn[:, 1], drawn[:, 2])) > 8
    assert np.median(drawn[:, 0]) < 95
