"""Which part of a photo a cartoon shows: a head with shoulders, or the whole photo."""

from __future__ import annotations

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
# Where the chin is, seen from the middle of a face that so many quarter turns set upright.
_DOWN = (0, 1), (1, 0), (0, -1), (-1, 0)


def whole(width: int, height: int) -> Box:
    return Box(0, 0, width, height)


def scaled(box: Box, across: float, down: float) -> Box:
    """The same part of a photo that is ``across`` times as wide and ``down`` as high."""
    left, top = round(box.left * across), round(box.top * down)
    right, bottom = (box.left + box.width) * across, (box.top + box.height) * down
    return Box(left, top, max(1, round(right) - left), max(1, round(bottom) - top))


def portrait(face: Face, width: int, height: int) -> Box:
    """The square around ``face`` in a photo of ``width`` × ``height`` px.

    Someone who lies in the photo lies in the square too, with room for the shoulders where
    they are: a picture is never turned for a drawing.
    """
    low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    down = np.array(_DOWN[quarter_turns(face)])
    face_px = float(np.abs((high - low) @ down))
    side = max(1, round(min(face_px / _FACE_SHARE, width, height)))
    centre = (low + high) / 2 + down * _BELOW_FACE * side
    left, top = (
        int(np.clip(round(middle - side / 2), 0, limit - side))
        for middle, limit in zip(centre, (width, height), strict=True)
    )
    return Box(left, top, side, side)


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
