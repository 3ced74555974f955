"""Colour cut down to a few inks."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.steps.canvas import to_bytes


def loud(
    light: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    palette: tuple[tuple[int, int, int], ...],
    spare: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """New a, b with every clear colour turned to the nearest hue of ``palette`` (sRGB).

    All H×W float32, CIELAB. Lightness stays. Greys take a breath of the palette's first
    colour in their dark parts, as cheap print does. ``spare`` (0..1, skin) stays as it is.
    """
    inks = cv2.cvtColor(np.float32([palette]) / 255, cv2.COLOR_RGB2LAB)[0]
    chroma, hue = cv2.cartToPolar(a, b)
    # The nearest ink by hue, from a table of a full turn.
    turn = np.arange(256) * (2 * np.pi / 256)
    angles = np.arctan2(inks[:, 2], inks[:, 1])
    nearest = np.cos(turn[:, None] - angles[None]).argmax(axis=1)
    index = cv2.convertScaleAbs(hue, alpha=255 / (2 * np.pi))
    colourful = np.clip((chroma - 7) * np.float32(1 / 14), 0, 1)
    # A gamut holds little colour near black and white.
    room = np.clip(np.minimum(light, 100 - light) * np.float32(1 / 32), 0, 1)
    shadow = np.clip((55 - light) * np.float32(0.55 / 40), 0, 0.55)
    done = []
    for plane, channel in ((a, 1), (b, 2)):
        goal = cv2.LUT(index, (inks[nearest, channel] * np.float32(0.92)).astype(np.float32))
        grey = shadow * inks[0, channel]
        goal = (grey + colourful * (goal - grey)) * room
        share = np.float32(1) if spare is None else 1 - spare
        done.append(plane + share * (goal - plane))
    return done[0], done[1]


def duotone(dark: np.ndarray, paper: tuple[int, int, int], ink: tuple[int, int, int]) -> np.ndarray:
    """``dark`` (H×W 0..1) as ``ink`` on ``paper`` (sRGB): H×W×3 uint8."""
    share = np.linspace(0, 1, 256)[:, None]
    table = np.rint(np.array(paper) + share * (np.array(ink) - paper)).astype(np.uint8)
    index = to_bytes(dark)
    return cv2.merge([cv2.LUT(index, column) for column in table.T])
