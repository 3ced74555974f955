"""The last word on light and colour: contrast, vibrance, split toning, glow, sharpness."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.steps.relight import Light
from cartoon_avatar.ai.engines.painted.styles import Grade
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.canvas import bands, to_bytes
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# Chroma at which vibrance has lost two thirds of its effect.
_VIVID = 45.0


def graded(lab: np.ndarray, lit: Light, how: Grade) -> np.ndarray:
    """H×W×3 uint8 sRGB of ``lab`` (H×W×3 CIELAB), which is used up.

    Contrast moves everything but people's complexion: plain skin is as light in the end as
    ``lit`` says.
    """
    sheet, bare = lit.sheet, lit.sheet.bare
    off = _off_by(lab, lit, how)
    rgb = lab
    for rows in bands(len(lab)):
        rgb[rows] = _toned(lab[rows], sheet.person[rows], bare[rows], off, how, sheet.grey)
    # Channel by channel: a third of the memory.
    for channel in range(3):
        cv2.insertChannel(_finished(cv2.extractChannel(rgb, channel), how.glow), rgb, channel)
    return to_bytes(rgb)


def _finished(plane: np.ndarray, glow: float) -> np.ndarray:
    """``plane`` (H×W, 0..1) with a glow around its lights, sharpened."""
    if glow:
        bright = blurred(np.maximum(plane - np.float32(0.55), 0), max(plane.shape) / 73)
        bright *= np.float32(-glow)
        bright += 1
        plane -= 1
        plane *= bright
        plane += 1
    fine = cv2.GaussianBlur(plane, (0, 0), max(0.5, 1.3 * max(plane.shape) / 1024))
    return cv2.addWeighted(plane, 1.45, fine, -0.45, 0, dst=plane)


def _toned(
    lab: np.ndarray,
    person: np.ndarray,
    skin: np.ndarray,
    off: np.float32,
    how: Grade,
    grey: bool,
) -> np.ndarray:
    """H×W×3 float32 sRGB, 0..1, of ``lab`` whose skin is ``off`` too light."""
    light, a, b = cv2.split(lab)
    share = np.clip(light * np.float32(0.01), 0, 1)
    light = _contrasted(light, how)
    light -= skin * off
    if how.lift:
        light += np.float32(how.lift) * np.sin(np.pi * share) * (1 - 0.8 * skin)
    if grey:
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
    return np.clip(cv2.cvtColor(cv2.merge([light, a, b]), cv2.COLOR_LAB2RGB), 0, 1)


def _contrasted(light: np.ndarray, how: Grade) -> np.ndarray:
    """``light`` (L, any shape) on a gentle S curve whose lights do not burn out."""
    share = np.clip(light * np.float32(0.01), 0, 1)
    curve = share + np.float32(0.045 * how.contrast) * np.sin(2 * np.pi * (share - 0.5))
    return 100 * np.clip(curve, 0, 1)


def _off_by(lab: np.ndarray, lit: Light, how: Grade) -> np.float32:
    """How much lighter contrast makes the faces than they are to be: the mean over them."""
    off = [
        float(np.median(_contrasted(lab[..., 0][mask], how))) - colour.light
        for mask, colour in zip(lit.plain, lit.complexions, strict=True)
        if mask.sum() > 40
    ]
    return np.float32(np.mean(off)) if off else np.float32(0)
