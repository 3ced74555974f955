"""A person as a screen print: the light and shade of their painting, in two inks.

What is read of a person decides where face, hair and cloth are; which tone lies where is traced
from the painting. Flat colour shows such patches as camouflage, two inks show them as light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.drawn.backdrop import draw_backdrop
from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.inks import inks_for
from cartoon_avatar.ai.engines.drawn.palette import INK, hair_tones
from cartoon_avatar.ai.engines.drawn.pen import Pen, dice
from cartoon_avatar.ai.engines.drawn.person import blurred
from cartoon_avatar.ai.engines.drawn.portrait import Portrait, beyond, portrait_of
from cartoon_avatar.ai.engines.drawn.sheet import Sheet
from cartoon_avatar.ai.engines.drawn.styles import DrawnStyle
from cartoon_avatar.ai.engines.drawn.tracing import Level, traced
from cartoon_avatar.ai.seeing.scene import Scene

# Lightness of skin beside its base, L: broad soft shapes, and what stands out from them.
_SHADES, _LIGHTS = (5.0, 13.0, 23.0), (9.0,)
_FEATURES_DARK, _FEATURES_LIGHT = (7.0, 15.0, 30.0), (9.0,)
# How far a broad shape of skin takes the base's tone, 0..1.
_CALM = 0.35
# How much of the way to the skin under even light, and how far at most (L, a, b).
_EVENED, _EVENED_MOST = 0.75, 8.0
# How clear what stands out is on neck and shoulders, beside the face.
_NECK = 0.35
# Shares of hair, per cent, that are darker than each of its shapes.
_HAIR_DARK, _HAIR_LIGHT = (34, 12), (66, 88)
# Steps of cloth, L.
_CLOTH_STEP = 13.0


@dataclass(frozen=True, slots=True, eq=False)
class _Tones:
    """Shapes of ``plane`` (H×W float32) in tones of ``lab``, ``calm`` (0..1) nearer to the base."""

    lab: np.ndarray
    plane: np.ndarray
    levels: list[Level]
    calm: float = 0.0


_TonesOf = Callable[[Portrait, np.ndarray, np.ndarray], tuple[Lab, list[_Tones]]]


def print_of(
    scene: Scene, style: DrawnStyle, seed: int, clock: Clock, *, head_only: bool = False
) -> tuple[Sheet, Pen]:
    """The scene's first person in two of the style's inks."""
    portrait = portrait_of(scene, clock)
    reading, skin = portrait.reading, portrait.skin
    random = dice(seed, reading)
    inks = inks_for(style.inks[int(random.integers(len(style.inks)))], skin)
    pen = Pen(
        sheet=Sheet(reading.width, reading.height, inks),
        reading=reading,
        skin=skin,
        hair=hair_tones(reading.lab[portrait.hair], reading),
        ink=INK,
        outline=0.0,
        random=random,
    )
    if not head_only:
        draw_backdrop(pen, inks.bright_alone, style.grounds)
        with pen.sheet.drawing("body"):
            # What no part claims is dark as the hair's depth.
            pen.sheet.fill(portrait.silhouette(portrait.everything), pen.hair.shade)
            _draw(pen, portrait, portrait.neck, _skin)
            _draw(pen, portrait, portrait.clothes, _cloth)
    with pen.sheet.drawing("head"):
        pen.sheet.fill(portrait.silhouette(portrait.head), pen.hair.shade)
        _draw(pen, portrait, portrait.face, _skin)
        _draw(pen, portrait, portrait.hair, _hair)
        _draw(pen, portrait, portrait.hat, _cloth)
    clock.done("shapes")
    return pen.sheet, pen


def _draw(pen: Pen, portrait: Portrait, mask: np.ndarray, tones_of: _TonesOf) -> None:
    """The part ``mask`` in the tones that ``tones_of`` finds in it."""
    reading, unit, scale = portrait.reading, portrait.reading.unit, portrait.scale
    on = portrait.on_pixels(mask) > 0.5
    if on.sum() < 40:
        return
    edge = portrait.edge(reading.grown(mask, 0.004 * unit))
    base, tones = tones_of(portrait, beyond(portrait.lab, on, 0.02 * unit * scale), on)
    with pen.sheet.clipped(edge):
        pen.sheet.fill(portrait.ground(portrait.box(mask)), base)
        for one in tones:
            for path, colour in traced(one.lab, one.plane, one.levels, scale):
                pen.sheet.fill(path, colour + one.calm * (base - colour))


def _skin(portrait: Portrait, lab: np.ndarray, on: np.ndarray) -> tuple[Lab, list[_Tones]]:
    reading, unit = portrait.reading, portrait.reading.unit
    light = lab[..., 0]
    face = portrait.on_pixels(reading.oval & portrait.face) > 0.5
    plain = face if face.any() else on
    middle = float(np.median(light[plain]))
    own = plain & (np.abs(portrait.lab[..., 0] - middle) < 6)
    base = np.median(portrait.lab[own if own.any() else plain], axis=0)
    shift = np.clip(_EVENED * (portrait.skin.base - base), -_EVENED_MOST, _EVENED_MOST)
    lab = lab + shift.astype(np.float32)
    light, middle = lab[..., 0], middle + float(shift[0])
    # Features are no part of the skin's own light and shade.
    weight = (np.clip((light - (middle - 30)) / 12, 0, 1) * on).astype(np.float32) + 1e-3
    broad_px = 0.03 * unit * portrait.scale
    broad = blurred(light * weight, broad_px) / blurred(weight, broad_px)
    near = reading.soft(reading.grown(reading.oval, 0.05 * unit), 0.02 * unit)
    relief = (light - broad) * (_NECK + (1 - _NECK) * portrait.on_pixels(near))
    shapes = [Level(middle - d, True, 0.004 * unit**2, 0.02 * unit) for d in _SHADES]
    shapes += [Level(middle + d, False, 0.004 * unit**2, 0.02 * unit) for d in _LIGHTS]
    features = [Level(-d, True, 0.0003 * unit**2, 0.004 * unit) for d in _FEATURES_DARK]
    features += [Level(d, False, 0.0003 * unit**2, 0.004 * unit) for d in _FEATURES_LIGHT]
    return base + shift, [_Tones(lab, broad, shapes, _CALM), _Tones(lab, relief, features)]


def _hair(portrait: Portrait, lab: np.ndarray, on: np.ndarray) -> tuple[Lab, list[_Tones]]:
    light = lab[..., 0]
    dark, bright = (np.percentile(light[on], shares) for shares in (_HAIR_DARK, _HAIR_LIGHT))
    levels = _levels(portrait, dark, bright, 0.0011)
    plain = on & (light >= dark[0]) & (light <= bright[0])
    return np.median(lab[plain], axis=0), [_Tones(lab, light, levels)]


def _cloth(portrait: Portrait, lab: np.ndarray, on: np.ndarray) -> tuple[Lab, list[_Tones]]:
    light = lab[..., 0]
    middle, half = float(np.median(light[on])), _CLOTH_STEP / 2
    dark = np.arange(middle - half, 2, -_CLOTH_STEP)
    bright = np.arange(middle + half, 98, _CLOTH_STEP)
    plain = on & (np.abs(light - middle) <= half)
    levels = _levels(portrait, dark, bright, 0.002)
    return np.median(lab[plain], axis=0), [_Tones(lab, light, levels)]


def _levels(portrait: Portrait, dark: np.ndarray, bright: np.ndarray, least: float) -> list[Level]:
    """Shapes of at least ``least`` squared face heights."""
    unit = portrait.reading.unit
    levels = [Level(float(value), True, least * unit**2, 0.006 * unit) for value in dark]
    return levels + [Level(float(v), False, least * unit**2, 0.006 * unit) for v in bright]
