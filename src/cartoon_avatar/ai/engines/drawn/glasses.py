"""Glasses: the frame's own outline about each eye, evened out left to right."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.palette import WHITE
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, polygon
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

_ANGLES = 48


@dataclass(frozen=True, slots=True, eq=False)
class Glasses:
    """Rims as closed outlines (units), right lens first; ``dark`` are sunglasses."""

    rims: tuple[np.ndarray, np.ndarray]
    thickness: float
    colour: Lab
    dark: bool
    lens_colour: Lab


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
    both = _evened_out(profiles, apart)
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
    frame = np.median(pixels[pixels[:, 0] <= np.percentile(pixels[:, 0], 40)], axis=0).astype(float)
    around = 2 * float(np.hypot(*(rims[0] - np.roll(rims[0], 1, axis=0)).T).sum())
    thickness = (worn & reading.grown(reading.oval, 0)).sum() / reading.scale**2 / (1.4 * around)
    thickness = 0.018 * unit if dark else float(np.clip(thickness, 0.014 * unit, 0.032 * unit))
    frame[0] = max(6.0, frame[0] * 0.65)
    return Glasses((rims[0], rims[1]), thickness, frame, dark, lens.astype(float))


def _evened_out(profiles: list[np.ndarray], apart: float) -> np.ndarray | None:
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
        low = 1.25 * high
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


def draw_glasses(pen: Pen, glasses: Glasses) -> None:
    reading, sheet = pen.reading, pen.sheet
    across, down, unit = reading.across, reading.down, reading.unit
    thick, colour = glasses.thickness, glasses.colour
    for rim, temple, outward in zip(glasses.rims, (127, 356), (-1, 1), strict=True):
        start = rim[(rim @ across * outward).argmax()] - down * 0.02 * unit
        ear = reading.at(temple) + across * outward * 0.012 * unit
        if (ear - start) @ across * outward > 0.012 * unit:
            pen.brush(
                np.array([start, (start + ear) / 2, ear]), [thick, thick * 0.9, thick * 0.7], colour
            )
    for rim in glasses.rims:
        d = bezier(few_points(rim, fine=1.5))
        centre = rim.mean(axis=0)
        if glasses.dark:
            lens = glasses.lens_colour.copy()
            lens[0] = min(lens[0] * 0.8, 28)
            sheet.fill(d, lens)
        x, y = (np.ptp(rim @ axis) / 2 for axis in (across, down))
        with sheet.clipped(d):
            for left, right in ((-0.15, 0.2), (0.32, 0.45)):
                band = [
                    (right + 0.35, -1.2),
                    (left + 0.35, -1.2),
                    (left - 0.45, 1.2),
                    (right - 0.45, 1.2),
                ]
                points = np.array([centre + across * px * x + down * py * y for px, py in band])
                sheet.fill(polygon(points), WHITE, opacity=0.22 if glasses.dark else 0.1)
        sheet.line(d, colour, thick)
    first, second = sorted(glasses.rims, key=lambda rim: float((rim @ across).mean()))
    start, end = first[(first @ across).argmax()], second[(second @ across).argmin()]
    lift = down * 0.035 * unit
    bridge = np.array(
        [start - lift * 0.6, (start * 2 + end) / 3 - lift, (start + end * 2) / 3 - lift,
         end - lift * 0.6]
    )  # fmt: skip
    pen.brush(bridge, [thick * 1.1, thick * 0.9, thick * 1.1], colour)


def lens_mask(reading: Reading, glasses: Glasses) -> np.ndarray:
    mask = np.zeros(reading.person.shape, np.uint8)
    for rim in glasses.rims:
        cv2.fillPoly(mask, [np.round(rim * reading.scale).astype(np.int32)], 1)
    return mask > 0
