"""Beard, moustache, stubble, as shapes. ΔL + 3·Δa* tells them from shadow: hair is less red."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
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


# Of the densest growth: where a layer begins, and its share of the hair's colour.
_LAYERS = ((0.22, 0.3), (0.42, 0.6), (0.65, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Beard:
    """``mask`` is what is solid hair, ``stubble`` what only darkens the skin; on the grid.

    ``growth`` (H×W float32) is how much hair each place has against the densest, about 1 there.
    ``cover`` is how far the hair hides the skin, 0..1: short beards let it through.
    """

    mask: np.ndarray
    stubble: np.ndarray
    growth: np.ndarray
    pixels: np.ndarray  # N×3 CIELAB of the hair
    cover: float

    @property
    def there(self) -> bool:
        return bool(self.mask.any() or self.stubble.any())


def read_beard(reading: Reading) -> Beard:
    """What grows where, of the kind that was read; nothing where none was."""
    unit = reading.unit
    found = reading.subject.facial_hair
    kind = found.value if found is not None and found.confidence >= 0.5 else "none"
    lips = reading.inside(_grown(reading.features.lips, 1.04))
    nothing = np.zeros_like(lips)
    upper_lip, zone, chin = (mask & ~lips for mask in _zones(reading))
    long_beard = _long_beard(reading, chin) & ~lips
    growth = np.zeros(lips.shape, np.float32)
    if kind == "none" and not long_beard.any():
        return Beard(nothing, nothing, growth, reading.lab[nothing], 1.0)
    darker = _darker_than_cheeks(reading)
    goatee = kind == "moustache" and _chin_grown(darker, upper_lip, chin)
    region = nothing
    if kind == "beard" or long_beard.any() or goatee:
        region = upper_lip | zone
    elif kind == "moustache":
        region = upper_lip
    solid, cover = nothing, 1.0
    if region.any():
        darkest = float(np.percentile(darker[region], 85))
        # Short hair grows where it is dark and nowhere else; a full beard is one shape: its thin
        # places are bridged, single dark spots left out.
        full = float(np.clip((np.median(darker[region]) - 20) / 7, 0, 1))
        level = max(6.0, (0.55 - 0.23 * full) * darkest)
        dark = (reading.soft(np.where(region, darker, 0), 0.012 * unit) > level) & region
        solid = reading.closed(dark, (0.025 + 0.035 * full) * unit) & region
        solid = ((reading.soft(solid, 0.02 * unit) > 0.4) & region) | long_beard
        solid = reading.filled(solid | lips, 0.003 + 0.027 * full) & ~lips
        if (dark & upper_lip).sum() > 0.25 * upper_lip.sum():
            alone = not (solid & chin).any()
            solid = (solid & ~upper_lip) | _moustache(reading, dark, alone=alone)
        solid = _over_the_jaw(reading, solid) & ~lips
        solid = reading.opened(solid, 0.012 * unit)
        solid = reading.without_small(solid, 0.004 + 0.006 * (1 - full))
        if solid.any() and not long_beard.any():
            cover = 0.5 + float(np.median(darker[solid]) - 18) / 30
            cover = float(np.clip(cover, 0.5, 0.8 + 0.2 * full))
    thin = kind == "beard" and solid.sum() < 0.12 * region.sum()
    stubble = nothing
    if kind == "stubble" or thin:
        area = (upper_lip | zone) & ~solid
        level = max(2.0, 0.3 * float(np.percentile(darker[area], 85))) if area.any() else 2.0
        stubble = (reading.soft(np.where(area, darker, 0), 0.02 * unit) > level) & area
    if thin:
        solid = nothing
    if solid.any():
        near = reading.grown(solid | region, 0.006 * unit) & ~lips
        fade = np.clip(2 * reading.soft(near, 0.012 * unit) - 0.4, 0, 1)
        growth = darker / max(8.0, float(np.percentile(darker[solid], 80))) * fade
        # A full beard hides the skin wherever it grows.
        whole = float(np.clip((np.median(darker[solid]) - 27) / 6, 0, 1))
        growth += 0.75 * whole * (np.maximum(reading.soft(solid, 0.012 * unit), growth) - growth)
    return Beard(solid, stubble, growth.astype(np.float32), reading.lab[solid], cover)


def _chin_grown(darker: np.ndarray, upper_lip: np.ndarray, chin: np.ndarray) -> bool:
    """Whether the ``chin`` below a moustache is as dark as it: a goatee may be read as none."""
    if not upper_lip.any() or not chin.any():
        return False
    above, below = (float(np.percentile(darker[area], 75)) for area in (upper_lip, chin))
    return below > max(14.0, 0.6 * above)


def _over_the_jaw(reading: Reading, solid: np.ndarray) -> np.ndarray:
    """A beard that comes near the edge of the jaw hangs a little over it."""
    unit = reading.unit
    low = reading.down_at > reading.at(17) @ reading.down
    rim = reading.grown(reading.oval, 0.016 * unit) & ~reading.grown(reading.oval, -0.05 * unit)
    return solid | (reading.grown(solid, 0.045 * unit) & rim & low)


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


def _moustache(reading: Reading, dark: np.ndarray, *, alone: bool) -> np.ndarray:
    """Two sweeps from below the nose past the corners of the mouth, as far as ``dark`` hair goes.

    One worn ``alone`` is thicker and runs out beyond the corners.
    """
    unit, at, across, down = reading.unit, reading.at, reading.across, reading.down
    mask = np.zeros_like(reading.oval)
    high = float((at(0) - at(2)) @ down)  # of the upper lip's skin
    for corner, over, side in ((61, (39, 40), -1), (291, (269, 270), 1)):
        start = at(2) * 0.35 + at(0) * 0.65 - across * side * 0.012 * unit
        out = 0.05 if alone else 0.012
        way = np.array(
            [
                start,
                at(over[0]) - down * 0.4 * high,
                at(over[1]) - down * 0.42 * high,
                at(corner) + across * side * out * unit + down * 0.01 * unit,
            ]
        )
        share, least = (1.1, 0.07) if alone else (0.55, 0.028)
        thick = float(np.clip(high * share, least * unit, 0.1 * unit))
        mask |= reading.inside(stroke(way, [0.75 * thick, 1.1 * thick, thick, 0.25 * thick]))
    near = reading.grown(mask, 0.02 * unit)
    shape = reading.soft(mask | (reading.closed(dark, 0.02 * unit) & near), 0.01 * unit) > 0.5
    return shape & (reading.down_at > at(2) @ down + 0.01 * unit)


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
            leaves = reading.area(piece & (reading.down_at > at(152) @ down + 0.05 * reading.unit))
            if (piece & chin).any() and leaves > 0.004:
                beard |= piece
    return beard


def draw_beard(pen: Pen, beard: Beard) -> None:
    """Layers from thin to dense, each in the colour that the photo has there."""
    reading, close = pen.reading, pen.reading.close
    if beard.stubble.any():
        _draw_stubble(pen, beard.stubble | beard.mask)
    if not beard.mask.any():
        return
    tones = beard_tones(pen, beard)
    beyond = beard.mask & ~reading.grown(reading.oval, 0.05 * reading.unit)
    if reading.area(beyond) > 0.004:
        _draw_hanging(pen, beard, tones)
    growth = close.from_grid(beard.growth, reading.scale)
    for level, share in _LAYERS:
        mask = np.clip(0.5 + (growth - level) * 2.5, 0, 1)
        colour = mixed(pen.skin.shade, tones.base, share * (0.55 + 0.45 * beard.cover))
        pen.sheet.fill(close.path(mask, smooth=0.007, least=0.0008), colour)
    _draw_hairs(pen, growth, tones)


def _draw_hanging(pen: Pen, beard: Beard, tones: HairTones) -> None:
    """What of a long beard hangs below the face is one shape, its far side in shade."""
    reading, unit = pen.reading, pen.reading.unit
    d = path_of(
        outlines(beard.mask, reading.scale, blur_px=1.5, smooth=0.016 * unit, least=0.003 * unit**2)
    )
    pen.sheet.fill(d, tones.base, line=tones.line, line_width=pen.inner * 0.4)
    with pen.sheet.clipped(d):
        away = reading.across * -reading.light_side * 0.07 - reading.down * 0.03
        far = beard.mask & ~reading.moved(beard.mask, away * unit)
        far &= reading.down_at > reading.at(61) @ reading.down
        shade = outlines(far, reading.scale, blur_px=3, smooth=0.04 * unit, least=0.004 * unit**2)
        pen.sheet.fill(path_of(shade), tones.shade)


def _draw_hairs(pen: Pen, growth: np.ndarray, tones: HairTones) -> None:
    """Tufts that are darker or lighter than the beard about them."""
    close = pen.reading.close
    dense = (growth > 0.5).astype(np.float32)
    if not dense.any():
        return
    inside = np.clip(2 * close.soft(dense, 0.008) - 0.6, 0, 1)
    # Hairs hang down: along them the tufts run together.
    along = cv2.GaussianBlur(
        close.light, (0, 0), sigmaX=0.0045 * close.unit, sigmaY=0.016 * close.unit
    )
    tuft = (along - close.soft_within(close.light, dense, 0.03)) * inside
    for over, colour in (
        (-3.0 - tuft, mixed(tones.base, tones.shade, 0.7)),
        (tuft - 3.0, mixed(tones.base, tones.light, 0.8)),
    ):
        mask = np.clip(0.5 + over / 4, 0, 1)
        pen.sheet.fill(close.path(mask, smooth=0.005, least=0.0005), colour)


def _draw_stubble(pen: Pen, mask: np.ndarray) -> None:
    """A bluish breath that thickens inwards: two thin layers have no rim to be taken for one."""
    reading, unit = pen.reading, pen.reading.unit
    light, _, _ = lch(pen.skin.shade)
    grey = mixed(pen.skin.shade, np.array([light - 12, 1.0, 2.0]), 0.55)
    for by, opacity in ((0.018, 0.2), (-0.012, 0.22)):
        grown = reading.grown(mask, by * unit) & reading.oval
        curves = outlines(
            grown, reading.scale, blur_px=4, smooth=0.06 * unit, least=0.008 * unit**2
        )
        pen.sheet.fill(path_of(curves), grey, opacity=opacity)


def beard_tones(pen: Pen, beard: Beard) -> HairTones:
    """The colours of the hair; those of a short beard mixed with the skin that shows through."""
    own = _own_tones(pen, beard)
    if beard.cover >= 0.95:
        return own
    # Between short hairs the photo shows skin: their own colour is that of the brows.
    read = pen.reading.subject.brow_colour
    hair = own.base if read is None else mixed(own.base, np.array(read.value, float), 0.7)
    base = mixed(pen.skin.shade, hair, 0.2 + 1.1 * (beard.cover - 0.5))
    return HairTones(
        base, shifted(base, -6), shifted(base, 5), shifted(base, 8), shifted(base, -12)
    )


def _own_tones(pen: Pen, beard: Beard) -> HairTones:
    tones = hair_tones(beard.pixels, pen.reading)
    # On the skin a beard is read as one only where it clearly is darker or greyer.
    light = lch(tones.base)[0]
    bright = float(np.percentile(beard.pixels[:, 0], 85))
    grey = (
        np.median(np.hypot(beard.pixels[:, 1], beard.pixels[:, 2])) < 0.45 * lch(pen.skin.base)[1]
    )
    if grey and not pen.reading.subject.monochrome and bright > 45 and bright > light + 8:
        # White hairs among dark ones: the whole looks grey.
        base = from_lch(min(80.0, bright + 5), 4, 80)
        return HairTones(
            base, shifted(base, -18), shifted(base, 14), shifted(base, 18), from_lch(24, 4, 60)
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


def _grown(outline: np.ndarray, factor: float) -> np.ndarray:
    centre = outline.mean(axis=0)
    return centre + (outline - centre) * factor
