"""What of a face is beard and what is a crease, and how strong light is on skin."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np

from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown

# From ear to ear around the chin, up to the nose: where a beard grows.
_BEARD = (
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361,
    323, 454, 327, 2, 98,
)  # fmt: skip
# Mean depth of creases, L on fair skin, from which a face is wrinkled, and thoroughly so.
_WRINKLED = 3.0, 4.2
Value = TypeVar("Value", np.ndarray, float)


def contrast_of(light: Value) -> Value:
    """How strong light and shade are on skin of ``light``: less on dark skin."""
    # pyrefly: ignore[bad-return] (NumPy's stubs make float64 of every quotient)
    return 0.45 + 0.55 * light / 65


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


def without_creases(lab: np.ndarray, person: Features, bare: np.ndarray) -> None:
    """Fill the creases of ``person``'s cheeks and brow in ``lab`` (H×W×3 CIELAB), in place.

    ``bare`` (H×W 0..1) is skin without hair over it.

    A crease is what a morphological closing fills. The few of a young face go, the many of an
    old one stay: they are its character.
    """
    box = box_around(lab.shape, person.oval, 0.05 * person.height)
    if box is None or person.height < 40:
        return
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    light = np.ascontiguousarray(lab[box][..., 0])
    size, shape = face.height, light.shape
    zone = area(shape, grown(face.oval, 0.93), soft_px=0.02 * size) * bare[box]
    zone *= 1 - area(
        shape,
        *(grown(eye.outline, 1.35, 0.03 * size) for eye in face.eyes),
        *(grown(brow, 1.1, 0.02 * size) for brow in face.brows),
        grown(face.lips, 1.06, 0.012 * size),
        grown(face.nose_base, 1.1),
        soft_px=0.012 * size,
    )
    calm = cv2.GaussianBlur(light, (0, 0), max(0.5, 0.004 * size))
    reach = 2 * max(1, int(0.035 * size)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    closed = blurred(cv2.morphologyEx(calm, cv2.MORPH_CLOSE, kernel), 0.012 * size)
    # What is much darker than a crease is hair, a frame or a hand.
    depth = np.maximum(closed - calm, 0)
    depth *= 1 - smoothstep(depth, 24.0, 40.0)
    mean = float((zone * depth).sum()) / max(float(zone.sum()), 1.0)
    share = 0.9 - 0.5 * smoothstep(mean / contrast_of(float(np.median(light))), *_WRINKLED)
    lab[box][..., 0] += np.float32(share) * zone * depth
