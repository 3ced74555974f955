"""Hair as clean strands in three or four tones of its own."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.steps.tones import smoothstep, through
from cartoon_avatar.ai.filters.canvas import sharply_enlarged
from cartoon_avatar.ai.filters.flow import Flow, along


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
    if np.count_nonzero(chosen) < 60:
        return None
    combed = along(light, flow, length_px)
    seen = combed[::2, ::2][chosen]
    low, lower, middle, upper, high = np.quantile(seen, [0.06, 0.28, 0.5, 0.78, 0.95])
    spread = max(float(high - low), 4.0)
    # Dark, evenly lit hair keeps too little contrast to be drawn: it gets some.
    gain = float(np.clip(22 / spread, 1.0, 1.7))
    tones = middle + gain * (np.array([low, 0.5 * (lower + middle), upper, high]) - middle)
    tones[3] += band * (5 + 0.12 * spread)
    soft = max(0.14 * spread, 1.2)
    borders = lower, 0.6 * upper + 0.4 * middle, 0.5 * (upper + high)

    def curve(at: np.ndarray) -> np.ndarray:
        out = np.full_like(at, max(tones[0], 2.0))
        for n, border in enumerate(borders):
            out += (tones[n + 1] - tones[n]) * smoothstep(at, border, soft)
        return np.clip(out, 0, 100)

    # The table spans the hair's own lightness, which can be a narrow part of the whole.
    return through(sharply_enlarged(combed, shape), curve, float(low) - 2, float(high) + 2)


def plain_colour(plane: np.ndarray, hair: np.ndarray) -> np.float32:
    """The median of ``plane`` (h×w: a or b) under ``hair`` (h×w 0..1), which is somewhere."""
    return np.median(plane[::2, ::2][hair[::2, ::2] > 0.8])
