"""Printed: flat colour and ink, with halftone dots or a glow where a style asks for them."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Medium, Style
from cartoon_avatar.ai.filters.canvas import Canvas, bands, rgb_of, to_bytes
from cartoon_avatar.ai.filters.halftone import dots

# Luminance of linear light, near enough for sRGB's own numbers.
LUMA = np.asarray([[0.2126, 0.7152, 0.0722]], np.float32)


def paint(sheet: Sheet, style: Style, rng: np.random.Generator) -> np.ndarray:
    """``sheet`` printed: H×W×3 uint8 sRGB."""
    how, full = style.materials, sheet.full
    rgb = printed_sheet(sheet, style)
    if how.dots:
        screen = 1 - sheet.coverage
        if full.person is not None:
            screen *= full.person
        if full.features is not None:
            screen *= 1 - full.features
        angle = float(np.deg2rad(how.angle_deg))
        rgb = dotted(rgb, screen, how.dots * sheet.unit_px, angle)
    if how.glow:
        rgb = glowing(rgb, how.glow, sheet.unit_px)
    return rgb


PRINT = Medium(paint)


def printed_sheet(sheet: Sheet, style: Style) -> np.ndarray:
    """Colours and ink of ``sheet`` and nothing else: H×W×3 uint8 sRGB."""
    return printed(sheet.drawn, sheet.coverage, style.ink.tint if style.ink else 0.0)


def printed(drawn: Canvas, coverage: np.ndarray, tint: float) -> np.ndarray:
    """``drawn`` with ink of ``coverage`` (H×W 0..1), as sRGB, H×W×3 uint8.

    ``tint`` is how much of the colour below shows in the line.
    """
    rgb = np.empty((*coverage.shape, 3), np.uint8)
    for rows in bands(len(rgb)):
        dark = 1 - coverage[rows] * np.float32(1 - 0.25 * tint)
        grey = 1 - coverage[rows] * np.float32(1 - tint)
        planes = drawn.light[rows] * dark, drawn.a[rows] * grey, drawn.b[rows] * grey
        rgb[rows] = rgb_of(cv2.merge(planes))
    return rgb


def dotted(rgb: np.ndarray, area: np.ndarray, cell_px: float, turn: float) -> np.ndarray:
    """``rgb`` (uint8) with the mid-tones of ``area`` (H×W 0..1) broken into halftone dots.

    The dots are the same colour, darker and richer; the paper between them is lighter, so
    that the area keeps its average.
    """
    light = cv2.transform(rgb, LUMA) * np.float32(1 / 255)
    level = np.clip(0.95 - light, 0.1, 0.6)
    spots = dots(level, light.shape, cell_px, turn)
    # Neither in white paper nor in black ink.
    mid = np.clip((light - 0.12) / 0.15, 0, 1) * np.clip((0.97 - light) / 0.1, 0, 1)
    gap = (spots - level) * area * mid * np.float32(0.3)
    out = np.empty_like(rgb)
    for rows in bands(len(rgb)):
        out[rows] = cv2.convertScaleAbs(rgb[rows] * (1 - gap[rows])[..., None])
    return out


def glowing(rgb: np.ndarray, amount: float, unit: float) -> np.ndarray:
    """``rgb`` (uint8) with the soft bloom of bright areas screened over it."""
    size = (max(1, rgb.shape[1] // 4), max(1, rgb.shape[0] // 4))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) * np.float32(1 / 255)
    bloom = to_bytes(np.float32(amount) * cv2.GaussianBlur(small * small, (0, 0), 5 * unit))
    bloom = cv2.resize(bloom, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return 255 - cv2.multiply(255 - rgb, 255 - bloom, scale=1 / 255)
