"""Lips in one colour and teeth as one clean shape."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around, mix, polygon, stroke, tapered
from cartoon_avatar.ai.seeing.features import Features, features_of, smooth_curve

# From the right corner of the mouth over the upper lip's lower edge to the left one.
_PARTING = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_UNDER_LIP = (181, 84, 17, 314, 405)
# How much darker and redder than skin lips are at least, in L and a.
_DARKER_LIPS, _REDDER_LIPS = 5.0, 7.0
# A gap between the lips, as share of the face's height, from which a mouth is open.
_OPEN = 0.018
# How much lighter the lower lip is in its middle, L.
_GLOSS = 9.0


def draw_mouth(lab: np.ndarray, photo: np.ndarray, person: Features, tone: np.ndarray) -> None:
    """Draw the mouth of ``person`` into ``lab`` (H×W×3 CIELAB), in place.

    ``photo`` is what it is read from, ``tone`` the skin's CIELAB.
    """
    size = person.height
    box = box_around(lab.shape, person.lips, 0.1 * size)
    if box is None or size < 40:
        return
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    here, seen = lab[box], photo[box]
    shape = here.shape[:2]
    lips = smooth_curve(np.concatenate([face.lips, face.lips[:1]]), 4)
    mouth = smooth_curve(np.concatenate([face.mouth, face.mouth[:1]]), 4)
    inner = polygon(shape, mouth, 0.003 * size)
    body = polygon(shape, lips, 0.006 * size) * (1 - inner)
    _paint_lips(here, seen, body, size, tone)
    gap = float(np.linalg.norm(face.landmarks[13] - face.landmarks[14])) / size
    if gap > _OPEN:
        _paint_teeth(here, seen, body, inner, size)
    else:
        curve = smooth_curve(face.landmarks[list(_PARTING)], 4)
        widths = 0.012 * size * (0.35 + 0.65 * tapered(len(curve)))
        covered = stroke(shape, curve, widths, max(0.5, 0.0025 * size))
        mix(here, [0.36 * tone[0], tone[1] + 10, 0.7 * tone[2] + 4], 0.72 * covered)
    _gloss(here, face, body, size)
    # The shade under the lower lip.
    curve = smooth_curve(face.landmarks[list(_UNDER_LIP)], 5) + np.asarray(
        [0, 0.012 * size], np.float32
    )
    covered = stroke(shape, curve, 0.012 * size * tapered(len(curve)), 0.005 * size)
    mix(here, [0.72 * tone[0], tone[1] + 4, tone[2]], 0.35 * covered)


def _paint_lips(
    lab: np.ndarray, photo: np.ndarray, body: np.ndarray, size: float, tone: np.ndarray
) -> None:
    if body.sum() < 4:
        return
    smooth = blurred_within(photo, body + np.float32(1e-3), 0.012 * size)
    goal = 0.4 * photo + 0.6 * smooth
    redder = float((goal[..., 1] * body).sum() / body.sum()) - tone[1]
    goal[..., 1] += np.float32(np.clip(1.2 + 0.32 * redder, 0.5, 5))
    goal[..., 2] += 1
    # Lips bleached by a flash would be lost beside drawn teeth.
    goal[..., 0] = np.minimum(goal[..., 0], tone[0] - _DARKER_LIPS)
    if tone[1] > 3:  # not in black and white
        goal[..., 1] = np.maximum(goal[..., 1], tone[1] + _REDDER_LIPS)
    lab += (0.9 * body)[..., None] * (goal - lab)


def _gloss(lab: np.ndarray, face: Features, body: np.ndarray, size: float) -> None:
    """Brighten the middle of the lower lip by a soft highlight, in place."""
    middle = 0.5 * (face.landmarks[14] + face.landmarks[17])
    across = face.landmarks[314] - face.landmarks[84]
    line = middle + np.linspace(-0.45, 0.45, 12)[:, None] * across
    covered = stroke(lab.shape[:2], line, 0.016 * size * tapered(len(line)), 0.007 * size)
    lab[..., 0] += _GLOSS * covered * body


def _paint_teeth(
    lab: np.ndarray, photo: np.ndarray, body: np.ndarray, inner: np.ndarray, size: float
) -> None:
    sure = inner > 0.6
    if sure.sum() < 30:
        return
    light = np.ascontiguousarray(photo[..., 0])
    low, high = (float(value) for value in np.percentile(light[sure], [10, 90]))
    if high < 45 or high - low < 8:
        return
    weight = inner**2 + np.float32(1e-3)
    calm = blurred_within(light, weight, 0.010 * size)
    bright = low + 0.46 * (high - low)
    teeth = smoothstep(calm, bright - 5, bright + 2) * inner
    lips = photo[body > 0.8][:, 1]
    red = float(np.median(lips)) if lips.size else 99.0
    pale = float(np.median(photo[sure & (light > high - 4)][:, 1]))
    if red - pale > 6:  # lip and tongue are red
        share = 0.45 * (red - pale), 0.8 * (red - pale)
        teeth *= 1 - smoothstep(photo[..., 1], pale + share[0], pale + share[1])
    teeth = smoothstep(blurred_within(teeth, weight, 0.012 * size), 0.35, 0.65) * inner
    reach = 2 * max(1, int(0.022 * size)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    teeth = np.maximum(teeth, cv2.morphologyEx(teeth, cv2.MORPH_CLOSE, kernel)) * inner
    teeth *= _upper_row(teeth, 0.004 * size)
    deep = cv2.merge([np.minimum(calm, 32), np.full_like(calm, 15), np.full_like(calm, 9)])
    lab += (0.75 * (inner - teeth))[..., None] * (deep - lab)
    # Off-white, in the upper lip's shadow, a little darker at the corners; the gaps between
    # them are only hinted at.
    level = float(np.clip(np.percentile(light[sure], 85) + 8, 68, 93))
    shade = 1 - smoothstep(blurred(inner, 0.018 * size), 0.45, 0.9)
    gaps = np.minimum(light - blurred_within(light, weight, 0.014 * size), 0)
    bright = 0.2 * np.minimum(calm, level) + 0.8 * level - 12 * shade + 0.3 * gaps
    clean = cv2.merge([bright, np.full_like(calm, 1.5), np.full_like(calm, 6.0)])
    lab += (0.92 * teeth)[..., None] * (clean - lab)


def _upper_row(teeth: np.ndarray, soft_px: float) -> np.ndarray:
    """H×W 0..1 without what lies below a gap under the first teeth: a second row looks busy."""
    clear = teeth > 0.4
    began = np.maximum.accumulate(clear, axis=0)
    ended = np.maximum.accumulate(began & ~clear, axis=0)
    return 1 - blurred(ended.astype(np.float32), soft_px)
