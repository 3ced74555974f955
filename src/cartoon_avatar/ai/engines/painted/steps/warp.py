"""Caricature: eyes a little larger, the lower face a little slimmer."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.seeing.features import Features

Maps = tuple[np.ndarray, np.ndarray]


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
        self._spots = [spot for person in people for spot in _eye_spots(person, eye_size)]
        self._faces = people
        self._slimming = slimming

    def source(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``x`` and ``y`` are float32 arrays of one shape, px; so are the results."""
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for spot in self._spots:
            across, down = x - np.float32(spot.centre[0]), y - np.float32(spot.centre[1])
            near = np.minimum((across * across + down * down) * np.float32(1 / spot.radius**2), 1)
            pull = (1 - near) ** 2 * np.float32(1 / spot.magnification - 1)
            dx += across * pull
            dy += down * pull
        for face in self._faces:
            _slim(face, np.float32(self._slimming), x, y, dx, dy)
        return x + dx, y + dy

    def moved(self, points: np.ndarray) -> np.ndarray:
        """Where ``points`` (N×2 float32 px) of the picture lie in the result."""
        there = points.astype(np.float32)
        for _ in range(6):
            x, y = self.source(there[:, 0].copy(), there[:, 1].copy())
            there = there + (points - np.stack([x, y], axis=1))
        return there.astype(np.float32)

    def maps(self, shape: tuple[int, int]) -> Maps:
        """For ``cv2.remap``: where each pixel of an H×W result comes from, in fixed point."""
        down, across = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        return cv2.convertMaps(*self.source(across, down), cv2.CV_16SC2)


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


def _slim(
    face: Features,
    amount: float | np.floating,
    x: np.ndarray,
    y: np.ndarray,
    dx: np.ndarray,
    dy: np.ndarray,
) -> None:
    brow, chin = face.landmarks[168], face.landmarks[152]
    axis = chin - brow
    length = float(np.linalg.norm(axis))
    if length < 4 or not amount:
        return
    axis = axis / length
    side = np.asarray([axis[1], -axis[0]], np.float32)
    half = 0.5 * float(np.ptp(face.oval @ side))
    across = (x - brow[0]) * side[0] + (y - brow[1]) * side[1]
    down = ((x - brow[0]) * axis[0] + (y - brow[1]) * axis[1]) * np.float32(1 / length)
    # Nothing at the eyes, most between mouth and chin, nothing at the collar.
    low = np.interp(down, [0.2, 0.8, 1.0, 1.5], [0, 1, 1, 0]).astype(np.float32)
    fall = np.clip(1.9 - np.abs(across) * np.float32(1 / half), 0, 1)
    pull = across * low * fall * fall * (3 - 2 * fall) * amount
    dx += pull * side[0]
    dy += pull * side[1]


def warped(rgb: np.ndarray, maps: Maps) -> np.ndarray:
    """``rgb`` (H×W×3 uint8) under ``maps``."""
    return cv2.remap(rgb, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def warped_masks(masks: tuple[np.ndarray, ...], maps: Maps) -> list[np.ndarray]:
    """Up to four ``masks`` (H×W float32) under ``maps``."""
    moved = cv2.remap(cv2.merge(masks), *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return list(cv2.split(moved))
