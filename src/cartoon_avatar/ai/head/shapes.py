"""The head of a drawing of shapes: cut along the shapes, in their colours, in a line of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.bars import behind_lines
from cartoon_avatar.ai.head.contour import (
    Pen,
    closed,
    grown,
    largest,
    one_contour,
    opened,
    without_flicks,
    without_holes,
)
from cartoon_avatar.ai.head.cut import (
    LOW_RESOLUTION_PX,
    Head,
    output_side,
    padded_square,
    turned_back,
    with_known,
)
from cartoon_avatar.ai.head.jaw import colours_near, without_jaw_line
from cartoon_avatar.ai.head.outline import outlined
from cartoon_avatar.ai.head.parts import hair_limit
from cartoon_avatar.ai.head.rivals import share_of
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square, inside_of, sampled
from cartoon_avatar.ai.head.shape import Shape, shape_of_head
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import (
    Face,
    open_face_finder,
    quarter_turns,
    turned,
    turned_picture,
)
from cartoon_avatar.ai.seeing.models import Models

# In face heights: the width of seams between shapes.
_SEAM = 0.012
# The drawn contour keeps locks and ears, not the corners where shapes meet; the ends of long hair
# and what it leaves of the neck are calm.
_PEN, _CALM = Pen(spur=0.012, round=0.01, hole=0.1), Pen(spur=0.045, round=0.03, hole=0.1)
# Below the chin, in face heights: where the line becomes calm.
_LOW = -0.3, -0.05
# Hair lower than the one and further aside than the other, in face heights, hangs beside the face,
# higher than the third is the crown; how far beside the colours of the rest it is strange, CIELAB,
# and from how many squared face heights on it is a shoulder.
_HANGS, _ASIDE, _CROWN, _STRANGE, _FAR, _SHOULDER = -0.33, 0.45, -1.1, 7.0, 0.62, 0.015
_BY_FACE, _RATHER, _REACH = 0.03, 4.5, 0.12
_GREY, _VIVID, _STRIPE = 6.0, 1.8, 0.05
# Colours are compared in so many pixels from chin to forehead.
_FEW_PX = 100
# Beside others: how much of a generous skull is surely one's own above the brows (face heights
# below the chin), and half the width of what hangs on a head and is not; in face heights.
_SKULL, _BROWS, _FLAP = 0.72, -0.85, 0.06
# How far beyond the head that its photo shows a drawn one may go, in face heights.
_NEAR = 0.03
# How round the corners become where the border of the picture cuts a head, in face heights.
_FRAME = 0.15
# How far about the shapes of a head one looks, in face heights.
_ABOUT = 0.5
# How far colours go on past the shapes, in face heights.
_CARRIED = 0.01
# Mean difference of a drawing, saved as a JPEG, from its shapes; 0..255.
_SAME = 8.0


def cut_along_shapes(
    drawing: Picture,
    render: Callable[[int, int], Picture],
    photo: Picture,
    people: Sequence[Face],
    *,
    faces: int,
    outline_px: float = 0.0,
    ink: tuple[int, int, int] = (0, 0, 0),
    size: int | None = None,
    models: Models | None = None,
) -> Head | None:
    """Cut out of ``drawing`` the head whose shapes alone ``render`` gives, width × height px.

    It gets one outline of its own, ``outline_px`` (pixels of the drawing) wide outside of it:
    the drawing's goes along the body, too. ``photo`` is what was drawn, as large as ``drawing``,
    and ``people`` are whom it shows, the one who was drawn first; ``faces`` are counted in all.
    With ``models`` it is judged by the photo what is no head.
    None where ``drawing`` is not what the shapes show (another version of the engine drew it).
    """
    head = render(drawing.width, drawing.height)
    if not _shows(drawing, head):
        return None
    turns = quarter_turns(people[0])
    people = [turned(one, turns, drawing.width, drawing.height) for one in people]
    paper, head = turned_picture(drawing, turns), turned_picture(head, turns)
    seen = turned_picture(photo, turns)
    shape = None if models is None else _shape_in_photo(seen, people[0], models)
    # Of a drawing that shows more, only what is about the head is looked at.
    head, corner = _about(head, _ABOUT * Ruler.of(people[0]).height)
    people = [replace(one, landmarks=one.landmarks - corner) for one in people]
    ruler = Ruler.of(people[0])
    solid = _whole((_alpha(head) > 127).astype(np.uint8), ruler.height)
    solid = _of_own_colours(solid, head, ruler)
    if shape is not None and shape.path == "classes":
        solid = _as_in_photo(solid, shape, corner, ruler.height)
    elif faces > 1:
        solid = _apart(solid, people, seen.rgb[corner[1] :, corner[0] :])
    at_frame = bool(_rim_of(solid).any())
    contour = _contour(solid, ruler, at_frame=at_frame)
    rows, columns = np.nonzero(contour > 0.5)
    x = corner[0] + columns.min(), corner[0] + columns.max() + 1
    y = corner[1] + rows.min(), corner[1] + rows.max() + 1
    square = padded_square(x, y, None if at_frame else paper)
    side = output_side(square.side, size)
    _, down = _measured(ruler, contour.shape)
    paint = _carried_on(head, ruler.height)
    paint = without_jaw_line(paint, contour, down, ruler.oval, ruler.height)
    here = Square(square.left - corner[0], square.top - corner[1], square.side)
    cut_out = _sampled(paint, contour, here, side)
    return Head(
        picture=outlined(cut_out, outline_px * side / square.side, ink),
        box=turned_back(square, paper, turns),
        faces=faces,
        path="shapes",
        cut_by_frame=at_frame,
        low_resolution=ruler.height < LOW_RESOLUTION_PX,
    )


def _about(head: Picture, margin_px: float) -> tuple[Picture, np.ndarray]:
    """What of ``head`` is opaque, with a margin, and where its left upper corner was: x, y."""
    alpha = _alpha(head)
    left, top, width, height = cv2.boundingRect((alpha > 0).astype(np.uint8))
    margin = round(margin_px)
    x, y = max(0, left - margin), max(0, top - margin)
    within = slice(y, top + height + margin), slice(x, left + width + margin)
    return Picture(head.rgb[within], alpha[within]), np.array([x, y])


def _alpha(head: Picture) -> np.ndarray:
    return np.full(head.rgb.shape[:2], 255, np.uint8) if head.alpha is None else head.alpha


def _shows(drawing: Picture, head: Picture) -> bool:
    solid = _alpha(head) == 255
    if not solid.any():
        return False
    return float(cv2.absdiff(drawing.rgb, head.rgb)[solid].mean()) < _SAME


def _whole(solid: np.ndarray, unit_px: float) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) as one piece, without the seams where shapes meet."""
    element = disc(_SEAM / 2 * unit_px)
    closed = np.maximum(solid, cv2.morphologyEx(solid, cv2.MORPH_CLOSE, element))
    return without_holes(largest(closed), (_PEN.hole * unit_px) ** 2)


