"""The head of a drawing of shapes: cut along the shapes, in their colours."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.head.contour import largest, without_holes
from cartoon_avatar.ai.head.cut import (
    LOW_RESOLUTION_PX,
    Head,
    output_side,
    padded_square,
    turned_back,
)
from cartoon_avatar.ai.head.parts import hair_limit
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square, inside_of, sampled
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face, quarter_turns, turned, turned_picture

# In face heights: the width of seams between shapes, and the side of a hole that stays open.
_SEAM, _HOLE = 0.012, 0.1
# Hair that meets the border lower than this, below the chin, hangs down; in face heights.
_LONG = -0.3
# Where such hair is ended: half the width of tips that go, the width of the line along the end, and
# how light the line is beside the hair.
_TIP, _LINE, _INK = 0.05, 0.014, 0.4
# Mean difference of a drawing, saved as a JPEG, from its shapes; 0..255.
_SAME = 8.0


def cut_along_shapes(
    drawing: Picture,
    render: Callable[[int, int], Picture],
    face: Face,
    *,
    faces: int,
    size: int | None = None,
) -> Head | None:
    """Cut out of ``drawing`` the head whose shapes alone ``render`` gives, width × height px.

    ``face`` is the one that was drawn, in pixels of ``drawing``; ``faces`` are counted in all.
    None where ``drawing`` is not what the shapes show (another version of the engine drew it).
    """
    head = render(drawing.width, drawing.height)
    if not _shows(drawing, head):
        return None
    turns = quarter_turns(face)
    ruler = Ruler.of(turned(face, turns, drawing.width, drawing.height))
    paper, head = turned_picture(drawing, turns), turned_picture(head, turns)
    opacity = _closed(_alpha(head), ruler.height)
    rim = np.concatenate([opacity[0], opacity[-1], opacity[:, 0], opacity[:, -1]])
    head, opacity = _ended(head, opacity, ruler)
    rows, columns = np.nonzero(opacity > 127)
    x, y = (columns.min(), columns.max() + 1), (rows.min(), rows.max() + 1)
    square = padded_square(x, y, paper)
    return Head(
        picture=_laid_over(paper, head, opacity, square, output_side(square.side, size)),
        box=turned_back(square, paper, turns),
        faces=faces,
        path="shapes",
        cut_by_frame=bool(rim.max() > 127),
        low_resolution=ruler.height < LOW_RESOLUTION_PX,
    )


def _alpha(head: Picture) -> np.ndarray:
    return np.full(head.rgb.shape[:2], 255, np.uint8) if head.alpha is None else head.alpha


def _shows(drawing: Picture, head: Picture) -> bool:
    solid = _alpha(head) == 255
    if not solid.any():
        return False
    return float(cv2.absdiff(drawing.rgb, head.rgb)[solid].mean()) < _SAME


def _closed(alpha: np.ndarray, unit_px: float) -> np.ndarray:
    """``alpha`` (H×W uint8) as one piece, without the seams where shapes meet."""
    element = disc(_SEAM / 2 * unit_px)
    closed = np.maximum(alpha, cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, element))
    solid = largest((closed > 127).astype(np.uint8))
    filled = without_holes(solid, (_HOLE * unit_px) ** 2)
    closed[filled > solid] = 255
    # The soft rim of the piece goes along.
    closed[cv2.dilate(filled, disc(1)) == 0] = 0
    return closed


def _ended(head: Picture, opacity: np.ndarray, ruler: Ruler) -> tuple[Picture, np.ndarray]:
    """Head and ``opacity`` (H×W uint8), with hair ended in a drawn curve where the picture would
    end it in a line."""
    height, width = opacity.shape
    across, down = (
        plane[:height, :width]
        for plane in ruler.measure(Square(0, 0, max(height, width)), max(height, width))
    )
    at_frame = np.zeros((height, width), bool)
    at_frame[-1], at_frame[:, 0], at_frame[:, -1] = True, True, True
    if not (at_frame & (opacity > 127) & (down > _LONG)).any():
        return head, opacity
    solid = (opacity > 127).astype(np.uint8)
    kept = solid * (hair_limit(np.abs(ruler.sideways(across)), down) > 0.5).astype(np.uint8)
    # The border is no corner to be rounded off, but the curve and what it leaves of tips are.
    away = cv2.distanceTransform(1 - (solid - kept), cv2.DIST_L2, cv2.DIST_MASK_5)
    rounded = cv2.morphologyEx(kept, cv2.MORPH_OPEN, disc(_TIP * ruler.height))
    kept = largest(np.where(away < 3 * _TIP * ruler.height, rounded, kept))
    gone = solid - kept
    ended = np.minimum(opacity, np.rint(255 * cv2.GaussianBlur(1.0 - gone, (0, 0), 0.8)))
    ended[gone > 0] = np.minimum(ended, 127)[gone > 0]
    # The soft rim of what is gone goes along.
    ended[cv2.dilate(kept, disc(2)) == 0] = 0
    away = cv2.distanceTransform(1 - gone, cv2.DIST_L2, cv2.DIST_MASK_5)
    ink = np.clip(_LINE * ruler.height - away + 0.5, 0, 1)[..., None]
    inked = np.rint(head.rgb * (1 - (1 - _INK) * ink)).astype(np.uint8)
    return Picture(inked, head.alpha), ended.astype(np.uint8)


def _laid_over(
    paper: Picture, head: Picture, opacity: np.ndarray, square: Square, size: int
) -> Picture:
    """``square`` at ``size``²: the head's own colours, the drawing's where it has none."""
    inside = inside_of(Picture(paper.rgb), square, size)
    own, whole = (
        np.clip(sampled(plane, square, size) * inside / np.float32(255), 0, 1)
        for plane in (np.minimum(_alpha(head), opacity), opacity)
    )
    # Multiplied by alpha, or what is transparent would colour the rim.
    weighted = head.rgb * (np.minimum(_alpha(head), opacity)[..., None] / np.float32(255))
    gap = np.clip(whole - own, 0, 1)[..., None]
    mixed = sampled(weighted, square, size) * inside[..., None]
    mixed += gap * sampled(paper.rgb, square, size)
    rgb = np.clip(np.rint(mixed / np.maximum(own[..., None] + gap, 1e-3)), 0, 255)
    rgb = rgb.astype(np.uint8)
    alpha = np.rint(255 * whole).astype(np.uint8)
    rgb[alpha == 0] = 0
    return Picture(rgb, alpha)
