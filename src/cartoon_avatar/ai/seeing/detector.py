"""Finds faces that stand more or less upright, and their landmarks.

No output of a network is assumed to be finite, inside the picture or shaped like a face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import shrunk
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.model_files import FACE_DETECTOR, FACE_MESH
from cartoon_avatar.ai.seeing.models import ModelMissing, Models, Network


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face in a picture, all lengths in pixels of that picture.

    ``box`` is left, top, width, height; ``landmarks`` is 478×2 float32 (x, y), the
    MediaPipe face mesh with irises; ``score`` and ``presence`` are the detector's and the
    mesh's belief in a face, 0..1. ``confirmed``: the mesh sees a face too and its points lie
    as those of a face do. Where it is false (profiles, faces mostly covered) the landmarks say
    where the head is, but eyes and mouth are not to be drawn from them.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float
    presence: float = 1.0
    confirmed: bool = True

    def scaled(self, factor: float) -> Face:
        """The same face in a picture ``factor`` times as large."""
        left, top, wide, high = (factor * length for length in self.box)
        landmarks = self.landmarks * np.float32(factor)
        return replace(self, box=(left, top, wide, high), landmarks=landmarks)


# All faces of a picture, the most prominent first; empty where there is none.
FaceFinder = Callable[[Picture], list[Face]]


def open_upright_finder(models: Models) -> FaceFinder:
    """A finder on ``models``, which it may not share with another thread.

    Prominence is area × exp(-2 d²), d the distance of the face's centre from (0.5, 0.45)
    in picture widths and heights. Raises ``ModelMissing`` where the detector or the face
    mesh is not there.
    """
    detector, mesh = models.face_detector, models.face_mesh
    if detector is None or mesh is None:
        raise ModelMissing(f"Finding faces needs {FACE_DETECTOR.name} and {FACE_MESH.name}.")

    def find(picture: Picture) -> list[Face]:
        return seen_in(picture) or _cut_close(seen_in, picture)

    def seen_in(picture: Picture) -> list[Face]:
        rgb = on_grey(picture)
        faces: list[Face] = []
        for box, eyes, score in sorted(_detect(detector, rgb), key=lambda found: -found[2]):
            landmarks, presence = _landmarks(mesh, rgb, box, eyes)
            # What the detector is unsure of, the mesh must see too. It denies profiles, though
            # it places its points on them well.
            if score < _SURE and score * presence < _DOUBTFUL:
                continue
            # The mesh may slide from one detection onto the face of another.
            if not _near(landmarks, box) or any(_same(landmarks, face) for face in faces):
                continue
            confirmed = presence >= _SEEN and _is_face(landmarks)
            if confirmed and _is_cut_off(box, picture):
                confirmed = _holds_still(mesh, rgb, landmarks)
            faces.append(Face(box, landmarks, score, presence, confirmed))
        return sorted(faces, key=lambda face: -prominence(face.box, picture))

    return find


def _cut_close(find: FaceFinder, picture: Picture) -> list[Face]:
    """The faces of a tiny picture once it is enlarged with something around it: YuNet misses a head
    that the picture's borders cut close."""
    longest = max(picture.width, picture.height)
    if longest > _TINY_PX:
        return []
    margin = _LOOKS_PX[0] // 4
    factor = 2 * margin / longest
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    large = cv2.resize(on_grey(picture), size, interpolation=cv2.INTER_CUBIC)
    sides = (margin,) * 4
    faces = []
    for face in find(Picture(cv2.copyMakeBorder(large, *sides, cv2.BORDER_REPLICATE))):
        left, top, wide, high = face.box
        box = left - margin, top - margin, wide, high
        if 0 <= box[0] + wide / 2 <= size[0] and 0 <= box[1] + high / 2 <= size[1]:
            landmarks = face.landmarks - np.float32(margin)
            faces.append(replace(face, box=box, landmarks=landmarks).scaled(1 / factor))
    return faces


_SURE = 0.84
# Presence from which on the mesh is taken to see a face.
_SEEN = 0.5
# Where the detector is not sure, score × presence below this is writing, ornament or a cat.
_DOUBTFUL = 0.65
# How near a face is to the border of the picture that cuts it off, in its own size; how much
# further up it is looked at then, and by how much of its height its points may move.
_AT_BORDER, _FURTHER_UP, _STILL = 0.05, 0.18, 0.1
# The share of a picture's height from which a face is what the picture is of.
_LARGE = 0.25
# Long sides of the copies that the detector sees, px. YuNet is trained on faces of 10 to 300 px:
# a portrait is found best when small, the back row of a group only when larger, and the largest
# look is for tiny faces alone. Small pictures are enlarged to the first.
_LOOKS_PX = (320, 640, 1024)
# Long side up to which a picture may be of a head alone, cut close.
_TINY_PX = 64
# Ratios of sides from which on a picture is long, and how much longer changes nothing more.
_LONG, _LONGEST = 2.5, 20
# With a side of one cell of its coarsest grid (32 px) OpenCV's YuNet reads past its own output.
_SMALLEST_LOOK_PX = 64
_Box = tuple[float, float, float, float]
_Found = tuple[_Box, np.ndarray, float]


