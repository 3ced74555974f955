"""Brows with the photo's height, angle and thickness, and the underside of a nose."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around, mix, polygon, stroke, tapered
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown, smooth_curve

# A brow is left alone if it is not at least this much darker than the skin around it, in L.
_FAINTEST = 6.0
# How dark a brow becomes at most, as share of its darks in the photo.
_DARKEST = 0.75
_UNDERSIDE = (98, 97, 2, 326, 327)
# From the wing to the middle.
_NOSTRILS = (98, 97, 2), (327, 326, 2)


def draw_brows(lab: np.ndarray, person: Features, hair: np.ndarray) -> None:
    """Darken the brows of ``person`` in ``lab`` (H×W×3 CIELAB) and give them a body, in place.

    ``hair`` is H×W 0..1: a brow ends where it begins.
    """
    size = person.height
    for number in range(2):
        box = box_around(lab.shape, person.brows[number], 0.06 * size)
        if box is None or size < 40:
            continue
        face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
        _draw_brow(lab[box], face, face.brows[number], hair[box])


def _draw_brow(lab: np.ndarray, face: Features, brow: np.ndarray, hair_area: np.ndarray) -> None:
    size, shape = face.height, lab.shape[:2]
    near = area(shape, grown(brow, 1.10, 0.018 * size), soft_px=0.010 * size)
    for eye in face.eyes:  # the socket's shadow is no brow
        outline = grown(eye.outline, 1.08, 0.006 * size)
        near *= 1 - area(shape, outline, soft_px=0.012 * size)
    near *= 1 - hair_area
    light = lab[..., 0]
    sure = near > 0.5
    if sure.sum() < 20:
        return
    skin, hair = (float(value) for value in np.percentile(light[sure], [85, 12]))
    if skin - hair < _FAINTEST:
        return
    # Its inner end stays light: a hard one looks angry.
    axis = brow[0] - brow[4]
    length = max(float(np.linalg.norm(axis)), 1e-3)
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    along = ((across - brow[4][0]) * axis[0] + (down - brow[4][1]) * axis[1]) / length**2
    full = smoothstep(along, -0.04, 0.30)
    dark = np.maximum(skin - light, 0)
    pale = 1 + 0.9 * (1 - float(smoothstep(skin - hair, 12, 34)))
    more = (0.12 + 0.28 * full) * np.float32(pale)
    more *= smoothstep(dark / max(skin, 20), 0.05, 0.35)
    darkest = max(6.0, _DARKEST * hair)
    lab[..., 0] += near * (np.maximum(skin - dark * (1 + more), darkest) - light) * (dark > 0)

    upper, lower = brow[:5], brow[[9, 8, 7, 6, 5]]
    middle = smooth_curve(0.52 * upper + 0.48 * lower, 6)
    thick = np.maximum(np.linalg.norm(upper - lower, axis=1), 0.02 * size)
    place = np.linspace(0, 1, len(middle))
    widths = np.interp(place, np.linspace(0, 1, 5), thick)
    widths *= np.interp(place, [0, 0.5, 0.85, 1], [0.3, 1.2, 1.35, 1.0])
    colour = np.median(lab[sure & (light <= hair + 3)], axis=0)
    colour[0] = max(0.88 * colour[0], 0.2 * skin, 0.85 * hair - 8)
    body = stroke(shape, middle, widths, 0.006 * size) * (0.5 + 0.5 * full) * (1 - hair_area)
    body *= 0.55 + 0.45 * smoothstep(dark, 0.1 * (skin - hair), 0.5 * (skin - hair))
    mix(lab, colour, 0.8 * float(smoothstep(skin - hair, 6, 20)) * body)


def draw_nose(lab: np.ndarray, person: Features, tone: np.ndarray) -> None:
    """Shade the underside of the nose of ``person`` and its nostrils in ``lab``, in place."""
    size = person.height
    box = box_around(lab.shape, person.nose_base, 0.06 * size)
    if box is None or size < 40:
        return
    here = lab[box]
    shape = here.shape[:2]
    points = person.landmarks - np.asarray([box[1].start, box[0].start], np.float32)
    low = points[list(_UNDERSIDE)]
    plane = np.concatenate([low, (low + 0.45 * (points[4] - low))[::-1]])
    shade = [0.72 * tone[0], tone[1] + 4, tone[2]]
    mix(here, shade, 0.4 * polygon(shape, plane, 0.012 * size))
    ink = [0.36 * tone[0], tone[1] + 6, 0.85 * tone[2] + 2]
    for nostril in _NOSTRILS:
        curve = smooth_curve(points[list(nostril)], 6)
        start, end = int(0.25 * len(curve)), int(0.8 * len(curve))
        curve = curve[start:end] - 0.012 * (points[152] - points[10])
        widths = 0.026 * size * tapered(len(curve), power=0.7)
        mix(here, ink, 0.48 * stroke(shape, curve, widths, 0.005 * size))
