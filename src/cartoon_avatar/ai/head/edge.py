"""The finished edge of a head, at the size of the result."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.guided_filter import guided_filter
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.colour_edge import colour_edge
from cartoon_avatar.ai.head.contour import (
    Pen,
    clean_contour,
    decided,
    grown,
    largest,
    one_contour,
    opened,
    without_flicks,
)
from cartoon_avatar.ai.head.sampling import Square, sampled
from cartoon_avatar.ai.head.shape import Shape
from cartoon_avatar.ai.pictures import Picture

# Where an engine ends the people before another backdrop, in the person mask.
_NOBODY, _PERSON = 0.3, 0.8
# In face heights below the chin: ears lie between these two, whichever way a head is tilted.
_EARS, _MOUTH = -0.98, -0.2
# Hair that lies thinner than this over the scalp has no locks of its own; in face heights.
_CROPPED = 0.1
# How far beside the networks' edge colours are asked for it, in face heights.
_BAND = 0.009
# The ends of long hair and what is left of the neck are calm in a drawing, and where, in face
# heights below the chin, that begins.
_CALM, _LOW = Pen(spur=0.045, round=0.03, hole=0.1), (-0.42, -0.3)
# A piece of which so much is asked for comes off; with so many pixels of its antialiased rim.
_MOSTLY, _RIM_PX = 0.3, 3
# How round the corners become where another's head cuts one above the jaw, and how far around; in
# face heights; and how near that is which cuts.
_CORNER, _JAW, _BESIDE, _TOUCHES = Pen(spur=0.2, round=0.04, hole=0.1), -0.3, 0.2, 0.02
# How round the corners become where the border of the picture cuts a head, in face heights.
_FRAME = 0.15


def edge_of(
    shape: Shape,
    seen: Picture,
    people: np.ndarray | None,
    square: Square,
    size: int,
    *,
    drawn: bool = False,
) -> np.ndarray:
    """The finished alpha of ``square`` (pixels of ``seen``), size×size float32 0..1.

    ``people`` is the mask that ``seen`` was drawn with, H×W float32 0..1: what it takes for
    backdrop has been painted as such and is no head. ``drawn``: it is for a drawing of ``seen``,
    which has no finer lines than its strokes, and no flat side.
    """
    to_plan = shape.head.shape[0] / shape.square.side
    moved = Square(square.left - shape.square.left, square.top - shape.square.top, square.side)
    planes = np.dstack([shape.head, shape.rest, shape.hair, shape.skin])
    plan = sampled(planes, moved.scaled(to_plan), size)
    rgb = sampled(seen.rgb, square, size)
    unit = shape.ruler.height * size / square.side  # a face height in pixels of the result
    # Blurred by what a pixel of the plan is wide, or its grid shows.
    sigma = max(0.5, 0.008 * unit, 0.5 * size / (square.side * to_plan))
    head, rest, hair, skin = cv2.split(cv2.GaussianBlur(np.clip(plan, 0, 1), (0, 0), sigma))
    # Not along the neck: there the shadow under the chin is the strongest edge, not the chin.
    mine = cv2.blur(head / (head + rest + 1e-4), (2 * max(1, round(0.05 * unit)) + 1,) * 2)
    person = guided_filter(rgb, np.minimum(1, head + rest), 0.02 * unit, 1e-3)
    alpha = smoothstep(person * smoothstep(mine, 0.21, 0.57), 0.06, 0.94)
    near_rest = cv2.blur(rest, (2 * round(0.03 * unit) + 1,) * 2)
    away = 1 - smoothstep(near_rest, 0.0, 0.3)
    colours = rgb.astype(np.float32) * np.float32(1 / 255)
    alpha = alpha + away * (colour_edge(colours, alpha, _BAND * unit) - alpha)

    if people is not None:
        alpha = np.minimum(alpha, smoothstep(sampled(people, square, size), _NOBODY, _PERSON))
    smooth = _scalp_or_jaw(shape, head, skin, square, size)
    alpha = clean_contour(alpha, hair, smooth, rest, unit, skin=skin, drawn=drawn)
    centres = (np.arange(size) + 0.5) * (square.side / size)
    x, y = square.left + centres, square.top + centres
    rows, columns = (y >= 0) & (y <= seen.height), (x >= 0) & (x <= seen.width)
    alpha *= np.outer(rows, columns)
    if not drawn:
        return alpha
    _, down = shape.ruler.measure(square, size)
    alpha = _rounded_beside(alpha, hair, rest, down, unit)
    alpha = _calm_below(alpha, down, unit)
    return _rounded_at_frame(alpha, rows, columns, _FRAME * unit)


def _rounded_beside(
    alpha: np.ndarray, hair: np.ndarray, rest: np.ndarray, down: np.ndarray, unit_px: float
) -> np.ndarray:
    """``alpha`` (H×W float32 0..1) whose ``hair`` has round corners where another's head or the own
    arm, in ``rest``, cuts it above the jaw."""
    solid = (alpha > 0.5).astype(np.uint8)
    own = grown(((hair > 0.5) & (alpha > 0.5)).astype(np.uint8), _TOUCHES * unit_px)
    cut = own * ((rest > 0.5) & (down < _JAW)).astype(np.uint8)
    if not cut.any():
        return alpha
    near = grown(cut, _BESIDE * unit_px).astype(np.float32)
    near = cv2.GaussianBlur(near, (0, 0), 0.02 * unit_px)
    calm = one_contour(solid, np.zeros(solid.shape, bool), _CORNER, unit_px)
    return _calmed(alpha, calm, near)


def _calm_below(alpha: np.ndarray, down: np.ndarray, unit_px: float) -> np.ndarray:
    """``alpha`` (H×W float32 0..1) without drops and flicks at the ends of long hair and at what
    is left of the neck; ``down`` is how far below the chin, in face heights."""
    solid = largest(without_flicks((alpha > 0.5).astype(np.uint8), down, unit_px))
    calm = one_contour(solid, np.zeros(solid.shape, bool), _CALM, unit_px)
    return _calmed(alpha, calm, smoothstep(down, *_LOW))


def _calmed(alpha: np.ndarray, calm: np.ndarray, where: np.ndarray) -> np.ndarray:
    """``alpha`` no wider than ``calm`` ``where`` that is asked for: each piece comes off as a whole
    or not at all, or a step would stay. All H×W float32 0..1."""
    off = ((alpha > 0.5) & (calm <= 0.5)).astype(np.uint8)
    off = cv2.morphologyEx(off, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(off)
    asked = np.bincount(pieces.ravel(), where.ravel(), len(stats)) / stats[:, cv2.CC_STAT_AREA]
    goes = asked > _MOSTLY
    goes[0] = False
    gone, stays = goes[pieces], (pieces > 0) & ~goes[pieces]
    share = where.copy()
    for all_of, wanted in ((stays, 0), (gone, 1)):
        share[cv2.dilate(all_of.astype(np.uint8), disc(_RIM_PX)) > 0] = wanted
    return decided(alpha + share * (np.minimum(calm, alpha) - alpha))


def _rounded_at_frame(
    alpha: np.ndarray, rows: np.ndarray, columns: np.ndarray, radius_px: float
) -> np.ndarray:
    """``alpha`` (H×W float32 0..1) whose corners are round where the border of the picture, which
    has these ``rows`` and ``columns`` (bool), cuts it."""
    inside = np.outer(rows, columns).astype(np.uint8)
    solid = (alpha > 0.5).astype(np.uint8)
    # Padded: there is nothing beyond the border.
    pad = round(2 * radius_px) + 2
    inside, solid = (
        cv2.copyMakeBorder(plane, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
        for plane in (inside, solid)
    )
    within = cv2.erode(inside, np.ones((3, 3), np.uint8))
    cut = ((solid > 0) & (inside > 0) & (within == 0)).astype(np.uint8)
    if not cut.any():
        return alpha
    corners = _corners(solid, grown(cut, 2 * radius_px) > 0, radius_px)
    # With their antialiased rim.
    round_ = 1 - cv2.dilate(corners, disc(_RIM_PX)) * (1 - (solid - corners))
    round_ = cv2.GaussianBlur(round_.astype(np.float32), (0, 0), 1)[pad:-pad, pad:-pad]
    return np.minimum(alpha, round_)


def _corners(solid: np.ndarray, near: np.ndarray, radius_px: float) -> np.ndarray:
    """The corners of ``solid`` (H×W uint8, 0 or 1) that are not round and reach what is ``near``
    (H×W bool): 0 or 1. A lock that is narrower than such a corner is no corner but has some."""
    left = solid
    for part in (1.0, 0.5, 0.25):
        radius = part * radius_px
        _, pieces, stats, _ = cv2.connectedComponentsWithStats(left - (left & opened(left, radius)))
        small = stats[:, cv2.CC_STAT_AREA] < radius**2
        small[0] = False
        corners = small[pieces]
        reach = np.unique(pieces[corners & near])
        left = np.where(np.isin(pieces, reach) & corners, 0, left).astype(np.uint8)
    return solid - left


def _scalp_or_jaw(
    shape: Shape, head: np.ndarray, skin: np.ndarray, square: Square, size: int
) -> np.ndarray:
    """Where the outline is that of bare skin, above the ears or below them: size×size, 0..1."""
    unit = shape.ruler.height * size / square.side
    _, down = shape.ruler.measure(square, size)
    free = 1 - smoothstep(down, _EARS, _EARS + 0.12) + smoothstep(down, _MOUTH - 0.1, _MOUTH)
    near = (2 * max(1, round(_CROPPED * unit)) + 1,) * 2
    share = cv2.blur(skin, near) / (cv2.blur(head, near) + 1e-3)
    return free * smoothstep(share, 0.3, 0.6)
