from __future__ import annotations

import dataclasses
from functools import cache

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.recipe import STYLES, Eyes, draw_photo, style_named
from cartoon_avatar.ai.errors import FaceIndexOutOfRange
from cartoon_avatar.ai.head.cut import Head, cut
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face, open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder, person_map
from cartoon_avatar.ai.seeing.models import ModelMissing, Models, Network
from cartoon_avatar.contract.errors import NoFace
from tests.ai import seen

PORTRAITS = pytest.mark.parametrize("portrait", [seen.astronaut, seen.officer])
CHIN, FOREHEAD = 152, 10


@cache
def head_of(portrait) -> Head:
    return cut(portrait(), seen.models(), portrait())


def in_place(head: Head, picture: Picture) -> np.ndarray:
    """The head's alpha where its box says that it was, H×W float 0..1."""
    left, top, side, _ = head.box
    alpha = cv2.resize(head.picture.alpha, (side, side), interpolation=cv2.INTER_AREA) / 255
    canvas = np.zeros((picture.height + 2 * side, picture.width + 2 * side))
    canvas[top + side : top + 2 * side, left + side : left + 2 * side] = alpha
    return canvas[side : side + picture.height, side : side + picture.width]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a > 0.5) & (b > 0.5)).sum() / ((a > 0.5) | (b > 0.5)).sum())


def face_of(picture: Picture) -> Face:
    return open_face_finder(seen.models())(picture)[0]


@PORTRAITS
def test_a_head_is_a_square_cut_out_that_is_black_where_it_is_transparent(portrait) -> None:
    head = head_of(portrait)
    rgb, alpha = head.picture.rgb, head.picture.alpha
    assert rgb.shape == (*alpha.shape, 3)
    assert head.picture.width == head.picture.height == head.box[2] == head.box[3]
    assert rgb.dtype == alpha.dtype == np.uint8
    assert (rgb[alpha == 0] == 0).all()
    assert (alpha == 0).mean() > 0.1
    assert (head.path, head.faces) == ("classes", 1)


@PORTRAITS
def test_a_head_fills_its_square(portrait) -> None:
    alpha = head_of(portrait).picture.alpha
    rows, columns = np.nonzero(alpha > 128)
    longer = max(np.ptp(rows), np.ptp(columns)) / alpha.shape[0]
    assert 0.8 < longer < 0.95


@PORTRAITS
def test_a_head_is_one_piece(portrait) -> None:
    alpha = head_of(portrait).picture.alpha
    _, labels = cv2.connectedComponents((alpha > 12).astype(np.uint8))
    mass = np.bincount(labels.ravel(), alpha.ravel())[1:]
    assert mass.max() / mass.sum() > 0.99


@PORTRAITS
def test_the_face_is_whole_and_the_neck_is_gone(portrait) -> None:
    picture = portrait()
    alpha = in_place(head_of(portrait), picture)
    face = face_of(picture).landmarks
    height = np.hypot(*(face[CHIN] - face[FOREHEAD]))
    oval = np.zeros(alpha.shape, np.uint8)
    cv2.fillConvexPoly(oval, cv2.convexHull(face.astype(np.int32)), 1)
    reach = round(0.03 * height)
    oval = cv2.erode(oval, np.ones((2 * reach + 1,) * 2, np.uint8))
    assert alpha[oval > 0].mean() > 0.99

    x, y = face[CHIN]
    below = alpha[round(y + 0.03 * height) : round(y + 0.12 * height), round(x) - 5 : round(x) + 6]
    assert below.mean() < 0.1


@PORTRAITS
def test_the_edge_is_neither_hard_nor_smeared(portrait) -> None:
    picture = portrait()
    alpha = in_place(head_of(portrait), picture)
    face = face_of(picture).landmarks
    soft = ((alpha > 0.05) & (alpha < 0.95)).sum()
    outline, _ = cv2.findContours(
        (alpha > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    width = soft / max(len(line) for line in outline)
    assert 0.007 < width / np.hypot(*(face[CHIN] - face[FOREHEAD])) < 0.05


@PORTRAITS
def test_a_mirrored_photo_gives_the_mirrored_head(portrait) -> None:
    picture = portrait()
    mirrored = Picture(np.ascontiguousarray(picture.rgb[:, ::-1]))
    alpha = in_place(cut(mirrored, seen.models(), mirrored), mirrored)[:, ::-1]
    assert iou(alpha, in_place(head_of(portrait), picture)) > 0.95


@PORTRAITS
def test_poor_jpeg_changes_little(portrait) -> None:
    picture = portrait()
    _, data = cv2.imencode(".jpg", picture.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 30])
    poor = Picture(np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]))
    alpha = in_place(cut(poor, seen.models(), poor), poor)
    assert iou(alpha, in_place(head_of(portrait), picture)) > 0.9


