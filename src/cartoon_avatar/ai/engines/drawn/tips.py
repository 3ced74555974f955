"""The edge of combed hair: calm, but for locks that run out in points and hair that stands up."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.paths import (
    length_of,
    normals,
    outlines,
    resampled,
    stroke,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.strands import Strands

_MOST_TIPS = 9
# Share of the edges at the crown that run out of the hair, above which it stands up.
_STANDING = 0.115


def calm(reading: Reading, mask: np.ndarray) -> np.ndarray:
    """``mask`` without its own crumbs and drips: its ends are drawn as locks."""
    unit = reading.unit
    calm = reading.soft(mask, 0.03 * unit) > 0.5
    # Cropped hair is thin all over.
    if reading.area(mask) > 0.3:
        calm = reading.opened(calm, 0.035 * unit)
    else:
        calm |= reading.opened(mask, 0.008 * unit)
    # The line at the cheek stays as it is; a fringe has no slits and no crumbs.
    fringe = reading.opened(reading.closed(mask, 0.03 * unit), 0.015 * unit)
    fringe = reading.soft(fringe, 0.012 * unit) > 0.5
    above = reading.down_at < reading.at(9) @ reading.down
    own = np.where(above, fringe, mask)
    return np.where(reading.grown(reading.oval, 0.03 * unit), own, calm)


def with_tips(pen: Pen, strands: Strands, lines: list[np.ndarray], mask: np.ndarray) -> np.ndarray:
    """``mask`` on twice its grid, smoothed, with locks that run out beyond its edge in a point."""
    reading, unit = pen.reading, pen.reading.unit
    size = (2 * mask.shape[1], 2 * mask.shape[0])
    smooth = cv2.resize(
        reading.soft(calm(reading, mask), 0.016 * unit), size, interpolation=cv2.INTER_CUBIC
    )
    tipped = (smooth > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) / reading.scale
    eyes = reading.at(159) @ reading.down
    ends: list[np.ndarray] = []
    if tousled(reading, mask):
        _spike(pen, strands, mask, tipped)
    for pixels in lines:
        line = pixels / strands.scale
        # From the crown down: the lower end is the tip.
        if (line[-1] - line[0]) @ reading.down < 0:
            line = line[::-1]
        tip, before = line[-1], line[-min(len(line), 10)]
        ahead = (tip - before) / max(1e-6, float(np.hypot(*(tip - before))))
        # Above the eyes, and out to the side, a tip is a bump on the outline.
        if tip @ reading.down < eyes or ahead @ reading.down < 0.35:
            continue
        reach = 0.12 * unit * pen.random.uniform(0.7, 1.2)
        beyond = tip + ahead * reach
        if (
            reading.sample(tip[None], inside)[0] > 0.035 * unit
            or reading.sample(beyond[None], mask)[0]
            or length_of(line) < 0.2 * unit
            or not (8 < beyond[0] < reading.width - 8 and 8 < beyond[1] < reading.height - 8)
            or any(np.hypot(*(tip - end)) < 0.15 * unit for end in ends)
        ):
            continue
        if reading.sample((tip + ahead * 0.5 * reach)[None], reading.oval)[0]:
            continue
        ends.append(tip)
        back = line[-min(len(line), int(0.16 * unit * strands.scale / 1.6)) :: 4]
        thick = 0.11 * unit
        lock = stroke(
            np.concatenate([back, [tip + ahead * reach * 0.5, beyond]]),
            [0.6 * thick, thick, 0.9 * thick, 0.5 * thick, 0.1],
        )
        corners = np.round((lock * 2 * reading.scale - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(tipped, [corners], 1, shift=4)
        if len(ends) >= _MOST_TIPS:
            break
    return tipped > 0


def tousled(reading: Reading, mask: np.ndarray) -> bool:
    """Whether short hair of ``mask`` stands up at the crown: its strands run across its edge."""
    unit = reading.unit
    if not 0.2 < reading.area(mask) < 0.5:
        return False
    light = cv2.GaussianBlur(reading.lab[..., 0], (0, 0), 1.0)
    edge = reading.soft(mask, 0.03 * unit)
    gx, gy, nx, ny = (
        cv2.Scharr(values, cv2.CV_32F, *order, scale=1 / 32)
        for values in (light, edge)
        for order in ((1, 0), (0, 1))
    )
    rim = reading.grown(mask, 0.015 * unit) & ~reading.grown(mask, -0.025 * unit)
    rim &= reading.down_at < reading.at(10) @ reading.down
    rim &= ~reading.grown(reading.oval | reading.face | reading.hat, 0.05 * unit)
    if reading.area(rim) < 0.005:
        return False
    steep = np.maximum(nx * nx + ny * ny, 1e-9)
    over, along_edge = (gx * nx + gy * ny) ** 2 / steep, (gy * nx - gx * ny) ** 2 / steep
    return float(along_edge[rim].sum() / (over + along_edge)[rim].sum()) > _STANDING


def _spike(pen: Pen, strands: Strands, mask: np.ndarray, tipped: np.ndarray) -> None:
    """Points of hair along the crown, leaning the way the hair is combed; on ``tipped``."""
    reading, unit = pen.reading, pen.reading.unit
    scale = 2 * reading.scale
    outline = outlines(mask, reading.scale, smooth=0.06 * unit, least=0.05 * unit**2)
    if not outline:
        return
    line = resampled(max(outline, key=length_of), 2.0, closed=True)
    outwards = normals(line, closed=True)
    if reading.sample(line + 0.04 * unit * outwards, mask).mean() > 0.5:
        outwards = -outwards
    crown = (line @ reading.down < reading.at(10) @ reading.down + 0.02 * unit) & ~reading.sample(
        line + 0.08 * unit * outwards, reading.grown(reading.oval | reading.face, 0.02 * unit)
    )
    # The sum of directions where they point to the right: which side rises.
    on = strands.mask
    lean = float(np.sign(np.sin(2 * strands.angle[on]).sum()) or 1.0)
    spikes = np.zeros_like(tipped)
    at = 0.0
    while at < len(line):
        index = int(at)
        at += 0.13 * unit / 2 * float(pen.random.uniform(0.6, 1.5))
        if not crown[index] or outwards[index] @ reading.down > -0.25:
            continue
        ahead = outwards[index] + 0.55 * lean * reading.across
        ahead /= max(1e-6, float(np.hypot(*ahead)))
        reach = unit * float(pen.random.uniform(0.05, 0.1))
        start = line[index] - ahead * 0.15 * unit - 0.06 * unit * lean * reading.across
        bend = line[index] + ahead * 0.3 * reach
        end = line[index] + ahead * reach + 0.25 * reach * lean * reading.across
        lock = stroke(np.array([start, bend, end]), [0.12 * unit, 0.14 * unit, 0.06 * unit, 0.1])
        corners = np.round((lock * scale - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(spikes, [corners], 1, shift=4)
    # Their roots do not show on the brow.
    brow = cv2.resize(((reading.oval | reading.face) & ~mask).astype(np.uint8), tipped.shape[::-1])
    tipped |= spikes & (1 - brow)
