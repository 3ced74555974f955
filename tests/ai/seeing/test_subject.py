from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.filters.canvas import lab_of, rgb_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import area, features_of
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.report import lines_of, picture_of, values_of
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from cartoon_avatar.ai.seeing.subject import Read, Subject
from cartoon_avatar.ai.seeing.worn import age
from tests.ai import seen

_CHEEKS_AND_CHIN = [
    93, 116, 50, 195, 280, 345, 323, 361, 288, 397, 365, 379, 378, 400,
    377, 152, 148, 176, 149, 150, 136, 172, 58, 132,
]  # fmt: skip


def scene_of(picture: Picture) -> Scene:
    models = seen.models()
    return open_scene(picture, open_face_finder(models), open_mask_finder(models))


@cache
def astronaut() -> Subject:
    return scene_of(seen.astronaut()).subjects[0]


@cache
def officer() -> Subject:
    return scene_of(seen.officer()).subjects[0]


def value(read: Read | None) -> object:
    assert read is not None
    assert 0 < read.confidence <= 1
    return read.value


def test_an_astronaut_is_read_as_she_is() -> None:
    her = astronaut()
    assert her.confirmed
    assert not her.monochrome
    assert value(her.hair) == "short"
    assert value(her.glasses) == "none"
    assert value(her.facial_hair) == "none"
    assert value(her.covering) == "none"
    assert value(her.teeth) is True
    assert value(her.eyes_open) == (True, True)
    assert value(her.eyes_covered) == (False, False)
    assert value(her.mouth_covered) is False
    assert her.frame_colour is None
    light, a, b = value(her.hair_colour)
    assert light < 60
    assert b > a  # blond is yellow, not red


def test_an_officer_is_read_in_glasses_and_hat() -> None:
    her = officer()
    assert value(her.glasses) == "clear"
    assert value(her.covering) == "hat"
    assert value(her.hair) == "covered"
    assert value(her.teeth) is False
    assert value(her.frame_colour)[0] < 40
    assert abs(value(her.pose).yaw) < 15


def test_turned_away_or_mirrored_a_pose_changes_its_sign() -> None:
    mirrored = Picture(np.ascontiguousarray(seen.astronaut().rgb[:, ::-1]))
    pose, other = value(astronaut().pose), value(scene_of(mirrored).subjects[0].pose)
    assert abs(pose.roll + other.roll) <= 3
    assert abs(pose.yaw + other.yaw) <= 8


def test_dim_light_is_told_from_dark_skin() -> None:
    dark = Picture(np.round(255 * (seen.astronaut().rgb / 255.0) ** 2.2 * 0.7).astype(np.uint8))
    dim = scene_of(dark).subjects[0]
    plain, even = value(dim.skin)[0], value(dim.even_skin)[0]
    assert value(dim.light).dim > 0.3 > value(astronaut().light).dim
    assert even > plain + 8
    assert abs(value(astronaut().even_skin)[0] - value(astronaut().skin)[0]) < 4


@pytest.mark.parametrize("cast", [(0, 0), (3, 8)])
@pytest.mark.parametrize(("iris", "cool"), [((-2, -8), True), ((7, 13), False)])
def test_irises_keep_their_colour_in_warm_light(iris, cool: bool, cast) -> None:
    lab = lab_of(seen.astronaut().rgb)
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    for eye in features_of(face.landmarks).eyes:
        disc = np.zeros(lab.shape[:2], np.uint8)
        cv2.circle(disc, np.rint(eye.iris).astype(int).tolist(), round(eye.radius), 1, -1)
        lab[(disc > 0) & (area(disc.shape, eye.outline) > 0.5), 1:] = iris
    lab[..., 1:] += cast

    _, a, b = value(scene_of(Picture(rgb_of(lab))).subjects[0].iris_colour)

    assert (a < -1 and b < 4) is cool
    assert (b > 6) is not cool


