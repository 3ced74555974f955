"""One clean contour: what makes a cut-out a sticker."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc


@dataclass(frozen=True, slots=True)
class _Pen:
    """How a contour is drawn; lengths in face heights."""

    #: Half the width of spurs and slits that go.
    spur: float
    #: How round corners become.
    round: float
    #: Side of a hole that stays open.
    hole: float


# Hair keeps its locks; skin, ears and hats have none.
_HAIR, _BARE = _Pen(0.003, 0.003, 0.04), _Pen(0.012, 0.006, 0.1)
# In face heights: hair that lies thinner than this is a rim on a bald head, and how far around
# the rest its locks reach.
_THIN, _LOCKS = 0.08, 0.06
# Width of the antialiased rim, px.
_RIM_PX = 1.5


def clean_contour(alpha: np.ndarray, hair: np.ndarray, unit_px: float) -> np.ndarray:
    """``alpha`` as one piece with a crisp outline, smooth where there is no ``hair``.

    All H×W float32 0..1; ``unit_px`` is the height of the face.
    """
    thick = cv2.morphologyEx(
        (hair > 0.5).astype(np.uint8), cv2.MORPH_OPEN, disc(_THIN / 2 * unit_px)
    )
    locks = cv2.dilate(thick, disc(_LOCKS * unit_px)).astype(np.float32)
    locks = cv2.GaussianBlur(locks, (0, 0), max(0.5, 0.01 * unit_px))
    solid = (alpha > 0.5).astype(np.uint8)
    bare, with_locks = (_drawn(solid, pen, unit_px) for pen in (_BARE, _HAIR))
    return bare + locks * (with_locks - bare)


def _drawn(solid: np.ndarray, pen: _Pen, unit_px: float) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) with an outline of ``pen``, H×W float32 0..1.

    Opened and closed (Serra 1982), then smoothed as a level set of its blurred indicator.
    """
    if pen.spur:
        element = disc(pen.spur * unit_px)
        solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, element)
        solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, element)
    solid = without_holes(largest(solid), (pen.hole * unit_px) ** 2)
    sigma = max(pen.round * unit_px, 0.6)
    blurred = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), sigma)
    # The blurred step rises by so much a pixel where it crosses the outline.
    slope = 1 / (sigma * np.sqrt(2 * np.pi))
    return np.clip(0.5 + (blurred - 0.5) / np.float32(slope * _RIM_PX), 0, 1)


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
