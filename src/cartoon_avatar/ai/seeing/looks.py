"""The class network's view of a picture: of the whole, and of each person from near.

The network is trained on squares that show a head and shoulders upright. It fails on a wide
picture squeezed into a square, on groups and on people who lie: so each person is also shown to
it at their own scale, turned upright.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.seeing.class_map import (
    BACKGROUND,
    CLOTHES,
    HAIR,
    OTHER,
    class_map,
    person_map,
)
from cartoon_avatar.ai.seeing.detector import Face
from cartoon_avatar.ai.seeing.models import Models

# Sides of the looks, in face heights (chin to hairline): head and shoulders, and the head alone.
_BUST, _HEAD = 5.2, 2.4
# Wider or higher than this a picture squeezed into a square is not understood.
_SQUEEZED = 1.7
# The people that are looked at from near. The others are looked at with their shoulders only,
# once for all who stand within so many sides of a look and are about as large, times; after so
# many looks with what is around them: side of such a look in face heights, and their number.
_PEOPLE, _OTHERS = 8, 32
_BESIDE, _AS_LARGE = 0.3, 1.5
_CROWD, _CROWDS = 2 * _BUST, 24
# How far what has no class yet takes after its neighbours, px of a look.
_NEAR_PX = 25
# Heads that lean more than this are shown upright, radians.
_LEANING = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A square of a picture: its centre and axes (2×2, columns right and down) and side, px."""

    centre: np.ndarray
    axes: np.ndarray
    side: float
    #: Head and shoulders rather than the head alone.
    far: bool

    def to_picture(self, px: int) -> np.ndarray:
        """2×3: from pixel centres of the square at ``px`` to those of the picture."""
        axes = self.axes * (self.side / px)
        return np.column_stack([axes, self.centre - axes @ np.full(2, (px - 1) / 2)])


def face_axes(face: Face) -> tuple[np.ndarray, float]:
    """Right and down of a face as columns, and its height from chin to hairline, px."""
    down = (face.landmarks[152] - face.landmarks[10]).astype(np.float64)
    height = max(1.0, float(np.hypot(*down)))
    down = down / height
    return np.array([[down[1], down[0]], [-down[0], down[1]]]), height


def class_planes(models: Models, rgb: np.ndarray, faces: list[Face]) -> np.ndarray:
    """H×W×6 float32 class probabilities of ``rgb`` (H×W×3 uint8) and the ``faces`` in it."""
    height, width = rgb.shape[:2]
    people, others = faces[:_PEOPLE], faces[_PEOPLE:]
    tallest = max((face_axes(face)[1] for face in people), default=0.0)
    whole_seen = max(height, width) <= _SQUEEZED * min(height, width) and (
        not people or tallest >= 0.1 * max(height, width)
    )
    if whole_seen:
        planes = _at(_seen(models, rgb), (height, width))
    else:
        planes = np.zeros((height, width, 6), np.float32)
        planes[..., BACKGROUND] = 1
    looks: list[Look] = []
    for face in people:
        axes, unit = face_axes(face)
        bust = not whole_seen or max(height, width) > 1.3 * _BUST * unit or _leans(axes, 0.6)
        looks += _looks(face, axes, unit, bust, width, height)
    near = [look for look in looks if look.far]
    beside = _shared(others, _BUST, near, _OTHERS, width, height)
    crowd = _shared(others, _CROWD, near + beside, _CROWDS, width, height)
    # The nearest look decides.
    for look in crowd + sorted(looks + beside, key=lambda look: not look.far):
        _look(models, rgb, look, planes)
    return planes


def _shared(
    faces: list[Face], share: float, others: list[Look], most: int, width: int, height: int
) -> list[Look]:
    """At most so many looks, ``share`` face heights wide, at those of ``faces`` whom no other look
    shows; each shows all who are beside."""
    looks: list[Look] = []
    for face in faces:
        axes, unit = face_axes(face)
        if any(_holds(look, face, _BUST * unit) for look in others):
            continue
        if len(looks) < most and not any(_holds(look, face, share * unit) for look in looks):
            looks.append(_look_at(face, axes, 0.85 * unit, share * unit, True, width, height))
    return looks


def _holds(look: Look, face: Face, side: float) -> bool:
    """Whether ``face`` is seen in ``look`` as well as in one of its own of that ``side``, px."""
    away = np.abs((face.landmarks.mean(axis=0) - look.centre) @ look.axes).max()
    return bool(away < _BESIDE * look.side and abs(np.log(look.side / side)) < np.log(_AS_LARGE))