def _of_own_colours(solid: np.ndarray, head: Picture, ruler: Ruler) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) without what hangs beside the face in colours that the hair
    about it has not: a shoulder that was taken for hair."""
    size = [max(1, round(_FEW_PX / ruler.height * side)) for side in solid.shape[::-1]]
    rgb = cv2.resize(head.rgb, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.02 * _FEW_PX)
    small = cv2.erode(cv2.resize(solid, size, interpolation=cv2.INTER_NEAREST), disc(1))
    across, down = (cv2.resize(plane, size) for plane in _measured(ruler, solid.shape))
    aside = np.abs(ruler.sideways(across))
    inside = small > 0
    by_face = _beside_oval(ruler, solid.shape, size)
    low = inside & (down > _HANGS) & (by_face > _BY_FACE)
    beside = inside & (down <= _HANGS) & (aside > _ASIDE)
    # On the crown there may be a bow.
    about = beside if beside.sum() > 0.05 * _FEW_PX**2 else beside | (inside & (down < _CROWN))
    if not low.any() or about.sum() < 100:
        return solid
    # Ends may be more vivid than the rest, but of no other hue.
    hue = lab[about][:, 1:].mean(axis=0)
    vivid = float(np.hypot(*hue))
    along = hue / vivid if vivid > _GREY else np.array([0.0, 1.0])
    turn = np.array([[1, 0, 0], [0, *along], [0, -along[1], along[0]]], np.float32)
    lab = lab @ turn.T
    least, most = np.percentile(lab[about], [8, 92], axis=0)
    if vivid > _GREY:
        most[1] *= _VIVID
    below = least - lab
    # Beside the neck it is dark, and nothing vivid.
    below[aside < _FAR, :2] = 0
    apart = np.maximum(below, lab - most).clip(0) * np.asarray([0.3, 1, 1], np.float32)
    off = np.where(low, np.linalg.norm(apart, axis=2), 0)
    # Stripes of a sleeve are one piece.
    strange = closed((off > _STRANGE).astype(np.uint8), _STRIPE * _FEW_PX)
    strange = opened(strange, 0.025 * _FEW_PX)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(strange)
    shoulder = stats[:, cv2.CC_STAT_AREA] > _SHOULDER * _FEW_PX**2
    shoulder[0] = False
    strange = shoulder[pieces].astype(np.uint8)
    rather = (off > _RATHER) & (grown(strange, _REACH * _FEW_PX) > 0)
    strange = (grown(strange, 0.04 * _FEW_PX) | rather) * (by_face > _BY_FACE).astype(np.uint8)
    if not strange.any():
        return solid
    strange = cv2.resize(strange, solid.shape[::-1], interpolation=cv2.INTER_NEAREST)
    # Scraps between what goes go, too.
    left = opened(solid * (1 - strange), _FLAP / 2 * ruler.height)
    near = grown(strange, _FLAP * ruler.height)
    return largest(np.where(near > 0, left, solid))


def _beside_oval(ruler: Ruler, shape: tuple[int, ...], size: Sequence[int]) -> np.ndarray:
    """How far beside the face each pixel lies, in face heights, on ``size`` (width, height)."""
    oval = np.zeros((size[1], size[0]), np.uint8)
    points = ruler.oval * [size[0] / shape[1], size[1] / shape[0]]
    cv2.fillPoly(oval, [np.rint(points).astype(np.int32)], 1)
    return cv2.distanceTransform(1 - oval, cv2.DIST_L2, cv2.DIST_MASK_5) / _FEW_PX


def _shape_in_photo(photo: Picture, known: Face, models: Models) -> Shape:
    """The head of the ``known`` face, as it is cut out of other drawings of ``photo``."""
    faces, index = with_known(open_face_finder(models)(photo), known)
    return shape_of_head(behind_lines(photo, faces[index]), faces, index, models)


def _as_in_photo(solid: np.ndarray, shape: Shape, corner: np.ndarray, unit_px: float) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) without what the photo shows to be the rest of the person,
    others, or far from the head. Its first pixel is ``corner`` (x, y) of the photo."""
    height, width = solid.shape
    side = max(height, width)
    left, top = corner - [shape.square.left, shape.square.top]
    here = Square(left, top, side).scaled(shape.head.shape[0] / shape.square.side)
    planes = sampled(np.dstack([shape.head, shape.rest]), here, side)[:height, :width]
    head, rest = cv2.split(planes)
    near = grown((head > 0.5).astype(np.uint8), _NEAR * unit_px)
    own = near * (rest < np.maximum(head, 0.3)).astype(np.uint8)
    return largest(opened(solid * own, _FLAP / 2 * unit_px))


