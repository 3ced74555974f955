"""Colour cut down to a few inks."""

from __future__ import annotations

import cv2
import numpy as np


def loud(
    lab: np.ndarray, palette: tuple[tuple[int, int, int], ...], spare: np.ndarray | None
) -> np.ndarray:
    """``lab`` (H×W×3 float32) with every clear colour turned to the nearest hue of ``palette``.

    Lightness stays. ``palette`` is sRGB. Greys take a breath of the palette's first
    colour in their dark parts, as cheap print does. ``spare`` (H×W 0..1, skin) is left as
    it is.
    """
    inks = cv2.cvtColor(np.float32([palette]) / 255, cv2.COLOR_RGB2LAB)[0]
    a, b = lab[..., 1], lab[..., 2]
    chroma = cv2.magnitude(a, b)
    best = np.full(a.shape, -2, np.float32)
    colour = np.zeros((*a.shape, 2), np.float32)
    for ink in inks:
        strength = float(np.hypot(ink[1], ink[2])) or 1.0
        match = (a * ink[1] + b * ink[2]) / (np.maximum(chroma, 1e-3) * strength)
        closer = match > best
        best[closer] = match[closer]
        colour[closer] = ink[1:] * np.float32(0.92)
    colourful = np.clip((chroma - 7) / 14, 0, 1)
    shadow = np.clip((55 - lab[..., 0]) / 40, 0, 1)
    grey = inks[0, 1:] * (0.55 * shadow)[..., None]
    wanted = grey + colourful[..., None] * (colour - grey)
    # A gamut holds little colour near black and white.
    room = np.clip(np.minimum(lab[..., 0], 100 - lab[..., 0]) / 32, 0, 1)
    wanted *= room[..., None]
    share = np.float32(1) if spare is None else (1 - spare)[..., None]
    out = lab.copy()
    out[..., 1:] += share * (wanted - out[..., 1:])
    return out


def duotone(dark: np.ndarray, paper: tuple[int, int, int], ink: tuple[int, int, int]) -> np.ndarray:
    """``dark`` (H×W 0..1) as ``ink`` on ``paper`` (sRGB): H×W×3 float32 0..1."""
    sheet, pigment = np.float32(paper) / 255, np.float32(ink) / 255
    return sheet + dark[..., None] * (pigment - sheet)
