"""Hair: a clean silhouette, locks of light and shade along the strands, a few pen lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, mixed
from cartoon_avatar.ai.engines.drawn.curls import (
    Texture,
    bumpy,
    draw_coils,
    draw_waves,
    read_texture,
)
from cartoon_avatar.ai.engines.drawn.head import ears_of
from cartoon_avatar.ai.engines.drawn.palette import HairTones
from cartoon_avatar.ai.engines.drawn.paths import outlines, path_of
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.strands import Strands, read_strands, streamlines
from cartoon_avatar.ai.engines.drawn.tips import tousled, with_tips

# Below this, squared face heights, hair is too short to be combed.
CROPPED = 0.17
# From which difference to the hair's middle on a side is lit or dark, L.
_SIDE = 9.0
# Black hair takes no light but its sheen, L.
_BLACK = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Hair:
    """One head of hair, ready to be drawn. ``radius``: of its curls, units."""

    mask: np.ndarray  # H×W bool on the reading's grid
    shape: np.ndarray  # its silhouette, tips and curls, on twice the grid
    texture: Texture
    strands: Strands
    lines: list[np.ndarray]  # along the strands, pixels of theirs
    radius: float

    @property
    def silhouette(self) -> np.ndarray:
        """``shape`` on the reading's grid."""
        size = self.mask.shape[1::-1]
        return cv2.resize(self.shape.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0


def read_hair(pen: Pen, mask: np.ndarray) -> Hair | None:
    """The hair of ``mask`` (on the reading's grid); None where there is next to none."""
    reading, unit = pen.reading, pen.reading.unit
    # Below a hat such a scrap is its shadow.
    if reading.area(mask) < (0.03 if reading.hat.any() else 0.004):
        return None
    texture = read_texture(reading, mask)
    if texture == "combed":
        strands = read_strands(reading, mask)
        lines = streamlines(strands, pen.random, 0.55 * unit * strands.scale)
        return Hair(mask, with_tips(pen, strands, lines, mask), texture, strands, lines, 0.0)
    strands = read_strands(reading, mask, 0.12)
    lines = streamlines(strands, pen.random, 0.7 * unit * strands.scale)
    short = reading.area(mask) < 0.45
    radius = (0.042 if short else 0.065 if texture == "coily" else 0.085) * unit
    shape = bumpy(reading, pen.random, mask, radius)
    return Hair(mask, shape, texture, strands, lines, radius)


def without_gaps(reading: Reading, mask: np.ndarray, head: np.ndarray) -> np.ndarray:
    """``mask`` over what is enclosed by hair and ``head``, but for ears: they are drawn."""
    whole = mask | head | reading.hat
    for ear in ears_of(reading):
        whole |= ear.mask
    return mask | (reading.filled(whole, 0.06) & ~whole)


def draw_hair(pen: Pen, hair: Hair, tones: HairTones) -> None:
    """Silhouette, locks of shade and of light, pen lines."""
    reading, sheet, unit, mask = pen.reading, pen.sheet, pen.reading.unit, hair.mask
    sharp = hair.texture != "combed" or tousled(reading, mask)
    curves = outlines(
        hair.shape,
        2 * reading.scale,
        blur_px=0.8 if sharp else 1.2,
        smooth=(0.006 if sharp else 0.011) * unit,
        least=0.006 * unit**2,
    )
    d = path_of(curves, fine=1.6 if sharp else 1.2)
    seen = np.median(reading.lab[mask], axis=0)
    skin = np.array([reading.skin_lightness, *reading.skin[1:]])
    unlike = np.hypot((seen - skin)[0] * 0.8, np.hypot(*(seen - skin)[1:]))
    read = reading.subject.hair
    bald = read is not None and read.value == "bald" and reading.area(mask) < 0.055
    if bald or (reading.area(mask) < 0.13 and unlike < 17):
        # A shaven head: the skin a shade darker, no outline.
        sheet.fill(d, mixed(pen.skin.shade, tones.base, 0.22))
        return
    # Cropped hair ends on the skin softly; its outer edge has the silhouette's line.
    cropped = hair.texture == "combed" and reading.area(mask) < CROPPED
    width = pen.outline * (0.35 if cropped else 0.85)
    sheet.fill(d, tones.base, line=tones.line, line_width=width)
    with sheet.clipped(d):
        # Behind the neck and beside the cheek hair lies in shadow.
        near = reading.grown(reading.skin_below | reading.oval, 0.07 * unit)
        near &= mask & (reading.down_at > reading.at(17) @ reading.down)
        shadow = outlines(near, reading.scale, blur_px=3, smooth=0.05 * unit, least=0.01 * unit**2)
        sheet.fill(path_of(shadow), tones.shade)
        if cropped:
            _draw_crop(pen, mask, tones)
        elif hair.texture == "combed":
            _draw_sides(pen, mask, tones)
            _draw_locks(pen, hair.strands, hair.lines, tones)
            _draw_sheen(pen, hair, tones)
        else:
            _draw_curls(pen, hair, tones)


def _draw_sides(pen: Pen, mask: np.ndarray, tones: HairTones) -> None:
    """Where the sun lies on hair, and its dark side: broad shapes, of which there are few."""
    reading, unit = pen.reading, pen.reading.unit
    if tones.base[0] < _BLACK:
        return
    # Through a fringe the brow is seen.
    mask = mask & ~reading.grown(reading.oval, 0.04 * unit)
    if reading.area(mask) < 0.04:
        return
    weight = mask.astype(np.float32)
    share = np.maximum(reading.soft(weight, 0.09 * unit), 0.02)
    broad = reading.soft(reading.lab * weight[..., None], 0.09 * unit) / share[..., None]
    middle = np.median(broad[mask], axis=0)
    lighter = broad[..., 0] - middle[0]
    for shows in (lighter < -_SIDE, lighter > _SIDE, lighter > 1.9 * _SIDE):
        side = mask & shows
        if reading.area(side) < 0.04:
            continue
        seen = np.median(broad[side], axis=0) - middle
        seen[0] = np.clip(seen[0], -14, 24)
        curves = outlines(side, reading.scale, blur_px=4, smooth=0.05 * unit, least=0.03 * unit**2)
        pen.sheet.fill(path_of(curves), tones.base + seen * (1.0, 0.8, 0.8))


def _draw_crop(pen: Pen, mask: np.ndarray, tones: HairTones) -> None:
    """One tone, darker at the sides away from the light and lighter along the crown."""
    reading, unit = pen.reading, pen.reading.unit
    away = reading.across * -reading.light_side
    far = mask & ~reading.moved(mask, (away * 0.06 - reading.down * 0.02) * unit)
    lit = reading.grown(mask, -0.035 * unit)
    lit &= ~reading.moved(mask, reading.down * 0.085 * unit) & ~far
    shapes = (
        (far, mixed(tones.base, tones.shade, 0.7)),
        (lit, mixed(tones.base, tones.light, 0.6)),
    )
    for shape, colour in shapes:
        curves = outlines(
            shape, reading.scale, blur_px=3, smooth=0.03 * unit, least=0.004 * unit**2
        )
        pen.sheet.fill(path_of(curves), colour)


def _draw_curls(pen: Pen, hair: Hair, tones: HairTones) -> None:
    size = hair.mask.shape[1::-1]
    light = cv2.resize(hair.strands.light, size, interpolation=cv2.INTER_LINEAR)
    lit = hair.mask & (light > np.percentile(light[hair.mask], 55))
    if hair.texture == "coily":
        draw_coils(pen, hair.mask, tones, lit, 0.75 * hair.radius)
        return
    lines = [line / hair.strands.scale for line in hair.lines]
    draw_waves(pen, lines, tones, lit, hair.radius)


def _draw_locks(pen: Pen, strands: Strands, lines: list[np.ndarray], tones: HairTones) -> None:
    inside = strands.light[strands.mask]
    if inside.size < 50 or not lines:
        return
    low, middle, high, top = np.percentile(inside, [30, 50, 72, 92])
    spread = high - low
    locks = _Locks(pen, strands, lines)
    # Tones near the hair's own: what stands apart from it reads as leaves, not as hair.
    shade, light = (
        mixed(tones.base, tones.shade, 0.7),
        mixed(tones.base, tones.light, 0.65 if spread < 8 else 0.9),
    )
    locks.draw(strands.light < middle - 0.25 * spread, shade, 9, (0.02, 0.05), -1)
    if spread > 2.2:
        locks.draw(strands.light > high - 0.2 * spread, light, 10, (0.016, 0.045), 1)
        locks.draw(strands.light > top - 0.2 * (top - high), tones.light, 5, (0.01, 0.022), 1)
    locks.draw(strands.mask, tones.line, 12, (0.0, 0.0), 0)


def _draw_sheen(pen: Pen, hair: Hair, tones: HairTones) -> None:
    """The band of light that lies across combed hair at the crown: strokes along the strands."""
    reading, unit, mask = pen.reading, pen.reading.unit, hair.mask
    if reading.area(mask) < 0.2:
        return
    strands = hair.strands
    depth = cv2.distanceTransform(
        np.pad(mask | reading.oval | reading.hat, 1).astype(np.uint8), cv2.DIST_L2, 3
    )[1:-1, 1:-1] / (reading.scale * unit)
    crown = reading.at(10) @ reading.down
    taken: list[np.ndarray] = []
    for pixels in sorted(hair.lines, key=len, reverse=True):
        line = pixels / strands.scale
        deep = reading.sample(line, depth)
        on = (np.abs(deep - 0.15) < 0.05) & (line @ reading.down < crown + 0.3 * unit)
        runs = _runs(on)
        if not runs:
            continue
        first, last = max(runs, key=lambda run: run[1] - run[0])
        middle = line[(first + last) // 2]
        if any(np.hypot(*(middle - other)) < 0.065 * unit for other in taken):
            continue
        half = 0.5 * unit * float(pen.random.uniform(0.16, 0.34))
        steps = max(2, round(half * strands.scale / 1.6))
        at = (first + last) // 2
        part = line[max(0, at - steps) : at + steps : 2]
        if len(part) < 4:
            continue
        taken.append(middle)
        wide = float(pen.random.uniform(0.018, 0.034)) * unit
        pen.brush(
            part, [0.1, 0.7 * wide, wide, 0.7 * wide, 0.1], mixed(tones.base, tones.light, 0.8)
        )
        if len(taken) >= 12:
            return


class _Locks:
    """Strokes along ``lines``, whose pixels are looked up together."""

    def __init__(self, pen: Pen, strands: Strands, lines: list[np.ndarray]):
        self._pen, self._strands, self._lines = pen, strands, lines
        height, width = strands.mask.shape
        x, y = np.concatenate(lines).astype(int).T
        self._pixels = np.clip(y, 0, height - 1) * width + np.clip(x, 0, width - 1)
        self._ends = np.cumsum([0, *(len(line) for line in lines)])

    def draw(
        self,
        region: np.ndarray,
        colour: Lab,
        most: int,
        widths: tuple[float, float],
        brighter: int,
    ) -> None:
        """Strokes tapered at both ends where strands run through ``region``.

        At most ``most`` of them, as wide as the region within ``widths`` (shares of the
        face's height; none are pen lines), the clearest first: brightest, darkest, or longest.
        """
        pen, strands = self._pen, self._strands
        unit_px = pen.reading.unit * strands.scale
        within = (region & strands.mask).astype(np.uint8)
        inside = cv2.distanceTransform(within, cv2.DIST_L2, 3).ravel()
        on = cv2.blur(within.astype(np.float32), (5, 5)).ravel()[self._pixels] > 0.4
        light = strands.light.ravel()
        found = []
        for line, start in zip(self._lines, self._ends, strict=False):
            for first, last in _runs(on[start : start + len(line)]):
                first, last = max(0, first - 3), min(len(line), last + 3)
                # Points lie 1.6 px apart.
                length = 1.6 * (last - first) / unit_px
                if length > 0.16:
                    pixels = self._pixels[start + first : start + last]
                    value = 0.03 * brighter * float(light[pixels].mean())
                    found.append((value + length, line[first:last], pixels))
        found.sort(key=lambda one: -one[0])
        taken = np.zeros(within.shape, np.uint8)
        drawn = 0
        for _, line, pixels in found:
            if taken.ravel()[pixels].mean() > 0.2:
                continue
            if widths[1]:
                width_px = 2 * float(np.percentile(inside[pixels], 70))
                width_px = float(np.clip(width_px, widths[0] * unit_px, widths[1] * unit_px))
                profile = [0.15, 0.6, 0.95, 1.0, 0.85, 0.5, 0.15]
            else:
                width_px = pen.fine * 0.85 * strands.scale
                profile = [0.15, 0.7, 1.0, 0.8, 0.2]
            around = width_px * 1.15 if widths[1] else 0.13 * unit_px
            cv2.polylines(taken, [line.astype(np.int32)], False, 1, max(2, round(around)))
            points = line[:: max(1, len(line) // 9)] / strands.scale
            pen.brush(points, [share * width_px / strands.scale for share in profile], colour)
            drawn += 1
            if drawn >= most:
                break


def _runs(on: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(np.int8), [0]])))
    return list(zip(edges[::2], edges[1::2], strict=True))
