"""Which part of a photo a cartoon shows: a head with shoulders, or the whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face, quarter_turns
from cartoon_avatar.contract.boxes import Box

# Chin to hairline, as share of the side of a portrait's square.
_FACE_SHARE = 0.38
# How far below the middle of the face the middle of the square lies, as share of its side.
_BELOW_FACE = 0.06
_ENLARGE_AT_MOST = 4.0
# How a portrait's square may change so that it cuts no other face: factors of its usual side,
# and shares of it that it moves across.
_SIZES = (1.0, 0.94, 0.88, 0.82, 1.08, 1.18, 1.3)
_ASIDE = tuple(float(step) for step in np.linspace(-0.2, 0.2, 17))
# Less of a head than this is not seen to be cut.
_HARDLY = 0.03
# How much of a line of a frame has its colour, and within what (0..255), how much of the line
# after it has another, how deep a frame is at most, share of a photo, and how soft its edge is.
_EVEN, _ALIKE, _ABRUPT, _DEEPEST, _FRAME_EDGE_PX = 0.65, 30, 0.8, 0.25, 2
# Where the chin is, seen from the middle of a face that so many quarter turns set upright.
_DOWN = (0, 1), (1, 0), (0, -1), (-1, 0)


def whole(width: int, height: int) -> Box:
    return Box(0, 0, width, height)


def scaled(box: Box, across: float, down: float) -> Box:
    """The same part of a photo that is ``across`` times as wide and ``down`` as high."""
    left, top = round(box.left * across), round(box.top * down)
    right, bottom = (box.left + box.width) * across, (box.top + box.height) * down
    return Box(left, top, max(1, round(right) - left), max(1, round(bottom) - top))


def inside_frame(photo: Picture) -> Box:
    """What of ``photo`` lies inside of a frame, or of bars at some of its sides; all of one that is
    transparent somewhere, as its colours there are nobody's."""
    if photo.alpha is not None:
        return whole(photo.width, photo.height)
    rgb = photo.rgb
    top, bottom, left, right = (
        _frame_px(lines)
        for lines in (rgb, rgb[::-1], rgb.swapaxes(0, 1), rgb[:, ::-1].swapaxes(0, 1))
    )
    return Box(left, top, photo.width - left - right, photo.height - top - bottom)


def _frame_px(lines: np.ndarray) -> int:
    """How many of ``lines`` (N×M×3), from the first, are a frame: of one colour, which ends
    abruptly along all of a side."""
    colour = np.median(lines[0], axis=0)
    width = 0
    while _share(np.abs(lines[width] - colour) < _ALIKE) > _EVEN:
        width += 1
        if width + _FRAME_EDGE_PX > _DEEPEST * len(lines):
            return 0
    if not width:
        return 0
    inner = width + _FRAME_EDGE_PX
    jump = np.abs(lines[inner].astype(np.float32) - lines[width - 1])
    return inner if 1 - _share(jump < _ALIKE) > _ABRUPT else 0


def _share(channels: np.ndarray) -> float:
    """Of a line's pixels (M×3 bool): how many are true in all channels, 0..1."""
    return float(channels.all(axis=1).mean())


def portrait(face: Face, others: Sequence[Face], within: Box) -> Box:
    """The square around ``face`` in what a photo shows ``within`` a box.

    Someone who lies in the photo lies in the square too, with room for the shoulders where
    they are: a picture is never turned for a drawing. The square moves a little aside, or
    becomes a little smaller or larger, so that its rim cuts no face of ``others``.
    """
    low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    down = np.array(_DOWN[quarter_turns(face)])
    face_px = float(np.abs((high - low) @ down))
    shortest = min(within.width, within.height)
    usual = max(1, round(min(face_px / _FACE_SHARE, shortest)))

    def square(size: float, aside: np.ndarray) -> Box:
        side = max(1, round(min(size * usual, shortest)))
        centre = (low + high) / 2 + down * _BELOW_FACE * side + aside * side
        left, top = np.rint(centre - side / 2).astype(int)
        return moved_into(Box(int(left), int(top), side, side), within)

    first = square(1.0, np.zeros(2))
    if cut_share(first, others, face_px) == 0:
        return first
    across = np.array([down[1], -down[0]])
    best, least = first, np.inf
    for size in _SIZES:
        for step in _ASIDE:
            box = square(size, step * across)
            if cut_share(box, [face], face_px) > 0:
                continue
            cost = cut_share(box, others, face_px) + 4 * step**2 + 2 * np.log(size) ** 2
            if cost < least:
                best, least = box, cost
    return best


def moved_into(box: Box, within: Box) -> Box:
    """``box``, which is no larger, moved so that it lies ``within`` another."""
    left = min(max(box.left, within.left), within.left + within.width - box.width)
    top = min(max(box.top, within.top), within.top + within.height - box.height)
    return Box(left, top, box.width, box.height)


def _head_around(face: Face) -> np.ndarray:
    """Left, top, right, bottom of the head of ``face``, roughly: hair and ears with it."""
    low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    down = np.array(_DOWN[quarter_turns(face)])
    hair = 0.25 * np.abs((high - low) @ down) * -down
    ears = 0.08 * (high - low)
    return np.concatenate([low + np.minimum(hair, 0) - ears, high + np.maximum(hair, 0) + ears])


def cut_share(box: Box, faces: Sequence[Face], face_px: float) -> float:
    """How much of the heads of ``faces`` the rim of ``box`` cuts off or leaves in, whichever is
    less: the sum of shares 0..0.5, those of faces much smaller than ``face_px`` for less."""
    total = 0.0
    for left, top, right, bottom in map(_head_around, faces):
        wide = min(right, box.left + box.width) - max(left, box.left)
        high = min(bottom, box.top + box.height) - max(top, box.top)
        shown = max(wide, 0) * max(high, 0) / max((right - left) * (bottom - top), 1e-6)
        cut = min(shown, 1 - shown)
        if cut > _HARDLY:
            total += cut * min(1.0, (bottom - top) / face_px)
    return total


def in_crop(face: Face, crop: Box, scale: float) -> Face:
    """``face`` of a photo, in the pixels of ``crop`` enlarged by ``scale``."""
    offset = np.asarray([crop.left, crop.top], np.float32)
    left, top, wide, high = face.box
    box = (left - crop.left) * scale, (top - crop.top) * scale, wide * scale, high * scale
    return replace(face, box=box, landmarks=(face.landmarks - offset) * np.float32(scale))


def resampled(photo: Picture, crop: Box, long_side: int) -> Picture:
    """``crop`` of ``photo`` with its long side at ``long_side`` px, resampled once.

    It is enlarged at most four times; a small photo gives a smaller picture.
    """
    scale = min(long_side / max(crop.width, crop.height), _ENLARGE_AT_MOST)
    size = (max(1, round(crop.width * scale)), max(1, round(crop.height * scale)))
    rows, columns = (
        slice(crop.top, crop.top + crop.height),
        slice(crop.left, crop.left + crop.width),
    )
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4

    def taken(plane: np.ndarray) -> np.ndarray:
        return cv2.resize(np.ascontiguousarray(plane[rows, columns]), size, interpolation=how)

    return Picture(taken(photo.rgb), None if photo.alpha is None else taken(photo.alpha))
