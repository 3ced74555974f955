from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.features import OVAL, area, grown
from cartoon_avatar.ai.seeing.matting import FACE_SKIN, HAIR, Masks, class_map, open_mask_finder
from cartoon_avatar.ai.seeing.model_files import PERSON_CLASSES, models_folder
from cartoon_avatar.ai.seeing.models import Network
from tests.ai import seen

PUBLISHED_HEADS = Path(__file__).parent / "published_heads"


def masks_of(picture: Picture) -> Masks:
    found = open_mask_finder(seen.models())(picture, open_face_finder(seen.models())(picture))
    assert found is not None
    return found


def test_masks_have_the_size_and_range_of_a_picture() -> None:
    masks = masks_of(seen.astronaut())
    kinds = masks.hair, masks.face_skin, masks.body_skin, masks.clothes, masks.other
    np.testing.assert_allclose(sum(kinds), masks.person, atol=1e-4)
    np.testing.assert_allclose(masks.face_skin + masks.body_skin, masks.skin, atol=1e-6)
    for mask in (masks.person, masks.mine, masks.skin, *kinds):
        assert mask.shape == (512, 512)
        assert mask.dtype == np.float32
        assert mask.min() >= 0
        assert mask.max() <= 1


# Pixels (x, y) of the astronaut: hair, cheek, wall, suit.
@pytest.mark.parametrize(
    ("part", "x", "y"),
    [("hair", 225, 25), ("skin", 205, 130), ("person", 180, 400)],
)
def test_each_part_is_where_it_is_on_the_astronaut(part: str, x: int, y: int) -> None:
    masks = masks_of(seen.astronaut())
    assert getattr(masks, part)[y, x] > 0.9
    assert masks.person[y, x] > 0.9
    assert getattr(masks, part)[60, 330] < 0.05
    assert masks.person[60, 330] < 0.05


def test_a_small_face_gets_a_closer_look() -> None:
    scene = Picture(np.full((900, 1200, 3), 190, np.uint8))
    scene.rgb[300:454, 500:654] = seen.scaled(seen.astronaut(), 0.3).rgb
    (face,) = open_face_finder(seen.models())(scene)
    x, y = face.landmarks[[50]].round().astype(int)[0]
    assert masks_of(scene).skin[y, x] > 0.8


@pytest.mark.parametrize("shape", [(1, 6), (8, 1)])
@pytest.mark.parametrize("picture", [seen.astronaut, seen.officer])
def test_a_found_face_is_person_however_wide_or_high_the_picture(picture, shape) -> None:
    photo = picture()
    down, across = (times * max(photo.rgb.shape) for times in shape)
    canvas = np.full((max(down, photo.height), max(across, photo.width), 3), 190, np.uint8)
    top, left = (canvas.shape[0] - photo.height) // 2, (canvas.shape[1] - photo.width) // 2
    canvas[top : top + photo.height, left : left + photo.width] = photo.rgb
    padded = Picture(cv2.resize(canvas, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))
    (face,) = open_face_finder(seen.models())(padded)
    masks = open_mask_finder(seen.models())(padded, [face])
    oval = area(masks.person.shape, face.landmarks[list(OVAL)]) > 0.5
    assert masks.trusted
    assert masks.person[oval].mean() > 0.97
    assert (masks.face_skin + masks.hair + masks.other)[oval].mean() > 0.9


def test_wires_before_a_face_are_looked_through() -> None:
    striped = seen.astronaut().rgb.copy()
    striped[:, ::12] = (20, 20, 20)
    masks = masks_of(Picture(striped))
    assert masks.trusted
    assert masks.skin[130, 205] > 0.9


def test_a_scribble_that_is_said_to_be_a_face_is_not_trusted() -> None:
    (face,) = open_face_finder(seen.models())(seen.astronaut())
    nothing = Picture(np.full((512, 512, 3), 200, np.uint8))
    masks = open_mask_finder(seen.models())(nothing, [face])
    assert not masks.trusted


def test_of_two_people_each_pixel_is_of_one() -> None:
    two = Picture(np.ascontiguousarray(np.hstack([seen.astronaut().rgb[:, 60:400]] * 2)))
    faces = open_face_finder(seen.models())(two)
    first, second = (open_mask_finder(seen.models())(two, order) for order in (faces, faces[::-1]))
    at = (faces[0].landmarks[1], faces[1].landmarks[1])
    (x, y), (other_x, other_y) = (point.round().astype(int) for point in at)
    assert first.mine[y, x] > 0.95 > 0.05 > first.mine[other_y, other_x]
    assert second.mine[other_y, other_x] > 0.95 > 0.05 > second.mine[y, x]


def test_what_is_transparent_is_nobody() -> None:
    alpha = np.full((512, 512), 255, np.uint8)
    alpha[300:] = 0
    masks = masks_of(Picture(seen.astronaut().rgb, alpha))
    assert masks.person[300:].max() == 0
    assert masks.person[130, 205] > 0.9


