"""What is around a person, traced from the painting: the scene, and who else is in it."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
from PIL import Image

from cartoon_avatar.ai.engines.drawn.parts import draw_part
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.portrait import Portrait
from cartoon_avatar.ai.engines.drawn.styles import Tones
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.smoothstep import smoothstep

Tint = tuple[float, float]

# How much warmer or cooler a scene becomes, CIELAB a and b.
_TINTS: tuple[Tint, ...] = ((0.0, 0.0), (2.0, 7.0), (-3.0, -7.0), (-5.0, 4.0), (5.0, -3.0))
# Hues that are told apart, the blur before and that of where each is, face heights.
_HUES, _BLUR, _SOFT = 5, 0.012, 0.008
# Between these lightnesses a colour comes to have a hue; darker ones take their neighbours'.
_HUELESS, _HUED = 5, 40
# The smallest area of a hue, squared face heights, and half its least width; what is smaller
# belongs to the hue around it.
_LEAST, _THIN, _AROUND = 0.003, 0.008, 0.04
# How far around people the scene is not tinted: masks miss light in hair.
_NEAR = 0.06
# What is of a hue that more than this share of the face has gets glazes.
_FACE = 0.1
# How far around people their outlines are, face heights.
_OUTLINE = 0.014


def tint_of(pen: Pen) -> Tint:
    """One of the tints, by chance."""
    return _TINTS[int(pen.random.integers(len(_TINTS)))]


def draw_scene(
    pen: Pen, portrait: Portrait, behind: Tones | None, people: Tones, tint: Tint
) -> None:
    """All that the painting shows, over all of the sheet, in the tones for what is ``behind``, and
    over it the ``people``, finer; without tones for it, these alone.

    A tone of lightness is of one colour, so that each hue is traced by itself. No mask tells parts
    apart: hair ends where its strands do, and a hand before the chest is a hand.
    """
    reading = portrait.reading
    lab = portrait.lab.copy()
    anybody = portrait.everything | portrait.others
    away = ~reading.grown(anybody, _NEAR * reading.unit)
    away = portrait.on_pixels(reading.soft(away, _NEAR * reading.unit / 2))
    lab[..., 1:] += away[..., None] * np.array(tint, np.float32)
    # What is behind is soft: half its pixels tell as much.
    half = cv2.resize(lab, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    hues = areas_of_hues(reading, half)
    trace = partial(draw_part, pen, around=True)
    if behind:
        everywhere, scene = np.ones_like(anybody), portrait.in_light(half)
        hidden = reading.grown(anybody, -_OUTLINE * reading.unit)
        for number, mask in enumerate(hues):
            whole = mask if number else everywhere
            trace(scene, whole, mask, behind, glazed=False, hidden=hidden)
    before = portrait.in_light(lab)
    near = reading.grown(anybody, _OUTLINE * reading.unit)
    for mask in hues:
        if (mask & near).any():
            # A blush is a hue without a tone of its own.
            glazed = bool((mask & portrait.face).sum() > _FACE * portrait.face.sum())
            trace(before, mask & near, mask & near, people, glazed=glazed)


def areas_of_hues(reading: Reading, lab: np.ndarray) -> list[np.ndarray]:
    """Where ``lab`` (H×W×3 CIELAB) is of about one hue, H×W bool on the grid, largest first.

    Every pixel is of one of them.
    """
    unit_px = reading.unit * lab.shape[1] / reading.width
    weight = smoothstep(lab[..., :1], _HUELESS, _HUED) + np.float32(0.02)
    hues = blurred(lab[..., 1:] * weight, _BLUR * unit_px)
    hues /= blurred(weight[..., 0], _BLUR * unit_px)[..., None]
    # Half units of a* and b* are told apart.
    coded = np.concatenate([np.zeros_like(weight), 128 + 2 * hues], axis=2)
    numbers = Image.fromarray(np.clip(coded, 0, 255).astype(np.uint8)).quantize(
        _HUES, method=Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE
    )
    number = np.asarray(numbers)
    size = reading.person.shape[::-1]
    shares = [
        cv2.resize(blurred((number == one).astype(np.float32), _SOFT * unit_px), size)
        for one in range(int(number.max()) + 1)
    ]
    likeliest = np.argmax(shares, axis=0)
    areas = [
        reading.without_small(reading.opened(likeliest == one, _THIN * reading.unit), _LEAST)
        for one in range(len(shares))
    ]
    areas = [area for area in areas if area.any()] or [np.ones_like(reading.person)]
    around = np.argmax([reading.soft(area, _AROUND * reading.unit) for area in areas], axis=0)
    none = ~np.logical_or.reduce(areas)
    areas = [area | (none & (around == one)) for one, area in enumerate(areas)]
    return sorted(areas, key=lambda area: -int(area.sum()))
