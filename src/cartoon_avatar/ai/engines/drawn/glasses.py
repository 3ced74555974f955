"""Glasses: the frame's own outline about each eye, evened out left to right."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.palette import WHITE
from cartoon_avatar.ai.engines.drawn.paths import (
    bezier,
    few_points,
    outlines,
    path_of,
    polygon,
)
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

_ANGLES = 48


@dataclass(frozen=True, slots=True, eq=False)
class Glasses:
    """Rims as closed outlines (units), right lens first; ``dark`` are sunglasses.

    ``frame`` is what the photo shows of it, on the grid; ``whole`` says that it goes all the way
    round both lenses, so that nothing of it has to be made up.
    """

    rims: tuple[np.ndarray, np.ndarray]
    thickness: float
    colour: Lab
    dark: bool
    lens_colour: Lab
    frame: np.ndarray
    whole: bool


def read_glasses(reading: Reading) -> Glasses | None:
    """None unless two rims and a bridge are there."""
    unit = reading.unit
    read = reading.subject.glasses
    if read is None or read.value == "none":
        return None
    worn = reading.worn_on_face > 0.35
    if reading.area(worn & reading.oval) < 0.006:
        return None
    eyes = [eye.outline.mean(axis=0).astype(float) for eye in reading.features.eyes]
    apart = float(np.hypot(*(eyes[1] - eyes[0])))
    if apart < 0.22 * unit:
        return None  # a profile: lenses overlap
    turn = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
    radii = np.linspace(0.06, 0.52, 47) * apart
    profiles, filled = [], []
    for index, eye in enumerate(eyes):
        outward = -1 if index == 0 else 1
        rays = np.stack([np.cos(turn) * outward, np.sin(turn)], axis=1)
        points = (
            eye
            + (rays[:, None, :1] * reading.across + rays[:, None, 1:] * reading.down)
            * radii[None, :, None]
        )
        hit = reading.sample(points.reshape(-1, 2), worn).reshape(_ANGLES, -1)
        if hit.any(axis=1).mean() < 0.35:
            return None
        filled.append(hit[:, : len(radii) // 3].mean())
        far = np.where(
            hit.any(axis=1), radii[hit.shape[1] - 1 - hit[:, ::-1].argmax(axis=1)], np.nan
        )
        profiles.append(far)
    both = _evened_out(reading, eyes, profiles, apart)
    if both is None:
        return None
    height = float(np.ptp(both[:, 1]))
    if not 0.22 * apart < height < 1.1 * apart:
        return None
    middle = (eyes[0] + eyes[1]) / 2
    bridge = reading.disc(middle, 0.13 * apart) | reading.disc(
        middle - reading.down * 0.08 * apart, 0.12 * apart
    )
    if (bridge & worn).sum() < 3:
        return None
    dark_lens = reading.lab[
        reading.disc(eyes[0], 0.16 * apart) | reading.disc(eyes[1], 0.16 * apart)
    ]
    lens = np.median(dark_lens, axis=0)
    dark = read.value == "dark" and min(filled) > 0.3
    rims = []
    for index, eye in enumerate(eyes):
        outward = -1 if index == 0 else 1
        x, y = both[:, :1] * outward, both[:, 1:]
        rims.append(eye + x * reading.across + y * reading.down)
    pixels = reading.lab[worn & reading.oval]
    colour = np.median(pixels[pixels[:, 0] <= np.percentile(pixels[:, 0], 40)], axis=0)
    colour = colour.astype(float)
    around = 2 * float(np.hypot(*(rims[0] - np.roll(rims[0], 1, axis=0)).T).sum())
    thickness = (worn & reading.grown(reading.oval, 0)).sum() / reading.scale**2 / (1.4 * around)
    thickness = 0.018 * unit if dark else float(np.clip(thickness, 0.014 * unit, 0.032 * unit))
    if dark:
        # The darkest of the mask is lens: the frame is what lies about it.
        inside = np.zeros_like(worn)
        for rim in rims:
            inside |= reading.inside(rim.mean(axis=0) + (rim - rim.mean(axis=0)) * 0.86)
        about = reading.lab[worn & reading.oval & ~inside]
        colour = np.median(about, axis=0).astype(float) if len(about) > 20 else colour
        colour[0] = max(18.0, colour[0])
    colour[0] = max(6.0, colour[0] * 0.65) if not dark else colour[0] * 0.85
    frame, whole = _frame_seen(reading, eyes, apart)
    return Glasses((rims[0], rims[1]), thickness, colour, dark, lens.astype(float), frame, whole)


def _frame_seen(reading: Reading, eyes: list[np.ndarray], apart: float) -> tuple[np.ndarray, bool]:
    """The frame's own shape, and whether it closes round a hole at both eyes."""
    unit = reading.unit
    near = reading.disc(eyes[0], 0.75 * apart) | reading.disc(eyes[1], 0.75 * apart)
    frame = (reading.soft(reading.worn_on_face, 0.004 * unit) > 0.42) & near
    frame = reading.without_small(reading.closed(frame, 0.012 * unit), 0.003)
    # Thin rims keep a line that shows.
    if frame.any():
        thick = frame & ~reading.opened(frame, 0.007 * unit)
        frame |= reading.grown(thick, 0.004 * unit)
    outside = ~frame
    _, labels = cv2.connectedComponents(outside.astype(np.uint8), connectivity=4)
    beyond = set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])))
    at_eyes = [int(reading.sample(eye[None], labels)[0]) for eye in eyes]
    whole = all(label and label not in beyond for label in at_eyes) and at_eyes[0] != at_eyes[1]
    return frame, whole


