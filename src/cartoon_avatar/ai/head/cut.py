"""The recipe: a drawing becomes the head in it, cut out.

The shape of the head is read from the photo that the drawing was made of, where the
networks are at home, and its colours are taken from the drawing: both show the same
pixels, so one alpha fits every style.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.errors import FaceIndexOutOfRange
from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.head.bars import behind_lines
from cartoon_avatar.ai.head.colour_edge import like_background, local_colour
from cartoon_avatar.ai.head.decontaminate import decontaminate
from cartoon_avatar.ai.head.edge import edge_of
from cartoon_avatar.ai.head.jaw import without_lines_beside
from cartoon_avatar.ai.head.rim_lines import lines_drawn_in
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square, sampled
from cartoon_avatar.ai.head.shape import Shape, shape_of_head
from cartoon_avatar.ai.head.spill import without_spill
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import (
    Face,
    open_face_finder,
    quarter_turns,
    turned,
    turned_picture,
)
from cartoon_avatar.ai.seeing.features import OVAL, area
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.models import Models
from cartoon_avatar.contract.errors import NoFace

LARGEST_SIZE_PX = 1024
_ENLARGE_AT_MOST = 2.0
# A face lower than this gives a soft cut: the drawing has too few pixels of it.
LOW_RESOLUTION_PX = 80
# Of the square around a head, as multiple of it: a margin of 7 % all around.
_PADDED = 1.14
# The people who are looked at for a cut: every one costs two looks of the networks.
_NEAREST = 9
# How far inside the edge the backdrop's paint may stand, in face heights.
_RIM = 0.03
# Opacity that a head has somewhere.
_SEEN = 0.98
# A photo differs by less from itself as another file, of 255, in copies of this side.
_ALIKE, _ALIKE_PX = 2.0, 256


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head cut out of a drawing.

    ``picture`` is a square with straight alpha, its colours 0 where alpha is 0. ``box`` is
    where it was: left, top, width, height in pixels of the upright drawing; it may reach
    past the border of a drawing that is narrower than the head.
    """

    picture: Picture
    box: tuple[int, int, int, int]
    faces: int
    #: "classes", or "fallback" where the class network was missing or unsure; "shapes" of a
    #: drawing that is cut along its own shapes.
    path: str
    #: The head goes on past the border of the picture.
    cut_by_frame: bool
    #: The face is so small in the drawing that the cut is soft.
    low_resolution: bool


def cut(
    drawing: Picture,
    models: Models,
    photo: Picture | None = None,
    *,
    face_index: int = 0,
    known: Face | None = None,
    size: int | None = None,
    ink_width_px: float = 0.0,
) -> Head:
    """Cut a head out of ``drawing``, ``size`` px wide and high if it has that many.

    ``photo`` is what the drawing was made of, of any size but the same shape; without it
    the drawing has to do. Faces are counted from the most prominent; with ``known``, the wanted
    face in pixels of ``photo`` as it was found for the drawing, its number does not matter, nor
    whether it is found again: there may be too little around it. Outlines up to
    ``ink_width_px`` wide (pixels of the drawing) lie half outside the photo's edge: they are
    moved inside, so that none is halved and the alpha stays the photo's. Raises ``NoFace``,
    ``FaceIndexOutOfRange`` and ``ModelMissing``.
    """
    find_faces = open_face_finder(models)
    aligned = photo is not None and same_shape(photo, drawing)
    seen = photo if aligned else drawing
    faces = find_faces(seen)
    if known is not None and aligned:
        faces, face_index = with_known(faces, known)
    if not faces:
        raise NoFace
    if not 0 <= face_index < len(faces):
        raise FaceIndexOutOfRange(face_index, len(faces))
    # Whichever way up the photo is, the head is set upright.
    turns = quarter_turns(faces[face_index])
    faces = [turned(face, turns, seen.width, seen.height) for face in faces]
    seen, paper = _without_rim(turned_picture(seen, turns)), turned_picture(drawing, turns)
    clear = behind_lines(seen, faces[face_index])

    shape = shape_of_head(clear, faces, face_index, models)
    scale = paper.width / seen.width
    square = _tight_square(shape, paper, scale)
    size = output_side(square.side, size)
    seen_square = Square(square.left / scale, square.top / scale, square.side / scale)
    people = _person(clear, _beside(faces, face_index), models)
    drawn = not _alike(seen, paper)
    alpha = edge_of(shape, clear, people, seen_square, size, drawn=drawn)
    if alpha.max() < _SEEN:  # of so few pixels that smoothing left nothing
        oval = faces[face_index].landmarks[list(OVAL)] - [seen_square.left, seen_square.top]
        alpha = np.maximum(alpha, area(alpha.shape, oval * (size / seen_square.side) - 0.5))
    rim_px = _RIM * shape.ruler.height * scale * size / square.side
    picture = _coloured(paper, square, alpha, rim_px, ink_width_px * size / square.side)
    if drawn:
        picture = _in_own_light(picture, shape, clear, people, seen_square)
        picture = _in_one_contour(picture, shape.ruler, seen_square)
    return Head(
        picture=picture,
        box=turned_back(square, paper, turns),
        faces=len(faces),
        path=shape.path,
        cut_by_frame=shape.cut_by_frame,
        low_resolution=shape.ruler.height * scale < LOW_RESOLUTION_PX,
    )


