"""Paper and what it does to pigment."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import sharply_enlarged
from cartoon_avatar.ai.filters.flow import Flow, along


def noise(shape: tuple[int, int], scale_px: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of about ``scale_px``, H×W float32, mean 0, deviation 1."""
    size = (max(2, int(shape[1] / scale_px) + 2), max(2, int(shape[0] / scale_px) + 2))
    coarse = rng.standard_normal((size[1], size[0]), dtype=np.float32)
    field = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    # Interpolation between independent values loses about a third of their spread.
    return field * np.float32(1.35)


def grain(shape: tuple[int, int], unit: float, rng: np.random.Generator) -> np.ndarray:
    """The tooth of paper, H×W float32, mean 0, deviation about 1."""
    return 0.6 * noise(shape, 2.2 * unit, rng) + 0.5 * noise(shape, 5 * unit, rng)


def combed(
    shape: tuple[int, int], scale_px: float, flow: Flow, reach_px: float, rng: np.random.Generator
) -> np.ndarray:
    """Noise drawn out along ``flow``, H×W float32; lengths in pixels of ``shape``."""
    small = flow.x.shape
    scale = small[1] / shape[1]
    hairs = along(noise(small, scale_px * scale, rng), flow, reach_px * scale)
    return sharply_enlarged(hairs, shape)


def hatching(
    shape: tuple[int, int],
    angle: float,
    length_px: float,
    width_px: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Straight pencil strokes at ``angle`` (radians), H×W float32, mean 0, deviation about 1.

    Line integral convolution of noise along one direction (Mao et al. 2002).
    """
    side = int(np.ceil(np.hypot(*shape))) + 2
    rows = max(2, int(side / width_px))
    columns = max(2, int(side / (length_px / 6)))
    strokes = rng.standard_normal((rows, columns), dtype=np.float32)
    strokes = cv2.blur(strokes, (6, 1))
    strokes *= np.float32(1 / max(float(strokes.std()), 1e-6))
    c, s = np.cos(angle), np.sin(angle)
    # From a pixel of the picture to one of the stroke field, which is stretched and turned.
    fx, fy = columns / side, rows / side
    cx, cy = shape[1] / 2, shape[0] / 2
    turn = np.asarray(
        [
            [c * fx, s * fx, (side / 2 - c * cx - s * cy) * fx],
            [-s * fy, c * fy, (side / 2 + s * cx - c * cy) * fy],
        ],
        np.float32,
    )
    return cv2.warpAffine(
        strokes,
        turn,
        shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )


def pigment(rgb: np.ndarray, density: np.ndarray) -> np.ndarray:
    """``rgb`` (H×W×3 float32 0..1) with more or less pigment: density 1 changes nothing.

    The watercolour darkening of Bousseau et al. 2006, C' = C − (C − C²)(d − 1).
    """
    return rgb - (rgb - rgb * rgb) * (density - 1)[..., None]
