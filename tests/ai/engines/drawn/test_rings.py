"""Rings: what is done to many curves at once is what is done to each."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.paths import area_of, few_points, resampled, smoothed_values
from cartoon_avatar.ai.engines.drawn.rings import Rings
from tests.ai.svg import shown


def circle(radius: float, count: int, centre: tuple[float, float] = (50, 50)) -> np.ndarray:
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius + centre


CURVES = [
    circle(30, 90),
    circle(4, 12, (10, 80)),
    np.array([[0.0, 0], [80, 0], [80, 30], [0, 30]]),
    circle(12, 200, (70, 20)),
]


def rings(curves: list[np.ndarray] = CURVES) -> Rings:
    sizes = [len(curve) for curve in curves]
    return Rings(np.concatenate(curves), np.concatenate([[0], np.cumsum(sizes)]))


def each(found: Rings) -> list[np.ndarray]:
    return np.split(found.points, found.starts[1:-1])


def assert_same(found: Rings, expected: list[np.ndarray]) -> None:
    for one, other in zip(each(found), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_areas_are_those_of_each():
    np.testing.assert_allclose(rings().areas, [area_of(curve) for curve in CURVES])


def test_points_lie_evenly_on_each():
    assert_same(rings().resampled(2.5), [resampled(one, 2.5, closed=True) for one in CURVES])


def test_each_is_smoothed_by_itself():
    even = [resampled(curve, 0.8, closed=True) for curve in CURVES]

    assert_same(rings(even).smoothed(2), [smoothed_values(one, 2, closed=True) for one in even])


def test_few_points_follow_the_turns_of_each():
    even = [resampled(curve, 0.8, closed=True) for curve in CURVES]

    assert_same(rings(even).few(fine=0.7, longest=60), [few_points(one, fine=0.7) for one in even])


def test_repeated_ends_and_unwanted_rings_are_dropped():
    closed = [np.concatenate([curve, curve[:1]]) for curve in CURVES]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in closed])])

    found = Rings.of(np.concatenate(closed), starts)
    assert_same(found, CURVES)
    assert_same(found.only(np.array([True, False, False, True])), [CURVES[0], CURVES[3]])


def test_paths_of_few_points_are_the_curves():
    few = rings([circle(40, 360), circle(15, 180)]).few(fine=0.5, longest=120)
    assert max(map(len, each(few))) < 12

    path = "".join(few.paths())
    document = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="100" height="100">'
        f'<path d="{path}" fill="#000000" fill-rule="evenodd"/></svg>'
    )
    alpha = shown(document, 800, 800).alpha

    away = np.hypot(*(np.indices((800, 800)) + 0.5 - 400)) / 8
    ring = (away > 15) & (away < 40)
    assert ((alpha > 127) != ring).mean() < 0.003
    outside = cv2.dilate(ring.astype(np.uint8), np.ones((9, 9))) == 0
    assert not alpha[outside].any()
