"""One clean contour: what makes a cut-out a sticker."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.smoothstep import smoothstep


@dataclass(frozen=True, slots=True)
class Pen:
    """How a contour is drawn; lengths in face heights."""

    #: Half the width of spurs and slits that go.
    spur: float
    #: How round corners become.
    round: float
    #: Side of a hole that stays open.
    hole: float


# Hair keeps its locks where they are seen, in a drawing those that its strokes show; where its edge
# is but guessed, finer lines than this would be noise. Skin, ears and hats have no locks.
_LOCKS, _STROKES = Pen(0.003, 0.003, 0.04), Pen(0.014, 0.016, 0.04)
_GUESSED = Pen(0.035, 0.04, 0.04)
_BARE = Pen(0.02, 0.01, 0.1)
# Scalp and jaw are rounder than ears and hats.
_ROUND = Pen(0.02, 0.05, 0.1)
# In face heights: how wide the soft band of an edge is that is seen, and of one that is guessed.
_SEEN_WIDTH, _GUESSED_WIDTH = 0.007, 0.011
# In face heights: hair that lies thinner than this is a rim on a bald head, and how far around
# the rest its locks reach.
_THIN, _REACH = 0.08, 0.06
# How far around a pixel there is skin alone on an ear, in face heights.
_EAR = 0.03
# What hangs on the head by less than this, and reaches further from it, goes; in face heights.
_NECK, _HANGS = 0.02, 0.06
# Around the rest of the person no slit is closed: it parts hair from neck.
_NEAR_REST = 0.06
# What hangs below the chin is no thinner from above to below, in face heights, and how far below.
_FLICK, _CHIN = 0.22, 0.03
# Width of the antialiased rim, px.
_RIM_PX = 1.5


def clean_contour(
    alpha: np.ndarray,
    hair: np.ndarray,
    smooth: np.ndarray,
    rest: np.ndarray,
    unit_px: float,
    *,
    skin: np.ndarray | None = None,
    drawn: bool = False,
) -> np.ndarray:
    """``alpha`` as one piece with a crisp outline: smooth where there is no ``hair``, and where
    the edge of hair is not seen well. ``smooth`` is where there is scalp or jaw, ``rest`` what of
    the person is no head; on ``skin``, as on ears, there are no locks, however near hair is.
    ``drawn``: the colours are those of a drawing.

    All H×W float32 0..1; ``unit_px`` is the height of the face.
    """
    size, half_px = alpha.shape[1::-1], unit_px / 2
    # What only says where something holds is found at half the size.
    half_alpha, half_hair, half_rest = (
        cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for plane in (alpha, hair, rest)
    )
    thick = opened((half_hair > 0.5).astype(np.uint8), _THIN / 2 * half_px)
    locks = grown(thick, _REACH * half_px).astype(np.float32)
    locks = cv2.GaussianBlur(locks, (0, 0), max(0.5, 0.01 * half_px))
    if skin is not None:
        locks *= 1 - _bare(cv2.resize(skin, half_hair.shape[::-1]), half_hair, half_px)
    locks = cv2.resize(locks, size)
    closable = grown((half_rest > 0.3).astype(np.uint8), _NEAR_REST * half_px) == 0
    closable = cv2.resize(closable.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    body = largest(opened((half_alpha > 0.5).astype(np.uint8), _NECK * half_px))
    near = grown(body, (_NECK + _HANGS) * half_px)
    near = cv2.resize(near, size, interpolation=cv2.INTER_NEAREST)
    solid = largest(((alpha > 0.5) & (near > 0)).astype(np.uint8))
    bare, rounded, seen, guessed = (
        one_contour(solid, closable, pen, unit_px, padded=drawn)
        for pen in (_BARE, _ROUND, _STROKES if drawn else _LOCKS, _GUESSED)
    )
    unsure = smoothstep(_edge_width(alpha, unit_px), _SEEN_WIDTH, _GUESSED_WIDTH)
    with_locks = seen + unsure * (guessed - seen)
    contour = bare + locks * (with_locks - bare)
    contour += smooth * np.maximum(1 - locks, unsure) * (rounded - contour)
    return decided(contour)


def _bare(skin: np.ndarray, hair: np.ndarray, unit_px: float) -> np.ndarray:
    """Where there is skin and no hair, H×W float32 0..1."""
    near = (2 * max(1, round(_EAR * unit_px)) + 1,) * 2
    skin, hair = cv2.blur(skin, near), cv2.blur(hair, near)
    return smoothstep(skin / (skin + hair + np.float32(1e-3)), 0.7, 0.95)


def decided(contour: np.ndarray) -> np.ndarray:
    """``contour`` (H×W float32 0..1), soft only at its outline: where one outline passes into
    another, tips came off or are half there."""
    solid = largest((contour > 0.5).astype(np.uint8))
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, cv2.DIST_MASK_5)
    depth -= cv2.distanceTransform(1 - solid, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.clip(contour, np.clip(depth - _RIM_PX, 0, 1), np.clip(depth + _RIM_PX + 1, 0, 1))


def without_flicks(solid: np.ndarray, down: np.ndarray, unit_px: float) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1), cut where what hangs below the chin turns aside on a
    shoulder; ``down`` is how far below the chin, in face heights."""
    line = np.ones((2 * round(_FLICK / 2 * unit_px) + 1, 1), np.uint8)
    return np.where(down > _CHIN, cv2.morphologyEx(solid, cv2.MORPH_OPEN, line), solid)


