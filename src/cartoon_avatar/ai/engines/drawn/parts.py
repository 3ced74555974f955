"""One part of a person or of a scene in the tones that its painting has there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.paths import smoothed_values
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.portrait import Portrait, beyond
from cartoon_avatar.ai.engines.drawn.styles import Tones
from cartoon_avatar.ai.engines.drawn.tracing import (
    Glaze,
    base_of,
    levels_of,
    rising_levels_of,
    some,
    traced,
)
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# How far a part goes on under its outline, and in what is around a person, and how far beyond it
# is traced, so that the ends of tones do not show; face heights.
_SEAM, _OVERLAP, _BESIDE = 0.004, 0.008, 0.03
# Parts of fewer pixels are left out.
_LEAST_PX = 40
# A blush in glazes; the smallest layer, squared face heights, how smooth and how soft they are,
# face heights.
_BLUSH = Glaze(step=0.8, opacity=0.03, layers=12, first=0.6)
_GLAZE_LEAST, _GLAZE_SMOOTH, _GLAZE_SOFT = 0.003, 0.02, 0.025
# From which difference to what is around it on nothing is glazed, L.
_UNEVEN = 2.0, 6.0
# Cloth below this chroma is grey or white, and so are its tones.
_GREY_CHROMA = 14.0


def draw_part(
    pen: Pen,
    portrait: Portrait,
    mask: np.ndarray,
    whole: np.ndarray,
    tones: Tones,
    *,
    cloth: bool = False,
    glazed: bool = False,
    around: bool = False,
) -> None:
    """What the painting shows in ``mask``, going on to the outline of ``whole``.

    Grey ``cloth`` has no hue. A part ends at the person's outline, unless it is of what is
    ``around``.
    """
    unit, scale = portrait.reading.unit, portrait.scale
    on = portrait.on_pixels(mask) > 0.5
    if on.sum() < _LEAST_PX:
        return
    seamed = portrait.reading.grown(mask, (_OVERLAP if around else _SEAM) * unit)
    whole = seamed | whole
    edge = portrait.outline(whole) if around else portrait.edge(whole)
    box = portrait.box(whole)
    at, on = (box[1].start, box[0].start), on[box]
    # Tones of what is around go on beyond the border, in what is drawn beside it.
    shown = portrait.on_pixels(seamed if around else whole)[box] > 0
    if around:
        # Outlines are finer than pixels.
        shown, lab = _wider(shown, 3), portrait.lab[box]
    else:
        lab = beyond(portrait.lab[box], on, 0.02 * unit * scale)
    within = _wider(shown, 2 * round(_BESIDE * unit * scale) + 3)
    light = lab[..., 0]
    if tones.soft:
        light = cv2.GaussianBlur(light, (0, 0), tones.soft * unit * scale)
    # What is around is many things: from the darkest on, each shape has a colour of its own.
    lights = some(light[on])
    middle = float(np.percentile(lights, 0.2 if around else 50))
    base = base_of(lab, light, on, middle, tones.step)
    grey = float(np.clip(1 - np.hypot(*base[1:]) / _GREY_CHROMA, 0, 1)) / 2 if cloth else 0.0
    least, smooth = tones.least * unit**2, tones.smooth * unit
    if around:
        levels = rising_levels_of(lights, tones.step, tones.fine, least, smooth)
    else:
        levels = levels_of(lights, middle, tones.step, least, smooth)
    with nullcontext() if whole.all() else pen.sheet.clipped(edge):
        pen.sheet.fill(portrait.ground(box), base)
        # A red dress beside skin that is as dark would redden it.
        own = on if around else None
        for path, colour in traced(lab, light, levels, scale, at, shown, within, own):
            pen.sheet.fill(path, _greyed(colour, base, grey))
        if glazed:
            for path, colour in _glazes(lab, on, unit, scale, at):
                pen.sheet.fill(path, colour, opacity=_BLUSH.opacity)


def _wider(mask: np.ndarray, window_px: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((window_px, window_px), np.uint8)) > 0


def _greyed(colour: Lab, base: Lab, share: float) -> Lab:
    """``colour`` nearer to the hue of a grey ``base``; what is of another colour stays."""
    apart = base[1:] - colour[1:]
    if np.hypot(*apart) > 1.3 * _GREY_CHROMA:
        return colour
    return np.array([colour[0], *(colour[1:] + share * apart)])


def _glazes(
    lab: np.ndarray, on: np.ndarray, unit: float, scale: float, at: tuple[float, float]
) -> Iterator[tuple[str, Lab]]:
    """Thin layers of the red that tones of lightness leave out: a blush, a shadow of beard.

    They are faint and soft: half the pixels tell as much.
    """
    size = max(1, on.shape[1] // 2), max(1, on.shape[0] // 2)
    even = np.s_[: 2 * size[1], : 2 * size[0]]
    lab = cv2.resize(lab[even], size, interpolation=cv2.INTER_LINEAR)
    on = cv2.resize(on[even].astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
    scale, at = scale / 2, (at[0] / 2, at[1] / 2)
    soft_px = _GLAZE_SOFT * unit * scale
    red = left_out(lab, on, soft_px)[0]
    # Not by the border, where hair and cloth shine on skin.
    red *= smoothstep(_soft(on.astype(np.float32), soft_px), 0.6, 0.95)
    red *= 1 - uneven(lab[..., 0], soft_px)
    least, smooth = _GLAZE_LEAST * unit**2, _GLAZE_SMOOTH * unit
    yield from _BLUSH.traced(lab, red, 1, least, smooth, scale, at)


def left_out(lab: np.ndarray, on: np.ndarray, soft_px: float) -> tuple[np.ndarray, np.ndarray]:
    """How far a* and b* are from what is usual ``on`` a part where it is as light; softened."""
    key = np.clip(lab[..., 0] / 2, 0, 50).astype(int)
    count = np.bincount(key[on], minlength=51).astype(float)
    weight = smoothed_values(count, 1.5) + 1e-6
    cover = np.maximum(_soft(on.astype(np.float32), soft_px), 0.05)

    def rest(plane: np.ndarray) -> np.ndarray:
        total = np.bincount(key[on], weights=plane[on], minlength=51)
        usual = (smoothed_values(total, 1.5) / weight).astype(np.float32)
        return _soft(np.where(on, plane - usual[key], 0), soft_px) / cover

    return rest(lab[..., 1]), rest(lab[..., 2])


def uneven(light: np.ndarray, soft_px: float) -> np.ndarray:
    """H×W 0..1: where ``light`` (H×W, L) has lines and edges. Many layers that are as light as what
    is around would pale what is thin and dark: a line, a moustache."""
    apart = _soft(np.abs(light - _soft(light, soft_px)), soft_px / 2)
    return smoothstep(apart, *_UNEVEN)


def _soft(plane: np.ndarray, soft_px: float) -> np.ndarray:
    return cv2.GaussianBlur(plane.astype(np.float32), (0, 0), soft_px)