def _apart(solid: np.ndarray, people: Sequence[Face], rgb: np.ndarray) -> np.ndarray:
    """``solid`` (H×W uint8, 0 or 1) with the crown that a neighbour hides, without what of a
    neighbour hangs on it. ``rgb`` (uint8) shows H×W and more."""
    ruler = Ruler.of(people[0])
    across, down = _measured(ruler, solid.shape)
    crown = (ruler.from_skull(across, down) < _SKULL) & (down < _BROWS)
    height, width = solid.shape
    side = max(height, width)
    square = Square(0, 0, side)
    mine = share_of(people[0], list(people), square, sampled(rgb[:height, :width], square, side))
    own = (mine[:height, :width] > 0.5).astype(np.uint8)
    return largest(opened((solid | crown.astype(np.uint8)) * own, _FLAP * ruler.height))


def _rim_of(plane: np.ndarray) -> np.ndarray:
    return np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])


def _contour(solid: np.ndarray, ruler: Ruler, *, at_frame: bool) -> np.ndarray:
    """The one outline of ``solid`` (H×W uint8, 0 or 1), H×W float32 0..1; long hair is ended in a
    curve, and so is what the picture cuts off."""
    height, width = solid.shape
    across, down = _measured(ruler, solid.shape)
    limit = hair_limit(np.abs(ruler.sideways(across)), down) > 0.5
    reach = round(_FRAME * ruler.height)
    # Padded: there is nothing beyond the border.
    solid, limit, down = (
        cv2.copyMakeBorder(plane, *(reach,) * 4, how)
        for plane, how in (
            (solid, cv2.BORDER_CONSTANT),
            (limit.astype(np.uint8), cv2.BORDER_REPLICATE),
            (down, cv2.BORDER_REPLICATE),
        )
    )
    if at_frame:
        inner = np.zeros_like(solid)
        inner[2 * reach : -2 * reach, 2 * reach : -2 * reach] = 1
        solid = np.where(inner > 0, solid, opened(solid, reach))
    solid *= limit
    solid = largest(without_flicks(solid, down, ruler.height))
    everywhere = np.ones(solid.shape, bool)
    firm, calm = (one_contour(solid, everywhere, pen, ruler.height) for pen in (_PEN, _CALM))
    contour = firm + smoothstep(down, *_LOW) * (calm - firm)
    # Where one outline passes into the other, a tip may have come off.
    contour *= cv2.dilate(largest((contour > 0.5).astype(np.uint8)), disc(2))
    return contour[reach : reach + height, reach : reach + width]


