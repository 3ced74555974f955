"""Watercolour on rough paper."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.media import paper
from cartoon_avatar.ai.engines.classic.media.print import LUMA, printed_sheet
from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Medium, Style
from cartoon_avatar.ai.filters.canvas import bands, to_bytes
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# Where a wash ends in the field of its reach and noise: bare paper, and full colour.
_BARE, _WASH = 0.55, 0.85
# At 1024 px: how far outlines wobble, and the size of slow and of quicker turbulence.
_SWAY_PX, _SLOW_PX, _QUICK_PX = 1.1, 110, 30


def paint(sheet: Sheet, style: Style, rng: np.random.Generator) -> np.ndarray:
    """``sheet`` in watercolour: H×W×3 uint8 sRGB."""
    person = sheet.full.person
    fade = None if person is None else vignette(person, sheet.unit_px)
    rgb = printed_sheet(sheet, style)
    return painted_wet(rgb, sheet.full.skin, fade, sheet.unit_px, rng)


WATERCOLOUR = Medium(paint)


def vignette(person: np.ndarray, unit: float) -> np.ndarray:
    """How far a wash reaches around ``person`` (H×W 0..1): H×W float32, 1 on it, 0 far off."""
    height, width = person.shape
    small = cv2.resize(
        person, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA
    )
    near = cv2.GaussianBlur(small, (0, 0), max(0.8, 13 * unit), borderType=cv2.BORDER_REPLICATE)
    near = cv2.resize(np.clip(near * 2.4, 0, 1), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.maximum(near, person)


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
    slow = paper.noise(shape, _SLOW_PX * unit, rng)
    mid = paper.noise(shape, _QUICK_PX * unit, rng)
    sway = np.float32(_SWAY_PX * unit)
    if calm is not None:
        sway = sway * (1 - np.float32(0.7) * calm)
    x = (mid + np.float32(0.3) * tooth) * sway
    x += np.arange(shape[1], dtype=np.float32)
    y = (slow - np.float32(0.3) * tooth) * sway
    y += np.arange(shape[0], dtype=np.float32)[:, None]
    wet = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    del x, y, sway  # ten megabytes
    light = cv2.transform(wet, LUMA) * np.float32(1 / 255)
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
    ragged = smoothstep(2 * fade + 0.12 * slow + 0.08 * mid + 0.015 * tooth, _BARE, _WASH)
    for rows in bands(len(out)):
        here = ragged[rows]
        wash = paper.pigment(_thinned(wet[rows]), density[rows])
        # A drying wash leaves its darkest line just inside its end.
        edge = np.clip(1 - np.abs(here - 0.5) * 3, 0, 1)
        wash = paper.pigment(wash, 1 + 0.35 * edge)
        sheet = np.asarray([0.985, 0.975, 0.955], np.float32) * (1 + 0.012 * tooth[rows])[..., None]
        out[rows] = to_bytes(sheet + here[..., None] * (wash - sheet))
    return out


def _thinned(rgb: np.ndarray) -> np.ndarray:
    return rgb * np.float32(0.95 / 255) + np.float32(0.05)
