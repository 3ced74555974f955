from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.head.cut import Head
from cartoon_avatar.ai.head.shapes import cut_along_shapes
from cartoon_avatar.ai.pictures import Picture, decode, to_jpeg
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.models import Models
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai import seen

STYLES = {style.name: style for style in drawn.STYLES}


@pytest.fixture(scope="module")
def scene() -> Scene:
    models = seen.models()
    finders = open_face_finder(models), open_mask_finder(models)
    return open_scene(seen.astronaut(), *finders, long_side=512)


def cut(
    scene: Scene, name: str, *, seed: int = 0, drawn_with: int = 0, size: int | None = None
) -> Head | None:
    drawing = drawn.draw(scene, STYLES[name], drawn_with).picture
    if drawing.alpha is None:  # as it comes back from where it was kept
        drawing = decode(to_jpeg(drawing), max_pixels=10**6).picture
    alone = drawn.head_alone(scene, STYLES[name], seed)
    return cut_along_shapes(
        drawing,
        alone.rendered,
        scene.picture,
        scene.people,
        faces=1,
        outline_px=alone.outline * 512,
        ink=alone.ink,
        size=size,
    )


@pytest.mark.parametrize("name", STYLES)
def test_a_drawn_head_is_one_piece_in_a_square_with_a_margin(scene: Scene, name: str) -> None:
    head = cut(scene, name)

    assert head is not None
    alpha, rgb = head.picture.alpha, head.picture.rgb
    assert alpha is not None
    assert rgb.shape == (*alpha.shape, 3)
    assert head.picture.width == head.picture.height == head.box[2] == head.box[3]
    assert (head.path, head.cut_by_frame, head.low_resolution) == ("shapes", False, False)
    assert (rgb[alpha == 0] == 0).all()
    rows, columns = np.nonzero(alpha > 127)
    assert 0.84 < (max(np.ptp(rows), np.ptp(columns)) + 1) / alpha.shape[0] < 0.91
    pieces, _ = cv2.connectedComponents((alpha > 12).astype(np.uint8))
    assert pieces == 2  # with what is transparent


def test_nothing_of_the_backdrop_is_in_the_rim(scene: Scene) -> None:
    heads = [cut(scene, "flat", seed=seed, drawn_with=seed) for seed in range(2)]

    for head, seed in zip(heads, range(2), strict=True):
        assert head is not None
        assert head.picture.alpha is not None
        backdrop = drawn.draw(scene, STYLES["flat"], seed).picture.rgb[4, 4].astype(int)
        rim = (head.picture.alpha > 0) & (head.picture.alpha < 200)
        away = np.abs(head.picture.rgb[rim].astype(int) - backdrop).sum(axis=1)
        assert np.percentile(away, 5) > 60