@pytest.mark.parametrize(
    ("hair", "chroma_of_skin", "older"),
    [
        ((62, 3, 5), 22, True),
        ((69, 6, 10), 36, True),  # grey in warm light
        ((69, 10, 20), 22, False),  # blond
        ((30, 1, 2), 22, False),
    ],
)
def test_grey_hair_tells_age_in_warm_light_too(hair, chroma_of_skin: float, older: bool) -> None:
    skin = Read((65.0, 0.6 * chroma_of_skin, 0.8 * chroma_of_skin), 0.9)
    found = age(Read(hair, 0.9), skin, monochrome=False, detail=1.0)
    assert (found is not None and found.value == "older") is older


def test_a_sparse_beard_is_seen_by_its_single_hairs() -> None:
    photo = seen.astronaut()
    (face,) = open_face_finder(seen.models())(photo)
    below = np.zeros(photo.rgb.shape[:2], np.uint8)
    cv2.fillPoly(below, [face.landmarks[_CHEEKS_AND_CHIN].astype(np.int32)], 1)
    below[: round(float(face.landmarks[2, 1]))] = 0
    below[area(below.shape, features_of(face.landmarks).lips) > 0.5] = 0
    beside = np.abs(np.arange(below.shape[1]) - face.landmarks[152, 0])
    below[:, beside > 0.16 * face.box[3]] = 0
    hairs = (np.random.default_rng(0).random(below.shape) < 0.5) & (below > 0)
    bearded = photo.rgb.copy()
    bearded[hairs] = np.round(0.76 * bearded[hairs])

    assert value(scene_of(photo).subjects[0].facial_hair) == "none"
    assert value(scene_of(Picture(bearded)).subjects[0].facial_hair) == "beard"


def test_a_mask_over_the_mouth_covers_it() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    masked = seen.astronaut().rgb.copy()
    outline = face.landmarks[_CHEEKS_AND_CHIN].astype(np.int32)
    cv2.fillPoly(masked, [outline], (150, 190, 215), cv2.LINE_AA)
    her = scene_of(Picture(masked)).subjects[0]
    assert value(her.mouth_covered) is True
    assert (her.teeth, her.smile, her.mouth_open, her.facial_hair) == (None, None, None, None)


@pytest.mark.parametrize(
    ("colour", "shine"),
    [((15, 15, 18), None), ((150, 185, 215), (190, 215, 235)), ((60, 80, 140), None)],
    ids=["dark", "mirror", "blue"],
)
def test_glasses_that_hide_the_eyes_cover_them(
    colour: tuple[int, int, int], shine: tuple[int, int, int] | None
) -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    shaded = seen.astronaut().rgb.copy()
    for eye in (468, 473):
        cv2.circle(shaded, face.landmarks[eye].astype(int).tolist(), 14, colour, -1)
        if shine is not None:
            glint = face.landmarks[eye].astype(int) - 5
            cv2.circle(shaded, glint.tolist(), 3, shine, -1)
    her = scene_of(Picture(shaded)).subjects[0]
    assert value(her.eyes_covered) == (True, True)
    assert (her.eyes_open, her.iris_colour, her.brow_colour) == (None, None, None)


def test_a_patch_covers_one_eye() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    patched = seen.astronaut().rgb.copy()
    cv2.circle(patched, face.landmarks[468].astype(int).tolist(), 14, (15, 15, 15), -1)
    scene = scene_of(Picture(patched))
    assert value(scene.subjects[0].eyes_covered) == (True, False)
    (shown,) = scene.features[0].shown_eyes
    assert np.array_equal(shown.iris, scene.people[0].landmarks[473])
    assert scene.subjects[0].eyes_open is not None


@pytest.mark.parametrize("index", [0, 1])
def test_a_hand_covers_one_eye(index: int) -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    held = seen.astronaut().rgb.copy()
    skin = np.median(held[120:140, 205:215], axis=(0, 1))
    x, y = face.landmarks[(468, 473)[index]]
    for finger in range(4):
        centre = round(float(x)) + 9 * finger - 13, round(float(y)) + 8
        cv2.ellipse(held, centre, (6, 26), 0, 0, 360, (skin * (0.88 + 0.04 * finger)).tolist(), -1)
    covered = scene_of(Picture(held)).subjects[0].eyes_covered
    assert value(covered) == (index == 0, index == 1)


