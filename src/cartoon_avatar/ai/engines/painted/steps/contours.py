"""The line of the jaw and the folds beside nose and mouth, where the photo has them."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.steps.skin import contrast_of
from cartoon_avatar.ai.engines.painted.steps.traced import (
    best_path,
    normals_of,
    runs_of,
    smoothed_along,
)
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around, mix, stroke, tapered
from cartoon_avatar.ai.seeing.features import Features, features_of, smooth_curve

# From the sitter's left ear around the chin to the right one.
_JAW = (
    454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132,
    93, 234,
)  # fmt: skip
# From the wing of the nose to beside the mouth, right and left.
_FOLDS = (129, 203, 206, 216, 212), (358, 423, 426, 436, 432)
_OFFSETS = 40
# Number of offsets outside of the jaw at which the neck is searched.
_BEYOND = 14
# How clear the line below a chin is at least, 0..1.
_SOFTEST = 0.22
# Folds less deep than this, in L on fair skin, are left out: a line for them ages a face.
_FOLD = 2.4


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
    fall = -np.gradient(_sampled(light, places - corner), offsets[1] - offsets[0], axis=1)
    path = best_path(np.clip(fall, 0, 3) - 0.25 * np.abs(offsets / (0.03 * size)), 0.15)
    rows = np.arange(len(curve))
    line = curve + normals * smoothed_along(offsets[path], 6)[:, None]

    inner = places[rows, np.maximum(path - 6, 0)]
    outer = places[rows, np.minimum(path + _BEYOND, _OFFSETS - 1)]
    on_face = smoothstep(_sampled(skin, inner[:, None])[:, 0], 0.3, 0.8)
    on_face *= smoothstep(_sampled(skin, outer[:, None])[:, 0], 0.2, 0.6)
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


def draw_folds(lab: np.ndarray, photo: np.ndarray, person: Features, tone: np.ndarray) -> None:
    """One thin stroke in ``lab`` for each fold of a smile, where ``photo`` has both, in place.

    Both pictures are H×W×3 CIELAB.
    """
    size = person.height
    if size < 60:
        return
    box = box_around(lab.shape, person.oval, 0)
    if box is None:
        return
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    light = np.ascontiguousarray(photo[box][..., 0])
    fine = cv2.GaussianBlur(light, (0, 0), max(0.6, 0.006 * size))
    depth = blurred(light, 0.03 * size) - fine
    found = [_fold(depth, face, indices) for indices in _FOLDS]
    contrast = contrast_of(tone[0])
    # A stroke on one cheek alone looks like a scratch.
    if min(float(np.median(deep)) for _, deep in found) < _FOLD * contrast:
        return
    for line, deep in found:
        widths = 0.016 * size * tapered(len(line))
        strength = float(np.clip(0.2 + 0.05 * deep.mean() / contrast, 0.2, 0.5))
        covered = stroke(light.shape, line, widths, max(0.8, 0.005 * size))
        mix(lab[box], [0.70 * tone[0], 1.05 * tone[1] + 4, tone[2]], strength * covered)


def _fold(
    depth: np.ndarray, face: Features, indices: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The fold (N×2 px) near the mesh points ``indices``, and its depth along it (N), in L."""
    curve = smooth_curve(face.landmarks[list(indices)], 6)
    normals = normals_of(curve, face.lips.mean(axis=0))
    offsets = np.linspace(-0.05, 0.05, _OFFSETS) * face.height
    found = _sampled(depth, curve[:, None] + normals[:, None] * offsets[None, :, None])
    path = best_path(found, 0.4)
    deep = smoothed_along(found[np.arange(len(curve)), path], 2)
    return curve + normals * smoothed_along(offsets[path], 4)[:, None], deep


def _sampled(plane: np.ndarray, places: np.ndarray) -> np.ndarray:
    """``plane`` (H×W) at ``places`` (N×M×2 px): N×M float32."""
    x, y = (np.ascontiguousarray(places[..., axis], np.float32) for axis in (0, 1))
    return cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
