"""What is behind the people."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.steps.tones import smoothstep
from cartoon_avatar.ai.filters.canvas import Canvas, sized


def scene_without(rgb: np.ndarray, person: np.ndarray | None, contrast: float) -> np.ndarray:
    """The scene behind the people in ``rgb`` (H×W×3 uint8), simplified, at half that size.

    People are filled in with what surrounds them, so that flattening the scene draws no
    halo around them. ``person`` is H×W float32 0..1.
    """
    height, width = rgb.shape[:2]
    size = (max(3, width // 2), max(3, height // 2))
    scene = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    if person is not None:
        behind = 1 - cv2.resize(person, size, interpolation=cv2.INTER_AREA)
        scene = _filled(scene, behind)
    for _ in range(2):
        scene = cv2.ximgproc.dtFilter(
            scene, scene, 24, contrast, mode=cv2.ximgproc.DTF_RF, numIters=3
        )
    return scene


def without_holes(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``rgb`` (H×W×3 uint8) whose transparent parts continue what is next to them.

    What lies under ``alpha`` (H×W uint8) 0 is arbitrary, mostly black: its border would be
    drawn as an edge, and smoothing would pull it into the picture as a halo.
    """
    if alpha.min() == 255 or alpha.max() == 0:
        return rgb
    height, width = alpha.shape
    size = (max(3, width // 4), max(3, height // 4))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    known = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    around = cv2.resize(_filled(small, known), (width, height), interpolation=cv2.INTER_LINEAR)
    # Colours on the soft border are mixed with what was cut away; they come from inside too.
    inner = cv2.erode(alpha, np.ones((3, 3), np.uint8)).astype(np.float32) / 255
    share = np.clip(inner * 2 - 1, 0, 1)[..., None]
    return np.clip(around + share * (rgb.astype(np.float32) - around) + 0.5, 0, 255).astype(
        np.uint8
    )


def _filled(rgb: np.ndarray, known: np.ndarray) -> np.ndarray:
    """``rgb`` (uint8) continued from where ``known`` (H×W float32 0..1) is 1 to all of it."""
    known = cv2.erode(np.clip(known * 1.5 - 0.5, 0, 1), np.ones((3, 3), np.uint8))
    values = rgb.astype(np.float32) * known[..., None]
    filled, weight = values, known
    height, width = known.shape
    for coarse in (1, 4, 16):
        # A wide blur is a narrow one of a small copy.
        size = (max(1, width // coarse), max(1, height // coarse))
        wide, reach = (
            sized(
                cv2.GaussianBlur(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), (0, 0), 3),
                known.shape,
            )
            for plane in (values, known)
        )
        empty = np.clip(1 - weight, 0, 1)
        filled = filled + empty[..., None] * wide
        weight = weight + empty * reach
    return np.clip(filled / np.maximum(weight, 1e-3)[..., None], 0, 255).astype(np.uint8)


def pattern(
    kind: str,
    shape: tuple[int, int],
    *,
    centre: tuple[float, float],
    radius_px: float,
    cell_px: float,
    turn: float,
) -> np.ndarray:
    """The share of a backdrop's second colour, H×W float32 0..1.

    ``kind`` is plain, gradient, rays, dots, circle or bands; rays and circle stand about
    ``centre`` (x, y px), ``radius_px`` is the circle's, ``cell_px`` the dots' distance and
    ``turn`` (radians) their angle.
    """
    height, width = shape
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    if kind == "gradient":
        return np.repeat(down, width, axis=1)
    if kind == "dots":
        return dots(0.15 + 0.75 * down, shape, cell_px, turn)
    if kind == "bands":
        period = 3.2 * cell_px
        wave = _wave(shape, np.pi / period * np.cos(turn), np.pi / period * np.sin(turn))
        return np.clip(wave * np.float32(cell_px) + 0.5, 0, 1)
    drawn = np.zeros(shape, np.uint8)
    if kind == "rays":
        reach = 2.0 * (height + width)
        angles = turn + np.arange(28) * (2 * np.pi / 28)
        tips = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach + centre
        for n in range(0, 28, 2):
            ray = np.array([centre, tips[n], tips[(n + 1) % 28]])
            cv2.fillPoly(drawn, [np.round(ray * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    elif kind == "circle":
        at = tuple(round(v * 16) for v in centre)
        cv2.circle(drawn, at, round(radius_px * 16), 255, -1, cv2.LINE_AA, 4)
    return drawn.astype(np.float32) * np.float32(1 / 255)


def dots(level: np.ndarray, shape: tuple[int, int], cell_px: float, turn: float) -> np.ndarray:
    """Halftone: ``level`` (H×W or H×1, 0..1) as round dots ``cell_px`` apart, antialiased.

    Clustered-dot screening (Ulichney 1987) with a cosine spot; H×W float32 0..1.
    """
    k = 2 * np.pi / cell_px
    c, s = k * np.cos(turn), k * np.sin(turn)
    spot = _wave(shape, c, s, np.pi / 2) + _wave(shape, -s, c, np.pi / 2)
    # 0.25 × spot + 0.5 exceeds 1 - t on about a share t of the area.
    edge = 0.28 * cell_px
    spot *= np.float32(0.25 * edge)
    spot += (level * edge + (0.5 - 0.5 * edge)).astype(np.float32)
    return np.clip(spot, 0, 1, out=spot)


def _wave(shape: tuple[int, int], kx: float, ky: float, phase: float = 0.0) -> np.ndarray:
    """sin(kx x + ky y + phase), from two short products instead of a sine per pixel."""
    x = (kx * np.arange(shape[1]) + phase).astype(np.float32)
    y = (ky * np.arange(shape[0])).astype(np.float32)
    wave = np.outer(np.cos(y), np.sin(x))
    wave += np.outer(np.sin(y), np.cos(x))
    return wave


def without_spill(drawn: Canvas, person: np.ndarray, reach_px: float) -> None:
    """Paint the rim of the people in ``drawn`` with what is inside of it, in place.

    The photo's backdrop shines into it, and before another one that is a halo. ``person`` is
    h×w float32 0..1 and ``reach_px`` how far inside to look, both at the size of the colours.
    What is too thin to have an inside stays.
    """
    size = (2 * max(1, round(reach_px)) + 1,) * 2
    inside = smoothstep(cv2.blur(person, (5, 5)), 0.93, 0.1)
    near = cv2.blur(inside, size)
    rim = (1 - inside) * np.clip(8 * near, 0, 1)
    near = np.maximum(near, np.float32(1e-3))
    light = sized(drawn.light, person.shape)
    change = [rim * (cv2.blur(p * inside, size) / near - p) for p in (light, drawn.a, drawn.b)]
    drawn.light += sized(change[0], drawn.light.shape)
    drawn.a += change[1]
    drawn.b += change[2]


def vignette(person: np.ndarray, unit: float) -> np.ndarray:
    """How far a wash reaches around ``person`` (H×W 0..1): H×W float32, 1 on it, 0 far off."""
    height, width = person.shape
    small = cv2.resize(
        person, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA
    )
    near = cv2.GaussianBlur(small, (0, 0), max(0.8, 13 * unit), borderType=cv2.BORDER_REPLICATE)
    near = cv2.resize(np.clip(near * 2.4, 0, 1), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.maximum(near, person)
