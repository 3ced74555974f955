"""Colour and line put on paper: print, halftone, pencil, watercolour, oil."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.steps import paper
from cartoon_avatar.ai.engines.classic.steps.backdrop import dots
from cartoon_avatar.ai.engines.classic.steps.tones import smoothstep
from cartoon_avatar.ai.filters.canvas import (
    Canvas,
    bands,
    rgb_of,
    sharply_enlarged,
    sized,
    to_bytes,
)
from cartoon_avatar.ai.filters.flow import Flow, along

# Luminance of linear light, near enough for sRGB's own numbers.
_LUMA = np.float32([[0.2126, 0.7152, 0.0722]])


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
    light = cv2.transform(rgb, _LUMA) * np.float32(1 / 255)
    level = np.clip(0.95 - light, 0.1, 0.6)
    spots = dots(level, light.shape, cell_px, turn)
    # Neither in white paper nor in black ink.
    mid = np.clip((light - 0.12) / 0.15, 0, 1) * np.clip((0.97 - light) / 0.1, 0, 1)
    gap = (spots - level) * area * mid * np.float32(0.3)
    out = np.empty_like(rgb)
    for rows in bands(len(rgb)):
        out[rows] = cv2.convertScaleAbs(rgb[rows] * (1 - gap[rows])[..., None])
    return out


def pencilled(
    light: np.ndarray,
    lines: np.ndarray,
    flow: Flow,
    *,
    unit: float,
    angle: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Graphite on paper, H×W float32: 0 bare paper .. 1 black.

    ``light`` is L, ``lines`` the coverage of drawn lines, ``flow`` of any size. Tone is laid in
    three layers of strokes, along the form first, then across at ``angle``, as in Mao et al.
    2002.
    """
    shape = light.shape
    dark = np.clip((91 - light) / 86, 0, 1) ** 1.05
    tooth = paper.grain(shape, unit, rng)
    first = paper.hatching(shape, angle, 60 * unit, 2.6 * unit, rng)
    second = paper.hatching(shape, angle + 1.1, 44 * unit, 2.6 * unit, rng)
    form = _combed(shape, 2.0 * unit, flow, 9 * unit, rng) * np.float32(2.6)
    clear = sized(np.clip(flow.coherence * 1.4 - 0.2, 0, 1), shape)
    strokes = first + clear * (form - first)
    tone = dark * np.clip(1 + 0.42 * strokes + 0.16 * tooth, 0.15, 2)
    tone += np.clip(dark - 0.42, 0, 1) * np.clip(0.55 * second + 0.1, -0.3, 0.8)
    tone = np.clip(0.80 * tone, 0, 0.86)
    stroke = lines * np.clip(0.86 + 0.14 * tooth, 0.35, 1)
    return np.clip(np.maximum(tone, 0) + (1 - np.maximum(tone, 0)) * 0.85 * stroke, 0, 0.93)


def _combed(
    shape: tuple[int, int], scale_px: float, flow: Flow, reach_px: float, rng: np.random.Generator
) -> np.ndarray:
    """Noise drawn out along ``flow``, H×W float32; lengths in pixels of ``shape``."""
    small = flow.x.shape
    scale = small[1] / shape[1]
    hairs = along(paper.noise(small, scale_px * scale, rng), flow, reach_px * scale)
    return sharply_enlarged(hairs, shape)


def painted_wet(
    rgb: np.ndarray,
    calm: np.ndarray | None,
    fade: np.ndarray | None,
    unit: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Watercolour after Bousseau et al. 2006: sRGB uint8 in and out.

    Wobbling outlines, pigment that gathers at edges, turbulence in the wash and the grain
    of the paper. ``calm`` (H×W 0..1, skin) is where the wash is even; ``fade`` (H×W 0..1)
    is where it runs out into bare paper.
    """
    shape = rgb.shape[:2]
    tooth = paper.grain(shape, unit, rng)
    slow = paper.noise(shape, 110 * unit, rng)
    mid = paper.noise(shape, 30 * unit, rng)
    sway = np.float32(1.1 * unit)
    if calm is not None:
        sway = sway * (1 - np.float32(0.7) * calm)
    x = (mid + np.float32(0.3) * tooth) * sway
    x += np.arange(shape[1], dtype=np.float32)
    y = (slow - np.float32(0.3) * tooth) * sway
    y += np.arange(shape[0], dtype=np.float32)[:, None]
    wet = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    del x, y, sway  # ten megabytes
    light = cv2.transform(wet, _LUMA) * np.float32(1 / 255)
    near = cv2.GaussianBlur(light, (0, 0), 2.2 * unit)
    # Water carries pigment to the outside of a wash: the dark side of every edge.
    rim = np.clip((near - light) * 3.0, 0, 0.8)
    turbulence = 0.17 * slow + 0.09 * mid
    if calm is not None:
        turbulence *= 1 - np.float32(0.78) * calm
    density = 1 + turbulence + 0.085 * tooth + rim
    out = np.empty_like(wet)
    if fade is None:
        for rows in bands(len(out)):
            out[rows] = to_bytes(paper.pigment(_thinned(wet[rows]), density[rows]))
        return out
    ragged = smoothstep(2 * fade + 0.12 * slow + 0.08 * mid + 0.015 * tooth, 0.7, 0.3)
    for rows in bands(len(out)):
        here = ragged[rows]
        wash = paper.pigment(_thinned(wet[rows]), density[rows])
        # A drying wash leaves its darkest line just inside its end.
        edge = np.clip(1 - np.abs(here - 0.5) * 3, 0, 1)
        wash = paper.pigment(wash, 1 + 0.35 * edge)
        sheet = np.float32([0.985, 0.975, 0.955]) * (1 + 0.012 * tooth[rows])[..., None]
        out[rows] = to_bytes(sheet + here[..., None] * (wash - sheet))
    return out


def _thinned(rgb: np.ndarray) -> np.ndarray:
    return rgb * np.float32(0.95 / 255) + np.float32(0.05)


def oiled(
    rgb: np.ndarray, flow: Flow, unit: float, quiet: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Brush strokes with relief along the flow (Hertzmann 2002): sRGB uint8 in and out.

    ``flow`` is of any size; ``quiet`` (H×W 0..1) is where strokes are thin, so that features
    stay readable.
    """
    shape = rgb.shape[:2]
    bristle = _combed(shape, 4.5 * unit, flow, 14 * unit, rng) * np.float32(2.2)
    if quiet is not None:
        bristle *= 1 - np.float32(0.75) * quiet
    # Every hair of the brush drags its colour along a little differently.
    drag = bristle * np.float32(7 * unit)
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


def glowing(rgb: np.ndarray, amount: float, unit: float) -> np.ndarray:
    """``rgb`` (uint8) with the soft bloom of bright areas screened over it."""
    size = (max(1, rgb.shape[1] // 4), max(1, rgb.shape[0] // 4))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) * np.float32(1 / 255)
    bloom = to_bytes(np.float32(amount) * cv2.GaussianBlur(small * small, (0, 0), 5 * unit))
    bloom = cv2.resize(bloom, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return 255 - cv2.multiply(255 - rgb, 255 - bloom, scale=1 / 255)
