"""Faces that are only measures."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.features import OVAL


def face_at(chin: tuple[float, float], height: float) -> Face:
    """A face seen from the front, ``height`` px from chin to forehead."""
    angles = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False)
    middle = np.array(chin) - [0, height / 2]
    landmarks = np.tile(middle, (478, 1)).astype(np.float32)
    ring = np.stack([0.4 * np.sin(angles), -0.5 * np.cos(angles)], axis=1)
    landmarks[list(OVAL)] = middle + height * ring
    box = (chin[0] - 0.45 * height, chin[1] - height, 0.9 * height, height)
    return Face(box, landmarks, 1.0)
