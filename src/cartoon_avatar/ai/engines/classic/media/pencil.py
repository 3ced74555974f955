"""Pencil on drawing paper."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.media import paper
from cartoon_avatar.ai.engines.classic.media.duotone import duotone
from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Medium, Style
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.flow import Flow

# How much of the tone is laid where there is nobody: everywhere, and near the people.
_SCENE, _NEAR = 0.45, 0.5
# At 1024 px: how near that is, the length of strokes and of cross strokes, and their width.
_NEAR_PX, _LENGTH_PX, _CROSS_PX, _STROKE_PX = 40, 60, 44, 2.6
# The angle of cross strokes to the others, radians.
_CROSSING = 1.1


def paint(sheet: Sheet, style: Style, rng: np.random.Generator) -> np.ndarray:
    """``sheet`` in pencil: H×W×3 uint8 sRGB."""
    how, unit_px = style.materials, sheet.unit_px
    light, lines, person = sheet.drawn.light, sheet.coverage, sheet.full.person
    if person is not None:
        # The scene is only hinted at, or left out.
        rest = _SCENE if style.backdrop.kind == "scene" else 0.0
        around = cv2.blur(person, (int(_NEAR_PX * unit_px) | 1,) * 2)
        shown = np.clip(person + (rest + _NEAR * around) * (1 - person), 0, 1)
        light = 100 - (100 - light) * shown
        lines = lines * shown
    angle = float(np.deg2rad(how.angle_deg))
    dark = pencilled(light, lines, sheet.flow, unit=unit_px, angle=angle, rng=rng)
    return duotone(dark, how.papers[0], how.inks[0])


# Without colour there is no skin to be held to its own.
PENCIL = Medium(paint, keeps_skin=False)


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
    first = paper.hatching(shape, angle, _LENGTH_PX * unit, _STROKE_PX * unit, rng)
    second = paper.hatching(shape, angle + _CROSSING, _CROSS_PX * unit, _STROKE_PX * unit, rng)
    form = paper.combed(shape, 2.0 * unit, flow, 9 * unit, rng) * np.float32(2.6)
    clear = sized(np.clip(flow.coherence * 1.4 - 0.2, 0, 1), shape)
    strokes = first + clear * (form - first)
    tone = dark * np.clip(1 + 0.42 * strokes + 0.16 * tooth, 0.15, 2)
    tone += np.clip(dark - 0.42, 0, 1) * np.clip(0.55 * second + 0.1, -0.3, 0.8)
    tone = np.clip(0.80 * tone, 0, 0.86)
    stroke = lines * np.clip(0.86 + 0.14 * tooth, 0.35, 1)
    return np.clip(np.maximum(tone, 0) + (1 - np.maximum(tone, 0)) * 0.85 * stroke, 0, 0.93)
