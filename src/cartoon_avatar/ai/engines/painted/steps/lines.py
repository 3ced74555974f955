"""Lines in the colour of what they border: the figure's outline and the edges inside it."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.sheet import Sheet
from cartoon_avatar.ai.engines.painted.steps.face import drawn_area
from cartoon_avatar.ai.engines.painted.steps.forms import Forms
from cartoon_avatar.ai.engines.painted.styles import Lines
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.flow import along, tangent_field
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# How much of the lightness below a line stays on skin, more than elsewhere.
_PALER_ON_SKIN = 0.2
_HAIR_RIM = np.ones((9, 9), np.uint8)
# The face height, px, at which lengths below are in px.
_FACE_PX = 380.0


def coverage(sheet: Sheet, forms: Forms, how: Lines) -> np.ndarray:
    """H×W float32 0..1: the lines inside of shapes and the outlines of ``sheet``."""
    # First, while there is nothing else: it needs most memory.
    step = _steps(sheet.lab, sheet.face_px / _FACE_PX)
    response = _edges(forms.calm, sheet.face_px, how.width)
    # Where faces are drawn by hand no stray line crosses them.
    faces = drawn_area(sheet)
    person, hair = sheet.person, sheet.hair
    skin = sheet.bare
    unit = sheet.face_px / _FACE_PX
    rim = 4 * person * (1 - person)
    threshold = 0.55 + 0.8 * hair * (1 - rim) + 1.3 * skin * (1 - rim)
    threshold += 2.0 * (1 - np.clip(1.6 * cv2.GaussianBlur(person, (0, 0), 3), 0, 1))
    lines = smoothstep(response - threshold, 0.0, 1.3)
    lines = _without_specks(lines, unit)
    crowd = blurred(lines, 0.02 * sheet.face_px)
    lines *= 1 - 0.85 * smoothstep(crowd, 0.15, 0.32) * (1 - hair)
    inside = how.in_backdrop + (1 - how.in_backdrop) * person
    lines *= np.float32(how.strength) * (1 - 0.5 * hair * (1 - rim)) * inside
    lines *= (1 - 0.9 * faces) * (1 - 0.45 * skin) * (1 - 0.9 * forms.texture)
    # Hair ends in strands: a contour drawn around its mask would float beside them.
    outline = outlined(person, unit, 1.0) * (1 - 0.85 * cv2.dilate(hair, _HAIR_RIM))
    # Where hair and clothes border on something else the same line goes on, if there is an edge.
    # A hairline is soft.
    off_skin = 1 - cv2.dilate(skin, _HAIR_RIM)
    for part, share in ((hair, 0.8 * step * off_skin), (sheet.clothes, 0.8 * step)):
        np.maximum(outline, share * outlined(part, unit, 0.75), out=outline)
    return np.maximum(lines, np.float32(how.strength) * outline * (1 - 0.75 * faces))


def _edges(lab: np.ndarray, face_px: float, width: float) -> np.ndarray:
    """How strongly each pixel is a dark line, H×W float32, in L.

    Flow-based difference of Gaussians (Kang et al. 2007; Kyprianidis and Döllner 2008) of
    light and a little red, so that lips and ears have edges too.
    """
    unit = face_px / _FACE_PX
    light = lab[..., 0] - np.float32(0.35) * lab[..., 1]
    fine = max(0.5, width * unit)
    response = cv2.GaussianBlur(light, (0, 0), 1.6 * fine) - cv2.GaussianBlur(light, (0, 0), fine)
    return np.maximum(along(response, tangent_field(lab, 2.5), 6 * unit), 0)


def _steps(lab: np.ndarray, unit: float) -> np.ndarray:
    """H×W 0..1: where light or colour changes from one area to another."""
    small = cv2.GaussianBlur(lab, (0, 0), max(0.6, 1.5 * unit))
    across = cv2.Scharr(small, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(small, cv2.CV_32F, 0, 1, scale=1 / 32)
    np.maximum(np.abs(across, out=across), np.abs(down, out=down), out=across)
    light, a, b = cv2.split(across)
    reach = 2 * max(1, round(3 * unit)) + 1
    change = cv2.dilate(np.maximum(np.maximum(light, a), b), np.ones((reach, reach), np.uint8))
    return smoothstep(change * np.float32(unit), 0.5, 1.6)


def _without_specks(lines: np.ndarray, unit: float) -> np.ndarray:
    mask = (lines > 0.3).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    length = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    speck = (stats[:, cv2.CC_STAT_AREA] < 80 * unit * unit) | (length < 20 * unit)
    speck[0] = False
    return cv2.GaussianBlur(lines * (1 - speck.astype(np.float32)[labels]), (0, 0), 0.7)


def outlined(part: np.ndarray, unit: float, weight: float) -> np.ndarray:
    """The outline of ``part``, H×W 0..1 both: heavier below and to the right, if it is sharp."""
    scale = 0.007 * _FACE_PX * unit
    mask = blurred(part, scale)
    across = cv2.Scharr(mask, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(mask, cv2.CV_32F, 0, 1, scale=1 / 32)
    slope = np.maximum(cv2.magnitude(across, down), 1e-4)
    sharp = smoothstep(slope * scale, 0.20, 0.36)
    below = 0.5 - 0.5 * (0.5 * across + 0.85 * down) / slope
    width = np.float32(weight) * (2.0 + 2.1 * below) * unit
    distance = (mask - 0.5) / slope
    line = smoothstep(0.5 * width + 0.6 - np.abs(distance - 0.3 * width), 0.0, 1.2) * sharp
    # At the border of the picture a figure goes on.
    margin = int(4 * unit) + 2
    line[:margin] = line[-margin:] = 0
    line[:, :margin] = line[:, -margin:] = 0
    return line


def drawn(lab: np.ndarray, lines: np.ndarray, skin: np.ndarray, how: Lines) -> None:
    """Draw ``lines`` (H×W 0..1) into ``lab`` (H×W×3 CIELAB), in a dark shade of it, in place.

    On ``skin`` (H×W 0..1) they are a brown, not a black: a black one there looks like a wire.
    """
    near_skin = blurred(cv2.dilate(skin, _HAIR_RIM), 2.0)
    darkness = np.float32(how.darkness) + np.float32(_PALER_ON_SKIN) * near_skin
    for channel, factor, more in ((0, darkness, 0), (1, 0.8, 4), (2, 0.8, 2)):
        plane = lab[..., channel]
        plane += lines * (plane * factor + more - plane)
