from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from PIL import Image

from cartoon_avatar.ai.jobs.drawings import CartoonOptions, draw
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.detector import lengthened
from cartoon_avatar.ai.seeing.faces import Face, FaceFinder, open_face_finder, quarter_turns
from cartoon_avatar.ai.seeing.models import Network
from tests.ai import seen
from tests.ai.conftest import saved
from tests.ai.test_property_over_http import tools

LEFT_EYE, RIGHT_EYE, NOSE, CHIN = 468, 473, 1, 152


@pytest.fixture(scope="module")
def find() -> FaceFinder:
    return open_face_finder(seen.models())


def test_a_portrait_has_one_face_where_it_is(find: FaceFinder) -> None:
    (face,) = find(seen.astronaut())
    left, top, width, height = face.box
    assert 170 < left < left + width < 280
    assert 55 < top < top + height < 190
    assert face.landmarks.shape == (478, 2)
    assert face.landmarks.dtype == np.float32
    assert 0.8 < face.score <= 1


def test_landmarks_name_parts_of_the_face(find: FaceFinder) -> None:
    (face,) = find(seen.astronaut())
    left_eye, right_eye, nose, chin = face.landmarks[[LEFT_EYE, RIGHT_EYE, NOSE, CHIN]]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < chin[1]
    # Pupils are dark: the landmark is on the pupil, to the pixel or two.
    x, y = left_eye.round().astype(int)
    patch = seen.astronaut().rgb[y - 2 : y + 3, x - 2 : x + 3].mean(axis=2)
    assert patch.min() < 70


@pytest.mark.parametrize("picture", [seen.cat, seen.coffee])
def test_a_cat_and_a_cup_have_no_face(find: FaceFinder, picture) -> None:
    assert find(picture()) == []


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_landmarks_follow_the_size_of_the_picture(find: FaceFinder, factor: float) -> None:
    (face,) = find(seen.astronaut())
    (other,) = find(seen.scaled(seen.astronaut(), factor))
    eyes = np.hypot(*(face.landmarks[LEFT_EYE] - face.landmarks[RIGHT_EYE]))
    off = np.hypot(*(other.landmarks / factor - face.landmarks).T) / eyes
    assert off.mean() < 0.08


def test_the_larger_and_more_central_face_comes_first(find: FaceFinder) -> None:
    small = Picture(np.full((512, 200, 3), 200, np.uint8))
    small.rgb[:256, :200] = seen.scaled(seen.astronaut(), 0.5).rgb[:, :200]
    both = seen.side_by_side(small, seen.astronaut())
    first, second = find(both)
    assert area(first) > area(second)
    assert first.box[0] > 200 > second.box[0]


def test_a_small_face_in_a_wide_scene_is_found(find: FaceFinder) -> None:
    scene = Picture(np.full((1400, 2000, 3), 190, np.uint8))
    scene.rgb[800:954, 1500:1654] = seen.scaled(seen.astronaut(), 0.3).rgb
    (face,) = find(scene)
    assert 1500 < face.box[0] < 1654
    assert 800 < face.box[1] < 954


def test_a_face_in_profile_is_found(find: FaceFinder) -> None:
    (face,) = find(seen.cameraman())
    nose, ear = face.landmarks[NOSE], face.landmarks[234]
    assert 230 < nose[0] < 260
    assert nose[0] - ear[0] > 0.5 * face.box[2]


def test_a_face_under_transparent_pixels_is_no_face(find: FaceFinder) -> None:
    picture = seen.astronaut()
    hidden = Picture(picture.rgb, np.zeros(picture.rgb.shape[:2], np.uint8))
    assert find(hidden) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 2)])
def test_odd_sizes_have_no_face_and_do_no_harm(find: FaceFinder, size: tuple[int, int]) -> None:
    assert find(Picture(np.full((*size, 3), 128, np.uint8))) == []