def _evened_out(
    reading: Reading, eyes: list[np.ndarray], profiles: list[np.ndarray], apart: float
) -> np.ndarray | None:
    """One rim for both eyes: a superellipse (Lamé) through what was seen of either.

    ``profiles`` are distances from the eye's middle at ``_ANGLES`` angles, outwards first,
    then down; NaN where no frame was met.
    """
    seen = np.stack(profiles)
    known = np.asarray(~np.isnan(seen).all(axis=0))
    if known.mean() < 0.5:
        return None
    radius = np.array(
        [np.nanmean(column) if ok else 0.0 for column, ok in zip(seen.T, known, strict=True)]
    )
    turn = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
    radius = np.interp(turn, turn[known], radius[known], period=2 * np.pi)
    x, y = np.cos(turn) * radius, np.sin(turn) * radius
    half_rimless = not known[(np.sin(turn) > 0.6)].mean() > 0.5
    level, upright = np.abs(np.sin(turn)) < 0.35, np.abs(np.cos(turn)) < 0.5
    outer = float(np.median(x[level & (x > 0)]))
    # Towards the nose the ray meets the bridge or the other rim: no lens is that wide.
    inner = min(float(np.median(-x[level & (x < 0)])), 0.43 * apart)
    low, high = float(np.median(y[upright & (y > 0)])), float(np.median(-y[upright & (y < 0)]))
    if half_rimless:
        low = _lower_rim(reading, eyes, (outer + inner) / 2, high) or 1.25 * high
    wide, tall = (outer + inner) / 2, (low + high) / 2
    middle = np.array([(outer - inner) / 2, (low - high) / 2])
    # How far the corners reach tells round (0.71 of the box's corner) from square (1).
    corner = []
    for across, down in ((1, 1), (1, -1), (-1, -1)):
        angle = np.arctan2(middle[1] + down * tall * 0.8, middle[0] + across * wide * 0.8)
        at = np.interp(angle % (2 * np.pi), turn, radius, period=2 * np.pi)
        point = np.array([np.cos(angle), np.sin(angle)]) * at - middle
        corner.append(float(np.hypot(*(point / (wide, tall))) / np.sqrt(2)))
    reach = float(np.clip(np.median(corner), 0.72, 0.9))
    power = float(np.clip(-np.log(2) / np.log(reach), 2.1, 6.0))
    cos, sin = np.cos(turn), np.sin(turn)
    shape = np.stack(
        [
            np.sign(cos) * np.abs(cos) ** (2 / power) * wide,
            np.sign(sin) * np.abs(sin) ** (2 / power) * tall,
        ],
        axis=1,
    )
    shape[:, 0] *= 1 - 0.06 * shape[:, 1] / tall  # narrower below
    return shape + middle


def _lower_rim(reading: Reading, eyes: list[np.ndarray], wide: float, high: float) -> float | None:
    """How far below the eyes a rim runs that the masks took for skin, if one does.

    Clear or thin, it still is a line: the arc along which lightness stands out most.
    """
    close = reading.close
    line = np.abs(close.soft(close.light, 0.004) - close.soft(close.light, 0.016))
    x = np.linspace(-0.7, 0.7, 25)
    arc = (1 - np.abs(x) ** 3) ** (1 / 3)
    lows = np.linspace(1.0, 3.4, 33) * high
    found = []
    for low in lows:
        points = np.concatenate(
            [
                eye + x[:, None] * wide * reading.across + arc[:, None] * low * reading.down
                for eye in eyes
            ]
        )
        place = close.here(points).astype(int)
        column, row = np.clip(place, 0, np.array(close.shape[::-1]) - 1).T
        found.append(float(np.median(line[row, column])))
    best = int(np.argmax(found))
    stands_out = found[best] > max(1.0, 1.6 * float(np.median(found)))
    return float(lows[best]) if stands_out and 0 < best < len(lows) - 1 else None


