"""Strands of hair: which way they run, how light they are, and lines along them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.paths import smoothed_values
from cartoon_avatar.ai.engines.drawn.person import Reading, blurred
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
