"""What a plane shows as flat shapes: nested areas below and above its levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import cv2
import numpy as np
from contourpy import ContourGenerator, FillType, contour_generator

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.paths import (
    area_of,
    bezier,
    few_points,
    resampled,
    smoothed_values,
)

# Beyond every lightness.
_FAR = 1e3
# Shapes that meet the frame go on beyond it, px.
_BEYOND_PX = 6


@dataclass(frozen=True, slots=True)
class Level:
    """Shapes darker (or lighter) than ``value`` of a plane, of at least ``least`` squared units.

    Their outlines are smoothed over ``smooth`` units.
    """

    value: float
    darker: bool
    least: float
    smooth: float


def base_of(lab: np.ndarray, plane: np.ndarray, on: np.ndarray, middle: float, step: float) -> Lab:
    """The median colour, where ``on``, of the step about the ``middle`` of ``plane``."""
    plain = on & (np.abs(plane - middle) <= step / 2)
    # Of black and white stripes the middle may be neither.
    return np.median(lab[plain if plain.any() else on], axis=0)


def levels_of(
    values: np.ndarray, middle: float, step: float, least: float, smooth: float
) -> list[Level]:
    """Steps down and up from the ``middle`` to nearly all of ``values``."""
    darkest, lightest = np.percentile(values, (0.2, 99.8))
    down = np.arange(middle - step / 2, darkest, -step)
    up = np.arange(middle + step / 2, lightest, step)
    levels = [Level(float(value), True, least, smooth) for value in down]
    return levels + [Level(float(value), False, least, smooth) for value in up]


def traced(
    lab: np.ndarray,
    plane: np.ndarray,
    levels: Sequence[Level],
    scale: float,
    at: tuple[int, int] = (0, 0),
) -> Iterator[tuple[str, Lab]]:
    """Paths and colours of the shapes of ``plane`` (H×W float32), in drawing order.

    Marching squares (Lorensen and Cline 1987) on the plane itself, so that outlines are smooth
    below a pixel. ``at`` is where the planes lie (x, y px) in what has ``scale`` pixels a unit.
    Each shape has the median colour of its own band in ``lab`` (H×W×3 CIELAB).
    """
    lab, plane = (_beyond(one) for one in (lab, plane))
    maker = contour_generator(z=plane, fill_type=FillType.OuterOffset)
    for number, level in enumerate(levels):
        sign = -1 if level.darker else 1
        nested = [one.value for one in levels[number + 1 :] if one.darker == level.darker]
        end = nested[0] if nested else sign * _FAR
        for parts in _shapes(maker, *sorted((level.value, sign * _FAR))):
            if area_of(parts[0]) < level.least * scale**2:
                continue
            path = _paths(parts, scale, at, level.least, level.smooth)
            if path:
                yield path, _colour(lab, plane, parts, *sorted((level.value, end)))


def outlined(
    plane: np.ndarray,
    scale: float,
    at: tuple[int, int],
    *,
    least: float,
    shortest: float,
    smooth: float,
) -> Iterator[str]:
    """Paths of the shapes where ``plane`` (H×W float32) is above 0.

    They have at least ``least`` squared units and are at least ``shortest`` units long; else
    as ``traced``.
    """
    maker = contour_generator(z=_beyond(plane), fill_type=FillType.OuterOffset)
    for parts in _shapes(maker, 0.0, _FAR):
        length = float(np.hypot(*np.ptp(parts[0], axis=0)))
        if area_of(parts[0]) >= least * scale**2 and length >= shortest * scale:
            yield _paths(parts, scale, at, 0.2 * least, smooth)


def _beyond(plane: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(plane, *[_BEYOND_PX] * 4, borderType=cv2.BORDER_REPLICATE)


def _shapes(maker: ContourGenerator, low: float, high: float) -> Iterator[list[np.ndarray]]:
    """Outer ring and holes (N×2 px) of each shape between two values."""
    found = cast("tuple[list[np.ndarray], list[np.ndarray]]", maker.filled(low, high))
    for points, starts in zip(*found, strict=True):
        yield [points[a:b] for a, b in pairwise(starts)]


def _paths(
    parts: list[np.ndarray], scale: float, at: tuple[int, int], least: float, smooth: float
) -> str:
    curves = [(part - _BEYOND_PX + 0.5 + at) / scale for part in parts]
    return "".join(_path(curve, smooth) for curve in curves if area_of(curve) > 0.7 * least)


def _path(curve: np.ndarray, smooth: float) -> str:
    step = max(1.2, 0.6 * smooth)
    even = resampled(curve[:-1], step, closed=True)
    return bezier(
        few_points(smoothed_values(even, smooth / step, closed=True), fine=0.5, longest=120)
    )


def _colour(
    lab: np.ndarray, light: np.ndarray, parts: list[np.ndarray], low: float, high: float
) -> Lab:
    left, top = np.floor(parts[0].min(axis=0)).astype(int)
    right, bottom = np.ceil(parts[0].max(axis=0)).astype(int) + 1
    right, bottom = min(right, lab.shape[1]), min(bottom, lab.shape[0])
    area = np.zeros((bottom - top, right - left), np.uint8)
    corners = [np.round((part - (left, top)) * 16).astype(np.int32) for part in parts]
    cv2.fillPoly(area, corners, 1, shift=4)
    here = lab[top:bottom, left:right]
    band = light[top:bottom, left:right]
    on = area > 0
    within = on & (band >= low) & (band <= high)
    pixels = here[within if within.any() else on]
    if not len(pixels):
        pixels = here.reshape(-1, 3)
    return np.median(pixels[:: 1 + len(pixels) // 4000], axis=0)
