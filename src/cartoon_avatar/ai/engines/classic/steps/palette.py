"""Colour cut down to a few inks."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import to_bytes


def loud(
    light: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    palette: tuple[tuple[int, int, int], ...],
    spare: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """New a, b with every clear colour turned to the nearest ink of ``palette`` (sRGB).

    Nearest in hue, but a dark colour takes no light ink: dark yellow is olive, no ink at all.
    All H×W float32, CIELAB. Lightness stays. Greys take a breath of the palette's first
    colour in their dark parts, as cheap print does. ``spare`` (0..1, skin) stays as it is.
    """
    inks = cv2.cvtColor(np.asarray([palette], np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    chroma, hue = cv2.cartToPolar(a, b)
    # How well each ink would do, from tables of a full turn and of all lightness.
    turn = np.arange(256) * (2 * np.pi / 256)
    level = np.arange(256) * (100 / 255)
    index, lights = cv2.convertScaleAbs(hue, alpha=255 / (2 * np.pi)), to_bytes(light / 100)
    best = np.full(light.shape, -np.inf, np.float32)
    goals = np.zeros((2, *light.shape), np.float32)
    for ink_light, ink_a, ink_b in inks:
        near = np.cos(turn - np.arctan2(ink_b, ink_a)).astype(np.float32)
        far = (0.9 * (np.minimum(level - ink_light, 0) / 60) ** 2).astype(np.float32)
        fit = cv2.LUT(index, near) - cv2.LUT(lights, far)
        better = fit > best
        best[better] = fit[better]
        goals[0][better], goals[1][better] = 0.92 * ink_a, 0.92 * ink_b
    colourful = np.clip((chroma - 7) * np.float32(1 / 14), 0, 1)
    # A gamut holds little colour near black and white.
    room = np.clip(np.minimum(light, 100 - light) * np.float32(1 / 32), 0, 1)
    shadow = np.clip((55 - light) * np.float32(0.55 / 40), 0, 0.55)
    done = []
    for plane, channel, goal in ((a, 1, goals[0]), (b, 2, goals[1])):
        grey = shadow * inks[0, channel]
        goal = (grey + colourful * (goal - grey)) * room
        share = np.float32(1) if spare is None else 1 - spare
        done.append(plane + share * (goal - plane))
    return done[0], done[1]
