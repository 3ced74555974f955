"""Brows at the photo's own height, angle and thickness: they carry the expression."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import from_lch, lch, mixed
from cartoon_avatar.ai.engines.drawn.likeness import youth
from cartoon_avatar.ai.engines.drawn.paths import length_of, resampled, smoothed_values, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading

# Upper and lower edge of each brow, from the temple to the nose.
_UPPER = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
_LOWER = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))
_SAMPLES = 15


def measured_brow(reading: Reading, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle line from the temple inwards (N×2), thickness (N), and colour (CIELAB).

    Across the mesh's brow the darkness against the brightest skin there is weighed; where
    the photo shows little of it, the mesh's own place and thickness stand.
    """
    unit, down = reading.unit, reading.down
    above, below = reading.points(*_UPPER[index]), reading.points(*_LOWER[index])
    middle = spline((above + below) / 2)
    middle = resampled(middle, length_of(middle) / _SAMPLES)
    own_thickness = np.hypot(*(above - below).T)
    own_thickness = np.interp(
        np.linspace(0, 1, len(middle)), np.linspace(0, 1, len(above)), own_thickness
    )
    offsets = np.linspace(-0.07, 0.06, 41) * unit
    light = reading.soft(reading.lab[..., 0], 0.006 * unit)
    covered = reading.hair | reading.hat | (reading.worn_on_face > 0.4)
    place, thickness, depth, colours = [], [], [], []
    for point in middle:
        samples = point + offsets[:, None] * down
        lights, bare = reading.sample(samples, light), ~reading.sample(samples, covered)
        brightest = np.percentile(lights[bare], 85) if bare.sum() > 10 else reading.skin_lightness
        dark = np.clip(brightest - lights, 0, None) * bare
        dark = dark * np.exp(-0.5 * (offsets / (0.035 * unit)) ** 2)
        deepest = float(dark.max())
        on = dark > 0.45 * deepest
        place.append(float((offsets * dark * on).sum() / max(1e-6, (dark * on).sum())))
        thickness.append(on.sum() * (offsets[1] - offsets[0]))
        depth.append(deepest)
        colours.append(reading.sample(samples[dark.argmax()][None], reading.lab)[0])
    trust = 0.85 * float(np.clip((np.median(depth) - 5) / 8, 0, 1))
    if reading.sample(middle, covered).mean() > 0.1:
        trust *= 0.3
    shift = np.clip(smoothed_values(np.array(place), 2) * trust, -0.03 * unit, 0.03 * unit)
    thick = smoothed_values(np.array(thickness), 2) * trust + 0.62 * own_thickness * (1 - trust)
    thick = np.clip(1.12 * thick, 0.028 * unit, 0.06 * unit)
    return middle + (shift - 0.008 * unit)[:, None] * down, thick, np.median(colours, axis=0)


def _calmed(reading: Reading, middle: np.ndarray) -> np.ndarray:
    """``middle`` with a third of its inner end's fall: over larger eyes it would look angry."""
    heights = middle @ reading.down
    inner = np.linspace(0, 1, len(middle)) > 0.5
    top = heights[len(middle) // 2]
    fall = np.where(inner, np.clip(heights - top - 0.004 * reading.unit, 0, None), 0)
    return middle - 0.65 * fall[:, None] * reading.down


def draw_brows(pen: Pen) -> None:
    reading = pen.reading
    brows = [measured_brow(reading, index) for index in (0, 1)]
    count = min(len(brow[1]) for brow in brows)
    shared = (brows[0][1][:count] + brows[1][1][:count]) / 2
    darker = min((brow[2] for brow in brows), key=lambda lab: lab[0])
    light = lch(pen.skin.base)[0]
    contrast = float(
        np.clip((reading.skin_lightness - darker[0]) * 1.45, 30 - 8 * youth(reading), 66)
    )
    if reading.sample(np.concatenate([brow[0] for brow in brows]), reading.hair).mean() > 0.15:
        # Under a fringe the dark is the fringe's.
        contrast = float(np.clip(1.15 * (light - lch(pen.hair.base)[0]), 18, 60))
    tint = mixed(darker, pen.hair.base, 0.5)
    _, chroma, hue = lch(np.array([0, tint[1] + 1.5, tint[2] + 2]))
    chroma = 1.5 if reading.subject.monochrome else float(np.clip(chroma, 8, 24))
    hue = hue if -20 < hue < 100 else 50.0
    colour = from_lch(float(np.clip(light - contrast, 8, 60)), chroma, hue)
    wide = [eye.width for eye in reading.features.eyes]
    for index, (middle, own, _) in enumerate(brows):
        if wide[index] < 0.35 * max(wide):
            continue  # the far side of a profile
        middle, own = _calmed(reading, middle[:count]), own[:count]
        along = np.linspace(0, 1, count)
        taper = np.clip(along / 0.45, 0.1, 1) ** 0.8
        taper *= np.clip((1 - along) / 0.3 + 0.45, 0, 1) ** 0.7
        pen.brush(middle, list((shared * 0.6 + own * 0.4) * taper), colour)
