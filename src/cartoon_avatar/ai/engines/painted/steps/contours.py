"""The line of the jaw, where the photo has it."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.steps.traced import (
    best_path,
    normals_of,
    runs_of,
    sampled,
    smoothed_along,
)
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around, mix, stroke
from cartoon_avatar.ai.seeing.features import Features, smooth_curve

# From the sitter's left ear around the chin to the right one.
_JAW = (
    454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132,
    93, 234,
)  # fmt: skip
_OFFSETS = 40
# Number of offsets outside of the jaw at which the neck is searched.
_BEYOND = 14
# How clear the line below a chin is at least, 0..1.
_SOFTEST = 0.22


def draw_jaw(lab: np.ndarray, person: Features, skin: np.ndarray, tone: np.ndarray) -> None:
    """Draw the jaw of ``person`` into ``lab`` (H×W×3 CIELAB), in place.

    The mesh's line moves to where the face ends in the photo, and is drawn only where that is
    darker outside, before the neck: hair has an edge of its own. ``skin`` is H×W 0..1, ``tone``
    the skin's CIELAB.
    """
    size = person.height
    curve = smooth_curve(person.landmarks[list(_JAW)], 6)
    normals = normals_of(curve, person.oval.mean(axis=0))
    offsets = np.linspace(-0.035, 0.06, _OFFSETS) * size
    places = curve[:, None] + normals[:, None] * offsets[None, :, None]
    box = box_around(lab.shape, places.reshape(-1, 2), 3)
    if box is None:
        return
    corner = np.asarray([box[1].start, box[0].start], np.float32)
    light = cv2.GaussianBlur(np.ascontiguousarray(lab[box][..., 0]), (0, 0), max(0.5, 0.006 * size))
    fall = -np.gradient(sampled(light, places - corner), offsets[1] - offsets[0], axis=1)
    path = best_path(np.clip(fall, 0, 3) - 0.25 * np.abs(offsets / (0.03 * size)), 0.15)
    rows = np.arange(len(curve))
    line = curve + normals * smoothed_along(offsets[path], 6)[:, None]

    inner = places[rows, np.maximum(path - 6, 0)]
    outer = places[rows, np.minimum(path + _BEYOND, _OFFSETS - 1)]
    on_face = smoothstep(sampled(skin, inner[:, None])[:, 0], 0.3, 0.8)
    on_face *= smoothstep(sampled(skin, outer[:, None])[:, 0], 0.2, 0.6)
    features = np.concatenate([*(eye.outline for eye in person.eyes), person.nose, person.lips])
    apart = np.linalg.norm(line[:, None] - features[None], axis=2).min(axis=1)
    on_face = smoothed_along(on_face * smoothstep(apart, 0.06 * size, 0.11 * size), 8)
    strongest = np.array([fall[row, max(0, at - 2) : at + 3].max() for row, at in enumerate(path)])
    clear = smoothed_along(smoothstep(strongest, 0.15, 0.85) * on_face, 5)
    place = np.linspace(0, 1, len(curve))
    # A chin ends somewhere, even where light hides it.
    chin = _SOFTEST * smoothstep(place, 0.25, 0.4) * smoothstep(1 - place, 0.25, 0.4)
    clear = np.maximum(smoothstep(clear, 0.12, 0.8), chin * on_face)
    taper = smoothstep(place, 0, 0.18) * smoothstep(1 - place, 0, 0.18)
    widths = (0.0016 + 0.0058 * clear) * size * taper * on_face
    ink = [max(10, 0.45 * tone[0]), 0.9 * tone[1] + 4, 0.8 * tone[2] + 2]
    for start, end in runs_of(widths > 0.0022 * size):
        if end - start < 0.1 * len(curve):
            continue
        # A run ends in a point.
        ends = np.minimum(np.arange(1, end - start + 1), np.arange(end - start, 0, -1)) / 6
        covered = stroke(
            light.shape, line[start:end] - corner, widths[start:end] * np.minimum(1, ends), 0.6
        )
        mix(lab[box], ink, np.float32(0.15 + 0.45 * clear[start:end].mean()) * covered)