def _leans(axes: np.ndarray, than: float) -> bool:
    return abs(np.arctan2(axes[1, 0], axes[0, 0])) > than


def _looks(
    face: Face, axes: np.ndarray, unit: float, bust: bool, width: int, height: int
) -> list[Look]:
    looks = []
    # A picture framed around the head is the look at the head itself.
    head = bust or max(width, height) > 1.25 * _HEAD * unit
    for below, share, far in ((0.85, _BUST, True), (-0.12, _HEAD, False)):
        if bust if far else head:
            looks.append(_look_at(face, axes, below * unit, share * unit, far, width, height))
    return looks


def _look_at(
    face: Face, axes: np.ndarray, below: float, side: float, far: bool, width: int, height: int
) -> Look:
    """A square, ``side`` px, whose centre is ``below`` px below that of ``face``."""
    chin, forehead = (face.landmarks[at].astype(np.float64) for at in (152, 10))
    upright = not _leans(axes, _LEANING)
    if upright:
        axes = np.eye(2)
    centre = (chin + forehead) / 2 + below * axes[:, 1]
    # Beyond its border the picture has no information: better to look at more of it.
    if upright:
        spare = np.maximum(0, np.array([width, height]) - side) / 2
        centre = np.clip(centre, np.array([width, height]) / 2 - spare,
                         np.array([width, height]) / 2 + spare)  # fmt: skip
    return Look(centre, axes, side, far)


def _seen(models: Models, rgb: np.ndarray) -> np.ndarray:
    """Q×Q×6 as the networks see ``rgb`` stretched to a square."""
    assert models.person_classes is not None
    planes = class_map(models.person_classes, rgb)
    if models.person is not None:
        person = _at(person_map(models.person, rgb), planes.shape)
        # What only the plain person model sees is like what it hangs on: single hairs, dark
        # cloth, a hat. With nothing near it is cloth, above the face a hat.
        unnamed = np.maximum(0, person - (1 - planes[..., BACKGROUND]))
        planes[..., BACKGROUND] -= unnamed
        near = cv2.blur(planes[..., [HAIR, CLOTHES, OTHER]], (_NEAR_PX, _NEAR_PX))
        upper = planes.shape[0] // 4
        near[:upper, :, 2] += 0.02
        near[upper:, :, 1] += 0.02
        near *= (unnamed / near.sum(axis=2))[..., None]
        planes[..., HAIR] += near[..., 0]
        planes[..., CLOTHES] += near[..., 1]
        planes[..., OTHER] += near[..., 2]
    return planes


def _look(models: Models, rgb: np.ndarray, look: Look, planes: np.ndarray) -> None:
    """Put what ``look`` shows into ``planes``, in place."""
    assert models.person_classes is not None
    px = models.person_classes.size[0]
    corners = cv2.transform(
        np.asarray([[[0, 0], [px, 0], [px, px], [0, px]]], np.float32), look.to_picture(px)
    )[0]
    height, width = planes.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width, height])
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, [width, height])
    if x1 <= x0 or y1 <= y0:
        return
    fine = 1.0
    while look.side > 2 * px * fine and min(rgb.shape[:2]) > 1:
        rgb = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        fine *= 2
    # Pixel centres lie at halves.
    to_rgb = look.to_picture(px)
    to_rgb[:, 2] = (to_rgb[:, 2] + 0.5) / fine - 0.5
    to_rgb[:, :2] /= fine
    square = cv2.warpAffine(
        rgb, to_rgb, (px, px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    seen = _seen(models, square)
    # Full weight in the middle, none at the rim, so that no seam shows. Below the chin a near
    # look knows less: it does not see what the body is.
    ramp = np.minimum(1, 4 * np.sin(np.pi * (np.arange(px) + 0.5) / px)).astype(np.float32)
    weight = np.outer(ramp, ramp)
    if not look.far:
        fade = np.interp(np.arange(px) / px, (0.7, 0.84), (0.8, 0)).astype(np.float32)
        weight = weight * fade[:, None]
    to_box = look.to_picture(px)
    to_box[:, 2] -= [x0, y0]
    size = (int(x1 - x0), int(y1 - y0))
    # OpenCV warps at most four channels at a time.
    near = np.dstack([
        cv2.warpAffine(seen[..., part], to_box, size, borderMode=cv2.BORDER_REPLICATE)
        for part in (slice(0, 3), slice(3, 6))
    ])  # fmt: skip
    box = planes[y0:y1, x0:x1]
    box += cv2.warpAffine(weight, to_box, size)[..., None] * (near - box)


def _at(planes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return cv2.resize(planes, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
