"""The last word on light and colour: contrast, vibrance, split toning, glow, sharpness."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.steps.relight import Light
from cartoon_avatar.ai.engines.painted.styles import Grade
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.canvas import to_bytes
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# Chroma at which vibrance has lost two thirds of its effect.
_VIVID = 45.0


def graded(lab: np.ndarray, lit: Light, how: Grade) -> np.ndarray:
    """H×W×3 uint8 sRGB of ``lab`` (H×W×3 CIELAB).

    Contrast moves everything but people's complexion: plain skin is as light in the end as
    ``lit`` says.
    """
    sheet = lit.sheet
    person, skin = sheet.person, sheet.bare
    light, a, b = cv2.split(lab)
    share = np.clip(light * np.float32(0.01), 0, 1)
    # A gentle S curve whose lights do not burn out.
    curve = share + np.float32(0.045 * how.contrast) * np.sin(2 * np.pi * (share - 0.5))
    light = 100 * np.clip(curve, 0, 1)
    light -= skin * _off_by(light, lit)
    if how.lift:
        light += np.float32(how.lift) * np.sin(np.pi * share) * (1 - 0.8 * skin)
    if sheet.grey:
        a = b = np.zeros_like(light)
    else:
        chroma = cv2.magnitude(a, b)
        outside = 1 - person
        vivid = np.float32(how.vibrance) * (0.8 + 0.9 * outside) * (1 - 0.7 * skin)
        gain = 1 + vivid * np.exp(-((chroma * np.float32(1 / _VIVID)) ** 2))
        high, low = smoothstep(light, 55, 95), 1 - smoothstep(light, 8, 45)
        tint = 1 - 0.5 * skin
        a = a * gain + (how.lights[0] * high + how.darks[0] * low) * tint
        b = b * gain + (how.lights[1] * high + how.darks[1] * low) * tint
    rgb = np.clip(cv2.cvtColor(cv2.merge([light, a, b]), cv2.COLOR_LAB2RGB), 0, 1)
    if how.glow:
        reach = max(lab.shape[:2]) / 73
        bright = blurred(np.maximum(rgb - np.float32(0.55), 0), reach)
        rgb = 1 - (1 - rgb) * (1 - np.float32(how.glow) * bright)
    fine = cv2.GaussianBlur(rgb, (0, 0), max(0.5, 1.3 * max(lab.shape[:2]) / 1024))
    return to_bytes(np.clip(rgb + 0.45 * (rgb - fine), 0, 1))


def _off_by(light: np.ndarray, lit: Light) -> np.float32:
    """How much lighter the faces are than they are to be: the mean over them."""
    off = [
        float(np.median(light[mask])) - colour.light
        for mask, colour in zip(lit.plain, lit.complexions, strict=True)
        if mask.sum() > 40
    ]
    return np.float32(np.mean(off)) if off else np.float32(0)
