"""Oil paint, by a loaded brush."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.media import paper
from cartoon_avatar.ai.engines.classic.media.print import printed_sheet
from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Medium, Style
from cartoon_avatar.ai.filters.canvas import bands, sized
from cartoon_avatar.ai.filters.flow import Flow

# How far skin is painted with thin strokes, beside features, which are altogether; 0..1.
_THIN_ON_SKIN = 0.75
# At 1024 px: the width of a hair of the brush, the length of a stroke, and how far a hair
# drags its colour along.
_BRISTLE_PX, _STROKE_PX, _DRAG_PX = 4.5, 14, 7


def paint(sheet: Sheet, style: Style, rng: np.random.Generator) -> np.ndarray:
    """``sheet`` in oil: H×W×3 uint8 sRGB."""
    quiet = sheet.full.features
    if quiet is not None and sheet.full.skin is not None:
        quiet = np.maximum(quiet, np.float32(_THIN_ON_SKIN) * sheet.full.skin)
    return oiled(printed_sheet(sheet, style), sheet.flow, sheet.unit_px, quiet, rng)


OIL = Medium(paint)


def oiled(
    rgb: np.ndarray, flow: Flow, unit: float, quiet: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Brush strokes with relief along the flow (Hertzmann 2002): sRGB uint8 in and out.

    ``flow`` is of any size; ``quiet`` (H×W 0..1) is where strokes are thin, so that features
    stay readable.
    """
    shape = rgb.shape[:2]
    bristle = paper.combed(shape, _BRISTLE_PX * unit, flow, _STROKE_PX * unit, rng)
    bristle *= np.float32(2.2)
    if quiet is not None:
        bristle *= 1 - np.float32(0.75) * quiet
    # Every hair of the brush drags its colour along a little differently.
    drag = bristle * np.float32(_DRAG_PX * unit)
    x = sized(flow.x, shape) * drag
    x += np.arange(shape[1], dtype=np.float32)
    y = sized(flow.y, shape) * drag
    y += np.arange(shape[0], dtype=np.float32)[:, None]
    rgb = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Light from the upper left on the ridges of the paint.
    relief = cv2.Sobel(bristle, cv2.CV_32F, 1, 0, ksize=3)
    relief += cv2.Sobel(bristle, cv2.CV_32F, 0, 1, ksize=3)
    relief = np.clip(relief, -3, 3) * np.float32(-0.018 * 255)
    out = np.empty_like(rgb)
    for rows in bands(len(rgb)):
        paint = rgb[rows] * (1 + np.float32(0.045) * bristle[rows])[..., None]
        paint += relief[rows][..., None]
        out[rows] = cv2.convertScaleAbs(np.maximum(paint, 0))
    return out
