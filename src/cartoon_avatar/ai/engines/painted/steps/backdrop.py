"""What is behind the people: the scene, in broad calm patches."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.sheet import Sheet
from cartoon_avatar.ai.engines.painted.styles import Backdrop
from cartoon_avatar.ai.filters.abstraction import coherent, kuwahara
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# Long side of the copy on which the scene is painted, px.
_SCENE_PX = 448
# How far around a figure the scene is painted with the figure's brush, in face heights.
_NEAR = 0.014


def painted_backdrop(sheet: Sheet, how: Backdrop) -> np.ndarray:
    """The scene without its people, H×W×3 float32 CIELAB."""
    height, width = sheet.shape
    scale = min(1.0, _SCENE_PX / max(height, width))
    small = max(1, round(height * scale)), max(1, round(width * scale))
    half, mask, face_px = sized(sheet.lab, small), sized(sheet.person, small), sheet.face_px * scale
    # The person does not bleed into what is behind: it is filled in from around.
    outside = np.clip(1 - 1.6 * mask, 0, 1) + np.float32(1e-3)
    around = blurred_within(half, outside, 0.06 * face_px)
    half = half + np.clip(1.4 * mask, 0, 1)[..., None] * (around - half)
    half = kuwahara(half, 3.0)
    half, _ = coherent(half, reach_px=2.6, tensor_px=1.8, rounds=2, amount=0.7, edge_px=1.1)
    wide = blurred(half, 0.20 * face_px)
    share = np.float32(how.calm)
    scene = half + share * np.asarray([0.75, 0.4, 0.4], np.float32) * (wide - half)
    return cv2.resize(scene, (width, height), interpolation=cv2.INTER_CUBIC)


def near_figure(sheet: Sheet) -> np.ndarray:
    """H×W 0..1: the people and a little around them; an error of the mask does not show there."""
    small = sized(sheet.person, (max(1, sheet.shape[0] // 3), max(1, sheet.shape[1] // 3)))
    reach = 2 * max(0, int(_NEAR * sheet.face_px / 3)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    wider = cv2.dilate((small > 0.35).astype(np.float32), kernel)
    return blurred(sized(wider, sheet.shape), 0.4 * _NEAR * sheet.face_px)


def recolour(lab: np.ndarray, sheet: Sheet, how: Backdrop) -> None:
    """Give ``lab`` (H×W×3 CIELAB) outside of the people on ``sheet`` other light, in place.

    It ends at the figure itself: what lies close around it was painted with its own brush.
    """
    away = 1 - smoothstep(sheet.person, 0.35, 0.65)
    light = lab[..., 0]
    # A dark figure before a dark backdrop gets a little air around it.
    around = blurred(sheet.person, 0.35 * sheet.face_px) * away
    light += np.float32(how.air) * around * np.maximum(42 - light, 0)
    light += np.float32(how.lift) * away * (100 - light)
    tinted = np.float32(how.amount) * away
    for channel, tint in zip((1, 2), how.tint, strict=True):
        plane = lab[..., channel]
        plane += tinted * (np.float32(tint) - plane)
