"""Halftone dots and waves."""

from __future__ import annotations

import numpy as np


def dots(level: np.ndarray, shape: tuple[int, int], cell_px: float, turn: float) -> np.ndarray:
    """Halftone: ``level`` (H×W or H×1, 0..1) as round dots ``cell_px`` apart, antialiased.

    Clustered-dot screening (Ulichney 1987) with a cosine spot, at an angle of ``turn``
    (radians); H×W float32 0..1.
    """
    k = 2 * np.pi / cell_px
    c, s = k * np.cos(turn), k * np.sin(turn)
    spot = wave(shape, c, s, np.pi / 2) + wave(shape, -s, c, np.pi / 2)
    # 0.25 × spot + 0.5 exceeds 1 - t on about a share t of the area.
    edge = 0.28 * cell_px
    spot *= np.float32(0.25 * edge)
    spot += (level * edge + (0.5 - 0.5 * edge)).astype(np.float32)
    return np.clip(spot, 0, 1, out=spot)


def wave(shape: tuple[int, int], kx: float, ky: float, phase: float = 0.0) -> np.ndarray:
    """sin(kx x + ky y + phase), H×W float32; ``kx`` and ``ky`` in radians per px.

    From two short products instead of a sine per pixel.
    """
    x = (kx * np.arange(shape[1]) + phase).astype(np.float32)
    y = (ky * np.arange(shape[0])).astype(np.float32)
    found = np.outer(np.cos(y), np.sin(x))
    found += np.outer(np.sin(y), np.cos(x))
    return found