def with_known(faces: list[Face], known: Face) -> tuple[list[Face], int]:
    """``faces`` with the ``known`` one among them, and its number.

    Found again it is seen better, unless another face or another way up was taken for it.
    """
    middle = known.landmarks.mean(axis=0)
    reach = 0.35 * float(np.ptp(known.landmarks, axis=0).max())
    away = [float(np.linalg.norm(face.landmarks.mean(axis=0) - middle)) for face in faces]
    if faces and min(away) <= reach:
        nearest = int(np.argmin(away))
        if quarter_turns(faces[nearest]) == quarter_turns(known):
            return faces, nearest
        return [*faces[:nearest], known, *faces[nearest + 1 :]], nearest
    return [*faces, known], len(faces)


def _beside(faces: list[Face], index: int) -> list[Face]:
    """Of a crowd, ``faces[index]`` and those nearest to it: nobody else shows in its cut."""
    if len(faces) <= _NEAREST:
        return faces
    middle = faces[index].landmarks.mean(axis=0)
    away = [float(np.linalg.norm(face.landmarks.mean(axis=0) - middle)) for face in faces]
    return [faces[at] for at in np.argsort(away, kind="stable")[:_NEAREST]]


def _person(seen: Picture, faces: list[Face], models: Models) -> np.ndarray | None:
    """The people in ``seen``, H×W float32 0..1; None where the networks do not know them."""
    masks = open_mask_finder(models)(seen, faces)
    return masks.person if masks is not None and masks.trusted else None


def same_shape(photo: Picture, drawing: Picture) -> bool:
    """Whether a drawing can lie over the photo pixel on pixel, but for its size."""
    wide = photo.width * drawing.height / (photo.height * drawing.width)
    # A side of few pixels is rounded by much.
    slack = 0.5 / min(photo.width, photo.height) + 0.5 / min(drawing.width, drawing.height)
    return abs(wide - 1) <= 0.01 + slack


def _alike(photo: Picture, drawing: Picture) -> bool:
    """Whether ``drawing`` is the photo itself, or all that there is of it."""
    if drawing is photo:
        return True
    size = min(_ALIKE_PX, photo.width), min(_ALIKE_PX, photo.height)
    one, other = (
        cv2.resize(picture.rgb, size, interpolation=cv2.INTER_AREA) for picture in (photo, drawing)
    )
    return float(cv2.absdiff(one, other).mean()) < _ALIKE


