"""Beard, moustache, stubble, as shapes. ΔL + 3·Δa* tells them from shadow: hair is less red."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import from_lch, lch, mixed, shifted
from cartoon_avatar.ai.engines.drawn.palette import HairTones, hair_tones
from cartoon_avatar.ai.engines.drawn.paths import (
    outlines,
    path_of,
    resampled,
    smoothed_values,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.reading import Reading

_CHIN = (361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132)
_UPPER_LIP = (291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61)


@dataclass(frozen=True, slots=True, eq=False)
class Beard:
    """``mask`` is what is solid hair, ``stubble`` what only darkens the skin; on the grid."""

    mask: np.ndarray
    stubble: np.ndarray
    pixels: np.ndarray  # N×3 CIELAB of the hair

    @property
    def there(self) -> bool:
        return bool(self.mask.any() or self.stubble.any())


def read_beard(reading: Reading) -> Beard:
    unit, at, across, down = reading.unit, reading.at, reading.across, reading.down
    lab = reading.soft(reading.lab, 0.012 * unit)
    value = lab[..., 0] + (0 if reading.monochrome else 3.0) * lab[..., 1]
    # Each side of the face has its own light: what the bare cheek beside it shows.
    middle = at(1) @ across
    references = []
    for indices in ((50, 117, 101, 36), (280, 346, 330, 266)):
        on = np.zeros_like(reading.oval)
        for index in indices:
            on |= reading.disc(at(index), 0.03 * unit)
        on &= reading.worn_on_face < 0.4
        references.append(float(np.median(value[on])) if on.any() else float(np.median(value)))
    reference = np.where(reading.across_at < middle, *references).astype(np.float32)
    darker = reading.soft(reference, 0.1 * unit) - value

    lips = reading.inside(_grown(reading.features.lips, 1.04))
    lower = reading.oval & (reading.down_at > at(2) @ down + 0.008 * unit) & ~lips
    upper_lip = np.concatenate(
        [
            reading.points(57, 186, 92, 165, 97, 2, 326, 391, 322, 410, 287),
            reading.points(*_UPPER_LIP),
        ]
    )
    upper_lip = reading.inside(upper_lip) & ~lips
    chin = lower & (reading.down_at > at(17) @ down + 0.02 * unit)
    chin &= np.abs(reading.across_at - at(152) @ across) < 0.16 * unit
    inner = reading.grown(reading.oval, -0.03 * unit)
    jaws = [
        lower & inner & (reading.down_at > at(corner) @ down - 0.02 * unit)
        & ((reading.across_at - at(corner) @ across) * side > 0.03 * unit)
        for corner, side in ((61, -1), (291, 1))
    ]  # fmt: skip

    def depth(zone: np.ndarray) -> float:
        return float(np.median(darker[zone])) if zone.sum() > 12 else 0.0

    hair_light = float(np.percentile(lab[reading.hair][:, 0], 40)) if reading.hair.any() else 20.0
    hair_light = min(hair_light, reading.skin_lightness - 15)

    def towards_hair(zone: np.ndarray) -> float:
        """How far ``zone`` lies from the skin's lightness (0) to that of the hair (1)."""
        if zone.sum() < 13:
            return 0.0
        light = float(np.median(lab[zone][:, 0]))
        return (reading.skin_lightness - light) / (reading.skin_lightness - hair_light)

    lip, jaw = depth(upper_lip), min(depth(zone) for zone in jaws)
    # On a turned head half of the chin lies beyond its edge.
    left = reading.across_at < at(152) @ across
    tip = max(depth(chin & left), depth(chin & ~left))
    moustache = lip > 26 and lip - jaw > 10 and towards_hair(upper_lip) > 0.45
    full = (jaw > 30 and lip > 24 and tip > 14) or (
        lip > 18 and tip > (18 if moustache else 32) and (moustache or towards_hair(chin) > 0.5)
    )
    nothing = np.zeros_like(lower)

    # A long beard leaves the face; the masks take it for hair below the mouth.
    column = np.abs(reading.across_at - at(152) @ across) < 0.42 * unit
    long_beard = nothing
    below_mouth = reading.oval & (reading.down_at > at(17) @ down)
    if (reading.hair & below_mouth).sum() > 0.3 * max(1, below_mouth.sum()):
        for piece in reading.pieces(reading.hair & column & (reading.down_at > at(2) @ down), 0.01):
            if (piece & chin).any():
                long_beard = long_beard | piece
        full = True

    corner_to_jaw = []
    for corner, jaw_end, wing in ((61, 132, 98), (291, 361, 327)):
        start, end = at(jaw_end), at(corner)
        corner_to_jaw.append(
            np.array(
                [
                    start + down * 0.01 * unit,
                    start * 0.62 + end * 0.38 + down * 0.035 * unit,
                    start * 0.25 + end * 0.75 - down * 0.012 * unit,
                    (end + at(wing)) / 2,
                    at(wing) + down * 0.012 * unit,
                ]
            )
        )
    edge = np.concatenate(
        [
            reading.points(*_CHIN),
            corner_to_jaw[0],
            at(2)[None] + down * 0.015 * unit,
            corner_to_jaw[1][::-1],
        ]
    )
    edge = smoothed_values(resampled(edge, 4, closed=True), 5, closed=True)
    zone = (reading.inside(edge) | (lower & (reading.down_at > at(17) @ down))) & ~lips
    region = nothing
    if moustache:
        region = region | upper_lip
    if full:
        region = region | (lower & (reading.down_at > at(17) @ down))
        if jaw > 24:
            region = region | (zone & ~upper_lip)
    cut = float(np.clip(0.42 * max(lip, tip, jaw), 12, 20))
    # Where it grows it is one shape: thin places are bridged, single dark spots left out.
    dark = reading.soft(np.where(region, darker, 0), 0.012 * unit) > cut * 0.85
    solid = (reading.closed(dark & region, 0.05 * unit) & region) | (long_beard & ~lips)
    solid = reading.without_small(reading.opened(solid, 0.012 * unit), 0.004)
    stubbly = (lip > 18 and tip > 13 and jaw > 15) or (full and jaw > 8)
    stubble = zone if stubbly and jaw > 8 else nothing
    pixels = reading.lab[solid] if solid.any() else reading.lab[zone & (darker > 10)]
    return Beard(solid, stubble & ~solid if stubbly else nothing, pixels)


