"""Colours in CIELAB (L 0..100, a and b about -128..127) and the way to sRGB hex."""

from __future__ import annotations

import cv2
import numpy as np

Lab = np.ndarray

# X, Y and Z of D65's white, and the way from there to linear sRGB.
_WHITE = 0.950456, 1.0, 1.088754
_TO_RGB = (
    (3.240479, -1.53715, -0.498535),
    (-0.969256, 1.875991, 0.041556),
    (0.055648, -0.204043, 1.057311),
)


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """H×W×3 float32 CIELAB of H×W×3 uint8 sRGB."""
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def lab_of_hex(text: str) -> Lab:
    rgb = np.asarray([[[int(text[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8)
    return lab_of(rgb)[0, 0].astype(float)


def hex_of(lab: Lab) -> str:
    # Of one colour, OpenCV takes ten times as long.
    light, a, b = (float(value) for value in lab)
    y = (light + 16) / 116
    x, y, z = (
        white * (t**3 if t > 6 / 29 else (t - 4 / 29) * 108 / 841)
        for white, t in zip(_WHITE, (y + a / 500, y, y - b / 200), strict=True)
    )
    text = "#"
    for row in _TO_RGB:
        linear = min(max(row[0] * x + row[1] * y + row[2] * z, 0.0), 1.0)
        share = 12.92 * linear if linear < 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
        text += f"{round(255 * share):02x}"
    return text


def lch(lab: Lab) -> tuple[float, float, float]:
    """Lightness, chroma and hue in degrees (-180..180)."""
    light, a, b = (float(value) for value in lab)
    return light, float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)))


def from_lch(light: float, chroma: float, hue_deg: float) -> Lab:
    hue = np.radians(hue_deg)
    return np.array([np.clip(light, 0, 100), chroma * np.cos(hue), chroma * np.sin(hue)], float)


def mixed(a: Lab, b: Lab, share: float) -> Lab:
    """``share`` of ``b`` in ``a``."""
    return np.asarray(a, float) * (1 - share) + np.asarray(b, float) * share


def shifted(lab: Lab, light: float = 0.0, chroma: float = 1.0, hue_deg: float = 0.0) -> Lab:
    """``lab`` lighter by ``light``, its chroma times ``chroma``, its hue turned."""
    own_light, own_chroma, own_hue = lch(lab)
    return from_lch(own_light + light, own_chroma * chroma, own_hue + hue_deg)


def luminance(light: float) -> float:
    """Relative luminance 0..1 of a CIE lightness, as good as exact above 8."""
    return ((light + 16) / 116) ** 3


def lightness(luminance_share: float) -> float:
    return float(116 * np.cbrt(luminance_share) - 16)
