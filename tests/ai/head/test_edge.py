from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from cartoon_avatar.ai.head.cut import _coloured
from cartoon_avatar.ai.head.edge import (
    _calm_below,
    _rounded_at_frame,
    _rounded_beside,
    edge_of,
)
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.head.shape import PLAN_PX, Shape
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face

CHIN, FOREHEAD = 152, 10


def drawn_portrait() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A drawn head with strands of hair over scenery: photo, exact alpha, head colours."""
    fine, size = 3, 480
    n = fine * size
    rng = np.random.default_rng(7)
    mask = np.zeros((n, n), np.uint8)
    middle = np.array([n // 2, n // 2])
    cv2.ellipse(
        mask, middle.tolist(), (int(0.27 * n), int(0.34 * n)), 0, 0, 360, 255, -1, cv2.LINE_8
    )
    for angle in rng.uniform(np.pi, 2 * np.pi, 140):
        root = middle + 0.31 * n * np.array([0.8 * np.cos(angle), np.sin(angle)])
        tip = root + 0.03 * n * np.array([np.cos(angle + 0.4), np.sin(angle + 0.4)])
        cv2.line(mask, root.astype(int).tolist(), tip.astype(int).tolist(), 255, 3)
    alpha = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    y = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    head = np.broadcast_to((0.25, 0.16, 0.1) + 0.1 * y, (size, size, 3)).astype(np.float32)
    scenery = np.broadcast_to((0.75, 0.85, 0.95) - 0.2 * y, (size, size, 3)).astype(np.float32)
    photo = alpha[..., None] * head + (1 - alpha[..., None]) * scenery
    return np.round(photo * 255).astype(np.uint8), alpha, head


def shape_of(head: np.ndarray) -> Shape:
    """``head`` (P×P) of hair, as wide as ``drawn_portrait``."""
    face = np.zeros((478, 2), np.float32)
    face[FOREHEAD], face[CHIN], face[234], face[454] = (
        (240, 120),
        (240, 390),
        (110, 240),
        (370, 240),
    )
    return Shape(
        head=head,
        hair=head,
        skin=np.zeros_like(head),
        rest=np.zeros_like(head),
        square=Square(0, 0, 480),
        ruler=Ruler.of(Face((110, 120, 260, 270), face, 1.0)),
        path="classes",
        cut_by_frame=False,
    )


def test_a_coarse_mask_becomes_an_exact_edge_with_clean_colours() -> None:
    photo, truth, colours = drawn_portrait()
    plan = cv2.resize(truth, (PLAN_PX,) * 2, interpolation=cv2.INTER_AREA)
    plan = cv2.GaussianBlur(cv2.erode(plan, np.ones((3, 3))), (0, 0), 2)
    shape = shape_of(plan)
    alpha = edge_of(shape, Picture(photo), None, Square(0, 0, 480), 480)
    near = cv2.dilate(((truth > 0.02) & (truth < 0.98)).astype(np.uint8), np.ones((9, 9))) > 0
    # Hairs of a pixel, which nobody sees for sure, are left out of a smooth line.
    assert np.abs(alpha - truth)[near].mean() < 0.038

    head = _coloured(Picture(photo), Square(0, 0, 480), alpha, rim_px=6, ink_px=0)
    opacity = head.alpha[..., None] / 255
    green = np.array((0.2, 0.8, 0.3))
    laid = head.rgb / 255 * opacity + green * (1 - opacity)
    expected = colours * opacity + green * (1 - opacity)
    assert np.abs(laid - expected)[near].mean() < 5 / 255


def test_what_was_painted_as_backdrop_is_no_head() -> None:
    photo, truth, _ = drawn_portrait()
    shape = shape_of(cv2.resize(truth, (PLAN_PX,) * 2, interpolation=cv2.INTER_AREA))
    people = np.ones((480, 480), np.float32)
    people[:, :200] = 0
    square = Square(0, 0, 480)
    whole = edge_of(shape, Picture(photo), None, square, 480)
    alpha = edge_of(shape, Picture(photo), people, square, 480)
    assert whole[:, 150:190].max() == 1
    assert alpha[:, :195].max() == 0
    assert np.abs(alpha - whole)[:, 210:].max() < 0.01


def test_the_head_of_a_drawing_has_no_flat_side_where_the_picture_ends() -> None:
    photo, truth, _ = drawn_portrait()
    top = 150
    cut = Picture(np.ascontiguousarray(photo[top:]))
    whole = shape_of(cv2.resize(truth, (PLAN_PX, PLAN_PX), interpolation=cv2.INTER_AREA))
    moved = replace(whole.ruler, chin=whole.ruler.chin - [0, top])
    shape = replace(whole, square=Square(0, -top, 480), ruler=moved)
    first = [
        np.flatnonzero(edge_of(shape, cut, None, Square(0, 0, 480), 480, drawn=drawn)[0] > 0.5)
        for drawn in (False, True)
    ]
    assert 0 < len(first[1]) < len(first[0]) - 20


def test_no_drop_hangs_on_the_hair_of_a_drawing() -> None:
    photo, truth, _ = drawn_portrait()
    photo, truth = photo.copy(), truth.copy()
    for plane, paint in ((photo, (50, 30, 20)), (truth, 1.0)):
        cv2.line(plane, (150, 330), (130, 440), paint, 12)
    shape = shape_of(cv2.resize(truth, (PLAN_PX, PLAN_PX), interpolation=cv2.INTER_AREA))
    seen, drawn = (
        edge_of(shape, Picture(photo), None, Square(0, 0, 480), 480, drawn=drawn)
        for drawn in (False, True)
    )
    assert seen[420, 120:150].max() > 0.5
    assert drawn[420:].max() < 0.02
    assert drawn[200:360, 200:280].min() > 0.98


def test_hair_that_anothers_head_cuts_ends_in_a_curve() -> None:
    y, x = np.mgrid[:480, :480].astype(np.float32)
    alpha = ((np.abs(x - 240) < 130) & (np.abs(y - 200) < 100)).astype(np.float32)
    beside = ((x > 371) & (y < 320)).astype(np.float32)
    down = np.full_like(alpha, -0.8)
    unit_px = 270.0

    rounded = _rounded_beside(alpha, alpha, beside, down, unit_px)

    assert rounded[103, 367] == 0
    assert rounded[297, 367] == 0
    assert rounded[104, 114] == 1  # on the other side nothing cuts it
    assert rounded[200, 240] == 1
    no_hair = np.zeros_like(alpha)
    assert np.array_equal(_rounded_beside(alpha, no_hair, beside, down, unit_px), alpha)
    assert np.array_equal(_rounded_beside(alpha, alpha, no_hair, down, unit_px), alpha)


def test_where_ends_of_hair_become_calm_nothing_is_half_there() -> None:
    alpha = np.zeros((480, 480), np.float32)
    cv2.circle(alpha, (240, 160), 120, 1.0, -1)
    cv2.fillPoly(alpha, [np.array([[130, 150], [200, 150], [134, 330]])], 1.0)
    down = (np.mgrid[:480, :480][0].astype(np.float32) - 360) / 270

    calm = _calm_below(alpha, down, 270.0)

    assert calm[300:].max() == 0
    soft = (calm > 0.05) & (calm < 0.95)
    near = cv2.morphologyEx((calm > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((7, 7)))
    assert not (soft & (near == 0)).any()


def test_a_lock_that_the_picture_cuts_has_a_round_end_and_no_step() -> None:
    alpha = np.zeros((480, 480), np.float32)
    cv2.circle(alpha, (240, 200), 140, 1.0, -1)
    alpha[200:, 330:380] = 1
    alpha[400:] = 0
    rows, columns = np.arange(480) < 400, np.full(480, True)

    rounded = _rounded_at_frame(alpha, rows, columns, radius_px=40)

    assert rounded[390, 355] == 1  # the lock is there to its end
    assert rounded[398, [331, 378]].max() < 0.5
    width = (rounded[345:399] > 0.5).sum(axis=1)
    assert (np.diff(width.astype(int)) <= 0).all()
    assert np.diff(width.astype(int)).min() > -12