def _without_rim(picture: Picture) -> Picture:
    """``picture`` with its opaque colours carried on below its transparent parts.

    There may stand anything, and the networks take a round border for the brim of a hat.
    """
    if picture.alpha is None:
        return picture
    opaque = picture.alpha.astype(np.float32) * np.float32(1 / 255)
    scale = min(1.0, 128 / max(opaque.shape))
    weights = np.dstack([picture.rgb * opaque[..., None], opaque])
    coarse = cv2.resize(weights, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    carried = np.zeros_like(coarse)
    for sigma in (32, 8, 2):  # from afar where nothing is near
        blurred = cv2.GaussianBlur(coarse, (0, 0), sigma)
        near = np.clip(20 * blurred[..., 3:], 0, 1)
        carried += near * (blurred / np.maximum(blurred[..., 3:], 1e-4) - carried)
    carried = cv2.resize(carried[..., :3], (picture.width, picture.height))
    mixed = weights[..., :3] + (1 - opaque[..., None]) * carried
    return Picture(np.clip(np.rint(mixed), 0, 255).astype(np.uint8), picture.alpha)


def turned_back(square: Square, turned: Picture, turns: int) -> tuple[int, int, int, int]:
    """A square of the turned picture in pixels of the picture as it came."""
    left, top, side = int(square.left), int(square.top), int(square.side)
    right, bottom = turned.width - left - side, turned.height - top - side
    corners = ((left, top), (top, right), (right, bottom), (bottom, left))
    return (*corners[turns % 4], side, side)


def _tight_square(shape: Shape, paper: Picture, scale: float) -> Square:
    """The square around the head with a margin of 7 %, in pixels of ``paper``."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats((shape.head > 0.5).astype(np.uint8))
    largest = 1 + stats[1:, cv2.CC_STAT_AREA].argmax() if len(stats) > 1 else 0
    # A little wider than its middle line, the head's soft edge goes along.
    soft = cv2.dilate((pieces == largest).astype(np.uint8), disc(2))
    rows, columns = np.nonzero((soft > 0) & (shape.head > 0.1))
    pitch = shape.square.side / shape.head.shape[0]
    x0, x1 = (
        shape.square.left + columns.min() * pitch,
        shape.square.left + (columns.max() + 1) * pitch,
    )
    y0, y1 = shape.square.top + rows.min() * pitch, shape.square.top + (rows.max() + 1) * pitch
    return padded_square((x0 * scale, x1 * scale), (y0 * scale, y1 * scale), paper)


def padded_square(x: tuple[float, float], y: tuple[float, float], paper: Picture | None) -> Square:
    """The square around what lies from ``x[0]`` to ``x[1]`` and ``y[0]`` to ``y[1]``, with a margin
    of 7 %, inside ``paper`` if that is given and it fits."""
    side = max(1, round(_PADDED * max(x[1] - x[0], y[1] - y[0])))
    left, top = (round((start + end) / 2 - side / 2) for start, end in (x, y))
    if paper is not None:
        left = _shifted_inside(left, side, paper.width)
        top = _shifted_inside(top, side, paper.height)
    return Square(left, top, side)


def _shifted_inside(start: int, side: int, limit: int) -> int:
    return start if side > limit else min(max(start, 0), limit - side)


def output_side(side: float, size: int | None) -> int:
    largest = min(LARGEST_SIZE_PX, round(_ENLARGE_AT_MOST * side))
    return int(min(size or side, largest))


def _in_own_light(
    head: Picture, shape: Shape, seen: Picture, people: np.ndarray | None, square: Square
) -> Picture:
    """``head``, which is ``square`` of ``seen``, its hair without the backdrop's light."""
    assert head.alpha is not None
    if people is None:
        return head
    size = head.width
    to_plan = shape.head.shape[0] / shape.square.side
    moved = Square(square.left - shape.square.left, square.top - shape.square.top, square.side)
    rgb = without_spill(
        head.rgb.astype(np.float32) * np.float32(1 / 255),
        head.alpha.astype(np.float32) * np.float32(1 / 255),
        sampled(shape.hair, moved.scaled(to_plan), size),
        sampled(seen.rgb, square, size),
        1 - sampled(people, square, size),
        shape.ruler.height * size / square.side,
    )
    rgb[head.alpha == 0] = 0
    return Picture(np.rint(rgb * 255).astype(np.uint8), head.alpha)


def _in_one_contour(head: Picture, ruler: Ruler, square: Square) -> Picture:
    """``head``, which is ``square``, without a jaw drawn inside of its outline."""
    assert head.alpha is not None
    scale = head.width / square.side
    _, down = ruler.measure(square, head.width)
    outline = (ruler.oval - [square.left, square.top]) * scale
    contour = head.alpha.astype(np.float32) / 255
    rgb = head.rgb.astype(np.float32)
    rgb = without_lines_beside(rgb, contour, down, outline, ruler.height * scale)
    rgb[head.alpha == 0] = 0
    return Picture(np.clip(np.rint(rgb), 0, 255).astype(np.uint8), head.alpha)


def _coloured(
    paper: Picture,
    square: Square,
    alpha: np.ndarray,
    rim_px: float,
    ink_px: float,
) -> Picture:
    """``square`` of ``paper`` with ``alpha``, its rim free of what lies behind."""
    size = alpha.shape[0]
    rgb = sampled(paper.rgb, square, size).astype(np.float32) * np.float32(1 / 255)
    if paper.alpha is not None:
        alpha = alpha * (sampled(paper.alpha, square, size) * np.float32(1 / 255))
    if ink_px > 0:
        rgb = lines_drawn_in(rgb, alpha, ink_px)
    like = like_background(rgb, alpha, rim_px)
    rgb = decontaminate(rgb, alpha * (1 - like))
    # The border between paint and drawing is a mixture of both: it would show as a seam.
    seam = cv2.GaussianBlur(cv2.dilate(like, disc(rim_px / 8)), (0, 0), max(0.5, rim_px / 8))
    inside, _, there = local_colour(rgb, alpha * (1 - seam), 2 * round(2 * rim_px) + 1)
    rgb += (seam * there)[..., None] * (inside - rgb)
    opacity = np.round(alpha * 255).astype(np.uint8)
    rgb = np.round(rgb * 255).astype(np.uint8)
    rgb[opacity == 0] = 0
    return Picture(rgb, opacity)
