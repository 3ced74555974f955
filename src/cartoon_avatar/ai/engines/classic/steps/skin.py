"""Skin as a cartoonist paints it: one colour, a shade, sometimes a light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.steps.tones import smoothstep, through
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.seeing.features import Features, area, grown

# In L, 0..100: below this lightness a photo hides a face rather than showing dark skin.
_HIDDEN = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Complexion:
    """The plain skin of a face: its median lightness and colour in CIELAB."""

    light: float
    a: float
    b: float


def feature_area(shape: tuple[int, int], people: list[Features]) -> np.ndarray:
    """H×W float32 0..1: eyes, brows, nostrils and mouth, where detail matters."""
    mask = np.zeros(shape, np.float32)
    for person in people:
        margin = 0.012 * person.height
        outlines = [
            *(grown(eye.outline, 1.25, 1.5 * margin) for eye in person.eyes),
            *(grown(brow, 1.08, margin) for brow in person.brows),
            grown(person.lips, 1.05, margin),
            grown(person.nose_base, 0.9),
        ]
        box = box_of(shape, np.concatenate(outlines), 6 * margin)
        left, top = box[1].start, box[0].start
        moved = [outline - np.float32([left, top]) for outline in outlines]
        soft = area(mask[box].shape, *moved, soft_px=max(margin, 0.5))
        np.maximum(mask[box], soft, out=mask[box])
    return mask


def complexions(
    lab: np.ndarray, skin: np.ndarray, features: np.ndarray, people: list[Features]
) -> list[Complexion]:
    """The complexion of each of ``people`` in ``lab`` (H×W×3 float32)."""
    found = []
    for person in people:
        box = box_of(skin.shape, person.oval, 0)
        step = max(1, int(person.height / 100))
        view = (slice(box[0].start, box[0].stop, step), slice(box[1].start, box[1].stop, step))
        inside = area(
            skin[box].shape, grown(person.oval, 0.85) - np.float32([box[1].start, box[0].start])
        )[::step, ::step]
        chosen = lab[view][(skin[view] * inside * (1 - features[view])) > 0.5]
        if len(chosen) < 8:
            chosen = lab[view].reshape(-1, 3)
        if len(chosen) == 0:
            chosen = lab[:1, :1].reshape(-1, 3)
        # Without the darkest sixth, so that beard and shadow do not pass for the skin itself.
        chosen = chosen[chosen[:, 0] >= np.percentile(chosen[:, 0], 15)]
        found.append(Complexion(*(float(v) for v in np.median(chosen, axis=0))))
    return found


def nearest(shape: tuple[int, int], people: list[Features], values: list[np.ndarray]) -> np.ndarray:
    """``values`` (one 1-D array per person) spread over a picture of ``shape``, each near its face.

    H/16×W/16×C float32, smooth enough to be enlarged: weights fall with the distance in face
    heights.
    """
    height, width = max(1, shape[0] // 16), max(1, shape[1] // 16)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    total = np.zeros((height, width, len(values[0])), np.float32)
    weights = np.full((height, width, 1), 1e-12, np.float32)
    for person, value in zip(people, values, strict=True):
        centre = person.oval.mean(axis=0) / 16
        away = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (person.height / 16 + 1e-3) ** 2
        weight = (1 / (0.05 + away) ** 3)[..., None]
        total += weight * np.asarray(value, np.float32)
        weights += weight
    return total / weights


def shading(
    light: np.ndarray, skin: np.ndarray, features: np.ndarray, sigma_px: float
) -> np.ndarray:
    """The large light and shade on the skin, H×W float32 L, blind to all else."""
    scale = min(1.0, max(0.25, 1.5 / max(sigma_px, 1e-3)))
    size = (max(1, round(light.shape[1] * scale)), max(1, round(light.shape[0] * scale)))
    weight = cv2.resize(skin * (1 - features), size, interpolation=cv2.INTER_AREA) ** 2 + 1e-4
    value = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    sigma = sigma_px * scale
    smooth = cv2.GaussianBlur(value * weight, (0, 0), sigma) / cv2.GaussianBlur(
        weight, (0, 0), sigma
    )
    return cv2.resize(smooth, light.shape[::-1], interpolation=cv2.INTER_CUBIC)


def two_tone(
    shade: np.ndarray, base: np.ndarray | float, steps: int, depth: float, softness: float
) -> np.ndarray:
    """Skin lightness in ``steps`` (1..4) clean steps around ``base``: H×W float32 L.

    ``shade`` is what ``shading`` gave. Steps are shallower on dark skin, where the eye
    sees the same ratio of light in fewer units of L.
    """
    scale = 0.45 + 0.55 * np.asarray(base, np.float32) / 65
    away = (shade - base) / scale

    def curve(at: np.ndarray) -> np.ndarray:
        out = np.zeros_like(at)
        if steps >= 2:
            out -= 11 * (1 - smoothstep(at, -8.5 * depth, softness))
        if steps >= 3:
            out += 7 * smoothstep(at, 7.0 * depth, softness)
        if steps >= 4:
            out -= 10 * (1 - smoothstep(at, -20.0 * depth, softness))
        return depth * out

    return through(away, curve, -32, 32) * scale + base


def light_of(light: np.ndarray, plain: np.ndarray) -> float:
    """Mean lightness of ``light`` (H×W float32 L) under ``plain`` (0..1, of any size)."""
    few = light[::4, ::4]
    weight = sized(plain, few.shape)
    return float((few * weight).sum() / max(float(weight.sum()), 1e-6))


def bleached(light: np.ndarray, plain: np.ndarray, seen: float) -> float:
    """By how much (L) drawing has lightened skin beyond what its right is; 0 if it has not.

    ``light`` and ``plain`` are those of ``light_of``, ``seen`` what it gave for the photo
    there. A few units are a drawing's right, fewer the darker the skin, because the eye sees
    ratios; more only where the photo is so dark that it hides the face. Beyond that it would
    be another person's skin. What is allowed never turns the order from dark to light around.
    """
    allowed = float(np.clip(0.35 * (seen - 44), 1, 5)) + 0.5 * max(0.0, _HIDDEN - seen)
    return max(0.0, light_of(light, plain) - seen - allowed)


def box_of(shape: tuple[int, int], points: np.ndarray, margin: float) -> tuple[slice, slice]:
    """Rows and columns of a picture that hold ``points`` (N×2 px) and ``margin`` px around."""
    left, top = np.floor(points.min(axis=0) - margin).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + margin).astype(int) + 1
    height, width = shape
    left, right = np.clip([left, right], 0, width)
    top, bottom = np.clip([top, bottom], 0, height)
    # Never empty: a face that lies outside the picture gets a pixel at its rim.
    top, left = min(top, height - 1), min(left, width - 1)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def box_of_mask(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that hold all of ``mask`` (H×W) that is not next to nothing."""
    rows = np.flatnonzero(mask.max(axis=1) > 0.02)
    columns = np.flatnonzero(mask.max(axis=0) > 0.02)
    if len(rows) == 0:
        return slice(0, 1), slice(0, 1)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