def _measured(ruler: Ruler, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Right of and below the chin, in face heights, each H×W."""
    height, width = shape
    side = max(height, width)
    across, down = ruler.measure(Square(0, 0, side), side)
    return across[:height, :width], down[:height, :width]


def _carried_on(head: Picture, unit_px: float) -> np.ndarray:
    """The head's colours, which go on where it has none: H×W×3 float32 0..255."""
    own = _alpha(head).astype(np.float32)[..., None] / 255
    rgb = head.rgb.astype(np.float32)
    far, near = colours_near(rgb, own[..., 0], *(k * _CARRIED * unit_px for k in (8, 1)))
    carried = far[0] + near[1] * (near[0] - far[0])
    return rgb * own + (1 - own) * carried


def _sampled(rgb: np.ndarray, contour: np.ndarray, square: Square, size: int) -> Picture:
    """``square`` at ``size``² inside of ``contour`` (H×W float32 0..1)."""
    plane = Picture(np.zeros((*contour.shape, 3), np.uint8))
    alpha = sampled(contour, square, size) * inside_of(plane, square, size)
    opacity = np.rint(255 * np.clip(alpha, 0, 1)).astype(np.uint8)
    paint = np.clip(np.rint(sampled(rgb, square, size)), 0, 255).astype(np.uint8)
    paint[opacity == 0] = 0
    return Picture(paint, opacity)
