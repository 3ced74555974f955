"""What is behind the people: the scene, in broad calm patches."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.styles import Backdrop
from cartoon_avatar.ai.filters.abstraction import coherent, kuwahara
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.smoothstep import smoothstep


def painted_backdrop(
    lab: np.ndarray, person: np.ndarray, face_px: float, how: Backdrop
) -> np.ndarray:
    """The scene without its people, H×W×3 float32 CIELAB; ``person`` is H×W 0..1."""
    small = (max(1, lab.shape[0] // 2), max(1, lab.shape[1] // 2))
    half, mask = sized(lab, small), sized(person, small)
    # The person does not bleed into what is behind: it is filled in from around.
    outside = np.clip(1 - 1.6 * mask, 0, 1) + np.float32(1e-3)
    around = blurred_within(half, outside, 0.03 * face_px)
    half = half + np.clip(1.4 * mask, 0, 1)[..., None] * (around - half)
    half = kuwahara(half, 3.4)
    half, _ = coherent(half, reach_px=3.0, tensor_px=2.0, rounds=2, amount=0.7, edge_px=1.2)
    wide = blurred(half, 0.10 * face_px)
    share = np.float32(how.calm)
    scene = half + share * np.asarray([0.75, 0.4, 0.4], np.float32) * (wide - half)
    return cv2.resize(scene, lab.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def recolour(lab: np.ndarray, person: np.ndarray, face_px: float, how: Backdrop) -> None:
    """Give ``lab`` (H×W×3 CIELAB) outside of ``person`` (H×W 0..1) other light and air, in place.

    It ends at the figure itself: what lies close around it was painted with its own brush.
    """
    away = 1 - smoothstep(person, 0.35, 0.65)
    light = lab[..., 0]
    # A dark figure before a dark backdrop gets a little air around it.
    around = blurred(person, 0.35 * face_px) * away
    light += np.float32(how.air) * around * np.maximum(42 - light, 0)
    light += np.float32(how.lift) * away * (100 - light)
    lab[..., 1:] += (
        np.float32(how.amount) * away[..., None] * (np.asarray(how.tint, np.float32) - lab[..., 1:])
    )
