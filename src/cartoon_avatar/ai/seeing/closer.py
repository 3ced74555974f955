"""A second look at small faces: of few pixels the mesh reads open eyes as closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.detector import Face, FaceFinder
from cartoon_avatar.ai.seeing.features import LOWER_LIDS, UPPER_LIDS
from cartoon_avatar.ai.seeing.looks import face_axes

# Measured on portraits scaled down: at 56 px from chin to hairline the opening of the lids is read
# a tenth too small, at 28 px a third, at 20 px half. Shown enlarged to the mesh, faces of 28 px are
# read as large ones are.
_SMALL_PX, _LARGER = 64, 1.5
# Of fewer pixels lids are not seen in any size: eyes are open there as most are, by this share of
# their width at least.
_LIDS_PX, _OPEN = 32, 0.22


def seen_closer(
    find: FaceFinder, picture: Picture, faces: list[Face], enlarged: float, finer: float
) -> list[Face]:
    """``faces`` of ``picture`` as the finder sees them in it, where they were found too small.

    They were found in a copy of which ``picture`` is a part, ``enlarged`` times as large; the
    photo has ``finer`` times the pixels of that copy.
    """
    found = [face_axes(face)[1] / enlarged for face in faces]
    closer: list[Face] = []
    if enlarged > _LARGER and min(found, default=_SMALL_PX) < _SMALL_PX:
        closer = find(picture)
    seen = []
    for face, height_px in zip(faces, found, strict=True):
        again = next((one for one in closer if one.confirmed and _same(one, face)), None)
        if again is not None and height_px < _SMALL_PX:
            face = replace(face, landmarks=again.landmarks, presence=again.presence, confirmed=True)
            height_px *= min(enlarged, finer)
        seen.append(with_open_eyes(face) if height_px < _LIDS_PX else face)
    return seen


def with_open_eyes(face: Face) -> Face:
    """``face`` with lids as far apart as those of most faces, or further."""
    landmarks, down = face.landmarks.copy(), face_axes(face)[0][:, 1]
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        lids = [*upper, *lower[1:-1]]
        points = landmarks[lids]
        along = points[len(upper) - 1] - points[0]
        width = float(np.hypot(*along))
        opening = float(np.hypot(*(landmarks[upper[4]] - landmarks[lower[4]])))
        if width < 1e-3 or opening >= _OPEN * width:
            continue
        # What is missing is added on an arc from corner to corner, most of it above.
        place = (points - points[0]) @ along / width**2
        arc = np.sqrt(np.clip(4 * place * (1 - place), 0, 1)) * (_OPEN * width - opening)
        side = np.where(np.arange(len(lids)) < len(upper), -0.6, 0.4)
        landmarks[lids] = points + (side * arc)[:, None] * down
    return replace(face, landmarks=landmarks)


def _same(one: Face, other: Face) -> bool:
    away = np.hypot(*(one.landmarks.mean(axis=0) - other.landmarks.mean(axis=0)))
    ratio = face_axes(one)[1] / face_axes(other)[1]
    return bool(away < 0.2 * max(other.box[2:])) and 0.7 < ratio < 1.4
