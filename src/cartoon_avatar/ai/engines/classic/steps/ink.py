"""Ink lines."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.steps.tones import eased, smoothstep
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.flow import Flow, along


def edges(light: np.ndarray, flow: Flow, *, width_px: float, calm_px: float) -> np.ndarray:
    """How far each pixel is the dark side of an edge: H×W float32, in units of L, 0 and up.

    Flow-based difference of Gaussians (Kang et al. 2007; Winnemöller et al. 2012): the
    response across edges, averaged over ``calm_px`` along them, which joins broken lines
    and dissolves specks. ``light`` is H×W float32, L 0..100.
    """
    fine = cv2.GaussianBlur(light, (0, 0), width_px)
    coarse = cv2.GaussianBlur(light, (0, 0), 1.6 * width_px)
    return np.maximum(along(coarse - fine, flow, calm_px), 0)


def lines(response: np.ndarray, threshold: np.ndarray | float, softness: float) -> np.ndarray:
    """Ink coverage, H×W float32 0..1, where ``response`` passes ``threshold``."""
    t = response - threshold
    t *= np.float32(1 / softness)
    t += np.float32(0.5)
    np.clip(t, 0, 1, out=t)
    return eased(t)


def blacks(light: np.ndarray, below: float) -> np.ndarray:
    """Coverage of solid blacks, H×W float32 0..1: light (L) darker than ``below``."""
    return 1 - smoothstep(light, below, 3.0)


def without_specks(coverage: np.ndarray, area_px: float) -> np.ndarray:
    """``coverage`` without strokes of less than ``area_px``."""
    height, width = coverage.shape
    half = sized(coverage, (max(1, height // 2), max(1, width // 2)))
    strokes = (half > 0.25).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    specks = (4 * stats[:, cv2.CC_STAT_AREA] < area_px).astype(np.uint8)
    specks[0] = 0
    gone = cv2.resize(specks[labels], (width, height), interpolation=cv2.INTER_NEAREST)
    return coverage * (1 - gone)


def crowding(coverage: np.ndarray, reach_px: float) -> np.ndarray:
    """How crowded with short lines a place is, H×W float32, 0 none .. 2 knitwear.

    Texture offers a line every few pixels; an artist draws the strongest of them.
    """
    height, width = coverage.shape
    size = (max(1, width // 8), max(1, height // 8))
    share = cv2.resize(coverage, size, interpolation=cv2.INTER_AREA)
    share = cv2.GaussianBlur(share, (0, 0), max(0.5, reach_px / 8))
    share = np.clip((share - 0.13) * np.float32(2 / 0.17), 0, 2)
    return cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)


def outline(mask: np.ndarray, width_px: float, shape: tuple[int, int]) -> np.ndarray:
    """A line along the border of ``mask`` (h×w 0..1), ``width_px`` wide there.

    Float32 0..1, of ``shape``.
    """
    rim = sized(cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.84 * width_px)), shape)
    # Fades out where the mask does not know, instead of drawing a guess.
    rim = cv2.absdiff(rim, 0.5)
    rim *= np.float32(-3.8)
    rim += np.float32(1.35)
    return np.clip(rim, 0, 1, out=rim)
