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
    stroke,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

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
    """What grows where, of the kind that was read; nothing where none was."""
    unit = reading.unit
    found = reading.subject.facial_hair
    kind = found.value if found is not None and found.confidence >= 0.5 else "none"
    lips = reading.inside(_grown(reading.features.lips, 1.04))
    upper_lip, zone, chin = (mask & ~lips for mask in _zones(reading))
    long_beard = _long_beard(reading, chin) & ~lips
    nothing = np.zeros_like(lips)
    region = {
        "beard": upper_lip | zone,
        "moustache": upper_lip,
        "stubble": nothing,
        "none": nothing,
    }["beard" if long_beard.any() else kind]
    solid = nothing
    if region.any():
        darker = _darker_than_cheeks(reading)
        level = max(6.0, 0.4 * float(np.percentile(darker[region], 85)))
        # Where it grows it is one shape: thin places are bridged, single dark spots left out.
        dark = (reading.soft(np.where(region, darker, 0), 0.012 * unit) > level) & region
        solid = reading.closed(dark, 0.06 * unit) & region
        solid = ((reading.soft(solid, 0.02 * unit) > 0.4) & region) | long_beard
        solid = reading.filled(solid | lips, 0.03) & ~lips
        if (dark & upper_lip).sum() > 0.25 * upper_lip.sum():
            solid = (solid & ~upper_lip) | _moustache(reading)
        solid &= ~lips
        solid = reading.without_small(reading.opened(solid, 0.012 * unit), 0.004)
    thin = kind == "beard" and solid.sum() < 0.12 * region.sum()
    stubble = (upper_lip | zone) & ~solid if kind == "stubble" or thin else nothing
    if thin:
        solid = nothing
    return Beard(solid, stubble, reading.lab[solid])


def _zones(reading: Reading) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Upper lip, jaw and chin with the cheeks' lower edge, and the chin alone."""
    unit, at, across, down = reading.unit, reading.at, reading.across, reading.down
    lip = np.concatenate(
        [
            reading.points(57, 186, 92, 165, 97, 2, 326, 391, 322, 410, 287),
            reading.points(*_UPPER_LIP),
        ]
    )
    lower = reading.oval & (reading.down_at > at(2) @ down + 0.008 * unit)
    cheeks = []
    for corner, jaw, wing in ((61, 132, 98), (291, 361, 327)):
        start, end = at(jaw), at(corner)
        cheeks.append(
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
            cheeks[0],
            at(2)[None] + down * 0.015 * unit,
            cheeks[1][::-1],
        ]
    )
    edge = smoothed_values(resampled(edge, 4, closed=True), 5, closed=True)
    below = lower & (reading.down_at > at(17) @ down)
    chin = lower & (reading.down_at > at(17) @ down + 0.02 * unit)
    chin &= np.abs(reading.across_at - at(152) @ across) < 0.16 * unit
    return reading.inside(lip) & lower, (reading.inside(edge) & lower) | below, chin


def _moustache(reading: Reading) -> np.ndarray:
    """Two sweeps from below the nose past the corners of the mouth."""
    unit, at, across, down = reading.unit, reading.at, reading.across, reading.down
    mask = np.zeros_like(reading.oval)
    high = float((at(0) - at(2)) @ down)  # of the upper lip's skin
    for corner, over, side in ((61, (39, 40), -1), (291, (269, 270), 1)):
        start = at(2) * 0.35 + at(0) * 0.65 - across * side * 0.012 * unit
        way = np.array(
            [
                start,
                at(over[0]) - down * 0.4 * high,
                at(over[1]) - down * 0.42 * high,
                at(corner) + across * side * 0.015 * unit + down * 0.012 * unit,
            ]
        )
        thick = float(np.clip(high * 0.62, 0.03 * unit, 0.065 * unit))
        mask |= reading.inside(stroke(way, [0.7 * thick, 1.1 * thick, thick, 0.25 * thick]))
    return mask & (reading.down_at > at(2) @ down + 0.012 * unit)


def _darker_than_cheeks(reading: Reading) -> np.ndarray:
    """H×W, ΔL + 3·Δa* against the bare cheek on the same side: each side has its own light."""
    unit, at = reading.unit, reading.at
    lab = reading.soft(reading.lab, 0.012 * unit)
    value = lab[..., 0] + (0 if reading.subject.monochrome else 3.0) * lab[..., 1]
    references = []
    for indices in ((50, 117, 101, 36), (280, 346, 330, 266)):
        on = np.zeros_like(reading.oval)
        for index in indices:
            on |= reading.disc(at(index), 0.03 * unit)
        on &= reading.worn_on_face < 0.4
        references.append(float(np.median(value[on])) if on.any() else float(np.median(value)))
    middle = at(1) @ reading.across
    reference = np.where(reading.across_at < middle, *references).astype(np.float32)
    return reading.soft(reference, 0.1 * unit) - value


def _long_beard(reading: Reading, chin: np.ndarray) -> np.ndarray:
    """A long beard leaves the face; the masks take it for hair below the mouth."""
    at, down = reading.at, reading.down
    column = np.abs(reading.across_at - at(152) @ reading.across) < 0.42 * reading.unit
    below_mouth = reading.oval & (reading.down_at > at(17) @ down)
    beard = np.zeros_like(chin)
    if (reading.hair & below_mouth).sum() > 0.3 * max(1, below_mouth.sum()):
        for piece in reading.pieces(reading.hair & column & (reading.down_at > at(2) @ down), 0.01):
            if (piece & chin).any():
                beard |= piece
    return beard


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
    if grey and not pen.reading.subject.monochrome and bright > 45 and bright > light + 8:
        # White hairs among dark ones: the whole looks grey.
        base = from_lch(min(82.0, bright + 10), 4, 80)
        return HairTones(
            base, shifted(base, -14), shifted(base, 8), shifted(base, 12), from_lch(24, 4, 60)
        )
    skin = lch(pen.skin.base)[0]
    if skin - 22 < light < skin + 4 and lch(tones.base)[1] > 9:
        drop = light - (skin - 22)
        return HairTones(
            shifted(tones.base, -drop),
            shifted(tones.shade, -drop),
            shifted(tones.light, -drop),
            shifted(tones.shine, -drop),
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
