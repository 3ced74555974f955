"""The lower face without the dark lines and the shadow that a jaw has where the neck was."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.box import box_of_mask
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.contour import grown, opened

# In face heights: how deep the line and the shadow may stand inside of the outline of a head, and
# within how much of the face's oval; below the chin, where they begin.
_DEEP, _BY_OVAL, _FROM = 0.07, 0.05, (-0.5, -0.35)
# How much darker than the skin beside it such a shadow is, of 255.
_DARKER = 12.0, 30.0
# What is dark and wider than twice this is hair or a beard, in face heights; so is what is as
# uneven as this, of 255.
_THICK, _UNEVEN = 0.045, (14.0, 22.0)
# Lines beside the outline: how far above the chin they begin and how deep they stand, how wide they
# are at most, in face heights, and how much darker than what is on both sides of them, of 255.
_LINES_FROM, _LINES_DEEP, _LINE_WIDTH, _LINE_DARKER = (-0.7, -0.55), 0.1, 0.03, (5.0, 14.0)
# Steps from one side of a line to the other.
_STEPS = 10
# How large the part is, in face heights, in which so great a share of strands is a beard.
_BEARD, _STRANDS = 0.12, (0.04, 0.1)


def without_lines_beside(
    rgb: np.ndarray, contour: np.ndarray, down: np.ndarray, outline: np.ndarray, unit_px: float
) -> np.ndarray:
    """``rgb`` (H×W×3 float32 0..255) without dark lines that run beside the outline of the lower
    face: a second contour. Strands of a beard run across it. The rest is as in
    ``without_jaw_line``."""
    near = grown(_oval(outline, contour), _BY_OVAL * unit_px) * (down > _LINES_FROM[0])
    if not near.any():
        return rgb
    box = box_of_mask(near)
    solid = (contour[box] > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, cv2.DIST_MASK_5) / np.float32(unit_px)
    where = smoothstep(down[box], *_LINES_FROM) * (near[box] * solid)
    where *= 1 - smoothstep(depth, 0.8 * _LINES_DEEP, _LINES_DEEP)
    light = rgb[box].mean(axis=2)
    across, along = _closed(light, depth, unit_px)
    strands = smoothstep(along - light, *_LINE_DARKER)
    size = (2 * round(_BEARD / 2 * unit_px) + 1,) * 2
    where *= 1 - smoothstep(cv2.blur(strands * solid, size), *_STRANDS)
    line = smoothstep(across - light, *_LINE_DARKER)
    line = cv2.GaussianBlur(line * where, (0, 0), max(0.5, 0.1 * _LINE_WIDTH * unit_px))
    beside = (1 - np.minimum(1, 2 * line)) * solid
    ((skin, there),) = colours_near(rgb[box], beside, _LINE_WIDTH * unit_px)
    without = rgb.copy()
    without[box] += np.minimum(1, 1.5 * line)[..., None] * there * (skin - rgb[box])
    return without


def _closed(light: np.ndarray, depth: np.ndarray, unit_px: float) -> list[np.ndarray]:
    """``light`` (H×W float32) closed (Serra 1982) along the gradient of ``depth``, which leaves no
    narrow lines beside the outline, and across it, which leaves no strands."""
    smooth = cv2.GaussianBlur(depth, (0, 0), max(1.0, 0.02 * unit_px))
    x, y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    steep = np.maximum(np.hypot(x, y), 1e-6)
    x, y = x / steep, y / steep
    rows, columns = np.indices(light.shape, np.float32)
    offsets = np.linspace(-0.5, 0.5, _STEPS + 1, dtype=np.float32)
    offsets *= np.float32(_LINE_WIDTH * unit_px)

    def extreme(plane: np.ndarray, pick: np.ufunc, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = plane
        for away in offsets:
            moved = cv2.remap(plane, columns + away * x, rows + away * y, cv2.INTER_LINEAR)
            found = pick(found, moved)
        return found

    # Strands are wider than lines.
    ways = (x, y), (-2 * y, 2 * x)
    return [extreme(extreme(light, np.maximum, *way), np.minimum, *way) for way in ways]


def without_jaw_line(
    rgb: np.ndarray, contour: np.ndarray, down: np.ndarray, outline: np.ndarray, unit_px: float
) -> np.ndarray:
    """``rgb`` (H×W×3 float32 0..255) without what lies dark along the outline of the lower face.

    The neck is gone, on which the jaw cast its shadow. ``contour`` (H×W float32 0..1) is the head,
    ``down`` (H×W float32) how far each pixel lies below the chin, in face heights, ``outline``
    (N×2 px) that of the face and ``unit_px`` a face height.
    """
    oval = _oval(outline, contour)
    near = grown(oval, 2 * _DEEP * unit_px) * (down > _FROM[0] - 2 * _DEEP)
    if not oval.any() or not near.any():
        return rgb
    box = box_of_mask(near)
    without = rgb.copy()
    usual = float(np.median(rgb[oval > 0].mean(axis=1)))
    without[box] = _evened(rgb[box], contour[box], oval[box], down[box], unit_px, usual)
    return without


def _oval(outline: np.ndarray, like: np.ndarray) -> np.ndarray:
    """1 within ``outline`` (N×2 px), else 0; uint8, as high and wide as ``like``."""
    oval = np.zeros(like.shape, np.uint8)
    cv2.fillPoly(oval, [np.rint(outline).astype(np.int32)], 1)
    return oval


def _evened(
    rgb: np.ndarray,
    contour: np.ndarray,
    oval: np.ndarray,
    down: np.ndarray,
    unit: float,
    usual: float,
) -> np.ndarray:
    """The lower face in the skin's colour along its outline; ``unit`` is a face height, px, and
    ``usual`` how light the whole face is, 0..255."""
    solid = (contour > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, cv2.DIST_MASK_5) / np.float32(unit)
    beside = cv2.distanceTransform(1 - oval, cv2.DIST_L2, cv2.DIST_MASK_5) / np.float32(unit)
    where = smoothstep(down, *_FROM) * (1 - smoothstep(depth, 0.5 * _DEEP, _DEEP))
    where *= 1 - smoothstep(beside, 0.5 * _BY_OVAL, _BY_OVAL)
    light = rgb.mean(axis=2)
    deep = ((depth > _DEEP) & (oval > 0)).astype(np.float32)
    ((inside, there),) = colours_near(rgb, deep, 0.7 * _DEEP * unit)
    mean = inside.mean(axis=2)
    # Not what is in shade as the cheek above it is.
    usual_here = np.where(there[..., 0] > 0.5, np.minimum(mean, usual), usual)
    dark = (solid > 0) & (light < usual_here - _DARKER[1])
    thick = opened(dark.astype(np.uint8), _THICK * unit)
    where *= 1 - cv2.blur(grown(thick, _THICK * unit).astype(np.float32), (5, 5))
    squares = np.dstack([light * light] * 3)
    ((square, _),) = colours_near(squares, deep, 0.7 * _DEEP * unit)
    uneven = np.sqrt(np.maximum(square[..., 0] - mean * mean, 0))
    where *= 1 - smoothstep(uneven, *_UNEVEN)
    share = (where * smoothstep(mean - light, *_DARKER))[..., None] * there
    return rgb + share * (inside - rgb)


def colours_near(
    rgb: np.ndarray, where: np.ndarray, *reaches_px: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each reach the mean colour ``where`` there is some within about that far, and whether
    there is. ``rgb`` is H×W×3 float32, ``where`` H×W float32 0..1."""
    weighted = np.dstack([rgb * where[..., None], where])
    coarse = cv2.resize(weighted, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    found = []
    for reach_px in reaches_px:
        blurred = cv2.GaussianBlur(coarse, (0, 0), max(0.5, reach_px / 4))
        mean = blurred[..., :3] / np.maximum(blurred[..., 3:], 1e-4)
        there = np.clip(20 * blurred[..., 3], 0, 1)
        size = rgb.shape[1::-1]
        found.append((cv2.resize(mean, size), cv2.resize(there, size)[..., None]))
    return found