def test_the_face_is_there_and_the_shoulders_are_not(scene: Scene) -> None:
    head = cut(scene, "ink")

    assert head is not None
    assert head.picture.alpha is not None
    left, top, side, _ = head.box
    for landmark in (4, 10):
        x, y = scene.people[0].landmarks[landmark].astype(int) - (left, top)
        assert head.picture.alpha[y, x] == 255
    chin = scene.people[0].landmarks[152][1] - top
    below = head.picture.alpha[int(chin + 0.06 * side) :, side // 3 : 2 * side // 3]
    assert below.max(initial=0) == 0


def test_a_size_may_be_asked_for(scene: Scene) -> None:
    small, large = cut(scene, "ink", size=100), cut(scene, "ink", size=1024)

    assert small is not None
    assert large is not None
    assert small.picture.width == 100
    assert large.picture.width == min(1024, 2 * large.box[2])


def test_hair_that_the_picture_ends_in_a_line_ends_in_a_curve(scene: Scene) -> None:
    person = scene.people[0]
    (x, y), side = person.landmarks[152].astype(int), 512
    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(alpha, (int(x), int(y) - 60), (90, 110), 0, 0, 360, 255, -1)
    alpha[y - 100 :, x - 90 : x - 50] = alpha[y - 100 :, x + 50 : x + 90] = 255
    brown = Picture(np.full((side, side, 3), (120, 80, 50), np.uint8), alpha)

    head = cut_along_shapes(
        Picture(brown.rgb),
        lambda *size: brown,
        Picture(brown.rgb),
        [person],
        faces=1,
        outline_px=3,
        ink=(20, 10, 30),
    )

    assert head is not None
    assert head.picture.alpha is not None
    assert head.cut_by_frame
    _, top, size, _ = head.box
    bottom = np.nonzero((head.picture.alpha > 127).any(axis=1))[0].max()
    assert top + bottom * size / head.picture.height < side - 10
    # The outline goes along the end, too.
    ends = head.picture.alpha[bottom] > 200
    assert head.picture.rgb[bottom][ends].mean() < 50


def test_the_outline_goes_all_around_the_head(scene: Scene) -> None:
    person, side = scene.people[0], 512
    (x, y), (top, _) = person.landmarks[152].astype(int), (int(person.landmarks[10][1]), 0)
    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(alpha, (int(x), (y + top) // 2), (80, 110), 0, 0, 360, 255, -1)
    pale = Picture(np.full((side, side, 3), (230, 180, 150), np.uint8), alpha)

    head = cut_along_shapes(
        Picture(pale.rgb),
        lambda *size: pale,
        Picture(pale.rgb),
        [person],
        faces=1,
        outline_px=5,
        ink=(20, 10, 30),
    )

    assert head is not None
    assert head.picture.alpha is not None
    opaque = (head.picture.alpha > 250).astype(np.uint8)
    rim = cv2.erode(opaque, np.ones((3, 3))) - cv2.erode(opaque, np.ones((5, 5)))
    assert head.picture.rgb[rim > 0].max() < 60
    inside = cv2.erode(opaque, np.ones((19, 19)))
    assert head.picture.rgb[inside > 0].min() > 140


def test_the_shadow_of_the_jaw_is_not_left_on_a_head(scene: Scene) -> None:
    person, side = scene.people[0], 512
    alpha = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(alpha, cv2.convexHull(person.landmarks.astype(np.int32)), 255)
    rgb = np.full((side, side, 3), (230, 180, 150), np.uint8)
    near = cv2.erode(alpha, np.ones((7, 7))) == 0
    near[: int(person.landmarks[13][1])] = False  # below the mouth
    rgb[near] = (90, 40, 30)
    face = Picture(rgb, alpha)

    head = cut_along_shapes(Picture(rgb), lambda *size: face, Picture(rgb), [person], faces=1)

    assert head is not None
    assert head.picture.rgb[head.picture.alpha == 255].min() > 120


def test_what_the_picture_cuts_off_is_rounded(scene: Scene) -> None:
    person, side = scene.people[0], 512
    alpha = np.zeros((side, side), np.uint8)
    x, y = person.landmarks[152].astype(int)
    alpha[:y, x - 90 : x + 90] = 255
    hair = Picture(np.full((side, side, 3), (120, 80, 50), np.uint8), alpha)

    head = cut_along_shapes(
        Picture(hair.rgb), lambda *size: hair, Picture(hair.rgb), [person], faces=1
    )

    assert head is not None
    assert head.cut_by_frame
    assert head.picture.alpha is not None
    rows = np.flatnonzero((head.picture.alpha > 127).any(axis=1))
    widths = (head.picture.alpha > 127).sum(axis=1)
    assert rows[0] > 0.04 * head.picture.height  # the outline has room above
    assert widths[rows[0]] < 0.8 * widths.max()


def test_a_drawing_that_the_shapes_do_not_show_is_not_cut_along_them(scene: Scene) -> None:
    assert cut(scene, "duotone", seed=1, drawn_with=0) is None

    grey = Picture(np.full((512, 512, 3), 128, np.uint8))
    nothing = Picture(np.zeros((512, 512, 3), np.uint8), np.zeros((512, 512), np.uint8))
    person = scene.people[0]
    assert cut_along_shapes(grey, lambda *size: nothing, grey, [person], faces=1) is None


def test_a_shoulder_in_other_colours_is_no_hair(scene: Scene) -> None:
    person, side = scene.people[0], 512
    x, chin = person.landmarks[152].astype(int)
    unit = int(chin - person.landmarks[10][1])
    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(alpha, (x, chin - unit // 2), (int(0.7 * unit), unit), 0, 0, 360, 255, -1)
    cv2.rectangle(alpha, (x, chin), (x + int(1.1 * unit), chin + unit // 3), 255, -1)
    rgb = np.full((side, side, 3), (150, 70, 40), np.uint8)
    rgb[chin:, x + int(0.6 * unit) :] = (20, 25, 60)  # blue beside red hair
    drawn_so = Picture(rgb, alpha)

    head = cut_along_shapes(Picture(rgb), lambda *size: drawn_so, Picture(rgb), [person], faces=1)

    assert head is not None
    assert head.picture.alpha is not None
    blue = (head.picture.rgb[..., 2] > 50) & (head.picture.rgb[..., 0] < 40)
    assert (blue & (head.picture.alpha > 127)).sum() < 0.002 * blue.size


def test_beside_others_a_crown_is_whole_and_nothing_of_them_hangs_on_it(scene: Scene) -> None:
    person, side = scene.people[0], 512
    x, chin = person.landmarks[152].astype(int)
    top = int(person.landmarks[10][1])
    unit = chin - top
    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(
        alpha, (x, chin - int(0.7 * unit)), (int(0.6 * unit), int(0.75 * unit)), 0, 0, 360, 255, -1
    )
    alpha[: top + 5, x - 8 : x + unit // 4] = 0  # behind somebody's chin
    alpha[chin - unit // 2 :][: unit // 12, x : x + unit] = 255  # somebody's lock
    brown = Picture(np.full((side, side, 3), (120, 80, 50), np.uint8), alpha)

    alone, beside = (
        cut_along_shapes(
            Picture(brown.rgb), lambda *size: brown, Picture(brown.rgb), [person], faces=faces
        )
        for faces in (1, 2)
    )

    assert alone is not None
    assert beside is not None
    assert beside.box[2] < alone.box[2]
    assert beside.picture.alpha is not None
    left, above, *_ = beside.box
    assert beside.picture.alpha[top - above - unit // 8, x - left] == 255


def test_hair_of_a_neighbour_stays_with_the_neighbour(scene: Scene) -> None:
    person, side = scene.people[0], 512
    x, chin = person.landmarks[152].astype(int)
    unit = int(chin - person.landmarks[10][1])
    by = int(1.3 * unit)
    neighbour = replace(person, landmarks=person.landmarks + np.array([by, 0], np.float32))
    middle, axes = chin - int(0.7 * unit), (int(0.65 * unit), int(0.8 * unit))
    rgb, alpha = np.full((side, side, 3), 240, np.uint8), np.zeros((side, side), np.uint8)
    cv2.ellipse(rgb, (x + by, middle), axes, 0, 0, 360, (20, 20, 20), -1)
    cv2.ellipse(rgb, (x, middle), axes, 0, 0, 360, (150, 80, 40), -1)
    cv2.ellipse(alpha, (x, middle), axes, 0, 0, 360, 255, -1)
    cv2.rectangle(alpha, (x, middle - unit // 4), (x + by - unit // 2, middle), 255, -1)
    drawn_so = Picture(rgb, alpha)

    head = cut_along_shapes(
        Picture(rgb), lambda *size: drawn_so, Picture(rgb), [person, neighbour], faces=2
    )

    assert head is not None
    assert head.picture.alpha is not None
    black = (head.picture.rgb.max(axis=2) < 60) & (head.picture.alpha > 127)
    assert (alpha > 0)[rgb.max(axis=2) < 60].sum() > 500
    assert black.sum() < 0.002 * black.size


def test_ends_of_hair_may_be_lighter_than_the_rest(scene: Scene) -> None:
    person, side = scene.people[0], 512
    x, chin = person.landmarks[152].astype(int)
    unit = int(chin - person.landmarks[10][1])
    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(alpha, (x, chin - unit // 2), (int(0.8 * unit), unit), 0, 0, 360, 255, -1)
    rgb = np.full((side, side, 3), (90, 60, 40), np.uint8)
    rgb[chin - unit // 6 :] = (140, 95, 60)
    drawn_so = Picture(rgb, alpha)

    head = cut_along_shapes(Picture(rgb), lambda *size: drawn_so, Picture(rgb), [person], faces=1)

    assert head is not None
    assert head.picture.alpha is not None
    light = (head.picture.rgb[..., 0] > 130) & (head.picture.alpha > 127)
    assert light.sum() > 0.9 * (alpha[chin - unit // 6 :] > 0).sum()


def test_hair_that_turns_aside_on_a_shoulder_is_cut_where_it_hangs(scene: Scene) -> None:
    person, side = scene.people[0], 512
    x, chin = person.landmarks[152].astype(int)
    unit = int(chin - person.landmarks[10][1])
    alpha = np.zeros((side, side), np.uint8)
    cv2.ellipse(alpha, (x, chin - unit // 2), (int(0.6 * unit), unit), 0, 0, 360, 255, -1)
    lock = (x + int(0.3 * unit), chin - unit // 2), (x + int(0.6 * unit), chin + unit // 3)
    cv2.rectangle(alpha, *lock, 255, -1)
    plain = alpha.copy()
    flick = (x + int(0.6 * unit), chin + unit // 6), (x + unit, chin + unit // 4)
    cv2.rectangle(alpha, *flick, 255, -1)
    rgb = np.full((side, side, 3), (120, 80, 50), np.uint8)

    boxes = []
    for mask in (plain, alpha):
        hair = Picture(rgb, mask)
        head = cut_along_shapes(
            Picture(rgb), lambda *size, hair=hair: hair, Picture(rgb), [person], faces=1
        )
        assert head is not None
        boxes.append(head.box)

    assert boxes[0] == pytest.approx(boxes[1], abs=4)


def test_what_is_no_head_in_the_photo_is_none_in_the_drawing(scene: Scene) -> None:
    """In whatever colours: a striped sleeve, the hair of somebody beside."""
    width, height = scene.picture.width, scene.picture.height
    head = drawn.head_alone(scene, STYLES["ink"], 0).rendered(width, height)
    assert head.alpha is not None
    x, chin = scene.people[0].landmarks[152].astype(int)
    unit = int(chin - scene.people[0].landmarks[10][1])
    rgb, alpha, lock = head.rgb.copy(), head.alpha.copy(), np.zeros_like(head.alpha)
    cv2.rectangle(
        lock, (x + unit // 4, chin - unit), (x + int(0.85 * unit), chin + unit // 8), 255, -1
    )
    lock[alpha > 0] = 0
    rgb[lock > 0] = head.rgb[alpha == 255].mean(axis=0)
    alpha[lock > 0] = 255

    def share_of_lock(models: Models | None) -> float:
        cut_out = cut_along_shapes(
            Picture(rgb),
            lambda *size: Picture(rgb, alpha),
            scene.picture,
            scene.people,
            faces=1,
            models=models,
        )
        assert cut_out is not None
        assert cut_out.picture.alpha is not None
        left, top, side, _ = cut_out.box
        whole = np.zeros((height + 2 * side, width + 2 * side), np.uint8)
        whole[side + top :][:side, side + left :][:, :side] = cv2.resize(
            cut_out.picture.alpha, (side, side)
        )
        here = whole[side : side + height, side : side + width] > 127
        return float(here[lock > 0].mean())

    assert share_of_lock(None) > 0.7
    assert share_of_lock(seen.models()) < 0.1
