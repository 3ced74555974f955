"""Skin as soft clear tones of one hue, without patches."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.steps.relight import Complexion
from cartoon_avatar.ai.engines.painted.styles import Tones
from cartoon_avatar.ai.filters.abstraction import smoothed
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.canvas import rgb_of
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown

# From ear to ear around the chin, up to the nose: where a beard grows.
_BEARD = (
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361,
    323, 454, 327, 2, 98,
)  # fmt: skip
# Shade is this much redder and less yellow than light, over 40 L.
_SHADE_HUE = np.asarray([-1.5, 1.0], np.float32)
_BLUSH = np.asarray([3.0, 0.8], np.float32)


# H×W, or of one place.
Light = TypeVar("Light", np.ndarray, float)


def contrast_of(light: Light) -> Light:
    """How strong light and shade are on skin of ``light``: less on dark skin."""
    # pyrefly: ignore[bad-return] (NumPy's stubs make float64 of every quotient)
    return 0.45 + 0.55 * light / 65


def nearest_complexion(
    shape: tuple[int, int], people: list[Features], complexions: list[Complexion]
) -> np.ndarray:
    """H×W×3 float32 CIELAB: at each place the skin colour of the nearest face."""
    height, width = shape
    step = 8
    down, across = np.mgrid[0:height:step, 0:width:step].astype(np.float32)
    total = np.zeros((*down.shape, 3), np.float32)
    weights = np.zeros(down.shape, np.float32)
    for person, colour in zip(people, complexions, strict=True):
        x, y = person.oval.mean(axis=0)
        far = ((across - x) ** 2 + (down - y) ** 2) / person.height**2 + 0.05
        weight = 1 / far**3
        total += weight[..., None] * np.asarray([colour.light, colour.a, colour.b], np.float32)
        weights += weight
    return cv2.resize(total / weights[..., None], (width, height), interpolation=cv2.INTER_LINEAR)


def beard(lab: np.ndarray, person: Features) -> np.ndarray:
    """H×W float32 0..1, where ``person`` has hair on cheeks, chin or lip: dark and rough."""
    found = np.zeros(lab.shape[:2], np.float32)
    box = box_around(lab.shape, person.oval, 0.12 * person.height)
    if box is None or person.height < 24:
        return found
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    light = np.ascontiguousarray(lab[box][..., 0])
    size, shape = face.height, light.shape
    low = face.landmarks[list(_BEARD)]
    zone = area(shape, grown(low, 1.06), soft_px=0.02 * size)
    zone *= 1 - area(shape, grown(face.lips, 1.15), soft_px=0.01 * size)
    square = 0.06 * size * np.asarray([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    cheeks = area(shape, *(cheek + square for cheek in face.cheeks)) > 0.5
    if not cheeks.any():
        return found
    below = blurred(light, 0.006 * size)
    rough = blurred(np.abs(light - blurred(light, 0.012 * size)), 0.025 * size)
    calm, level = float(np.median(rough[cheeks])), float(np.median(below[cheeks]))
    contrast = contrast_of(level)
    dark = smoothstep(level - below, 5 * contrast, 13 * contrast)
    rough = smoothstep(rough, 1.5 * calm + 0.15, 2.6 * calm + 0.5)
    found[box] = blurred(zone * dark * rough, 0.01 * size)
    return found


def without_creases(lab: np.ndarray, person: Features, share: float) -> None:
    """Fill the creases of ``person``'s cheeks and brow by ``share`` (0..1), in place.

    A crease is what a morphological closing fills. It comes back as one thin line.
    """
    box = box_around(lab.shape, person.oval, 0.05 * person.height)
    if box is None or person.height < 40:
        return
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    light = np.ascontiguousarray(lab[box][..., 0])
    size, shape = face.height, light.shape
    zone = area(shape, grown(face.oval, 0.93), soft_px=0.02 * size)
    zone *= 1 - area(
        shape,
        *(grown(eye.outline, 1.35, 0.03 * size) for eye in face.eyes),
        *(grown(brow, 1.1, 0.02 * size) for brow in face.brows),
        grown(face.lips, 1.06, 0.012 * size),
        soft_px=0.012 * size,
    )
    calm = cv2.GaussianBlur(light, (0, 0), max(0.5, 0.004 * size))
    reach = 2 * max(1, int(0.035 * size)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    closed = blurred(cv2.morphologyEx(calm, cv2.MORPH_CLOSE, kernel), 0.012 * size)
    # What is much darker than a crease is hair, a frame or a hand.
    depth = np.maximum(closed - calm, 0)
    depth *= 1 - smoothstep(depth, 16.0, 30.0)
    lab[box][..., 0] += np.float32(share) * zone * depth


def painted_skin(
    middle: np.ndarray,
    weight: np.ndarray,
    tone: np.ndarray,
    people: list[Features],
    tones: Tones,
    blush: float,
    grey: bool,
) -> np.ndarray:
    """The skin of everybody, H×W×3 float32 CIELAB.

    ``middle`` is the abstracted photo (H×W×3 CIELAB), ``weight`` (H×W 0..1) where plain skin
    is, ``tone`` the skin colour at each place (``nearest_complexion``).
    """
    size = max(person.height for person in people)
    weight = np.clip(weight, 0, 1) ** 2 + np.float32(1e-3)
    guide = rgb_of(middle)
    smooth = smoothed(guide, middle, 0.10 * size, 34, passes=3)
    light = np.ascontiguousarray(smooth[..., 0])
    form = blurred_within(light, weight, 0.035 * size)
    near = blurred_within(light, weight, 0.012 * size)
    base = tone[..., 0]
    contrast = contrast_of(base)
    offset = (blurred_within(form, weight, tones.breadth * size) - base) / contrast
    stepped = base + contrast * _steps(offset, tones)
    share = np.float32(tones.skin)
    drawn = (1 - share) * form + share * stepped + 0.75 * (near - form) + 0.5 * (light - near)

    colour = np.ascontiguousarray(smooth[..., 1:])
    if not grey:
        own = 0.6 * blurred_within(colour, weight, 0.03 * size) + 0.4 * colour
        rel = np.clip((drawn - base) * np.float32(1 / 40), -1, 1)[..., None]
        goal = tone[..., 1:] * (1 - 0.2 * rel) + rel * _SHADE_HUE
        colour = 0.28 * own + 0.72 * goal
        for person in people:
            _warm(drawn, colour, person, contrast, blush)
    return np.dstack([drawn, colour]).astype(np.float32)


def _steps(offset: np.ndarray, tones: Tones) -> np.ndarray:
    """Three soft steps of light about plain skin (0): a light, a shade, a deep shade; in L."""

    softness = tones.softness

    def raw(value: np.ndarray) -> np.ndarray:
        return (
            5.0 * tones.highlight * np.tanh((value - 5) / softness)
            + 6.5 * np.tanh((value + 8) / (0.88 * softness))
            + 5.0 * np.tanh((value + 20) / softness)
        )

    return raw(offset) - raw(np.zeros(()))


def _warm(
    light: np.ndarray, colour: np.ndarray, person: Features, contrast: np.ndarray, blush: float
) -> None:
    """Blush on the cheeks and a light on the tip of the nose, in place."""
    size = person.height
    for cheek in person.cheeks:
        box = box_around(light.shape, cheek[None], 0.3 * size)
        if box is not None:
            bell = _bell(box, cheek, 0.13 * size, 0.10 * size)
            colour[box] += bell[..., None] * np.float32(blush) * _BLUSH
    tip = person.landmarks[4] + 0.1 * (person.landmarks[6] - person.landmarks[4])
    box = box_around(light.shape, tip[None], 0.1 * size)
    if box is not None:
        light[box] += 4.0 * contrast[box] * _bell(box, tip, 0.022 * size, 0.03 * size)


def _bell(
    box: tuple[slice, slice], centre: np.ndarray, wide_px: float, high_px: float
) -> np.ndarray:
    down = (np.arange(box[0].start, box[0].stop) - centre[1]) / high_px
    across = (np.arange(box[1].start, box[1].stop) - centre[0]) / wide_px
    return np.exp(-(down[:, None] ** 2) - across**2).astype(np.float32)
