"""Hair: a clean silhouette, locks of light and shade along the strands, a few pen lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, mixed
from cartoon_avatar.ai.engines.drawn.curls import (
    draw_coils,
    draw_waves,
    read_texture,
    scalloped_path,
)
from cartoon_avatar.ai.engines.drawn.palette import HairTones
from cartoon_avatar.ai.engines.drawn.paths import (
    length_of,
    outlines,
    path_of,
    smoothed_values,
    stroke,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading, blurred
from cartoon_avatar.ai.filters.flow import Flow, along

# The strands' pixels from chin to hairline.
_STRANDS_PX = 160
_MOST_TIPS = 14


@dataclass(frozen=True, slots=True, eq=False)
class Strands:
    """Directions and light of hair on a grid of its own, ``scale`` pixels a unit."""

    scale: float
    mask: np.ndarray  # H×W bool
    angle: np.ndarray  # H×W float32, along the strand
    light: np.ndarray  # H×W float32, L averaged along the strands
    coherence: float  # 0 curls .. 1 combed


def read_strands(reading: Reading, mask: np.ndarray, breadth: float = 0.035) -> Strands:
    """``breadth``: over how much of a face's height directions are averaged."""
    scale = min(reading.scale, _STRANDS_PX / reading.unit)
    size = [max(8, round(length * scale / reading.scale)) for length in mask.shape[1::-1]]
    small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    light = cv2.resize(reading.lab[..., 0], size, interpolation=cv2.INTER_AREA)
    unit_px = reading.unit * scale
    gradient = cv2.GaussianBlur(light, (0, 0), 1.0)
    gx, gy = (cv2.Scharr(gradient, cv2.CV_32F, *order, scale=1 / 32) for order in ((1, 0), (0, 1)))
    inner = cv2.erode(small.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2)
    # The structure tensor's double angle, of the strands well inside and of the outline.
    inner = inner.astype(np.float32)
    sigma = max(2.0, breadth * unit_px)
    cos2 = blurred((gy * gy - gx * gx) * inner, sigma)
    sin2 = blurred(-2 * gx * gy * inner, sigma)
    energy = blurred((gx * gx + gy * gy) * inner, sigma)
    on = small & (energy > 1e-3)
    coherence = float(
        (np.hypot(cos2, sin2)[on].sum() / max(1e-6, energy[on].sum())) if on.any() else 1
    )
    floor = float(np.median(energy[small])) * 0.5 + 1e-4 if small.any() else 1.0
    cos2, sin2 = cos2 / (energy + floor), sin2 / (energy + floor)
    edge = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 2.0)
    ex, ey = (cv2.Scharr(edge, cv2.CV_32F, *order, scale=1 / 32) for order in ((1, 0), (0, 1)))
    outline_energy = blurred(ex * ex + ey * ey, 1.6 * sigma)
    high = float(np.percentile(outline_energy[small], 75)) + 1e-9 if small.any() else 1.0
    weight = 0.5 / (outline_energy + high)
    cos2 += blurred(ey * ey - ex * ex, 1.6 * sigma) * weight
    sin2 += blurred(-2 * ex * ey, 1.6 * sigma) * weight
    angle = 0.5 * np.arctan2(sin2, cos2).astype(np.float32)
    flow = Flow(np.cos(angle), np.sin(angle), np.ones_like(angle))
    # Only hair is averaged: the mask is averaged along with it.
    reach = 0.24 * unit_px
    weighed = along((light * small).astype(np.float32), flow, reach)
    share = along(small.astype(np.float32), flow, reach)
    combed = cv2.GaussianBlur(weighed / np.maximum(share, 0.05), (0, 0), 0.8)
    # Broad light and shade count for less than the locks that lie in it.
    broad = blurred(combed * small, 0.22 * unit_px)
    broad /= np.maximum(blurred(small.astype(np.float32), 0.22 * unit_px), 0.02)
    combed = combed - 0.55 * (broad - float(broad[small].mean() if small.any() else 0))
    return Strands(scale, small, angle, combed, coherence)