def on_grey(picture: Picture) -> np.ndarray:
    """H×W×3 uint8 RGB; what hides under transparent pixels is no face."""
    if picture.alpha is None:
        return picture.rgb
    alpha = picture.alpha[..., None].astype(np.float32) / 255
    return (picture.rgb * alpha + 128 * (1 - alpha)).astype(np.uint8)


def lengthened(width: int, height: int) -> float:
    """How many times as long as others a picture of these sides is looked at: a panorama or a
    column of faces has the pixels then that one of ``_LONG`` has."""
    ratio = max(width, height) / max(1, min(width, height))
    return float(np.sqrt(np.clip(ratio / _LONG, 1, _LONGEST)))


def _detect(detector: cv2.FaceDetectorYN, rgb: np.ndarray) -> list[_Found]:
    """Boxes, positions of the two eyes (2×2) and scores, in pixels of ``rgb``."""
    height, width = rgb.shape[:2]
    found: list[_Found] = []
    for side in (round(px * lengthened(width, height)) for px in _LOOKS_PX):
        for one in _seen_in(detector, rgb, side):
            same = [other for other in found if _overlap(one[0], other[0]) > 0.3]
            # The smaller look has the better boxes, but where it was unsure the larger decides.
            if all(other[2] < _SURE for other in same):
                found = [other for other in found if all(other is not twin for twin in same)]
                found.append(one)
        if max(height, width) <= side or (found and side >= _LOOKS_PX[1]):
            break
        # A portrait: whoever else is in it is no smaller than what this look can see.
        if any(score >= _SURE and box[3] >= _LARGE * height for box, _, score in found):
            break
    return found


def _seen_in(detector: cv2.FaceDetectorYN, rgb: np.ndarray, side_px: int) -> Iterator[_Found]:
    """What the detector finds in ``rgb`` with its long side at ``side_px`` or as it is."""
    height, width = rgb.shape[:2]
    longest = max(height, width)
    if longest >= _LOOKS_PX[0]:
        small = shrunk(rgb, side_px)
    else:
        scale = side_px / longest
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)
    bottom, right = (max(0, _SMALLEST_LOOK_PX - length) for length in small.shape[:2])
    if bottom or right:
        small = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
    detector.setInputSize(small.shape[1::-1])
    _, rows = detector.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    if rows is None:
        return
    scale = (min(side_px, longest) if longest >= _LOOKS_PX[0] else side_px) / longest
    for row in rows.astype(float):
        lengths, score = row[:8] / scale, float(row[14])
        box: _Box = tuple(lengths[:4].tolist())  # type: ignore[assignment]
        eyes = lengths[4:].reshape(2, 2)
        if _is_box(box, eyes, score, width, height):
            yield box, eyes, score


def _is_box(box: _Box, eyes: np.ndarray, score: float, width: int, height: int) -> bool:
    """Whether a row of the detector can be a face: finite, in the picture, of a face's shape."""
    if not np.isfinite([*box, *eyes.ravel(), score]).all():
        return False
    left, top, wide, high = box
    if wide <= 0 or high <= 0 or not 0.4 < wide / high < 2.5:
        return False
    if not (0 <= left + wide / 2 <= width and 0 <= top + high / 2 <= height):
        return False
    if max(wide, high) > 2 * max(width, height):
        return False
    away = np.abs((eyes - [left + wide / 2, top + high / 2]) / [wide, high])
    return bool((away < 0.75).all())