@PORTRAITS
def test_a_dark_photo_keeps_its_head(portrait) -> None:
    picture = portrait()
    dark = Picture((picture.rgb * 0.35).astype(np.uint8))
    alpha = in_place(cut(dark, seen.models(), dark), dark)
    assert iou(alpha, in_place(head_of(portrait), picture)) > 0.9


@pytest.mark.parametrize("degrees", [-30, 15])
@PORTRAITS
def test_a_leaning_head_is_cut_as_it_leans(portrait, degrees: int) -> None:
    picture = portrait()
    size = (picture.width, picture.height)
    middle = (picture.width / 2, picture.height / 2)
    lean = cv2.getRotationMatrix2D(middle, degrees, 0.8)
    leaning = Picture(cv2.warpAffine(picture.rgb, lean, size, borderMode=cv2.BORDER_REPLICATE))
    expected = cv2.warpAffine(in_place(head_of(portrait), picture), lean, size)
    assert iou(in_place(cut(leaning, seen.models(), leaning), leaning), expected) > 0.9


@pytest.mark.parametrize("quarters", [1, 2, 3])
@PORTRAITS
def test_a_head_that_lies_is_set_upright(portrait, quarters: int) -> None:
    upright = head_of(portrait)
    lying = seen.turned(portrait(), quarters)
    head = cut(lying, seen.models(), lying)
    size = (upright.picture.width, upright.picture.height)
    assert iou(cv2.resize(head.picture.alpha, size) / 255, upright.picture.alpha / 255) > 0.97
    # The box is in pixels of the picture as it came: what it holds is what was cut, lying.
    left, top, side, _ = head.box
    held = lying.rgb[top : top + side, left : left + side]
    held = cv2.resize(seen.turned(Picture(held), -quarters).rgb, head.picture.rgb.shape[1::-1])
    solid = head.picture.alpha == 255
    assert np.abs(held[solid].astype(int) - head.picture.rgb[solid]).mean() < 3


