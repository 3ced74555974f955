"""The folds of a smile, and the creases of an aged face: they are its character."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.steps.skin import contrast_of
from cartoon_avatar.ai.engines.painted.steps.traced import (
    best_path,
    normals_of,
    sampled,
    smoothed_along,
)
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.flow import along, tangent_field
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around, mix, stroke, tapered
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown, smooth_curve
from cartoon_avatar.ai.seeing.subject import Subject

# From the wing of the nose to beside the mouth, right and left.
_FOLDS = (129, 203, 206, 216, 212), (358, 423, 426, 436, 432)
_OFFSETS = 40
# Folds less deep than this, in L on fair skin, are left out: a line for them ages a face.
_FOLD = 2.4
# Folds of this depth, L on fair skin, tell as much of age as creases of 1 L in the mean of a face;
# from which sum of both a face is aged, and surely so; under grey hair less does.
_DEEP, _AGED, _GREY_HAIRED = 14.0, (1.9, 2.9), (1.0, 1.8)
# Creases less deep than this are pores, L on fair skin, and how much of the others is kept.
_CREASE, _KEPT = (2.0, 6.0), 0.7


def draw_folds(
    lab: np.ndarray,
    photo: np.ndarray,
    filled: np.ndarray,
    person: Features,
    subject: Subject,
    tone: np.ndarray,
) -> None:
    """One thin stroke in ``lab`` for each fold of a smile, where ``photo`` has both, and the
    creases of an aged face, in place.

    Both pictures are H×W×3 CIELAB; ``filled`` (H×W, L) is by how much the creases of the photo
    were lightened before it was painted.
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
    deep_folds = [float(np.median(deep)) / contrast for _, deep in found]
    inside = area(light.shape, grown(face.oval, 0.93))
    creased = float((inside * filled[box]).sum() / max(float(inside.sum()), 1.0)) / contrast
    older = subject.age is not None and subject.age.value == "older"
    signs = _GREY_HAIRED if older else _AGED
    aged = float(smoothstep(np.mean(deep_folds) / _DEEP + creased, *signs))
    if aged > 0:
        _draw_creases(lab[box], filled[box] * np.float32(aged), size, contrast)
    # A stroke on one cheek alone looks like a scratch.
    for line, deep in found if min(deep_folds) >= _FOLD else ():
        widths = 0.016 * size * tapered(len(line))
        strength = float(np.clip(0.2 + 0.05 * deep.mean() / contrast, 0.2, 0.5))
        covered = stroke(light.shape, line, widths, max(0.8, 0.005 * size))
        mix(lab[box], [0.70 * tone[0], 1.05 * tone[1] + 4, tone[2]], strength * covered)


def _draw_creases(lab: np.ndarray, filled: np.ndarray, size: float, contrast: float) -> None:
    """Darken ``lab`` where it was ``filled``, in strokes along the creases, in place.

    Line integral convolution (Cabral and Leedom 1993).
    """
    flow = tangent_field(cv2.merge([filled] * 3), 0.008 * size)
    deep = along(filled, flow, 0.012 * size)
    deep *= smoothstep(deep / contrast, *_CREASE)
    lab[..., 0] -= np.float32(_KEPT) * deep


def _fold(
    depth: np.ndarray, face: Features, indices: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The fold (N×2 px) near the mesh points ``indices``, and its depth along it (N), in L."""
    curve = smooth_curve(face.landmarks[list(indices)], 6)
    normals = normals_of(curve, face.lips.mean(axis=0))
    offsets = np.linspace(-0.05, 0.05, _OFFSETS) * face.height
    found = sampled(depth, curve[:, None] + normals[:, None] * offsets[None, :, None])
    path = best_path(found, 0.4)
    deep = smoothed_along(found[np.arange(len(curve)), path], 2)
    return curve + normals * smoothed_along(offsets[path], 4)[:, None], deep
