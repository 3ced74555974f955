"""Colours carried on to where there are none."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import sized


def without_holes(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``rgb`` (H×W×3 uint8) whose transparent parts continue what is next to them.

    What lies under ``alpha`` (H×W uint8) 0 is arbitrary, mostly black: its border would be
    drawn as an edge, and smoothing would pull it into the picture as a halo.
    """
    if alpha.min() == 255 or alpha.max() == 0:
        return rgb
    height, width = alpha.shape
    size = (max(3, width // 4), max(3, height // 4))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    known = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    around = cv2.resize(filled(small, known), (width, height), interpolation=cv2.INTER_LINEAR)
    # Colours on the soft border are mixed with what was cut away; they come from inside too.
    inner = cv2.erode(alpha, np.ones((3, 3), np.uint8)).astype(np.float32) / 255
    share = np.clip(inner * 2 - 1, 0, 1)[..., None]
    mixed = around + share * (rgb.astype(np.float32) - around)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def filled(rgb: np.ndarray, known: np.ndarray) -> np.ndarray:
    """``rgb`` (H×W×3 uint8) continued from where ``known`` (H×W float32 0..1) is 1 to all of it."""
    known = cv2.erode(np.clip(known * 1.5 - 0.5, 0, 1), np.ones((3, 3), np.uint8))
    values = rgb.astype(np.float32) * known[..., None]
    filled, weight = values, known
    height, width = known.shape
    for coarse in (1, 4, 16):
        # A wide blur is a narrow one of a small copy.
        size = (max(1, width // coarse), max(1, height // coarse))
        wide, reach = (
            sized(
                cv2.GaussianBlur(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), (0, 0), 3),
                known.shape,
            )
            for plane in (values, known)
        )
        empty = np.clip(1 - weight, 0, 1)
        filled = filled + empty[..., None] * wide
        weight = weight + empty * reach
    return np.clip(filled / np.maximum(weight, 1e-3)[..., None], 0, 255).astype(np.uint8)
