"""Curly and coily hair: a mass that ends in scallops, waves and coils inside of it."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.palette import HairTones
from cartoon_avatar.ai.engines.drawn.paths import (
    length_of,
    normals,
    outlines,
    resampled,
    smoothed_values,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading, blurred

Texture = Literal["combed", "curly", "coily"]

# Coherence below which hair is curly or coily; what is not black shows grain that looks alike.
_CURLY_BLACK, _CURLY, _COILY = 0.47, 0.33, 0.31
# Cropped hair (squared face heights) has no room for curls.
_ROOM = 0.13


def read_texture(reading: Reading, mask: np.ndarray) -> Texture:
    """How the hair of ``mask`` runs, by the coherence of its structure tensor (Bigün 1987).

    Combed strands keep one direction over a tenth of the face's height, curls do not.
    """
    if reading.area(mask) < _ROOM:
        return "combed"
    unit_px = reading.unit * reading.scale
    inner = reading.grown(mask, -0.03 * reading.unit)
    if inner.sum() < 200:
        return "combed"
    light = reading.lab[..., 0]
    found = 0.5 * _coherence(light, inner, unit_px, 0.006, 0.1)
    found += 0.5 * _coherence(light, inner, unit_px, 0.012, 0.06)
    lightness, a, b = np.median(reading.lab[inner], axis=0)
    black = lightness < 35 and np.hypot(a, b) < 8
    if found < _COILY and (black or found < 0.26):
        return "coily"
    if reading.area(mask) < 0.35 or found > (_CURLY_BLACK if black else _CURLY):
        return "combed"
    # Curls that do not hang stand about the head.
    hanging = mask & (reading.down_at > reading.at(13) @ reading.down)
    return "curly" if reading.area(hanging) > 0.1 else "coily"


def _coherence(
    light: np.ndarray, inner: np.ndarray, unit_px: float, fine: float, broad: float
) -> float:
    """0 every direction .. 1 one, of edges ``fine`` wide over ``broad`` (face heights)."""
    soft = cv2.GaussianBlur(light, (0, 0), max(0.8, fine * unit_px))
    gx, gy = (cv2.Scharr(soft, cv2.CV_32F, *order, scale=1 / 32) for order in ((1, 0), (0, 1)))
    weight = inner.astype(np.float32)
    # Every place counts alike, in light and in shade.
    weight /= blurred((gx * gx + gy * gy) * weight, 0.05 * unit_px) + 0.05
    cos2 = blurred((gy * gy - gx * gx) * weight, broad * unit_px)
    sin2 = blurred(-2 * gx * gy * weight, broad * unit_px)
    energy = blurred((gx * gx + gy * gy) * weight, broad * unit_px)
    return float(np.hypot(cos2, sin2)[inner].sum() / max(1e-6, float(energy[inner].sum())))


def bumpy(
    reading: Reading, random: np.random.Generator, mask: np.ndarray, radius: float
) -> np.ndarray:
    """``mask`` on twice its grid, its edge a row of bumps of about ``radius`` units."""
    unit = reading.unit
    scale = 2 * reading.scale
    smooth = reading.soft(reading.opened(reading.soft(mask, 0.03 * unit) > 0.5, 0.04 * unit), 1)
    core = reading.grown(smooth > 0.5, -0.35 * radius)
    size = (2 * mask.shape[1], 2 * mask.shape[0])
    mass = cv2.resize(core.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    skin = reading.grown(reading.oval | reading.skin_below | reading.face, -0.01 * unit) & ~mask
    for edge in outlines(smooth, reading.scale, smooth=0.06 * unit, least=0.02 * unit**2):
        line = resampled(edge, 2.0, closed=True)
        outwards = normals(line, closed=True)
        if reading.sample(line + 0.03 * unit * outwards, smooth > 0.5).mean() > 0.5:
            outwards = -outwards
        at = 0.0
        while at < len(line) - 0.5 * radius / 2:
            point, ahead = line[int(at)], outwards[int(at)]
            by_face = reading.sample((point + 0.05 * unit * ahead)[None], skin)[0]
            bump = radius * float(random.uniform(0.75, 1.25)) * (0.6 if by_face else 1.0)
            centre = point - ahead * bump * (0.85 if by_face else 0.5)
            cv2.circle(
                mass,
                tuple(int(value) for value in np.round(centre * scale * 16)),
                round(bump * scale * 16),
                1, -1, cv2.LINE_8, 4,
            )  # fmt: skip
            at += bump * 1.25 / 2
    return mass > 0


def draw_waves(
    pen: Pen, lines: list[np.ndarray], tones: HairTones, lit: np.ndarray, radius: float
) -> None:
    """Locks that swing about ``lines`` (units): shade below, light where ``lit``, pen lines."""
    reading = pen.reading
    taken = np.zeros(lit.shape, np.uint8)
    drawn = {"shade": 0, "light": 0, "line": 0}
    most = {"shade": 10, "light": 9, "line": 16}
    for line in sorted(lines, key=length_of, reverse=True):
        if (line[-1] - line[0]) @ reading.down < 0:
            line = line[::-1]
        if length_of(line) < 2.2 * radius or reading.sample(line, taken).mean() > 0.35:
            continue
        bright = reading.sample(line, lit).mean()
        kind = min(
            ("light", "line") if bright > 0.5 else ("shade", "line"),
            key=lambda kind: drawn[kind] / most[kind],
        )
        if drawn[kind] >= most[kind]:
            continue
        drawn[kind] += 1
        around = round((1.3 if kind != "line" else 0.9) * radius * reading.scale)
        cv2.polylines(
            taken, [np.round(line * reading.scale).astype(np.int32)], False, 1, max(2, around)
        )
        wide = {"shade": 0.6, "light": 0.5, "line": 0.0}[kind] * radius or pen.fine
        colour = {"shade": tones.shade, "light": tones.light, "line": tones.line}[kind]
        swinging = _swinging(line, radius, float(pen.random.uniform(0, 2 * np.pi)))
        pen.brush(swinging, [0.1, 0.7 * wide, wide, wide, 0.9 * wide, 0.6 * wide, 0.1], colour)
        if kind == "light":
            part = swinging[len(swinging) // 5 : len(swinging) // 2]
            if len(part) > 4:
                pen.brush(part, [0.1, 0.4 * wide, 0.4 * wide, 0.1], tones.shine)


def _swinging(line: np.ndarray, radius: float, phase: float) -> np.ndarray:
    """``line`` as a wave that grows from the root to the tip."""
    points = resampled(line, 0.3 * radius)
    along = np.arange(len(points)) * 0.3 * radius
    swing = 0.55 * radius * np.sin(phase + 2 * np.pi * along / (3.4 * radius))
    swing *= np.interp(along, [0, 3 * radius], [0.4, 1.0])
    return smoothed_values(points + normals(points) * swing[:, None], 0.7)


def draw_coils(
    pen: Pen, mask: np.ndarray, tones: HairTones, lit: np.ndarray, radius: float
) -> None:
    """Hooks all over ``mask``, light where ``lit``, each turned its own way."""
    reading = pen.reading
    inside = reading.grown(mask, -0.8 * radius)
    rows, columns = np.nonzero(inside)
    if not len(rows):
        return
    free = inside.copy()
    order = pen.random.permutation(len(rows))
    count = 0
    for index in order:
        row, column = rows[index], columns[index]
        if not free[row, column]:
            continue
        centre = (np.array([column, row]) + 0.5) / reading.scale
        gap = max(1, round(2.3 * radius * reading.scale))
        free[max(0, row - gap) : row + gap + 1, max(0, column - gap) : column + gap + 1] = False
        bright = lit[row, column]
        colour = tones.light if bright else tones.line
        _draw_coil(pen, centre, radius * float(pen.random.uniform(0.75, 1.1)), colour)
        count += 1
        if count >= 60:
            return


def _draw_coil(pen: Pen, centre: np.ndarray, radius: float, colour: Lab) -> None:
    start = float(pen.random.uniform(0, 2 * np.pi))
    turn = start + np.linspace(0, 1.35 * np.pi, 9) * (1 if pen.random.random() < 0.5 else -1)
    reach = radius * np.linspace(1.0, 0.55, len(turn))
    points = centre + reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    wide = max(pen.fine, 0.2 * radius)
    pen.brush(points, [0.1, 0.8 * wide, wide, 0.8 * wide, 0.1], colour)