def test_a_network_that_says_nan_spoils_no_mask() -> None:
    class Broken:
        size = (192, 192)

        def __call__(self, rgb: np.ndarray) -> list[np.ndarray]:
            return [np.full((192, 192, 6), np.nan, np.float32)]

    network: Network = Broken()  # type: ignore[assignment]
    models = dataclasses.replace(seen.models(), person_classes=network)
    masks = open_mask_finder(models)(seen.astronaut(), open_face_finder(models)(seen.astronaut()))
    assert not masks.trusted
    assert np.isfinite(masks.person).all()


def test_without_the_class_model_the_person_is_still_found() -> None:
    models = dataclasses.replace(seen.models(), person_classes=None)
    masks = open_mask_finder(models)(seen.astronaut(), [])
    assert masks is not None
    assert masks.person[130, 205] > 0.9
    assert masks.person[60, 330] < 0.1
    assert masks.hair.max() == 0


def test_without_models_there_are_no_masks() -> None:
    models = dataclasses.replace(seen.models(), person_classes=None, person=None)
    assert open_mask_finder(models)(seen.astronaut(), []) is None


@pytest.mark.parametrize("name", ["astronaut", "officer"])
def test_the_class_network_sees_the_head_that_it_saw_as_published(name: str) -> None:
    network = Network(models_folder() / PERSON_CLASSES.name, 2)
    assert network.size == (192, 192)
    photo: Picture = getattr(seen, name)()
    few = cv2.resize(class_map(network, photo.rgb), (256, 256))
    head = few[..., [HAIR, FACE_SKIN]].sum(axis=2) > 0.5
    # Of the published network, which takes 256×256 px.
    same = cv2.imread(str(PUBLISHED_HEADS / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 0
    assert (head & same).sum() / (head | same).sum() > 0.88


def test_the_class_network_sees_who_is_in_a_picture_of_few_pixels() -> None:
    network = Network(models_folder() / PERSON_CLASSES.name, 2)
    near = seen.astronaut().rgb[:256, 90:346]
    tiny = cv2.resize(near, (44, 44), interpolation=cv2.INTER_AREA)
    head, same = (class_map(network, rgb)[..., [HAIR, FACE_SKIN]].sum(axis=2) > 0.5
                  for rgb in (tiny, near))  # fmt: skip
    assert (head & same).sum() / (head | same).sum() > 0.85


def tiny_head(side_px: int) -> Picture:
    """The astronaut's head in a picture of so few pixels, enlarged as scenes are."""
    near = seen.astronaut().rgb[10:160, 150:300]
    tiny = cv2.resize(near, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return Picture(cv2.resize(tiny, None, fx=4, fy=4, interpolation=cv2.INTER_LANCZOS4))


def test_a_tiny_head_that_fills_the_picture_is_seen_from_afar() -> None:
    masks = masks_of(tiny_head(32))
    assert masks.trusted
    assert masks.hair[15, 60] > 0.8
    assert masks.face_skin[90, 65] > 0.8


@pytest.mark.parametrize("side_px", [20, 22])
def test_of_a_head_too_tiny_to_be_seen_skin_and_hair_are_where_they_are_on_most(
    side_px: int,
) -> None:
    picture = tiny_head(side_px)
    (face,) = open_face_finder(seen.models())(picture)
    masks = open_mask_finder(seen.models())(picture, [face])
    assert not masks.trusted
    oval = area(masks.person.shape, grown(face.landmarks[list(OVAL)], 0.8)) > 0.5
    assert masks.face_skin[oval].mean() > 0.9
    x, y = (1.2 * face.landmarks[10] - 0.2 * face.landmarks[152]).round().astype(int)
    assert masks.hair[y, x] > 0.8


def test_every_body_of_a_dozen_in_a_row_is_person() -> None:
    """Made-up picture 12530: who came ninth and tenth lost all but the face."""
    one = cv2.resize(seen.astronaut().rgb, (155, 155), interpolation=cv2.INTER_AREA)
    row = Picture(np.hstack([one, one[:, ::-1]] * 6))
    faces = open_face_finder(seen.models())(row)
    assert len(faces) > 8
    masks = open_mask_finder(seen.models())(row, faces)
    for face in faces:
        x, chin = face.landmarks[152]
        height = float(np.hypot(*(face.landmarks[152] - face.landmarks[10])))
        chest = masks.person[round(chin + height) : round(chin + 2 * height), round(x)]
        assert chest.mean() > 0.9


def test_every_body_of_a_crowd_is_person() -> None:
    """Sixty in rows: who came after the thirty-second lost all but the face."""
    one = cv2.resize(seen.astronaut().rgb, (110, 110), interpolation=cv2.INTER_AREA)
    crowd = Picture(np.vstack([np.hstack([one, one[:, ::-1]] * 5)] * 6))
    faces = open_face_finder(seen.models())(crowd)
    assert len(faces) == 60
    masks = open_mask_finder(seen.models())(crowd, faces)
    for face in faces:
        x, chin = face.landmarks[152]
        height = float(np.hypot(*(face.landmarks[152] - face.landmarks[10])))
        chest = masks.person[round(chin + 0.5 * height) : round(chin + height), round(x)]
        assert chest.mean() > 0.9
