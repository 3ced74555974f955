"""Glasses: the frame's own outline about each eye, evened out left to right."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.palette import WHITE
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, polygon, smoothed_values
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.reading import Reading

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
        points = eye + (
            rays[:, None, :1] * reading.across + rays[:, None, 1:] * reading.down
        ) * radii[None, :, None]
        hit = reading.sample(points.reshape(-1, 2), worn).reshape(_ANGLES, -1)
        if (hit.any(axis=1)).mean() < 0.6:
            return None
        filled.append(hit[:, : len(radii) // 3].mean())
        far = np.where(hit.any(axis=1), radii[hit.shape[1] - 1 - hit[:, ::-1].argmax(axis=1)], np.nan)
        profiles.append(far)
    with np.errstate(all="ignore"):
        both = np.nanmean(np.stack(profiles), axis=0) if not np.isnan(profiles).all() else None
    if both is None or np.isnan(both).mean() > 0.3:
        return None
    known = ~np.isnan(both)
    both = np.interp(turn, turn[known], both[known], period=2 * np.pi)
    # Towards the nose the ray meets the other rim or the bridge: no lens is that wide.
    both = np.minimum(both, 0.46 * apart / np.maximum(np.abs(np.cos(turn)), 0.46))
    both = smoothed_values(both, 1.6, closed=True)
    height = both[_ANGLES // 4] + both[3 * _ANGLES // 4]
    if not 0.22 * apart < height < 1.1 * apart:
        return None
    middle = (eyes[0] + eyes[1]) / 2
    bridge = reading.disc(middle, 0.13 * apart) | reading.disc(
        middle - reading.down * 0.08 * apart, 0.12 * apart
    )
    if (bridge & worn).sum() < 3:
        return None
    dark_lens = reading.lab[reading.disc(eyes[0], 0.16 * apart) | reading.disc(eyes[1], 0.16 * apart)]
    lens = np.median(dark_lens, axis=0)
    dark = bool(min(filled) > 0.55 and lens[0] < 0.7 * reading.skin_lightness)
    rims = []
    for index, eye in enumerate(eyes):
        outward = -1 if index == 0 else 1
        x, y = np.cos(turn) * outward * both, np.sin(turn) * both
        rims.append(eye + x[:, None] * reading.across + y[:, None] * reading.down)
    pixels = reading.lab[worn & reading.oval]
    frame = np.median(pixels[pixels[:, 0] <= np.percentile(pixels[:, 0], 40)], axis=0).astype(float)
    around = 2 * float(np.hypot(*(rims[0] - np.roll(rims[0], 1, axis=0)).T).sum())
    thickness = (worn & reading.grown(reading.oval, 0)).sum() / reading.scale**2 / (1.4 * around)
    thickness = 0.018 * unit if dark else float(np.clip(thickness, 0.014 * unit, 0.032 * unit))
    frame[0] = max(6.0, frame[0] * 0.65)
    return Glasses((rims[0], rims[1]), thickness, frame, dark, lens.astype(float))


def draw_glasses(pen: Pen, glasses: Glasses) -> None:
    reading, sheet = pen.reading, pen.sheet
    across, down, unit = reading.across, reading.down, reading.unit
    thick, colour = glasses.thickness, glasses.colour
    for rim, temple, outward in zip(glasses.rims, (127, 356), (-1, 1), strict=True):
        start = rim[(rim @ across * outward).argmax()] - down * 0.02 * unit
        ear = reading.at(temple) + across * outward * 0.012 * unit
        if (ear - start) @ across * outward > 0.012 * unit:
            pen.brush(np.array([start, (start + ear) / 2, ear]), [thick, thick * 0.9, thick * 0.7], colour)
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
                band = [(right + 0.35, -1.2), (left + 0.35, -1.2), (left - 0.45, 1.2), (right - 0.45, 1.2)]
                points = np.array([centre + across * px * x + down * py * y for px, py in band])
                sheet.fill(polygon(points), WHITE, opacity=0.22 if glasses.dark else 0.16)
        sheet.line(d, colour, thick)
    first, second = sorted(glasses.rims, key=lambda rim: float((rim @ across).mean()))
    start, end = first[(first @ across).argmax()], second[(second @ across).argmin()]
    lift = down * 0.035 * unit
    bridge = np.array([start - lift * 0.6, (start * 2 + end) / 3 - lift, (start + end * 2) / 3 - lift,
                       end - lift * 0.6])  # fmt: skip
    pen.brush(bridge, [thick * 1.1, thick * 0.9, thick * 1.1], colour)


def lens_mask(reading: Reading, glasses: Glasses) -> np.ndarray:
    mask = np.zeros(reading.person.shape, np.uint8)
    for rim in glasses.rims:
        cv2.fillPoly(mask, [np.round(rim * reading.scale).astype(np.int32)], 1)
    return mask > 0
