"""A made-up backdrop: a colour that hair, skin and clothes stand out from, and a shape on it."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, lab_of_hex, lch, mixed, shifted
from cartoon_avatar.ai.engines.drawn.palette import WHITE
from cartoon_avatar.ai.engines.drawn.paths import bezier, polygon
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.sheet import circle


def chosen_colour(pen: Pen, colours: tuple[str, ...], beside: list[Lab]) -> Lab:
    """One of those ``colours`` (hex) that differ well from all of ``beside``, by chance."""
    candidates = [lab_of_hex(text) for text in colours]
    contrast = [
        min(float(np.hypot((c[0] - o[0]) * 1.1, np.hypot(*(c[1:] - o[1:])))) for o in beside)
        for c in candidates
    ]
    good = [
        c for c, value in zip(candidates, contrast, strict=True) if value > 0.62 * max(contrast)
    ]
    return good[int(pen.random.integers(len(good)))]


def draw_backdrop(pen: Pen, colour: Lab, shapes: tuple[str, ...]) -> None:
    """``colour`` over all of the sheet, and on it one of ``shapes`` by chance."""
    sheet, reading, unit = pen.sheet, pen.reading, pen.reading.unit
    width, height = sheet.width, sheet.height
    sheet.fill(polygon(np.array([(0, 0), (width, 0), (width, height), (0, height)])), colour)
    light = _beside(colour)
    middle = reading.at(168) + reading.down * 0.1 * unit
    shape = shapes[int(pen.random.integers(len(shapes)))]
    radius = 1.08 * unit
    if shape == "disc":
        sheet.fill(circle(middle, radius), light)
    elif shape == "arch":
        x = middle[0]
        turn = np.linspace(np.pi, 2 * np.pi, 24)
        top = middle + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        feet = np.array([(x + radius, height), (x - radius, height)])
        sheet.fill(polygon(np.concatenate([top, feet])), light)
    elif shape in ("rays", "burst"):
        turn = pen.random.uniform(0, np.pi)
        count = 14
        for ray in range(count):
            angles = turn + np.array([ray, ray + 0.5]) * 2 * np.pi / count
            reach = 2 * max(width, height)
            ends = middle + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            sheet.fill(polygon(np.concatenate([middle[None], ends])), light)
        if shape == "burst":
            sheet.fill(circle(middle, radius), mixed(light, WHITE, 0.2))
    elif shape == "dots":
        _draw_dots(pen, 0.085 * unit, light)
    elif shape == "blob":
        turn = np.linspace(0, 2 * np.pi, 9, endpoint=False)
        reach = radius * pen.random.uniform(0.92, 1.24, len(turn))
        points = middle + reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        sheet.fill(bezier(points), light)
    elif shape == "halves":
        x = middle[0] + pen.random.uniform(-0.3, 0.3) * unit
        lean = pen.random.uniform(-0.25, 0.25) * height
        points = [(x + lean, 0), (width, 0), (width, height), (x - lean, height)]
        sheet.fill(polygon(np.array(points)), light)


def _beside(colour: Lab) -> Lab:
    """Its neighbour on paper: lighter, or where it is light already, deeper and warmer."""
    light, chroma, _ = lch(colour)
    if light < 74:
        return shifted(colour, 10, 1.0, 4)
    return shifted(colour, -8, 1.0 if chroma < 30 else 1.08, -9)


def _draw_dots(pen: Pen, apart: float, colour: Lab) -> None:
    """A halftone that grows towards the foot of the sheet."""
    sheet = pen.sheet
    for row in range(int(sheet.height / apart) + 2):
        y = row * apart
        wide = 1.1 * apart * float(np.clip(y / sheet.height, 0, 1)) ** 0.7
        if wide < 0.16 * apart:
            continue
        columns = (np.arange(int(sheet.width / apart) + 2) + 0.5 * (row % 2)) * apart
        sheet.fill("".join(circle(np.array([x, y]), wide / 2) for x in columns), colour)
