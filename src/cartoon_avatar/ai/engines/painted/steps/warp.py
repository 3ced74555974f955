"""Caricature: eyes a little larger, the lower face a little slimmer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import cv2
import numpy as np

from cartoon_avatar.ai.filters.box import Box, box_of
from cartoon_avatar.ai.seeing.features import Features

_SQUARE = np.asarray([[-1, -1], [1, 1]], np.float32)
# What slimming moves: from below the brow to below the chin, in heights from brow to chin, and to
# both sides, in halves of the face's width.
_LOWER, _BESIDE = (0.2, 1.5), 1.9


@dataclass(frozen=True, slots=True, eq=False)
class _Spot:
    """A round place that is magnified, lengths in px."""

    centre: np.ndarray
    radius: float
    magnification: float


class Warp:
    """A smooth displacement of a picture with ``people`` in it.

    A pixel at ``x, y`` of the result shows the pixel at ``source(x, y)`` of the picture.
    """

    def __init__(self, people: list[Features], eye_size: float, slimming: float) -> None:
        self._spots = [
            spot for person in people for spot in _eye_spots(person, eye_size) if eye_size != 1
        ]
        self._faces = people if slimming else []
        self._slimming = slimming
        # What each of both moves, px: of a crowd nearly nobody is near.
        self._round = np.array(
            [spot.centre + spot.radius * _SQUARE for spot in self._spots], np.float32
        ).reshape(-1, 2, 2)
        self._below = np.array([_lower_face(face) for face in self._faces]).reshape(-1, 4, 2)

    def source(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``x`` and ``y`` are float32 arrays of one shape, px; so are the results."""
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        if not x.size:
            return x, y
        low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
        for spot in compress(self._spots, _reached(self._round, low, high)):
            across, down = x - np.float32(spot.centre[0]), y - np.float32(spot.centre[1])
            near = np.minimum((across * across + down * down) * np.float32(1 / spot.radius**2), 1)
            pull = (1 - near) ** 2 * np.float32(1 / spot.magnification - 1)
            dx += across * pull
            dy += down * pull
        for face in compress(self._faces, _reached(self._below, low, high)):
            _slim(face, np.float32(self._slimming), x, y, dx, dy)
        return x + dx, y + dy

    def moved(self, points: np.ndarray) -> np.ndarray:
        """Where ``points`` (N×2 float32 px) of the picture lie in the result."""
        there = points.astype(np.float32)
        for _ in range(6):
            x, y = self.source(there[:, 0].copy(), there[:, 1].copy())
            there = there + (points - np.stack([x, y], axis=1))
        return there.astype(np.float32)

    def within(self, shape: tuple[int, int]) -> Displacement | None:
        """The same for the pixels of a picture of ``shape``; None where it moves nothing."""
        reached = np.concatenate([self._round.reshape(-1, 2), self._below.reshape(-1, 2)])
        if not reached.size:
            return None
        box = box_of(shape, reached, 2)
        down, across = np.mgrid[box].astype(np.float32)
        return Displacement(box, cv2.convertMaps(*self.source(across, down), cv2.CV_16SC2))


@dataclass(frozen=True, slots=True, eq=False)
class Displacement:
    """A warp at the pixels of a picture: it moves some in ``box``, by fixed-point ``maps``."""

    box: Box
    maps: tuple[np.ndarray, np.ndarray]

    def of(self, plane: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
        """``plane`` (H×W float32 or H×W×3 uint8) displaced."""
        moved = plane.copy()
        moved[self.box] = cv2.remap(plane, *self.maps, how, borderMode=cv2.BORDER_REPLICATE)
        return moved


def _reached(places: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Which of ``places`` (N×corners×2 px) are within a pixel of a box."""
    near = (places.min(axis=1) <= high + 1) & (places.max(axis=1) >= low - 1)
    return near.all(axis=1)


def _eye_spots(person: Features, eye_size: float) -> list[_Spot]:
    mean_width = float(np.mean([eye.width for eye in person.eyes]))
    spots = []
    for eye in person.shown_eyes:
        openness = float(np.clip((eye.opening / max(eye.width, 1e-3) - 0.10) / 0.12, 0.6, 1))
        centre = 0.25 * (eye.upper[4] + eye.lower[4] + eye.upper[0] + eye.upper[-1])
        radius = 1.05 * max(eye.width, 0.8 * mean_width)
        if radius > 2:
            spots.append(_Spot(centre, radius, 1 + (eye_size - 1) * openness))
    return spots


def _axis(face: Features) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Of ``face``: the way down and to its side, unit vectors, and its height and half width."""
    down = face.landmarks[152] - face.landmarks[168]
    length = float(np.linalg.norm(down))
    down = down / max(length, 1e-6)
    side = np.asarray([down[1], -down[0]], np.float32)
    return down, side, length, 0.5 * float(np.ptp(face.oval @ side))


def _lower_face(face: Features) -> np.ndarray:
    """4×2 px: the corners of what slimming moves."""
    down, side, length, half = _axis(face)
    return np.stack([
        face.landmarks[168] + below * length * down + across * half * side
        for below in _LOWER
        for across in (-_BESIDE, _BESIDE)
    ])  # fmt: skip


def _slim(
    face: Features,
    amount: float | np.floating,
    x: np.ndarray,
    y: np.ndarray,
    dx: np.ndarray,
    dy: np.ndarray,
) -> None:
    brow = face.landmarks[168]
    axis, side, length, half = _axis(face)
    if length < 4:
        return
    across = (x - brow[0]) * side[0] + (y - brow[1]) * side[1]
    down = ((x - brow[0]) * axis[0] + (y - brow[1]) * axis[1]) * np.float32(1 / length)
    # Nothing at the eyes, most between mouth and chin, nothing at the collar.
    low = np.interp(down, [_LOWER[0], 0.8, 1.0, _LOWER[1]], [0, 1, 1, 0]).astype(np.float32)
    fall = np.clip(_BESIDE - np.abs(across) * np.float32(1 / half), 0, 1)
    pull = across * low * fall * fall * (3 - 2 * fall) * amount
    dx += pull * side[0]
    dy += pull * side[1]
