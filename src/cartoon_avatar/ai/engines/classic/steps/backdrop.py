"""What is behind the people."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.steps.tones import posterise
from cartoon_avatar.ai.engines.classic.style import Backdrop, Style
from cartoon_avatar.ai.filters.canvas import (
    Canvas,
    blend_into,
    lab_of,
    planes_of,
    sharply_enlarged,
    sized,
)
from cartoon_avatar.ai.filters.halftone import dots, wave
from cartoon_avatar.ai.filters.holes import filled
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# A drawn outline is crisp: below and above these a pixel of the person mask is nobody or all
# person. The mask's soft rim would show the photo's own backdrop.
_NOBODY, _PERSON = 0.3, 0.8
# Where the mean of the person mask passes into the inside, which has no light of the backdrop.
_INSIDE = 0.88, 0.98
# At 1024 px: how far inside to look for colours without spill, and between dots.
_SPILL_PX = 7
_CELL_PX = 14
# How far a scene takes the style's steps of light, and how much softer they are there.
_STEPPED, _SOFTER = 0.6, 3


def paint_backdrop(sheet: Sheet, style: Style) -> None:
    """Put another scene behind the people; without people the picture stays as it is."""
    full, half = sheet.full.person, sheet.half.person
    if full is None or half is None:
        return
    if style.keeps_scene:
        scene = _scene(sheet, style, half)
    else:
        if style.medium.removes_spill:
            without_spill(sheet.drawn, half, _SPILL_PX * sheet.unit_px)
        scene = _made_up(sheet, style.backdrop, style.materials.angle_deg)
    away = 1 - smoothstep(full, _NOBODY, _PERSON)
    away_half = sized(away, half.shape)
    drawn = sheet.drawn
    blend_into(drawn.light, scene.light, away)
    blend_into(drawn.a, scene.a, away_half)
    blend_into(drawn.b, scene.b, away_half)


def _scene(sheet: Sheet, style: Style, person: np.ndarray) -> Canvas:
    """The photo's own scene, simplified; ``person`` is h×w float32 0..1."""
    how = style.tones
    scene = scene_without(sheet.lit_half_rgb, person, style.shapes.backdrop_contrast)
    light, a, b = planes_of(scene)
    light = sharply_enlarged(light, sheet.shape)
    stepped = posterise(light, how.levels, _SOFTER * how.softness)
    share = _STEPPED * how.amount
    light = cv2.addWeighted(stepped, share, light, 1 - share, 0)
    return Canvas(light, sized(a, person.shape), sized(b, person.shape))


def _made_up(sheet: Sheet, backdrop: Backdrop, angle_deg: float) -> Canvas:
    """A pattern of two colours about the most prominent face."""
    face = sheet.full.people[0]
    second = pattern(
        backdrop.kind,
        sheet.shape,
        centre=tuple(face.oval.mean(axis=0)),
        radius_px=max(1.25 * face.height, 0.3 * min(sheet.shape)),
        cell_px=_CELL_PX * sheet.unit_px,
        turn=float(np.deg2rad(angle_deg)),
    )
    second_half = sized(second, sheet.drawn.a.shape)
    one, other = lab_of(np.array([[backdrop.colour, backdrop.second]], np.uint8))[0]
    return Canvas(
        *(
            share * np.float32(to - start) + np.float32(start)
            for share, start, to in zip((second, second_half, second_half), one, other, strict=True)
        )
    )


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
        scene = filled(scene, behind)
    for _ in range(2):
        scene = cv2.ximgproc.dtFilter(
            scene, scene, 24, contrast, mode=cv2.ximgproc.DTF_RF, numIters=3
        )
    return scene


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
        stripes = wave(shape, np.pi / period * np.cos(turn), np.pi / period * np.sin(turn))
        return np.clip(stripes * np.float32(cell_px) + 0.5, 0, 1)
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


def without_spill(drawn: Canvas, person: np.ndarray, reach_px: float) -> None:
    """Paint the rim of the people in ``drawn`` with what is inside of it, in place.

    The photo's backdrop shines into it, and before another one that is a halo. ``person`` is
    h×w float32 0..1 and ``reach_px`` how far inside to look, both at the size of the colours.
    What is too thin to have an inside stays.
    """
    size = (2 * max(1, round(reach_px)) + 1,) * 2
    inside = smoothstep(cv2.blur(person, (5, 5)), *_INSIDE)
    near = cv2.blur(inside, size)
    rim = (1 - inside) * np.clip(8 * near, 0, 1)
    near = np.maximum(near, np.float32(1e-3))
    light = sized(drawn.light, person.shape)
    change = [rim * (cv2.blur(p * inside, size) / near - p) for p in (light, drawn.a, drawn.b)]
    drawn.light += sized(change[0], drawn.light.shape)
    drawn.a += change[1]
    drawn.b += change[2]