def test_a_microphone_covers_the_mouth() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    held = seen.astronaut().rgb.copy()
    x, y = face.landmarks[[13, 14]].mean(axis=0).astype(int).tolist()
    cv2.circle(held, (x, y + 6), 17, (58, 58, 62), -1)
    cv2.line(held, (x, y + 20), (x + 10, y + 120), (22, 22, 25), 14)
    assert value(scene_of(Picture(held)).subjects[0].mouth_covered) is True


def test_lenses_with_the_sky_in_them_cover_both_eyes() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    shaded = seen.astronaut().rgb.copy()
    for eye in (468, 473):
        x, y = face.landmarks[eye].astype(int).tolist()
        cv2.ellipse(shaded, (x, y), (18, 14), 0, 0, 360, (96, 130, 170), -1)
        cv2.rectangle(shaded, (x - 4, y - 11), (x + 4, y + 11), (225, 238, 248), -1)
    assert value(scene_of(Picture(shaded)).subjects[0].eyes_covered) == (True, True)


@pytest.mark.parametrize("blocks_across", [4, 7, 11])
def test_eyes_that_were_made_blocks_of_are_not_shown(blocks_across: int) -> None:
    """As pictures are made anonymous."""
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    blocks = seen.astronaut().rgb.copy()
    (x0, y0), (x1, y1) = (face.landmarks[[468, 473]] + [[-20, -14], [20, 14]]).astype(int)
    across = blocks_across, blocks_across // 2
    band = cv2.resize(blocks[y0:y1, x0:x1], across, interpolation=cv2.INTER_AREA)
    size = x1 - x0, y1 - y0
    blocks[y0:y1, x0:x1] = cv2.resize(band, size, interpolation=cv2.INTER_NEAREST)
    assert value(scene_of(Picture(blocks)).subjects[0].eyes_covered) == (True, True)