def draw_hair(pen: Pen, mask: np.ndarray, tones: HairTones) -> None:
    """``mask`` on the reading's grid: silhouette, locks of shade and of light, pen lines."""
    reading, sheet, unit = pen.reading, pen.sheet, pen.reading.unit
    if reading.area(mask) < 0.004:
        return
    texture = read_texture(reading, mask)
    if texture != "combed":
        _draw_curly(pen, mask, tones, coily=texture == "coily")
        return
    strands = read_strands(reading, mask)
    lines = streamlines(strands, pen.random, 0.55 * unit * strands.scale)
    shapes = outlines(
        _with_tips(pen, strands, lines, mask),
        2 * reading.scale,
        blur_px=1.2,
        smooth=0.011 * unit,
        least=0.006 * unit**2,
    )
    d = path_of(shapes, fine=1.2)
    seen = np.median(reading.lab[mask], axis=0)
    skin = np.array([reading.skin_lightness, *reading.skin[1:]])
    unlike = np.hypot((seen - skin)[0] * 0.8, np.hypot(*(seen - skin)[1:]))
    read = reading.subject.hair
    bald = read is not None and read.value == "bald" and reading.area(mask) < 0.055
    if bald or (reading.area(mask) < 0.13 and unlike < 17):
        # A shaven head: the skin a shade darker, no outline.
        sheet.fill(d, mixed(pen.skin.shade, tones.base, 0.22))
        return
    line = tones.line if pen.outline else tones.shade
    sheet.fill(d, tones.base, line=line, line_width=pen.outline)
    with sheet.clipped(d):
        _draw_shadow(pen, mask, tones)
        _draw_locks(pen, strands, lines, tones)


def _draw_shadow(pen: Pen, mask: np.ndarray, tones: HairTones) -> None:
    """Behind the neck and beside the cheek hair lies in shadow."""
    reading, unit = pen.reading, pen.reading.unit
    near = reading.grown(reading.skin_below | reading.oval, 0.07 * unit)
    near &= mask & (reading.down_at > reading.at(0) @ reading.down)
    shadow = outlines(near, reading.scale, blur_px=3, smooth=0.05 * unit, least=0.01 * unit**2)
    pen.sheet.fill(path_of(shadow), tones.shade)


