"""What is behind the people."""

from __future__ import annotations

import cv2
import numpy as np


def scene_without(rgb: np.ndarray, person: np.ndarray | None, contrast: float) -> np.ndarray:
    """The scene behind the people in ``rgb`` (H×W×3 uint8), simplified: H×W×3 uint8.

    People are filled in with what surrounds them, so that flattening the scene draws no
    halo around them. ``person`` is H×W float32 0..1.
    """
    height, width = rgb.shape[:2]
    size = (max(3, width // 4), max(3, height // 4))
    scene = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    if person is not None:
        behind = 1 - cv2.resize(person, size, interpolation=cv2.INTER_AREA)
        behind = cv2.erode(np.clip(behind * 1.5 - 0.5, 0, 1), np.ones((3, 3), np.uint8))
        values = scene.astype(np.float32) * behind[..., None]
        filled, weight = values, behind
        for sigma in (3, 12, 48):
            wide = cv2.GaussianBlur(values, (0, 0), sigma)
            reach = cv2.GaussianBlur(behind, (0, 0), sigma)
            empty = np.clip(1 - weight, 0, 1)
            filled = filled + empty[..., None] * wide
            weight = weight + empty * reach
        filled = filled / np.maximum(weight, 1e-3)[..., None]
        scene = np.clip(filled, 0, 255).astype(np.uint8)
    for _ in range(2):
        scene = cv2.ximgproc.dtFilter(
            scene, scene, 24, contrast, mode=cv2.ximgproc.DTF_RF, numIters=3
        )
    return cv2.resize(scene, (width, height), interpolation=cv2.INTER_CUBIC)


def paint(
    kind: str,
    shape: tuple[int, int],
    colour: tuple[int, int, int],
    second: tuple[int, int, int],
    *,
    centre: tuple[float, float],
    radius_px: float,
    cell_px: float,
    turn: float,
) -> np.ndarray:
    """A made-up backdrop of two colours, H×W×3 float32, 0..255.

    ``kind`` is plain, gradient, rays, dots, circle or bands; rays and circle stand about
    ``centre`` (x, y px), ``radius_px`` is the circle's, ``cell_px`` the dots' distance and
    ``turn`` (radians) their angle.
    """
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    if kind == "gradient":
        share = np.clip(y / max(height - 1, 1), 0, 1)
    elif kind == "rays":
        angle = np.arctan2(dy, dx) + np.float32(turn)
        # Edges as wide as a pixel is, seen from the centre.
        edge = np.hypot(dx, dy) * np.float32(0.16)
        share = np.clip(np.sin(angle * 14) * edge / 2 + 0.5, 0, 1)
    elif kind == "dots":
        level = np.clip(0.15 + 0.75 * y / max(height - 1, 1), 0, 1)
        share = dots(level, cell_px, turn)
    elif kind == "circle":
        share = np.clip(radius_px - np.hypot(dx, dy) + 0.5, 0, 1)
    elif kind == "bands":
        along = x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn))
        wave = np.sin(along * np.float32(np.pi / (3.2 * cell_px)))
        share = np.clip(wave * np.float32(cell_px) + 0.5, 0, 1)
    else:
        share = np.zeros(shape, np.float32)
    share = share[..., None]
    return (1 - share) * np.float32(colour) + share * np.float32(second)


def dots(level: np.ndarray, cell_px: float, turn: float) -> np.ndarray:
    """Halftone: ``level`` (H×W float32 0..1) as round dots ``cell_px`` apart, 0..1, antialiased.

    Clustered-dot screening (Ulichney 1987) with a cosine spot.
    """
    height, width = level.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    k = np.float32(2 * np.pi / cell_px)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    spot = 0.25 * (np.cos(k * (c * x + s * y)) + np.cos(k * (c * y - s * x))) + 0.5
    # ``spot`` exceeds 1 - t on about a share t of the area.
    edge = np.float32(0.28 * cell_px)
    return np.clip((spot - (1 - level)) * edge + 0.5, 0, 1) * (level > 0.02)


def vignette(person: np.ndarray, unit: float) -> np.ndarray:
    """How far a wash reaches around ``person`` (H×W 0..1): H×W float32, 1 on it, 0 far off."""
    height, width = person.shape
    small = cv2.resize(
        person, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA
    )
    near = cv2.GaussianBlur(small, (0, 0), max(0.8, 13 * unit), borderType=cv2.BORDER_REPLICATE)
    near = cv2.resize(np.clip(near * 2.4, 0, 1), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.maximum(near, person)