def test_a_statue_has_no_eyes_to_be_drawn() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    grey = cv2.cvtColor(seen.astronaut().rgb, cv2.COLOR_RGB2GRAY)
    marble = cv2.cvtColor(grey // 2 + 100, cv2.COLOR_GRAY2RGB)
    for outline in features_of(face.landmarks).eyes:
        cv2.fillPoly(marble, [outline.outline.astype(np.int32)], (196, 194, 190))
    marble = cv2.GaussianBlur(marble, (0, 0), 0.7)
    assert value(scene_of(Picture(marble)).subjects[0].eyes_covered) == (True, True)


def test_a_profile_tells_nothing_of_its_features() -> None:
    him = scene_of(seen.cameraman()).subjects[0]
    assert not him.confirmed
    assert him.monochrome
    assert (him.teeth, him.smile, him.iris_colour, him.eyes_open) == (None, None, None, None)


def test_without_masks_only_colours_are_read() -> None:
    picture = seen.astronaut()
    her = open_scene(picture, open_face_finder(seen.models()), None).subjects[0]
    assert (her.hair, her.glasses, her.covering, her.facial_hair) == (None, None, None, None)
    assert her.skin is not None


def test_each_of_two_people_is_read_as_themselves() -> None:
    officer = cv2.resize(seen.officer().rgb, None, fx=0.5, fy=0.5)[:256]
    head = cv2.resize(seen.astronaut().rgb[:256, 100:356], (256, 256))
    both = Picture(np.ascontiguousarray(np.hstack([head, officer])))
    models = seen.models()
    scene = open_scene(both, open_face_finder(models), open_mask_finder(models), framing="full")
    left, right = sorted(range(2), key=lambda at: scene.people[at].box[0])
    assert value(scene.subjects[left].covering) == "none"
    assert value(scene.subjects[right].covering) == "hat"
    assert value(scene.subjects[right].glasses) == "clear"


def test_what_is_read_can_be_shown_and_said() -> None:
    scene = scene_of(seen.officer())
    picture, values, lines = picture_of(scene), values_of(scene), lines_of(scene)
    assert picture.width > 2 * 600
    assert values["faces"] == 1
    assert values["people"][0]["glasses"]["value"] == "clear"
    assert any(line.startswith("covering: hat") for line in lines)


def test_a_picture_of_nobody_can_be_shown_too() -> None:
    scene = scene_of(seen.coffee())
    assert values_of(scene)["people"] == []
    assert lines_of(scene) == ["0 faces"]
    assert picture_of(scene).height > 100


def hood_of(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """H×W bool: a balaclava over a face, with holes for the eyes."""
    height_px = float(np.hypot(*(points[152] - points[10])))
    hood = np.zeros(shape[:2], np.uint8)
    middle = points[[10, 152]].mean(axis=0)
    centre = round(float(middle[0])), round(float(middle[1]) - 0.12 * height_px)
    cv2.ellipse(hood, centre, (round(0.62 * height_px), round(0.82 * height_px)), 0, 0, 360, 1, -1)
    for eye in (468, 473):
        hole = round(0.16 * height_px), round(0.11 * height_px)
        cv2.ellipse(hood, points[eye].astype(int).tolist(), hole, 0, 0, 360, 0, -1)
    return hood > 0


def test_no_mouth_is_drawn_on_striped_cloth_that_no_network_knows() -> None:
    picture = seen.astronaut()
    find = open_face_finder(seen.models())
    (face,) = find(picture)
    rows = np.indices(picture.rgb.shape[:2])[0]
    cloth = np.array([150, 190, 215]) * (1 + 0.2 * np.sin(rows / 3))[..., None]
    hooded = picture.rgb.copy()
    hood = hood_of(face.landmarks, hooded.shape)
    hooded[hood] = cloth[hood]
    (bare,) = open_scene(picture, find, None).subjects
    (covered,) = open_scene(Picture(hooded), lambda _: [face], None).subjects
    assert bare.shows_mouth
    assert not covered.shows_mouth


@pytest.mark.parametrize("height_px", [34, 60, 180])
@pytest.mark.parametrize("colour", [(230, 230, 230), (60, 84, 50), (28, 34, 70)])
def test_no_mouth_is_drawn_on_a_balaclava_or_a_hand(
    colour: tuple[int, int, int], height_px: int
) -> None:
    """Flat cloth on a small face: the networks take it for skin."""
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    scale = height_px / float(np.hypot(*(face.landmarks[152] - face.landmarks[10])))
    small = seen.scaled(seen.astronaut(), scale).rgb
    points = face.landmarks * scale
    skin = np.median(seen.astronaut().rgb[120:140, 205:215], axis=(0, 1))
    x, y = points[[13, 14]].mean(axis=0)
    held = small.copy()
    for finger in (-1.5, -0.5, 0.5, 1.5):
        centre = round(float(x) + 0.11 * finger * height_px), round(float(y) + 0.04 * height_px)
        size = round(0.075 * height_px), round(0.24 * height_px)
        cv2.ellipse(held, centre, size, 0, 0, 360, (0.93 * skin).tolist(), -1)
    hooded = small.copy()
    hooded[hood_of(points, small.shape)] = colour
    for covered in (held, hooded):
        for her in scene_of(Picture(covered)).subjects:
            assert not her.shows_mouth


@pytest.mark.parametrize("height_px", [34, 60, 180])
@pytest.mark.parametrize("portrait", [seen.astronaut, seen.officer])
def test_a_bare_mouth_is_drawn_however_small_or_hazy(portrait, height_px: int) -> None:
    (face, *_) = open_face_finder(seen.models())(portrait())
    scale = height_px / float(np.hypot(*(face.landmarks[152] - face.landmarks[10])))
    small = seen.scaled(portrait(), scale).rgb
    for shown in (small, (0.5 * small + 110).astype(np.uint8)):
        assert scene_of(Picture(shown)).subjects[0].shows_mouth