def draw_beard(pen: Pen, beard: Beard) -> None:
    reading, unit = pen.reading, pen.reading.unit
    if beard.stubble.any():
        curves = outlines(
            beard.stubble | beard.mask,
            reading.scale,
            blur_px=4,
            smooth=0.08 * unit,
            least=0.01 * unit**2,
        )
        light, _, _ = lch(pen.skin.shade)
        grey = mixed(pen.skin.shade, np.array([light - 10, 4.0, 6.0]), 0.5)
        pen.sheet.fill(path_of(curves), grey, opacity=0.38)
    if not beard.mask.any():
        return
    tones = beard_tones(pen, beard)
    curves = outlines(
        beard.mask, reading.scale, blur_px=1.5, smooth=0.02 * unit, least=0.003 * unit**2
    )
    d = path_of(curves)
    pen.sheet.fill(
        d, tones.base, line=tones.line if pen.inner else None, line_width=pen.inner * 0.8
    )
    with pen.sheet.clipped(d):
        away = reading.across * -reading.light_side * 0.07 - reading.down * 0.03
        far = beard.mask & ~reading.moved(beard.mask, away * unit)
        far &= reading.down_at > reading.at(61) @ reading.down
        shade = outlines(far, reading.scale, blur_px=3, smooth=0.04 * unit, least=0.004 * unit**2)
        pen.sheet.fill(path_of(shade), tones.shade)
        _draw_strands(pen, beard, tones)


def beard_tones(pen: Pen, beard: Beard) -> HairTones:
    tones = hair_tones(beard.pixels, pen.reading)
    # On the skin a beard is read as one only where it clearly is darker or greyer.
    light = lch(tones.base)[0]
    bright = float(np.percentile(beard.pixels[:, 0], 85))
    grey = (
        np.median(np.hypot(beard.pixels[:, 1], beard.pixels[:, 2])) < 0.45 * lch(pen.skin.base)[1]
    )
    if grey and not pen.reading.monochrome and bright > 45 and bright > light + 8:
        # White hairs among dark ones: the whole looks grey.
        base = from_lch(min(82.0, bright + 10), 4, 80)
        return HairTones(
            base, shifted(base, -14), shifted(base, 8), shifted(base, 12), from_lch(24, 4, 60)
        )
    skin = lch(pen.skin.base)[0]
    if skin - 22 < light < skin + 4 and lch(tones.base)[1] > 9:
        drop = light - (skin - 22)
        return HairTones(
            *(shifted(tone, -drop) for tone in (tones.base, tones.shade, tones.light, tones.shine)),
            tones.line,
        )
    return tones


def _draw_strands(pen: Pen, beard: Beard, tones: HairTones) -> None:
    reading, unit = pen.reading, pen.reading.unit
    rows = np.flatnonzero(beard.mask.any(axis=1))
    lowest = (rows[-1] + 1) / reading.scale
    chin = reading.at(17)
    length = max(0.1 * unit, (lowest - chin[1]) * 0.7)
    for number, share in enumerate(np.linspace(-1, 1, 7)):
        start = (
            chin
            + reading.across * share * 0.24 * unit
            + reading.down * (0.05 - 0.1 * abs(share)) * unit
        )
        end = (
            start
            + reading.down * length * (1 - 0.3 * abs(share))
            + reading.across * share * 0.04 * unit
        )
        bend = (start + end) / 2 + reading.across * 0.02 * unit * (1 if share >= 0 else -1)
        colour = tones.light if number % 2 else tones.shade
        pen.brush(np.array([start, bend, end]), [0.3, 0.014 * unit, 0.016 * unit, 0.2], colour)


def _grown(outline: np.ndarray, factor: float) -> np.ndarray:
    centre = outline.mean(axis=0)
    return centre + (outline - centre) * factor
