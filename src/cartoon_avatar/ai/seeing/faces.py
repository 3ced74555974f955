"""Finds faces and their landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import shrunk
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.models import FACE_DETECTOR, FACE_MESH, ModelMissing, Models, Network


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face in a picture, all lengths in pixels of that picture.

    ``box`` is left, top, width, height; ``landmarks`` is 478×2 float32 (x, y), the
    MediaPipe face mesh with irises; ``score`` is the detector's confidence, 0..1.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float


# All faces of a picture, the most prominent first; empty where there is none.
FaceFinder = Callable[[Picture], list[Face]]


def open_face_finder(models: Models) -> FaceFinder:
    """A finder on ``models``, which it may not share with another thread.

    Prominence is area × exp(-2 d²), d the distance of the face's centre from (0.5, 0.45)
    in picture widths and heights. Raises ``ModelMissing`` where the detector or the face
    mesh is not there.
    """
    detector, mesh = models.face_detector, models.face_mesh
    if detector is None or mesh is None:
        raise ModelMissing(f"Finding faces needs {FACE_DETECTOR.name} and {FACE_MESH.name}.")

    def find(picture: Picture) -> list[Face]:
        rgb = on_grey(picture)
        faces = []
        for box, eyes, score in _detect(detector, rgb):
            landmarks, presence = _landmarks(mesh, rgb, box, eyes)
            # What the detector is unsure of, the mesh must see too. It denies profiles, though
            # it places its points on them well.
            if score >= _SURE or presence >= 0.5:
                faces.append(Face(box, landmarks, score))
        return sorted(faces, key=lambda face: -_prominence(face.box, picture))

    return find


_SURE = 0.84
# The share of a picture's height from which a face is what the picture is of.
_LARGE = 0.25
_Box = tuple[float, float, float, float]


def on_grey(picture: Picture) -> np.ndarray:
    """H×W×3 uint8 RGB; what hides under transparent pixels is no face."""
    if picture.alpha is None:
        return picture.rgb
    alpha = picture.alpha[..., None].astype(np.float32) / 255
    return (picture.rgb * alpha + 128 * (1 - alpha)).astype(np.uint8)


def _detect(detector: cv2.FaceDetectorYN, rgb: np.ndarray) -> list[tuple[_Box, np.ndarray, float]]:
    """Boxes, positions of the two eyes (2×2) and scores, in pixels of ``rgb``."""
    height, width = rgb.shape[:2]
    found: list[tuple[_Box, np.ndarray, float]] = []
    # YuNet is trained on faces of 10 to 300 px: a portrait is found best when small, the
    # back row of a group only when larger, and the largest look is for tiny faces alone.
    for side in (320, 640, 1280):
        scale = min(1.0, side / max(height, width))
        small = shrunk(rgb, side)
        if min(small.shape[:2]) < 10:
            break
        detector.setInputSize(small.shape[1::-1])
        _, rows = detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        for row in [] if rows is None else rows.astype(float).tolist():
            left, top, wide, high, *eyes = (value / scale for value in row[:8])
            box = (left, top, wide, high)
            same = [other for other in found if _overlap(box, other[0]) > 0.3]
            # The smaller look has the better boxes, but where it was unsure the larger decides.
            if all(other[2] < _SURE for other in same):
                found = [other for other in found if all(other is not one for one in same)]
                found.append((box, np.reshape(eyes, (2, 2)), row[14]))
        if scale == 1.0 or (found and side >= 640):
            break
        # A portrait: whoever else is in it is no smaller than what this look can see.
        if any(score >= _SURE and box[3] >= _LARGE * height for box, _, score in found):
            break
    return found


def _overlap(a: _Box, b: _Box) -> float:
    """Shared area over the smaller area: a box inside another is the same face."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height) / max(1e-6, min(a[2] * a[3], b[2] * b[3]))


_EYE_CORNERS = [33, 133], [362, 263]


def _landmarks(
    mesh: Network, rgb: np.ndarray, box: _Box, eyes: np.ndarray
) -> tuple[np.ndarray, float]:
    """The 478 mesh points in pixels of ``rgb`` and the mesh's belief in a face, 0..1."""
    side_px = mesh.size[0]
    centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
    reach = 1.5 * max(box[2], box[3])
    # The second look is centred and turned by the landmarks of the first: on turned heads
    # and half-hidden faces the detector's box and eyes are only roughly right.
    for _ in range(2):
        right = eyes[1] - eyes[0]
        right = right / max(1e-6, np.hypot(*right))
        axes = np.stack([right, [-right[1], right[0]]], axis=1)
        to_picture = np.column_stack(
            [axes * reach / side_px, centre - axes @ np.full(2, reach / 2)]
        )
        crop = cv2.warpAffine(
            rgb,
            to_picture,
            (side_px, side_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        points, presence, *_ = mesh(crop.astype(np.float32) / 255)
        upright = points.reshape(478, 3)[:, :2] * (reach / side_px) - reach / 2
        landmarks = upright @ axes.T + centre
        middle = (upright.min(axis=0) + upright.max(axis=0)) / 2
        reach = 1.5 * float(np.ptp(upright, axis=0).max())
        centre = centre + axes @ middle
        eyes = np.stack([landmarks[corners].mean(axis=0) for corners in _EYE_CORNERS])
    belief = 1 / (1 + np.exp(-float(presence.ravel()[0])))
    return landmarks.astype(np.float32), belief


def _prominence(box: _Box, picture: Picture) -> float:
    across = (box[0] + box[2] / 2) / picture.width - 0.5
    down = (box[1] + box[3] / 2) / picture.height - 0.45
    return box[2] * box[3] * float(np.exp(-2 * (across**2 + down**2)))
