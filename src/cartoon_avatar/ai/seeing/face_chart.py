"""A face laid straight at a size of its own, so that every person is measured alike."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import lab_of
from cartoon_avatar.ai.seeing.detector import Face
from cartoon_avatar.ai.seeing.features import OVAL, Features, area, features_of, grown
from cartoon_avatar.ai.seeing.looks import face_axes
from cartoon_avatar.ai.seeing.matting import Masks

# A face height (chin to hairline) on the chart, px; what it shows beside the chin, above the
# hairline and below the chin, in face heights.
UNIT_PX = 128
_BESIDE, _ABOVE, _BELOW = 1.1, 0.75, 1.0
SHAPE = round((_ABOVE + 1 + _BELOW) * UNIT_PX), round(2 * _BESIDE * UNIT_PX)


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """H×W planes of one person: ``lab`` float32 CIELAB, the masks float32 0..1.

    ``x`` and ``y`` are right of and below the chin in face heights (the hairline is at -1).
    ``inside`` is what of the chart lies in the picture, ``barred`` (bool) what bars are before.
    ``detail`` is how many pixels of the
    picture make one of the chart, at most 1.
    """

    lab: np.ndarray
    hair: np.ndarray
    face_skin: np.ndarray
    body_skin: np.ndarray
    clothes: np.ndarray
    other: np.ndarray
    inside: np.ndarray
    barred: np.ndarray
    x: np.ndarray
    y: np.ndarray
    features: Features
    oval: np.ndarray
    detail: float

    def zone(self, *outlines: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """H×W bool: inside any of the outlines (px of the chart), scaled about their centres."""
        return area(SHAPE, *(grown(outline, factor) for outline in outlines)) > 0.5

    def disc(self, centre: np.ndarray, radius: float) -> np.ndarray:
        """H×W bool; ``radius`` in face heights, ``centre`` in px of the chart."""
        column, row = np.arange(SHAPE[1]) - centre[0], np.arange(SHAPE[0]) - centre[1]
        return row[:, None] ** 2 + column**2 <= (radius * UNIT_PX) ** 2

    def point(self, landmark: int) -> np.ndarray:
        return self.features.landmarks[landmark]


def chart_of(
    rgb: np.ndarray,
    masks: Masks | None,
    face: Face,
    *,
    first: bool,
    barred: np.ndarray | None = None,
) -> Chart:
    """``rgb`` is H×W×3 uint8; without masks all of the oval is skin.

    ``first``: it is the person whose pixels are ``masks.mine``; any other has the rest. ``barred``
    (H×W bool): where bars were before the person.
    """
    axes, unit = face_axes(face)
    pitch = unit / UNIT_PX
    corner = axes @ (np.array([-_BESIDE, -1 - _ABOVE]) * unit) + face.landmarks[152]
    to_picture = np.column_stack([axes * pitch, corner])
    fine = 1
    while pitch > 2 * fine and min(rgb.shape[:2]) > 1:
        rgb = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        fine *= 2

    def taken(plane: np.ndarray, scale: float, border: int) -> np.ndarray:
        return cv2.warpAffine(
            plane, to_picture / scale, SHAPE[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border,
        )  # fmt: skip

    moved = (face.landmarks - corner) @ np.linalg.inv(axes).T / pitch
    features = features_of(moved.astype(np.float32))
    oval = area(SHAPE, features.landmarks[list(OVAL)])
    inside = taken(np.ones(rgb.shape[:2], np.uint8), fine, cv2.BORDER_CONSTANT) > 0
    behind = np.zeros(SHAPE, bool)
    if barred is not None:
        behind = taken(barred.astype(np.uint8), 1, cv2.BORDER_CONSTANT) > 0
    if masks is None:
        nothing = np.zeros(SHAPE, np.float32)
        planes = [nothing, oval, nothing, nothing, nothing]
    else:
        own = masks.mine / np.maximum(masks.person, 1e-4)
        own = taken(own if first else 1 - own, 1, cv2.BORDER_CONSTANT)
        planes = [
            taken(plane, 1, cv2.BORDER_CONSTANT) * own
            for plane in (masks.hair, masks.face_skin, masks.body_skin, masks.clothes, masks.other)
        ]
    row, column = np.arange(SHAPE[0], dtype=np.float32), np.arange(SHAPE[1], dtype=np.float32)
    x = np.broadcast_to(column / UNIT_PX - np.float32(_BESIDE), SHAPE)
    y = np.broadcast_to((row / UNIT_PX - np.float32(1 + _ABOVE))[:, None], SHAPE)
    lab = lab_of(taken(rgb, fine, cv2.BORDER_REPLICATE))
    hair, face_skin, body_skin, clothes, other = planes
    return Chart(
        lab,
        hair,
        face_skin,
        body_skin,
        clothes,
        other,
        inside,
        behind,
        x,
        y,
        features,
        oval > 0.5,
        min(1.0, pitch),
    )