@pytest.mark.parametrize("size", [(8, 8), (13, 169), (25, 284), (284, 25), (16, 320), (33, 31)])
def test_what_is_found_in_a_sliver_does_not_depend_on_what_was_seen_before(
    find: FaceFinder, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(5)
    sliver = Picture(rng.integers(0, 256, (*size, 3), np.uint8))
    found = find(sliver)
    find(seen.astronaut())
    assert [face.box for face in find(sliver)] == [face.box for face in found]
    for face in found:
        assert np.isfinite(face.landmarks).all()
        assert 0 <= face.box[0] + face.box[2] / 2 <= size[1]
        assert 0 <= face.box[1] + face.box[3] / 2 <= size[0]


@pytest.mark.parametrize("width", [24, 32, 48])
def test_a_face_is_found_in_an_icon(find: FaceFinder, width: int) -> None:
    head = Picture(np.ascontiguousarray(seen.astronaut().rgb[20:220, 125:325]))
    (face,) = find(seen.scaled(head, width / 200))
    assert face.confirmed


@pytest.mark.parametrize("picture", [seen.astronaut, seen.officer])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_is_found_whichever_way_up_it_is(find: FaceFinder, picture, quarters: int) -> None:
    (face,) = find(picture())
    lying = seen.turned(picture(), quarters)
    (found,) = find(lying)
    assert found.confirmed
    assert (quarter_turns(found) + quarters) % 4 == 0
    # A quarter turn counter-clockwise is (x, y) -> (y, width - 1 - x).
    x, y = found.landmarks.T
    width, height = lying.width, lying.height
    for _ in range(quarters):
        x, y, width, height = y, width - 1 - x, height, width
    np.testing.assert_allclose(np.stack([x, y], axis=1), face.landmarks, atol=0.05)


@pytest.mark.parametrize("degrees", [135, 165, 225])
def test_a_face_that_lies_askew_is_found(find: FaceFinder, degrees: int) -> None:
    picture = seen.officer()
    turn = cv2.getRotationMatrix2D((picture.width / 2, picture.height / 2), degrees, 0.7)
    size = picture.width, picture.height
    rgb = cv2.warpAffine(picture.rgb, turn, size, borderMode=cv2.BORDER_REPLICATE)
    (face,), (upright,) = find(Picture(rgb)), find(picture)
    chin = turn @ [*upright.landmarks[CHIN], 1]
    assert np.hypot(*(face.landmarks[CHIN] - chin)) < 0.1 * max(upright.box[2:])


@pytest.mark.parametrize(("step", "width"), [(24, 2), (32, 2)])
def test_a_face_behind_a_net_is_found(find: FaceFinder, step: int, width: int) -> None:
    picture = Picture(np.ascontiguousarray(seen.astronaut().rgb[:256, 100:356]))
    rgb = cv2.resize(picture.rgb, (512, 512), interpolation=cv2.INTER_CUBIC)
    for x in range(-512, 1024, step):
        for lean in (512, -512):
            cv2.line(rgb, (x, 0), (x + lean, 512), (130, 130, 135), width, cv2.LINE_AA)
    (face,), (bare,) = find(Picture(rgb)), find(picture)
    assert face.confirmed
    off = np.hypot(*(face.landmarks / 2 - bare.landmarks).T)
    assert off.mean() < 0.08 * max(bare.box[2:])


def test_a_face_that_fills_the_picture_stays_upright(find: FaceFinder) -> None:
    (face,) = find(seen.astronaut())
    left, top = face.landmarks[[234, 10]].min(axis=0).round().astype(int)
    right, bottom = face.landmarks[[454, 152]].max(axis=0).round().astype(int)
    near = Picture(np.ascontiguousarray(seen.astronaut().rgb[top + 15 : bottom - 8, left:right]))
    found = find(near)
    assert [quarter_turns(face) for face in found] == [0] * len(found)


def test_a_profile_is_found_but_its_features_are_not_confirmed(find: FaceFinder) -> None:
    (face,) = find(seen.cameraman())
    assert not face.confirmed


@pytest.mark.parametrize("colour", [(24, 24, 26), (60, 84, 50), (28, 34, 70), (120, 30, 30)])
def test_a_balaclava_hides_a_face_only_with_its_eyes_and_mouth(find: FaceFinder, colour) -> None:
    points = find(seen.officer())[0].landmarks
    height = float(np.hypot(*(points[152] - points[10])))
    hood = np.zeros(seen.officer().rgb.shape[:2], np.uint8)
    x, y = points[[10, 152]].mean(axis=0).astype(int).tolist()
    crown = round(0.62 * height), round(0.82 * height)
    cv2.ellipse(hood, (x, y - round(0.12 * height)), crown, 0, 0, 360, 1, -1)
    hood[y : y + round(0.9 * height), x - round(height / 2) : x + round(height / 2)] = 1
    rgb = seen.officer().rgb.copy()
    rgb[hood > 0] = colour
    assert find(Picture(rgb)) == []
    for feature, wide, high in (([468], 0.16, 0.1), ([473], 0.16, 0.1), ([13, 14], 0.18, 0.08)):
        middle = points[feature].mean(axis=0).astype(int).tolist()
        hole = round(wide * height), round(high * height)
        cv2.ellipse(hood, middle, hole, 0, 0, 360, 0, -1)
    rgb = np.where(hood[..., None] > 0, rgb, seen.officer().rgb)
    (face,) = find(Picture(rgb))
    assert np.hypot(*(face.landmarks - points).T).mean() < 0.1 * height


@pytest.mark.parametrize("portrait", [seen.astronaut, seen.officer])
def test_a_face_cut_off_by_the_picture_shows_no_features_elsewhere(find, portrait) -> None:
    (whole, *_) = find(portrait())
    height = float(np.ptp(whole.landmarks[:, 1]))
    confirmed = set()
    for share in np.arange(0.2, 0.8, 0.05):
        above = round(float(whole.landmarks[:, 1].min() + share * height))
        for face in find(Picture(np.ascontiguousarray(portrait().rgb[above:]))):
            off = np.hypot(*(face.landmarks - whole.landmarks + np.array([0, above])).T).mean()
            assert not face.confirmed or off < 0.12 * height, share
            confirmed |= {round(float(share), 2)} if face.confirmed else set()
    assert {0.2, 0.25, 0.3} <= confirmed


def test_what_a_network_says_is_not_trusted_to_be_finite() -> None:
    class Broken:
        size = (256, 256)

        def __call__(self, rgb: np.ndarray) -> list[np.ndarray]:
            return [np.full(478 * 3, np.nan, np.float32), np.array([np.inf], np.float32)]

    mesh: Network = Broken()  # type: ignore[assignment]
    models = dataclasses.replace(seen.models(), face_mesh=mesh)
    assert open_face_finder(models)(seen.astronaut()) == []


def area(face: Face) -> float:
    return face.box[2] * face.box[3]


def ways_up(find: FaceFinder, quarters: tuple[int, ...]) -> dict[int, int]:
    """Of heads that lie so, side by side: which are found, and the turns that set them upright."""
    sides = [
        seen.turned(Picture(cv2.resize(head.rgb, (400, 400))), turns)
        for head, turns in zip((seen.astronaut(), seen.officer()), quarters, strict=True)
    ]
    found = find(seen.side_by_side(*sides))
    ways = {int(face.landmarks[NOSE, 0] // 400): quarter_turns(face) for face in found}
    assert len(ways) == len(found)
    return ways


@pytest.mark.parametrize("quarters", list(itertools.product(range(4), repeat=2)))
def test_people_who_lie_different_ways_are_all_found(find: FaceFinder, quarters) -> None:
    assert ways_up(find, quarters) == {0: -quarters[0] % 4, 1: -quarters[1] % 4}


def test_nobody_is_found_lying_in_a_portrait_of_one(find: FaceFinder) -> None:
    assert len(find(seen.astronaut())) == len(find(seen.officer())) == 1


@pytest.mark.parametrize("side", [16, 20, 24, 28])
def test_a_head_alone_is_found_in_a_tiny_picture(find: FaceFinder, side: int) -> None:
    for head in (seen.astronaut().rgb[20:200, 140:310], seen.officer().rgb[30:330, 130:410]):
        tiny = Picture(cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA))
        assert len(find(tiny)) == 1


@pytest.mark.parametrize("ratio", [12, 20, 1 / 12, 1 / 20])
def test_a_face_at_the_end_of_a_long_picture_is_found(ratio: float) -> None:
    """The whole of it at 1024 px would leave 20 px of the face, or 12."""
    head = cv2.resize(seen.astronaut().rgb[:230, 110:340], (180, 180))
    height, width = (180, round(180 * ratio)) if ratio > 1 else (round(180 / ratio), 180)
    photo = Image.new("RGB", (width, height), (150, 160, 170))
    photo.paste(Image.fromarray(head), (width - 180, height - 180))
    scene = draw(tools(), saved(photo, "PNG"), CartoonOptions("ink", 0, 256)).scene

    (found,) = scene.faces
    middle = found.box.left + found.box.width / 2, found.box.top + found.box.height / 2
    assert np.allclose(middle, (width - 90, height - 85), atol=25)


def test_what_is_no_longer_than_a_panorama_is_looked_at_as_ever() -> None:
    assert lengthened(1600, 900) == lengthened(900, 2000) == lengthened(8, 8) == 1
    assert lengthened(2500, 250) == lengthened(250, 2500) == 2
