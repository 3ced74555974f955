"""Hair as clean strands in three or four tones of its own."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.filters.box import box_of_mask, doubled
from cartoon_avatar.ai.filters.canvas import blend_into, sharply_enlarged
from cartoon_avatar.ai.filters.flow import Flow, along
from cartoon_avatar.ai.filters.lookup import through
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# How far hair takes its own one colour, 0..1.
_ONE_COLOUR = 0.45


def comb_hair(sheet: Sheet, style: Style) -> None:
    """Draw hair as strands of its own tones, in place of the picture's steps of light."""
    how = style.tones
    full, half = sheet.full.hair, sheet.half.hair
    if full is None or half is None or not how.hair:
        return
    drawn = sheet.drawn
    small = box_of_mask(half)
    box = doubled(small, drawn.light.shape)
    own = half[small]
    # Half of it from the lit photo: flattening has taken the finest strands.
    light = cv2.addWeighted(cv2.extractChannel(sheet.lit_half, 0), 0.5, sheet.flat_half, 0.5, 0)
    locks = strands(
        light[small], own, sheet.flow.cropped(small), drawn.light[box].shape,
        length_px=0.5 * how.hair * sheet.unit_px, band=how.hair_band,
    )  # fmt: skip
    if locks is None:
        return
    blend_into(drawn.light[box], locks, full[box] * np.float32(0.35 + 0.6 * how.amount))
    for plane in (drawn.a[small], drawn.b[small]):
        blend_into(plane, plain_colour(plane, own), own * np.float32(_ONE_COLOUR))


# Pixels of hair, of every fourth, below which there is nothing to be combed.
_FEWEST = 60
# L. Hair of less spread is taken to have this much, and is stretched towards the second.
_LEAST_SPREAD, _CLEAR_SPREAD = 4.0, 22


def strands(
    light: np.ndarray,
    hair: np.ndarray,
    flow: Flow,
    shape: tuple[int, int],
    *,
    length_px: float,
    band: float,
) -> np.ndarray | None:
    """``light`` (h×w float32 L) as hair of four tones, of ``shape``; None where there is no hair.

    The tones are the hair's own: its thresholds are quantiles of ``light`` under ``hair``
    (h×w 0..1), so that black hair has strands as well as blond. ``band`` 0..1 raises the
    lightest tone to a highlight. ``length_px`` is how far strands are combed along ``flow``.
    ``shape`` may be larger: combing is smooth, the borders of tones are not.
    """
    chosen = hair[::2, ::2] > 0.8
    if np.count_nonzero(chosen) < _FEWEST:
        return None
    combed = along(light, flow, length_px)
    seen = combed[::2, ::2][chosen]
    low, lower, middle, upper, high = np.quantile(seen, [0.06, 0.28, 0.5, 0.78, 0.95])
    spread = max(float(high - low), _LEAST_SPREAD)
    # Dark, evenly lit hair keeps too little contrast to be drawn: it gets some.
    gain = float(np.clip(_CLEAR_SPREAD / spread, 1.0, 1.7))
    tones = middle + gain * (np.array([low, 0.5 * (lower + middle), upper, high]) - middle)
    tones[3] += band * (5 + 0.12 * spread)
    soft = max(0.14 * spread, 1.2)
    borders = lower, 0.6 * upper + 0.4 * middle, 0.5 * (upper + high)

    def curve(at: np.ndarray) -> np.ndarray:
        out = np.full_like(at, max(tones[0], 2.0))
        for n, border in enumerate(borders):
            out += (tones[n + 1] - tones[n]) * smoothstep(at, border - soft / 2, border + soft / 2)
        return np.clip(out, 0, 100)

    # The table spans the hair's own lightness, which can be a narrow part of the whole.
    return through(sharply_enlarged(combed, shape), curve, float(low) - 2, float(high) + 2)


def plain_colour(plane: np.ndarray, hair: np.ndarray) -> np.float32:
    """The median of ``plane`` (h×w: a or b) under ``hair`` (h×w 0..1), which is somewhere."""
    return np.median(plane[::2, ::2][hair[::2, ::2] > 0.8])