def draw_glasses(pen: Pen, glasses: Glasses) -> None:
    """Lenses, then the frame as the photo shows it; what is missing of a rim is a thin line."""
    reading, sheet, unit = pen.reading, pen.sheet, pen.reading.unit
    frame = outlines(
        glasses.frame, reading.scale, blur_px=1.2, smooth=0.009 * unit, least=0.0015 * unit**2
    )
    if glasses.dark:
        _draw_dark_lenses(pen, glasses, frame)
        return
    for rim in glasses.rims:
        _draw_sheen(pen, rim, 0.1)
    if glasses.whole:
        sheet.fill(path_of(frame, fine=1.5), glasses.colour)
        return
    for rim, temple, outward in zip(glasses.rims, (127, 356), (-1, 1), strict=True):
        _draw_temple(pen, glasses, rim, temple, outward)
    bare = len(frame) > 0 and glasses.frame.sum() > 0.12 * lens_mask(reading, glasses).sum()
    for rim in glasses.rims:
        thick = glasses.thickness * (0.55 if bare else 1.0)
        sheet.line(bezier(few_points(rim, fine=1.5)), glasses.colour, thick)
    if bare:
        sheet.fill(path_of(frame, fine=1.5), glasses.colour)
    else:
        _draw_bridge(pen, glasses)


def _draw_dark_lenses(pen: Pen, glasses: Glasses, frame: list[np.ndarray]) -> None:
    lens = glasses.lens_colour.copy()
    lens[0] = min(lens[0] * 0.8, 26)
    d = path_of(frame, fine=1.5)
    pen.sheet.fill(d, glasses.colour, line=pen.ink, line_width=pen.inner * 0.6)
    with pen.sheet.clipped(d):
        for rim in glasses.rims:
            middle = rim.mean(axis=0)
            pen.sheet.fill(bezier(few_points(middle + (rim - middle) * 0.84, fine=1.5)), lens)
            _draw_sheen(pen, middle + (rim - middle) * 0.84, 0.24)


def _draw_sheen(pen: Pen, rim: np.ndarray, opacity: float) -> None:
    """Two slanting bands of light on a lens."""
    across, down = pen.reading.across, pen.reading.down
    centre = rim.mean(axis=0)
    x, y = (np.ptp(rim @ axis) / 2 for axis in (across, down))
    with pen.sheet.clipped(bezier(few_points(rim, fine=1.5))):
        for left, right in ((-0.15, 0.2), (0.32, 0.45)):
            band = [
                (right + 0.35, -1.2),
                (left + 0.35, -1.2),
                (left - 0.45, 1.2),
                (right - 0.45, 1.2),
            ]
            points = np.array([centre + across * px * x + down * py * y for px, py in band])
            pen.sheet.fill(polygon(points), WHITE, opacity=opacity)


def _draw_temple(pen: Pen, glasses: Glasses, rim: np.ndarray, temple: int, outward: int) -> None:
    reading, thick = pen.reading, glasses.thickness
    start = rim[(rim @ reading.across * outward).argmax()] - reading.down * 0.02 * reading.unit
    ear = reading.at(temple) + reading.across * outward * 0.012 * reading.unit
    if (ear - start) @ reading.across * outward > 0.012 * reading.unit:
        way = np.array([start, (start + ear) / 2, ear])
        pen.brush(way, [thick, thick * 0.9, thick * 0.7], glasses.colour)


def _draw_bridge(pen: Pen, glasses: Glasses) -> None:
    across, thick = pen.reading.across, glasses.thickness
    first, second = sorted(glasses.rims, key=lambda rim: float((rim @ across).mean()))
    start, end = first[(first @ across).argmax()], second[(second @ across).argmin()]
    lift = pen.reading.down * 0.035 * pen.reading.unit
    bridge = np.array(
        [start - lift * 0.6, (start * 2 + end) / 3 - lift, (start + end * 2) / 3 - lift,
         end - lift * 0.6]
    )  # fmt: skip
    pen.brush(bridge, [thick * 1.1, thick * 0.9, thick * 1.1], glasses.colour)


def lens_mask(reading: Reading, glasses: Glasses) -> np.ndarray:
    mask = np.zeros(reading.person.shape, np.uint8)
    for rim in glasses.rims:
        cv2.fillPoly(mask, [np.round(rim * reading.scale).astype(np.int32)], 1)
    return mask > 0