@PORTRAITS
def test_the_shape_comes_from_the_photo_and_the_colours_from_the_drawing(portrait) -> None:
    photo = portrait()
    negative = Picture(255 - photo.rgb)
    poster = Picture(photo.rgb // 64 * 64)
    heads = [cut(drawing, seen.models(), photo) for drawing in (negative, poster)]
    assert np.array_equal(heads[0].picture.alpha, heads[1].picture.alpha)
    # A drawing's outline is the photo's, but for flicks at its ends.
    alpha, seen_alpha = (head.picture.alpha / 255 for head in (heads[0], head_of(portrait)))
    assert alpha.shape == seen_alpha.shape
    assert iou(alpha, seen_alpha) > 0.99
    # At the rim colours are carried outwards from further inside.
    solid = cv2.erode(np.uint8(heads[0].picture.alpha == 255), np.ones((25, 25))) > 0
    assert np.array_equal(heads[0].picture.rgb[solid], 255 - head_of(portrait).picture.rgb[solid])


def test_every_style_of_a_photo_gets_the_same_alpha() -> None:
    photo = seen.officer()
    eyes = Eyes(open_face_finder(seen.models()), open_mask_finder(seen.models()))
    drawings = [draw_photo(photo, style, 7, eyes).picture for style in STYLES]
    heads = [cut(drawing, seen.models(), photo, ink_width_px=7) for drawing in drawings]
    first = heads[0].picture
    assert all(np.array_equal(head.picture.alpha, first.alpha) for head in heads)
    assert not any(np.array_equal(head.picture.rgb, first.rgb) for head in heads[1:])


def test_a_drawing_may_have_another_size_than_its_photo() -> None:
    photo = seen.astronaut()
    drawing = seen.scaled(photo, 1.37)
    head = cut(drawing, seen.models(), photo)
    expected = cv2.resize(in_place(head_of(seen.astronaut), photo), drawing.rgb.shape[1::-1])
    assert iou(in_place(head, drawing), expected) > 0.98


def test_a_photo_of_another_shape_is_left_aside() -> None:
    other = Picture(np.ascontiguousarray(seen.officer().rgb[:, :300]))
    head = cut(seen.astronaut(), seen.models(), other)
    alone = cut(seen.astronaut(), seen.models())
    assert np.array_equal(head.picture.alpha, alone.picture.alpha)


def test_the_same_picture_gives_the_same_head() -> None:
    again = cut(seen.astronaut(), seen.models(), seen.astronaut())
    assert np.array_equal(again.picture.rgb, head_of(seen.astronaut).picture.rgb)
    assert np.array_equal(again.picture.alpha, head_of(seen.astronaut).picture.alpha)


@pytest.mark.parametrize(("size", "expected"), [(64, 64), (256, 256), (1024, None), (None, None)])
def test_size_is_kept_to_unless_the_drawing_has_too_few_pixels(size, expected) -> None:
    head = cut(seen.astronaut(), seen.models(), seen.astronaut(), size=size)
    side = head.box[2]
    wanted = expected or (side if size is None else 2 * side)
    assert head.picture.rgb.shape == (wanted, wanted, 3)


def test_no_head_is_larger_than_1024() -> None:
    large = seen.scaled(seen.astronaut(), 6)
    head = cut(large, seen.models(), large)
    assert head.box[2] > 1024
    assert head.picture.width == 1024
    assert not head.low_resolution


def test_an_outline_is_kept_whole_and_the_alpha_is_the_photos() -> None:
    photo = seen.astronaut()
    inside = np.uint8(in_place(head_of(seen.astronaut), photo) > 0.5)
    outline = (cv2.dilate(inside, np.ones((7, 7))) > 0) & (cv2.erode(inside, np.ones((7, 7))) == 0)
    skin, sky = (224, 172, 105), (140, 200, 250)
    drawing = np.where(inside[..., None], skin, sky)
    drawing[outline] = 10
    drawing = Picture(drawing.astype(np.uint8))

    def ink(head: Head) -> float:
        """Its area, in px as it stands on white."""
        opacity = head.picture.alpha / 255
        laid = head.picture.rgb.mean(axis=2) * opacity + 255 * (1 - opacity)
        return float(np.clip((120 - laid) / 110, 0, 1).sum())

    halved = cut(drawing, seen.models(), photo)
    whole = cut(drawing, seen.models(), photo, ink_width_px=6)
    assert np.array_equal(whole.picture.alpha, halved.picture.alpha)
    assert ink(halved) < 0.55 * outline.sum()
    assert ink(whole) > 1.4 * ink(halved)


def test_each_face_of_a_group_is_cut_without_its_neighbour() -> None:
    pair = seen.side_by_side(seen.astronaut(), seen.officer())
    both = [cut(pair, seen.models(), pair, face_index=index) for index in (0, 1)]
    assert [head.faces for head in both] == [2, 2]
    masks = [in_place(head, pair) > 0.5 for head in both]
    assert not (masks[0] & masks[1]).any()
    columns = sorted(np.nonzero(mask)[1].mean() for mask in masks)
    assert columns[0] < 512 < columns[1]


@pytest.mark.parametrize("index", [1, -1, 99])
def test_a_face_that_is_not_there_is_named(index: int) -> None:
    with pytest.raises(FaceIndexOutOfRange, match=f"no face {index}.* has 1"):
        cut(seen.astronaut(), seen.models(), face_index=index)


@pytest.mark.parametrize("picture", [seen.cat, seen.coffee])
def test_a_picture_without_a_face_is_refused(picture) -> None:
    with pytest.raises(NoFace):
        cut(picture(), seen.models(), picture())


@pytest.mark.parametrize("style", ["comic", "pop"])
def test_a_face_that_only_the_drawing_seems_to_have_is_none(style: str) -> None:
    photo = seen.coffee()
    drawing = draw_photo(photo, style_named(style), 7, Eyes()).picture
    for given in (photo, None):
        with pytest.raises(NoFace):
            cut(drawing, seen.models(), given)


def test_a_head_at_the_border_is_flagged() -> None:
    shut = Picture(np.ascontiguousarray(seen.astronaut().rgb[:, 200:]))
    head = cut(shut, seen.models(), shut)
    assert head.cut_by_frame
    assert not head_of(seen.officer).cut_by_frame


def test_past_the_border_of_the_drawing_nothing_is_made_up() -> None:
    narrow = Picture(np.ascontiguousarray(seen.astronaut().rgb[:, 180:270]))
    head = cut(narrow, seen.models(), narrow)
    left, _, side, _ = head.box
    assert left < 0
    assert left + side > narrow.width
    assert head.picture.width == side
    assert head.picture.alpha[:, :-left].max() == 0
    assert head.picture.alpha[:, narrow.width - left :].max() == 0


def test_a_tiny_face_is_cut_and_flagged() -> None:
    small = seen.scaled(seen.officer(), 0.25)
    head = cut(small, seen.models(), small)
    assert head.low_resolution
    grown = cv2.resize(in_place(head, small), seen.officer().rgb.shape[1::-1])
    assert iou(grown, in_place(head_of(seen.officer), seen.officer())) > 0.85
    assert not head_of(seen.officer).low_resolution


def test_transparent_parts_of_a_drawing_stay_transparent() -> None:
    photo = seen.astronaut()
    alpha = np.full((512, 512), 255, np.uint8)
    alpha[:, :215] = 0
    head = cut(Picture(photo.rgb, alpha), seen.models(), photo)
    assert in_place(head, photo)[:, :214].max() == 0
    assert in_place(head, photo)[100:150, 220:250].min() > 0.9


def test_a_head_in_profile_keeps_its_back_and_loses_its_collar() -> None:
    photo = seen.cameraman()
    alpha = in_place(cut(photo, seen.models(), photo), photo)
    assert alpha[80:100, 190:240].min() > 0.9  # hair
    assert alpha[130:145, 190:200].min() > 0.9  # behind the ear
    assert alpha[205:, :].max() < 0.05  # coat
    assert alpha[100:170, 285:].max() == 0  # camera


@pytest.mark.parametrize("colour", [(30, 40, 120), (190, 30, 40)])
def test_a_wide_hat_is_whole(colour: tuple[int, int, int]) -> None:
    room = cv2.copyMakeBorder(seen.astronaut().rgb, 130, 0, 60, 60, cv2.BORDER_REPLICATE)
    hat = np.zeros(room.shape[:2], np.uint8)
    cv2.ellipse(hat, (284, 195), (135, 20), 0, 0, 360, 1, -1)
    cv2.fillPoly(hat, [np.array([[228, 195], [236, 120], [332, 120], [340, 195]])], 1)
    shade = 0.75 + 0.25 * np.cos((np.arange(room.shape[1]) - 284) / 60)
    room[hat > 0] = (shade[:, None] * colour)[np.nonzero(hat)[1]].astype(np.uint8)
    head = cut(Picture(room), seen.models(), Picture(room))
    assert in_place(head, Picture(room))[hat > 0].mean() > 0.9


def before_a_wall(wall: tuple[int, int, int], above: int) -> np.ndarray:
    """The astronaut before a plain wall with ``above`` px more of it over her, H×W×3."""
    photo = cv2.copyMakeBorder(seen.astronaut().rgb, above, 0, 60, 60, cv2.BORDER_REPLICATE)
    person = person_map(seen.models().person, seen.astronaut().rgb)
    person = cv2.copyMakeBorder(
        cv2.resize(person, (512, 512)), above, 0, 60, 60, cv2.BORDER_CONSTANT
    )
    person[:, :60] = person[:, 61:62]
    grain = np.random.default_rng(1).normal(0, 3, (*photo.shape[:2], 1))
    return photo * person[..., None] + (np.array(wall) + grain) * (1 - person[..., None])


@pytest.mark.parametrize("colour", [(150, 30, 40), (35, 60, 150)])
def test_a_tall_hat_is_whole(colour: tuple[int, int, int]) -> None:
    photo = before_a_wall((176, 168, 152), 130)
    hat = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(hat, [np.array([[234, 195], [230, 85], [338, 85], [334, 195]])], 1)
    ribbon = hat * (np.abs(np.arange(len(hat)) - 172) < 10)[:, None]
    cv2.ellipse(hat, (284, 195), (88, 14), 0, 0, 360, 1, -1)
    shade = 0.7 + 0.35 * np.cos((np.arange(photo.shape[1]) - 284) / 60)
    photo = np.where(hat[..., None] > 0, shade[:, None] * colour, photo)
    photo[ribbon > 0] = (40, 36, 34)
    picture = Picture(np.clip(photo, 0, 255).astype(np.uint8))
    alpha = in_place(cut(picture, seen.models(), picture), picture)
    assert alpha[hat > 0].mean() > 0.9


def test_a_cap_of_the_walls_colour_is_whole() -> None:
    wall = (176, 168, 152)
    photo = before_a_wall(wall, 60)
    cap = np.zeros(photo.shape[:2], np.uint8)
    cv2.ellipse(cap, (284, 125), (62, 72), 0, 180, 360, 1, -1)
    cv2.ellipse(cap, (296, 126), (70, 12), 0, 0, 360, 1, -1)
    shade = 0.75 + 0.3 * np.cos((np.arange(photo.shape[1]) - 284) / 50)
    photo = np.where(cap[..., None] > 0, shade[:, None] * wall, photo)
    picture = Picture(np.clip(photo, 0, 255).astype(np.uint8))
    alpha = in_place(cut(picture, seen.models(), picture), picture)
    assert alpha[cap > 0].mean() > 0.9
    assert alpha[:40].max() == 0


def test_a_scarf_around_the_face_belongs_to_the_head_down_to_the_chin() -> None:
    photo = seen.astronaut().rgb.copy()
    height = np.hypot(*np.subtract(*face_of(seen.astronaut()).landmarks[[CHIN, FOREHEAD]]))
    chin = face_of(seen.astronaut()).landmarks[CHIN]
    y, x = np.mgrid[:512, :512]
    across, down = (x - chin[0]) / height, (y - chin[1]) / height
    around = (across / 0.75) ** 2 + ((down + 0.55) / 0.85) ** 2 < 1
    around |= (down > -0.4) & (down < 0.9) & (np.abs(across) < 0.7 + 0.4 * (down + 0.4))
    scarf = around & ~((across / 0.46) ** 2 + ((down + 0.45) / 0.5) ** 2 < 1)
    folds = 1 + 0.12 * np.sin(across * 14 + down * 5)
    photo[scarf] = (folds[..., None] * (120, 60, 130))[scarf].astype(np.uint8)
    alpha = in_place(cut(Picture(photo), seen.models(), Picture(photo)), Picture(photo))
    assert alpha[scarf & (down < -0.2)].mean() > 0.9
    assert alpha[scarf & (down > 0.15)].mean() < 0.05


def test_a_drawings_own_background_leaves_no_fringe() -> None:
    photo = seen.astronaut()
    shape = in_place(head_of(seen.astronaut), photo)
    # Painted a little into the head, as the edges of a drawing run beside the photo's.
    behind = cv2.dilate(np.uint8(shape < 0.5), np.ones((5, 5))) > 0
    drawing = Picture(np.where(behind[..., None], (255, 0, 200), (60, 90, 60)).astype(np.uint8))
    head = cut(drawing, seen.models(), photo)
    laid = head.picture.rgb[head.picture.alpha > 128]
    assert (np.abs(laid.astype(int) - (255, 0, 200)).sum(axis=1) < 150).mean() < 0.01


def test_a_transparent_border_is_not_taken_for_a_hat() -> None:
    photo = seen.astronaut()
    middle, y = np.array([225, 120]), np.arange(512)[:, None]
    round_ = np.hypot(np.arange(512) - middle[0], y - middle[1]) < 115
    rgb = np.where(round_[..., None], photo.rgb, 255)
    head = cut(Picture(rgb, np.uint8(255 * round_)), seen.models())
    expected = in_place(head_of(seen.astronaut), photo) * round_
    assert iou(in_place(head, photo), expected) > 0.95


def test_without_the_class_model_the_fallback_cuts_a_fair_head() -> None:
    models = dataclasses.replace(seen.models(), person_classes=None)
    head = cut(seen.astronaut(), models, seen.astronaut())
    assert head.path == "fallback"
    expected = in_place(head_of(seen.astronaut), seen.astronaut())
    assert iou(in_place(head, seen.astronaut()), expected) > 0.88


def test_without_any_mask_model_there_is_still_a_head() -> None:
    models = dataclasses.replace(seen.models(), person_classes=None, person=None)
    head = cut(seen.officer(), models, seen.officer())
    assert head.path == "fallback"
    assert (
        iou(in_place(head, seen.officer()), in_place(head_of(seen.officer), seen.officer())) > 0.6
    )


def test_an_unsure_class_model_is_not_believed() -> None:
    class Unsure:
        size = (256, 256)

        def __call__(self, rgb: np.ndarray) -> list[np.ndarray]:
            return [np.zeros((256, 256, 6), np.float32)]

    doubtful: Network = Unsure()  # type: ignore[assignment]
    models = dataclasses.replace(seen.models(), person_classes=doubtful)
    assert cut(seen.astronaut(), models, seen.astronaut()).path == "fallback"


def test_a_drawing_of_three_tones_is_understood_without_its_photo() -> None:
    photo = seen.officer()
    eyes = Eyes(open_face_finder(seen.models()), open_mask_finder(seen.models()))
    drawing = draw_photo(photo, style_named("noir"), 2, eyes).picture
    alone, expected = cut(drawing, seen.models()), cut(drawing, seen.models(), photo)
    assert alone.path == "classes"
    assert iou(in_place(alone, drawing), in_place(expected, drawing)) > 0.95


def test_without_a_face_model_the_cut_says_so() -> None:
    nothing = Models(None, None, None, None, missing=("all",))
    with pytest.raises(ModelMissing):
        cut(seen.astronaut(), nothing)
