"""Clothes and hats: few flat colours with one shade, seams where long edges are."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, from_lch, lch, mixed, shifted
from cartoon_avatar.ai.engines.drawn.garments import Cloth
from cartoon_avatar.ai.engines.drawn.lapels import draw_suit, lapel_of, read_suit, shirt_front
from cartoon_avatar.ai.engines.drawn.paths import (
    area_of,
    length_of,
    outlines,
    path_of,
    polygon,
    resampled,
    roundness,
    smoothed_values,
)
from cartoon_avatar.ai.engines.drawn.patterns import pattern_colours, short_path
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading, blurred


def cloth_tone(reading: Reading, colour: Lab, light: float = 0.0) -> Lab:
    own, chroma, hue = lch(colour)
    if own < 20:
        own = 6 + 0.97 * own
    if reading.gain > 1.2:
        own += 4
    # White cloth takes the tint of its light.
    richer = 0.5 if own > 80 and chroma < 9 else 1.18
    chroma = min(chroma, 3) if reading.subject.monochrome else chroma * richer
    return from_lch(float(np.clip(own + light, 3, 97)), chroma, hue)


def draw_cloth(pen: Pen, mask: np.ndarray, regions: list[Cloth]) -> None:
    """The cloths of ``mask``, ``regions`` as ``cloth_regions`` tells them."""
    reading, sheet, unit = pen.reading, pen.sheet, pen.reading.unit
    d = path_of(outlines(mask, reading.scale, blur_px=2, smooth=0.03 * unit, least=0.01 * unit**2))
    if not d or not regions:
        return
    main = cloth_tone(reading, regions[0].colour)
    line = mixed(pen.ink, main, 0.15)
    sheet.fill(d, main, line=line, line_width=pen.outline)
    light = reading.soft(reading.lab[..., 0], 0.02 * unit)
    edges = np.zeros_like(mask)
    with sheet.clipped(d):
        suit = read_suit(reading, regions)
        if suit is not None and (front := shirt_front(reading, suit, regions)) is not None:
            outline, colour = front
            sheet.fill(polygon(outline), cloth_tone(reading, colour))
        for number, cloth in enumerate(regions):
            region = cloth.mask
            part = d
            if number:
                curves = outlines(
                    region, reading.scale, blur_px=1.2, smooth=0.014 * unit, least=0.005 * unit**2
                )
                part = path_of(curves)
                sheet.fill(
                    part,
                    cloth_tone(reading, cloth.colour),
                    line=line,
                    line_width=pen.inner * 0.8,
                )
                edges |= reading.grown(region, 0.04 * unit) & ~reading.grown(region, -0.04 * unit)
            if cloth.patterned:
                _draw_pattern(pen, region, part, own=not number)
                edges |= region
            else:
                _draw_folds(pen, region, cloth.colour, light)
        if suit is not None:
            draw_suit(pen, suit, main, line)
            for edge, side in zip(suit.edges, (-1, 1), strict=True):
                edges |= reading.grown(reading.inside(lapel_of(reading, edge, side)), 0.02 * unit)
        _draw_shadow_of_head(pen, mask)
        for seam in seams(reading, mask & ~edges):
            width = pen.inner
            # Ink drowns in black cloth: there the lines are light.
            on = main[0]
            shade = cloth_tone(reading, regions[0].colour, 9) if on < 30 else line
            pen.brush(seam, [0.3, width * 0.9, width, width * 0.7, 0.3], shade)
    sheet.line(d, line, pen.outline)


def _white(colour: Lab) -> Lab:
    """Beside other colours, what is nearly white is meant to be white."""
    light, chroma, _ = lch(colour)
    return shifted(colour, 3, 0.35) if light > 74 and chroma < 18 else colour


def _draw_pattern(pen: Pen, region: np.ndarray, part: str, *, own: bool) -> None:
    """``part`` is the path of ``region``; its line is its ``own`` already."""
    colours = [(curves, _white(colour)) for curves, colour in pattern_colours(pen.reading, region)]
    ground = cloth_tone(pen.reading, colours[0][1])
    pen.sheet.fill(part, ground)
    with pen.sheet.clipped(part):
        for curves, colour in colours[1:]:
            pen.sheet.fill(short_path(curves), cloth_tone(pen.reading, colour))
    if not own:
        pen.sheet.line(part, mixed(pen.ink, ground, 0.15), pen.inner * 0.8)


def _draw_folds(pen: Pen, region: np.ndarray, colour: Lab, light: np.ndarray) -> None:
    reading, unit = pen.reading, pen.reading.unit
    lights = light[region]
    middle = float(np.median(lights))
    low, high = np.percentile(lights, [10, 90])
    # On dark cloth shade is a stain.
    if high - low < 9 or lch(colour)[0] < 30:
        return
    shade = region & (light < middle - max(5.0, 0.36 * (high - low)))
    shade = reading.opened(shade, 0.018 * unit)
    curves = outlines(shade, reading.scale, blur_px=3, smooth=0.06 * unit, least=0.02 * unit**2)
    # A fold is long; what is round is a stain.
    curves = sorted((c for c in curves if roundness(c) < 0.24), key=area_of)[-3:]
    own = lch(colour)[0]
    pen.sheet.fill(
        path_of(curves), cloth_tone(reading, colour, -float(np.clip(0.11 * own + 1, 4, 8)))
    )


def _draw_shadow_of_head(pen: Pen, mask: np.ndarray) -> None:
    reading, unit = pen.reading, pen.reading.unit
    above = reading.oval | reading.hair
    fallen = reading.moved(
        above, reading.down * 0.07 * unit + reading.across * reading.light_side * 0.02 * unit
    )
    curves = outlines(
        fallen & mask & ~above, reading.scale, blur_px=2.5, smooth=0.03 * unit, least=300
    )
    pen.sheet.fill(path_of(curves), np.array([6.0, 4, -6]), opacity=0.22)


def seams(reading: Reading, mask: np.ndarray) -> list[np.ndarray]:
    """Long clean edges inside cloth: collars, lapels, brims, as lines (units).

    Canny on lightness divided by its local contrast: black cloth has lapels, too.
    """
    unit_px = reading.unit * reading.scale
    light = cv2.GaussianBlur(reading.lab[..., 0], (0, 0), max(1.0, 0.01 * unit_px))
    cloth = mask.astype(np.float32)

    def mean_of(values: np.ndarray, sigma: float) -> np.ndarray:
        return blurred(values * cloth, sigma) / np.maximum(blurred(cloth, sigma), 0.02)

    relief = light - mean_of(light, 0.1 * unit_px)
    # Clipped, so that one strong edge does not hide the faint ones beside it.
    contrast = mean_of(np.minimum(np.abs(relief), 4), 0.2 * unit_px) + 0.6
    plain = np.clip(128 + 42 * relief / contrast, 0, 255).astype(np.uint8)
    edges = cv2.Canny(plain, 70, 200, L2gradient=True)
    edges = (edges > 0) & reading.grown(mask, -0.02 * reading.unit)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        edges.astype(np.uint8), connectivity=8
    )
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:24] + 1 if count > 1 else []
    pieces = []
    by_neck = reading.grown(reading.skin_below | reading.oval, 0.3 * reading.unit)
    for index in order:
        if stats[index, cv2.CC_STAT_AREA] < 0.14 * unit_px:
            break
        line = _walked(np.argwhere(labels == index)[:, ::-1])
        line = smoothed_values(resampled((line + 0.5) / reading.scale, 3), 3)
        for piece in _without_corners(line, 3):
            # At the neck short edges are a collar's, elsewhere they are crumpled cloth.
            collar = reading.sample(piece, by_neck).mean() > 0.5
            if length_of(piece) > (0.15 if collar else 0.26) * reading.unit:
                pieces.append(piece)
    lines = []
    near = np.zeros(mask.shape, np.uint8)
    for line in sorted(pieces, key=length_of, reverse=True):
        if reading.sample(line, near).mean() < 0.25:
            lines.append(resampled(line, 0.05 * reading.unit))
            points = np.round(line * reading.scale).astype(np.int32)
            cv2.polylines(near, [points], False, 1, max(2, round(0.16 * unit_px)))
    return lines[:8]


def _without_corners(line: np.ndarray, step: float) -> list[np.ndarray]:
    """``line``, a point every ``step`` units, parted where it turns sharply."""
    ahead = np.diff(line, axis=0)
    heading = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
    over = 6
    turn = np.abs(heading[over:] - heading[:-over])
    cuts = [0, *(np.flatnonzero(turn > 0.8) + over // 2), len(line)]
    return [line[a:b] for a, b in pairwise(cuts) if b - a > 4]


def _walked(pixels: np.ndarray) -> np.ndarray:
    """The pixels of a one pixel wide line in the order of a walk from one end."""
    start = pixels[((pixels - pixels.mean(axis=0)) ** 2).sum(axis=1).argmax()]
    left = {tuple(p) for p in pixels.tolist()}
    here = tuple(start.tolist())
    left.discard(here)
    way = [here]
    while True:
        near = [
            (here[0] + dx, here[1] + dy)
            for dx in (-2, -1, 0, 1, 2)
            for dy in (-2, -1, 0, 1, 2)
            if (here[0] + dx, here[1] + dy) in left
        ]
        if not near:
            return np.array(way, float)
        back = way[max(0, len(way) - 6)]
        heading = (here[0] - back[0], here[1] - back[1])
        there = max(
            near,
            key=lambda p, h=here, v=heading: (
                ((p[0] - h[0]) * v[0] + (p[1] - h[1]) * v[1])
                / (1e-6 + np.hypot(p[0] - h[0], p[1] - h[1]))
                - 0.1 * np.hypot(p[0] - h[0], p[1] - h[1])
            ),
        )
        left -= {p for p in near if max(abs(p[0] - here[0]), abs(p[1] - here[1])) <= 1}
        left.discard(there)
        way.append(there)
        here = there
