"""Takes texture away and leaves shapes."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.filters.canvas import Canvas, planes_of, sharply_enlarged
from cartoon_avatar.ai.filters.flow import Flow, along, tangent_field

# At 1024 px: what an edge's direction is taken from, and how far flattening reaches.
_FLOW_SIGMA_PX = 2.2
_REACH_PX = 20


def follow_edges(sheet: Sheet, style: Style) -> None:
    """Find the direction in which everything will be drawn."""
    sheet.flow = tangent_field(sheet.lit_half, _FLOW_SIGMA_PX * sheet.unit_px)


def flatten_shapes(sheet: Sheet, style: Style) -> None:
    """Take texture away from the lit photo, at half size."""
    shapes = flatten(
        sheet.lit_half_rgb,
        sheet.flow,
        reach_px=_REACH_PX * sheet.unit_px,
        contrast=style.shapes.contrast,
        strands_px=style.shapes.strands * sheet.unit_px,
    )
    sheet.flat_half, a, b = planes_of(shapes)
    sheet.flat = Canvas(sharply_enlarged(sheet.flat_half, sheet.shape), a, b)


def flatten(
    rgb: np.ndarray, flow: Flow, *, reach_px: float, contrast: float, strands_px: float
) -> np.ndarray:
    """``rgb`` (H×W×3 uint8) with texture weaker than ``contrast`` (0..255) smoothed away.

    Two passes of the recursive domain transform (Gastal and Oliveira 2011), the second
    guided by the first as in rolling guidance (Zhang et al. 2014), then an average of
    ``strands_px`` along the flow, which turns hair into strands and calms every outline
    (Kyprianidis and Döllner 2008).
    """
    if min(rgb.shape[:2]) < 3:
        return rgb
    for _ in range(2):
        rgb = cv2.ximgproc.dtFilter(
            rgb, rgb, reach_px, contrast, mode=cv2.ximgproc.DTF_RF, numIters=1
        )
    return along(rgb, flow, strands_px)
