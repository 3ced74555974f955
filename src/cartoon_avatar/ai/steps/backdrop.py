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