def _edge_width(alpha: np.ndarray, unit_px: float) -> np.ndarray:
    """How wide the soft band of the edge of ``alpha`` is near each pixel, in face heights."""
    # At a third of the size: what is asked for is a mean.
    small, soft = (
        cv2.resize(plane, None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)
        for plane in (alpha, 4 * alpha * (1 - alpha))
    )
    unit_px /= 3
    smooth = cv2.GaussianBlur((small > 0.5).astype(np.float32), (0, 0), max(0.5, 0.012 * unit_px))
    outline = cv2.morphologyEx(
        (smooth > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)
    )  # two pixels wide
    near = (0, 0), max(1.0, 0.03 * unit_px)
    band = cv2.GaussianBlur(soft, *near)
    width = band / (cv2.GaussianBlur(outline.astype(np.float32), *near) / 2 + 1e-3)
    return cv2.resize(width / np.float32(unit_px), alpha.shape[1::-1])


def one_contour(
    solid: np.ndarray, closable: np.ndarray, pen: Pen, unit_px: float, *, padded: bool = False
) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) with an outline of ``pen``, H×W float32 0..1.

    Closed, where it is ``closable``, and opened (Serra 1982), then smoothed as a level set of its
    blurred indicator. Closing comes first: opening would take the locks that it joins.
    """
    spur_px = pen.spur * unit_px
    filled = closed(solid, spur_px, padded=padded)
    solid = opened(np.where(closable, filled, solid), spur_px)
    solid = without_holes(largest(solid), (pen.hole * unit_px) ** 2)
    sigma = max(pen.round * unit_px, 0.8)
    blurred = _blurred(solid.astype(np.float32), sigma)
    # A blur alone draws in what is round, by half its variance over the radius; less of one twice
    # as wide, whose step is flatter, an arc stays where it is.
    twice = np.float32(1 + np.sqrt(2))
    blurred = (1 + twice) * blurred - twice * _blurred(blurred, sigma)
    # The blurred step rises by so much a pixel where it crosses the outline.
    slope = (1 + np.sqrt(0.5)) / (sigma * np.sqrt(2 * np.pi))
    # Of a narrow blur the whole step is no more than that: what is inside stays opaque.
    rise = min(slope * _RIM_PX, 1.0)
    return np.clip(0.5 + (blurred - 0.5) / np.float32(rise), 0, 1)


def _blurred(plane: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur; a wide one leaves nothing that half the size would not show."""
    if sigma < 4:
        return cv2.GaussianBlur(plane, (0, 0), sigma)
    small = cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 2)
    return cv2.resize(small, plane.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def grown(solid: np.ndarray, radius_px: float) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) and what lies within ``radius_px`` of it.

    By distance: the time that OpenCV's dilation takes grows with the disc.
    """
    away = cv2.distanceTransform(1 - solid, cv2.DIST_L2, cv2.DIST_MASK_5)
    return (away <= max(1.0, radius_px)).astype(np.uint8)


def opened(solid: np.ndarray, radius_px: float) -> np.ndarray:
    return grown(1 - grown(1 - solid, radius_px), radius_px)


def closed(solid: np.ndarray, radius_px: float, *, padded: bool = False) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) without slits; ``padded``, nothing is closed against the border
    of the picture."""
    pad = int(max(1.0, radius_px)) + 2 if padded else 0
    solid = cv2.copyMakeBorder(solid, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    filled = 1 - grown(1 - grown(solid, radius_px), radius_px)
    return filled[pad : filled.shape[0] - pad, pad : filled.shape[1] - pad]


def largest(solid: np.ndarray) -> np.ndarray:
    """The largest piece of ``solid`` (H×W uint8, 0 or 1)."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(solid)
    if len(stats) < 3:
        return solid
    return (pieces == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)


def without_holes(solid: np.ndarray, area_px: float) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) with its holes smaller than ``area_px`` filled."""
    _, holes, stats, _ = cv2.connectedComponentsWithStats(1 - solid, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < area_px
    small[0] = False
    return solid | small[holes].astype(np.uint8)