def _draw_curly(pen: Pen, mask: np.ndarray, tones: HairTones, *, coily: bool) -> None:
    reading, sheet, unit = pen.reading, pen.sheet, pen.reading.unit
    short = reading.area(mask) < 0.45
    radius = (0.042 if short else 0.065 if coily else 0.085) * unit
    d = scalloped_path(pen, mask, radius)
    line = tones.line if pen.outline else tones.shade
    sheet.fill(d, tones.base, line=line, line_width=pen.outline)
    strands = read_strands(reading, mask, 0.12)
    light = cv2.resize(strands.light, mask.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    lit = mask & (light > np.percentile(light[mask], 55))
    with sheet.clipped(d):
        _draw_shadow(pen, mask, tones)
        if coily:
            draw_coils(pen, mask, tones, lit, 0.75 * radius)
        else:
            lines = streamlines(strands, pen.random, 0.7 * unit * strands.scale)
            draw_waves(pen, [line / strands.scale for line in lines], tones, lit, radius)


def _with_tips(pen: Pen, strands: Strands, lines: list[np.ndarray], mask: np.ndarray) -> np.ndarray:
    """``mask`` on twice its grid, smoothed, with locks that run out beyond its edge in a point."""
    reading, unit = pen.reading, pen.reading.unit
    size = (2 * mask.shape[1], 2 * mask.shape[0])
    smooth = cv2.resize(reading.soft(mask, 0.014 * unit), size, interpolation=cv2.INTER_CUBIC)
    tipped = (smooth > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) / reading.scale
    eyes = reading.at(159) @ reading.down
    ends: list[np.ndarray] = []
    for pixels in lines:
        line = pixels / strands.scale
        # From the crown down: the lower end is the tip.
        if (line[-1] - line[0]) @ reading.down < 0:
            line = line[::-1]
        tip, before = line[-1], line[-min(len(line), 10)]
        ahead = (tip - before) / max(1e-6, float(np.hypot(*(tip - before))))
        is_low = tip @ reading.down > eyes
        reach = (0.1 if is_low else 0.05) * unit * pen.random.uniform(0.7, 1.2)
        beyond = tip + ahead * reach
        if (
            reading.sample(tip[None], inside)[0] > 0.035 * unit
            or reading.sample(beyond[None], mask)[0]
            or length_of(line) < 0.2 * unit
            or not (8 < beyond[0] < reading.width - 8 and 8 < beyond[1] < reading.height - 8)
            or any(np.hypot(*(tip - end)) < 0.1 * unit for end in ends)
        ):
            continue
        on_face = reading.sample((tip + ahead * 0.5 * reach)[None], reading.oval)[0]
        if on_face and tip @ reading.down > eyes - 0.12 * unit:
            continue
        ends.append(tip)
        back = line[-min(len(line), int(0.16 * unit * strands.scale / 1.6)) :: 4]
        thick = (0.06 if is_low else 0.045) * unit
        lock = stroke(
            np.concatenate([back, [tip + ahead * reach * 0.5, beyond]]),
            [0.6 * thick, thick, 0.9 * thick, 0.5 * thick, 0.1],
        )
        corners = np.round((lock * 2 * reading.scale - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(tipped, [corners], 1, shift=4)
        if len(ends) >= _MOST_TIPS:
            break
    return tipped > 0


def _draw_locks(pen: Pen, strands: Strands, lines: list[np.ndarray], tones: HairTones) -> None:
    inside = strands.light[strands.mask]
    if inside.size < 50 or not lines:
        return
    low, middle, high, top = np.percentile(inside, [30, 50, 72, 92])
    spread = high - low
    locks = _Locks(pen, strands, lines)
    locks.draw(strands.light < middle - 0.25 * spread, tones.shade, 16, (0.022, 0.075), -1)
    if spread > 2.2:
        locks.draw(strands.light > high - 0.2 * spread, tones.light, 14, (0.018, 0.055), 1)
        locks.draw(strands.light > top - 0.2 * (top - high), tones.shine, 6, (0.012, 0.03), 1)
    pen_line = tones.line if pen.inner else tones.shade
    locks.draw(strands.mask, pen_line, 12, (0.0, 0.0), 0)


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


def streamlines(
    strands: Strands, random: np.random.Generator, reach_px: float, count: int = 190
) -> list[np.ndarray]:
    """Smooth lines along the strands through ``count`` places, all traced at once; pixels."""
    height, width = strands.mask.shape
    rows, columns = np.nonzero(strands.mask)
    if len(rows) < 40:
        return []
    chosen = random.choice(len(rows), min(count, len(rows)), replace=False)
    start = np.stack([columns[chosen], rows[chosen]], axis=1) + 0.5
    halves = []
    step = 1.6
    for sign in (1.0, -1.0):
        at = start.copy()
        first = strands.angle[rows[chosen], columns[chosen]]
        heading = sign * np.stack([np.cos(first), np.sin(first)], axis=1)
        alive = np.ones(len(at), bool)
        way, lengths = [], np.zeros(len(at), int)
        for _ in range(int(reach_px / step)):
            at = at + step * heading
            x, y = (
                np.clip(at[:, axis].astype(int), 0, limit - 1)
                for axis, limit in ((0, width), (1, height))
            )
            alive &= (
                (at >= 0).all(axis=1)
                & (at[:, 0] < width)
                & (at[:, 1] < height)
                & strands.mask[y, x]
            )
            if not alive.any():
                break
            here = strands.angle[y, x]
            along_here = np.stack([np.cos(here), np.sin(here)], axis=1)
            along_here *= np.where((along_here * heading).sum(axis=1) < 0, -1, 1)[:, None]
            # Strands bend, they do not turn round within a step.
            heading = heading + 0.6 * along_here
            heading /= np.maximum(np.hypot(*heading.T), 1e-6)[:, None]
            way.append(at)
            lengths += alive
        halves.append((np.array(way), lengths))
    lines = []
    for index in range(len(start)):
        (ahead, forward), (behind, back) = halves
        line = np.concatenate(
            [behind[: back[index], index][::-1] if back[index] else start[:0], start[index][None],
             ahead[: forward[index], index] if forward[index] else start[:0]]
        )  # fmt: skip
        if len(line) < 8:
            continue
        line = smoothed_values(line, 5)
        turns = np.diff(np.unwrap(np.arctan2(*np.diff(line[::3], axis=0).T[::-1])))
        if np.abs(turns).sum() < 3.2:
            lines.append(line)
    return lines
