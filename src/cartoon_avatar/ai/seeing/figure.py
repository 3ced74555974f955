"""The whole figure: a person mask that has lost no shoulder and found no stranger."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.seeing.features import Features, body_axes, quarter_turns_of_body

_SIDE_PX = 112


def whole_figure(person: np.ndarray, rgb: np.ndarray, people: list[Features]) -> np.ndarray:
    """``person`` (H×W float32 0..1) with dark or plain clothes that were taken for backdrop.

    Where shoulders and chest can be, below each chin, GrabCut (Rother et al. 2004) on a
    small copy decides by colour; everywhere else the mask stays as it is. ``rgb`` is
    H×W×3 uint8.
    """
    height, width = person.shape
    scale = min(1.0, _SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if min(size) < 8:
        return person
    sure = cv2.resize(person, size, interpolation=cv2.INTER_AREA)
    bust = np.zeros(sure.shape, np.uint8)
    lying = False
    for face in people:
        down = face.landmarks[152] - face.landmarks[10]
        right = np.array([(0.35, 0.2), (1.15, 0.5), (2.3, 1.3), (2.6, 4)]) * face.height
        outline = np.concatenate([right, right[::-1] * [-1, 1]]) @ body_axes(down).T
        outline = (face.landmarks[152] + outline) * scale
        cv2.fillPoly(bust, [outline.round().astype(np.int32)], 1)
        lying |= quarter_turns_of_body(down) > 0
    belongs = np.full(sure.shape, cv2.GC_BGD, np.uint8)
    belongs[bust > 0] = cv2.GC_PR_BGD
    belongs[sure > 0.5] = cv2.GC_PR_FGD
    belongs[sure > 0.9] = cv2.GC_FGD
    # Nothing is in doubt above the chins: half of what is there is example enough.
    asked = belongs[0 if lying else int(bust.any(axis=1).argmax() / 2) :]
    if not (asked == cv2.GC_FGD).any() or not (asked == cv2.GC_BGD).any():
        return person  # GrabCut needs an example of both
    cv2.setRNGSeed(0)  # its colour clusters start from random centres
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    # pyrefly: ignore[no-matching-overload] (OpenCV's stubs know nothing of a rectangle that is None)
    cv2.grabCut(small[-len(asked) :], asked, None, *models, 1, cv2.GC_INIT_WITH_MASK)
    found = ((belongs & 1) * bust).astype(np.float32)
    # More than is known of the bodies is no lost shoulder: it is a wall of their colour.
    known = (sure > 0.5) & (bust > 0)
    if found.sum() - known.sum() > 0.6 * known.sum():
        return person
    found = cv2.resize(found, (width, height), interpolation=cv2.INTER_CUBIC)
    found = cv2.GaussianBlur(found, (0, 0), 0.35 / scale)
    return np.maximum(person, np.clip((found - 0.5) * 3 + 0.5, 0, 1))


def without_islands(person: np.ndarray, people: list[Features]) -> np.ndarray:
    """``person`` (H×W float32 0..1) without what hangs on no face, and without pinholes.

    Someone seen from behind or far off leaves scraps in the mask; on a made-up backdrop
    they would float in the air. What is large stays: it may be a friend looking away.
    """
    half = sized(person, (max(1, person.shape[0] // 2), max(1, person.shape[1] // 2)))
    height, width = half.shape
    bodies = (half > 0.12).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(bodies, connectivity=8)
    strange = stats[:, cv2.CC_STAT_AREA] < 0.04 * bodies.size
    strange[0] = False
    for face in people:
        x, y = np.clip(face.oval.mean(axis=0) / 2, 0, [width - 1, height - 1]).astype(int)
        strange[labels[y, x]] = False
    _, gaps, stats, _ = cv2.connectedComponentsWithStats((half < 0.5).astype(np.uint8))
    pinhole = stats[:, cv2.CC_STAT_AREA] < 0.001 * bodies.size
    pinhole[0] = False
    # Their soft rims go with them.
    rim = np.ones((3, 3), np.uint8)
    if strange.any():
        gone = cv2.dilate(strange[labels].astype(np.float32), rim)
        person = person * (
            1 - cv2.resize(gone, person.shape[::-1], interpolation=cv2.INTER_NEAREST)
        )
    if pinhole.any():
        filled = cv2.dilate(pinhole[gaps].astype(np.float32), rim)
        filled = cv2.resize(filled, person.shape[::-1], interpolation=cv2.INTER_NEAREST)
        person = np.maximum(person, filled)
    return person
