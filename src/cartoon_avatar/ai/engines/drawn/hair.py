"""Hair: a clean silhouette, locks of light and shade along the strands, a few pen lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.palette import HairTones
from cartoon_avatar.ai.engines.drawn.paths import (
    length_of,
    outlines,
    path_of,
    roundness,
    smoothed_values,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.reading import Reading
from cartoon_avatar.ai.filters.flow import Flow, along

# The strands' pixels from chin to hairline.
_STRANDS_PX = 160


@dataclass(frozen=True, slots=True, eq=False)
class Strands:
    """Directions and light of hair on a grid of its own, ``scale`` pixels a unit."""

    scale: float
    mask: np.ndarray  # H×W bool
    angle: np.ndarray  # H×W float32, along the strand
    light: np.ndarray  # H×W float32, L averaged along the strands
    coherence: float  # 0 curls .. 1 combed


def read_strands(reading: Reading, mask: np.ndarray) -> Strands:
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
    sigma = max(2.0, 0.035 * unit_px)
    cos2 = cv2.GaussianBlur((gy * gy - gx * gx) * inner, (0, 0), sigma)
    sin2 = cv2.GaussianBlur(-2 * gx * gy * inner, (0, 0), sigma)
    energy = cv2.GaussianBlur((gx * gx + gy * gy) * inner, (0, 0), sigma)
    on = small & (energy > 1e-3)
    coherence = float(
        (np.hypot(cos2, sin2)[on].sum() / max(1e-6, energy[on].sum())) if on.any() else 1
    )
    floor = float(np.median(energy[small])) * 0.5 + 1e-4 if small.any() else 1.0
    cos2, sin2 = cos2 / (energy + floor), sin2 / (energy + floor)
    edge = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 2.0)
    ex, ey = (cv2.Scharr(edge, cv2.CV_32F, *order, scale=1 / 32) for order in ((1, 0), (0, 1)))
    outline_energy = cv2.GaussianBlur(ex * ex + ey * ey, (0, 0), 1.6 * sigma)
    high = float(np.percentile(outline_energy[small], 75)) + 1e-9 if small.any() else 1.0
    weight = 0.5 / (outline_energy + high)
    cos2 += cv2.GaussianBlur(ey * ey - ex * ex, (0, 0), 1.6 * sigma) * weight
    sin2 += cv2.GaussianBlur(-2 * ex * ey, (0, 0), 1.6 * sigma) * weight
    angle = 0.5 * np.arctan2(sin2, cos2).astype(np.float32)
    flow = Flow(np.cos(angle), np.sin(angle), np.ones_like(angle))
    # Only hair is averaged: the mask is averaged along with it.
    reach = 0.24 * unit_px
    weighed = along((light * small).astype(np.float32), flow, reach)
    share = along(small.astype(np.float32), flow, reach)
    combed = cv2.GaussianBlur(weighed / np.maximum(share, 0.05), (0, 0), 0.8)
    # Broad light and shade count for less than the locks that lie in it.
    broad = cv2.GaussianBlur(combed * small, (0, 0), 0.22 * unit_px)
    broad /= np.maximum(cv2.GaussianBlur(small.astype(np.float32), (0, 0), 0.22 * unit_px), 0.02)
    combed = combed - 0.55 * (broad - float(broad[small].mean() if small.any() else 0))
    return Strands(scale, small, angle, combed, coherence)


def draw_hair(pen: Pen, mask: np.ndarray, tones: HairTones) -> None:
    reading, sheet, unit = pen.reading, pen.sheet, pen.reading.unit
    if reading.area(mask) < 0.004:
        return
    shapes = outlines(mask, reading.scale, blur_px=1.2, smooth=0.018 * unit, least=0.006 * unit**2)
    d = path_of(shapes, fine=1.2)
    line = tones.line if pen.outline else tones.shade
    sheet.fill(d, tones.base, line=line, line_width=pen.outline)
    strands = read_strands(reading, mask)
    with sheet.clipped(d):
        _draw_tones(pen, strands, mask, tones)
        _draw_strands(pen, strands, tones)


def _draw_tones(pen: Pen, strands: Strands, mask: np.ndarray, tones: HairTones) -> None:
    reading, unit = pen.reading, pen.reading.unit
    inside = strands.light[strands.mask]
    if inside.size < 50:
        return
    low, middle, high, top = np.percentile(inside, [30, 50, 74, 93])

    def locks(region: np.ndarray, least: float) -> str:
        curves = outlines(
            cv2.resize(
                (region & strands.mask).astype(np.float32), None, fx=2, fy=2,
                interpolation=cv2.INTER_CUBIC,
            ),
            strands.scale * 2, blur_px=1.0, smooth=0.008 * unit, least=least * unit**2,
        )  # fmt: skip
        return path_of([c for c in curves if roundness(c) < 0.42], fine=1.1)

    pen.sheet.fill(locks(strands.light < low, 0.003), tones.shade)
    # Behind the neck and beside the cheek hair lies in shadow.
    near = reading.grown(reading.skin_below | reading.oval, 0.09 * unit)
    near &= mask & (reading.down_at > reading.at(0) @ reading.down)
    shadow = outlines(near, reading.scale, blur_px=3, smooth=0.04 * unit, least=0.006 * unit**2)
    pen.sheet.fill(path_of(shadow), tones.shade)
    if high - low > 2.2:
        pen.sheet.fill(
            locks((strands.light > high) & (strands.light > middle + 1.2), 0.003), tones.light
        )
        pen.sheet.fill(
            locks((strands.light > top) & (strands.light > high + 2), 0.003), tones.shine
        )


def _draw_strands(pen: Pen, strands: Strands, tones: HairTones) -> None:
    """Pen lines from root to tip, nowhere crowded."""
    unit_px = pen.reading.unit * strands.scale
    width = pen.fine * 0.9
    taken = np.zeros(strands.mask.shape, np.uint8)
    inner = cv2.erode(strands.mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    rows, columns = np.nonzero(inner)
    if len(rows) < 40:
        return
    dark = np.argsort(strands.light[rows, columns])[: max(40, len(rows) // 2)]
    drawn = 0
    for index in pen.random.permutation(dark)[:300]:
        row, column = rows[index], columns[index]
        if taken[row, column]:
            continue
        line = _streamline(strands.angle, inner, (column + 0.5, row + 0.5), 0.8 * unit_px)
        length = length_of(line) if len(line) > 3 else 0
        if length < 0.18 * unit_px:
            continue
        line = smoothed_values(line, 3)
        if np.hypot(*(line[-1] - line[0])) < 0.7 * length:
            continue
        x, y = np.clip(line.astype(int), 0, np.array(taken.shape[::-1]) - 1).T
        if taken[y, x].mean() > 0.15:
            continue
        cv2.polylines(taken, [line.astype(np.int32)], False, 1, max(3, round(0.1 * unit_px)))
        points = line[:: max(1, len(line) // 8)] / strands.scale
        pen.brush(
            points,
            [0.2, width * 0.8, width, width * 0.7, 0.2],
            tones.line if pen.inner else tones.shade,
        )
        drawn += 1
        if drawn >= 14:
            break


def _streamline(
    angle: np.ndarray, mask: np.ndarray, start: tuple[float, float], length: float
) -> np.ndarray:
    """The strand through ``start``, pixels, at most ``length`` to either side."""
    height, width = mask.shape
    halves = []
    for sign in (1.0, -1.0):
        x, y = start
        first = angle[int(y), int(x)]
        dx, dy = sign * np.cos(first), sign * np.sin(first)
        half = []
        for _ in range(int(length / 1.5)):
            x, y = x + 1.5 * dx, y + 1.5 * dy
            if not (0 <= x < width and 0 <= y < height) or not mask[int(y), int(x)]:
                break
            here = angle[int(y), int(x)]
            nx, ny = np.cos(here), np.sin(here)
            if nx * dx + ny * dy < 0:
                nx, ny = -nx, -ny
            dx, dy = dx + nx, dy + ny
            size = max(1e-6, float(np.hypot(dx, dy)))
            dx, dy = dx / size, dy / size
            half.append((x, y))
        halves.append(half)
    return np.array(halves[1][::-1] + [start] + halves[0], float)