def _overlap(a: _Box, b: _Box) -> float:
    """Shared area over the smaller area: a box inside another is the same face."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height) / max(1e-6, min(a[2] * a[3], b[2] * b[3]))


_EYE_CORNERS = [33, 133], [362, 263]
_FOREHEAD, _CHIN, _NOSE_TIP, _LIPS, _EARS = 10, 152, 1, [13, 14], (234, 454)


def _landmarks(
    mesh: Network, rgb: np.ndarray, box: _Box, eyes: np.ndarray
) -> tuple[np.ndarray, float]:
    """The 478 mesh points in pixels of ``rgb`` and the mesh's belief in a face, 0..1.

    Where the mesh's output is not finite, the points are not finite either.
    """
    side_px = mesh.size[0]
    centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
    reach = 1.5 * max(box[2], box[3])
    # Bilinear sampling skips pixels of what is more than twice as large.
    fine = 1.0
    while reach > 2 * side_px * fine and min(rgb.shape[:2]) > 1:
        rgb = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        fine *= 2
    belief = 0.0
    # The second look is centred and turned by the landmarks of the first: on turned heads
    # and half-hidden faces the detector's box and eyes are only roughly right.
    for _ in range(2):
        axes = _axes(eyes)
        upright, belief = _look(mesh, rgb, centre / fine, axes, reach / fine)
        upright *= fine
        landmarks = upright @ axes.T + centre
        if not np.isfinite(landmarks).all():
            return landmarks, 0.0
        middle = (upright.min(axis=0) + upright.max(axis=0)) / 2
        reach = float(np.clip(1.5 * np.ptp(upright, axis=0).max(), 0.5 * reach, 2 * reach))
        centre = centre + axes @ middle
        eyes = np.stack([landmarks[corners].mean(axis=0) for corners in _EYE_CORNERS])
    return landmarks.astype(np.float32), belief


def _axes(eyes: np.ndarray) -> np.ndarray:
    """Right and down of a face as columns."""
    right = eyes[1] - eyes[0]
    right = right / max(1e-6, np.hypot(*right))
    return np.stack([right, [-right[1], right[0]]], axis=1)


def _look(
    mesh: Network, rgb: np.ndarray, centre: np.ndarray, axes: np.ndarray, reach: float
) -> tuple[np.ndarray, float]:
    """What the mesh makes of the square of that ``centre`` and side: its points along ``axes`` from
    the centre (478×2), and its belief in a face."""
    side_px = mesh.size[0]
    to_picture = np.column_stack([axes * reach / side_px, centre - axes @ np.full(2, reach / 2)])
    crop = cv2.warpAffine(
        rgb, to_picture, (side_px, side_px), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    points, presence, *_ = mesh(crop.astype(np.float32) / 255)
    upright = points.reshape(478, 3)[:, :2] * (reach / side_px) - reach / 2
    return upright, float(1 / (1 + np.exp(-np.float64(presence.ravel()[0]))))


def _is_cut_off(box: _Box, picture: Picture) -> bool:
    """Whether the face in ``box`` reaches a border of ``picture``."""
    left, top, wide, high = box
    right, bottom = picture.width - left - wide, picture.height - top - high
    return min(left, top, right, bottom) < _AT_BORDER * max(wide, high)


def _holds_still(mesh: Network, rgb: np.ndarray, landmarks: np.ndarray) -> bool:
    """Whether the mesh, shown what lies further up, still puts its points where they are.

    Of a face that the picture cuts off above the mouth it makes a whole one else, its eyes on the
    mouth.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    size = float((high - low).max())
    axes = _axes(np.stack([landmarks[corners].mean(axis=0) for corners in _EYE_CORNERS]))
    centre = (low + high) / 2 - _FURTHER_UP * size * axes[:, 1]
    upright, _ = _look(mesh, rgb, centre, axes, 1.5 * size)
    moved = np.hypot(*(upright @ axes.T + centre - landmarks).T).mean()
    height = np.hypot(*(landmarks[_CHIN] - landmarks[_FOREHEAD]))
    return bool(moved < _STILL * height)


def _near(landmarks: np.ndarray, box: _Box) -> bool:
    """Whether the mesh lies on what the detector found."""
    if not np.isfinite(landmarks).all():
        return False
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    size = float((high - low).max())
    away = (low + high) / 2 - [box[0] + box[2] / 2, box[1] + box[3] / 2]
    longest = max(box[2], box[3])
    return 0.4 < size / longest < 2.5 and bool(np.hypot(*away) < 0.75 * longest)


def _same(landmarks: np.ndarray, face: Face) -> bool:
    """Whether two meshes lie on one face."""
    sizes = [float(np.ptp(points, axis=0).max()) for points in (landmarks, face.landmarks)]
    away = np.hypot(*(landmarks.mean(axis=0) - face.landmarks.mean(axis=0)))
    return bool(away < 0.35 * max(sizes))


def _is_face(landmarks: np.ndarray) -> bool:
    """Whether eyes, nose, mouth and chin lie below one another as in a face seen from before."""
    down = landmarks[_CHIN] - landmarks[_FOREHEAD]
    height = float(np.hypot(*down))
    eyes = np.stack([landmarks[corners].mean(axis=0) for corners in _EYE_CORNERS])
    width = float(np.hypot(*(eyes[1] - eyes[0])))
    if height < 1e-3 or not 0.12 < width / height < 0.75:
        return False
    places = [eyes.mean(axis=0), landmarks[_NOSE_TIP], landmarks[_LIPS].mean(axis=0)]
    eyes_at, nose_at, lips_at = ((place - landmarks[_FOREHEAD]) @ down / height**2
                                 for place in places)  # fmt: skip
    right = np.array([down[1], -down[0]]) / height
    # Seen from the side the nose juts out of the face, and one eye is hidden.
    ear, other = (float(landmarks[at] @ right) for at in _EARS)
    nose = (float(landmarks[_NOSE_TIP] @ right) - ear) / max(1e-6, abs(other - ear))
    return bool(
        0.1 < eyes_at < nose_at + 0.02 < lips_at < 0.98
        and (eyes[1] - eyes[0]) @ right > 0
        and 0 < nose < 1
    )


def prominence(box: _Box, picture: Picture) -> float:
    """How much ``picture`` is of the face in ``box``: its area in px², less off the middle."""
    across = (box[0] + box[2] / 2) / picture.width - 0.5
    down = (box[1] + box[3] / 2) / picture.height - 0.45
    return box[2] * box[3] * float(np.exp(-2 * (across**2 + down**2)))
