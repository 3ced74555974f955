"""Colour and line put on paper: print, halftone, pencil, watercolour, oil."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.steps import paper
from cartoon_avatar.ai.steps.backdrop import dots
from cartoon_avatar.ai.steps.flow import Flow, along
from cartoon_avatar.ai.steps.tones import smoothstep


def printed(lab: np.ndarray, coverage: np.ndarray | None, tint: float) -> np.ndarray:
    """``lab`` (H×W×3 float32) with ink of ``coverage`` (H×W 0..1), as RGB float32 0..1.

    ``tint`` is how much of the colour below shows in the line.
    """
    if coverage is not None:
        light = lab[..., 0] * (1 - coverage * np.float32(1 - 0.25 * tint))
        colour = lab[..., 1:] * (1 - np.float32(1 - tint) * coverage)[..., None]
        lab = cv2.merge([light, colour[..., 0], colour[..., 1]])
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)


def dotted(rgb: np.ndarray, area: np.ndarray, cell_px: float, turn: float) -> np.ndarray:
    """``rgb`` (0..1) with the mid-tones of ``area`` (H×W 0..1) broken into halftone dots.

    The dots are the same colour, darker and richer; the paper between them is lighter, so
    that the area keeps its average.
    """
    light = rgb @ np.float32([0.2126, 0.7152, 0.0722])
    level = np.clip(0.95 - light, 0.1, 0.6)
    spots = dots(level, light.shape, cell_px, turn)
    # Neither in white paper nor in black ink.
    mid = np.clip((light - 0.12) / 0.15, 0, 1) * np.clip((0.97 - light) / 0.1, 0, 1)
    gap = (spots - level) * area * mid * np.float32(0.3)
    return np.clip(rgb * (1 - gap)[..., None], 0, 1)


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

    ``light`` is L, ``lines`` the coverage of drawn lines. Tone is laid in three layers of
    strokes, along the form first, then across at ``angle``, as in Mao et al. 2002.
    """
    shape = light.shape
    dark = np.clip((91 - light) / 86, 0, 1) ** 1.05
    tooth = paper.grain(shape, unit, rng)
    first = paper.hatching(shape, angle, 60 * unit, 2.6 * unit, rng)
    second = paper.hatching(shape, angle + 1.1, 44 * unit, 2.6 * unit, rng)
    form = along(paper.noise(shape, 2.0 * unit, rng), flow, 9 * unit) * np.float32(2.6)
    clear = np.clip(flow.coherence * 1.4 - 0.2, 0, 1)
    strokes = first + clear * (form - first)
    tone = dark * np.clip(1 + 0.42 * strokes + 0.16 * tooth, 0.15, 2)
    tone += np.clip(dark - 0.42, 0, 1) * np.clip(0.55 * second + 0.1, -0.3, 0.8)
    tone = np.clip(0.80 * tone, 0, 0.86)
    stroke = lines * np.clip(0.86 + 0.14 * tooth, 0.35, 1)
    return np.clip(np.maximum(tone, 0) + (1 - np.maximum(tone, 0)) * 0.85 * stroke, 0, 0.93)


def painted_wet(
    rgb: np.ndarray,
    calm: np.ndarray | None,
    fade: np.ndarray | None,
    unit: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Watercolour after Bousseau et al. 2006: RGB float32 0..1 in and out.

    Wobbling outlines, pigment that gathers at edges, turbulence in the wash and the grain
    of the paper. ``calm`` (H×W 0..1, skin) is where the wash is even; ``fade`` (H×W 0..1)
    is where it runs out into bare paper.
    """
    shape = rgb.shape[:2]
    tooth = paper.grain(shape, unit, rng)
    slow = paper.noise(shape, 110 * unit, rng)
    mid = paper.noise(shape, 30 * unit, rng)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    sway = np.float32(1.1 * unit)
    if calm is not None:
        sway = sway * (1 - 0.7 * calm)
    wet = cv2.remap(
        rgb,
        x + sway * (mid + 0.3 * tooth),
        y + sway * (slow - 0.3 * tooth),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    light = wet @ np.float32([0.2126, 0.7152, 0.0722])
    near = cv2.GaussianBlur(light, (0, 0), 2.2 * unit)
    # Water carries pigment to the outside of a wash: the dark side of every edge.
    rim = np.clip((near - light) * 3.0, 0, 0.8)
    turbulence = 0.17 * slow + 0.09 * mid
    if calm is not None:
        turbulence *= 1 - 0.78 * calm
    wet = paper.pigment(0.05 + 0.95 * wet, 1 + turbulence + 0.085 * tooth + rim)
    if fade is not None:
        ragged = smoothstep(2 * fade + 0.12 * slow + 0.08 * mid + 0.015 * tooth, 0.7, 0.3)
        # A drying wash leaves its darkest line just inside its end.
        edge = np.clip(1 - np.abs(ragged - 0.5) * 3, 0, 1)
        wet = paper.pigment(wet, 1 + 0.35 * edge)
        sheet = np.float32([0.985, 0.975, 0.955]) * (1 + 0.012 * tooth)[..., None]
        wet = sheet + ragged[..., None] * (wet - sheet)
    return np.clip(wet, 0, 1)


def oiled(
    rgb: np.ndarray, flow: Flow, unit: float, quiet: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Brush strokes with relief along the flow (Hertzmann 2002): RGB float32 0..1.

    ``quiet`` (H×W 0..1) is where strokes are thin, so that features stay readable.
    """
    bristle = along(paper.noise(rgb.shape[:2], 3.0 * unit, rng), flow, 12 * unit) * np.float32(2.2)
    if quiet is not None:
        bristle = bristle * (1 - 0.75 * quiet)
    # Light from the upper left on the ridges of the paint.
    relief = cv2.Sobel(bristle, cv2.CV_32F, 1, 0, ksize=3) + cv2.Sobel(
        bristle, cv2.CV_32F, 0, 1, ksize=3
    )
    out = (
        rgb * (1 + 0.045 * bristle)[..., None]
        + (np.float32(0.016) * np.clip(-relief, -3, 3))[..., None]
    )
    return np.clip(out, 0, 1)


def glowing(rgb: np.ndarray, amount: float, unit: float) -> np.ndarray:
    """``rgb`` (0..1) with the soft bloom of bright areas screened over it."""
    small = (
        cv2.resize(rgb, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        if min(rgb.shape[:2]) > 8
        else rgb
    )
    bloom = cv2.GaussianBlur(small * small, (0, 0), 5 * unit)
    bloom = cv2.resize(bloom, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return 1 - (1 - rgb) * (1 - np.float32(amount) * bloom)
