"""Hair as locks: long flow, clear tones, deep blacks."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.abstraction import shocked
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.flow import along, tangent_field
from cartoon_avatar.ai.filters.smoothstep import smoothstep


def painted_hair(
    lab: np.ndarray,
    middle: np.ndarray,
    hair: np.ndarray,
    face_px: float,
    bands: float,
    length: float,
) -> np.ndarray:
    """The hair, H×W×3 float32 CIELAB, of ``lab`` and its abstraction ``middle`` (CIELAB).

    ``hair`` is the mask, H×W 0..1; ``bands`` is how clear its tones are, ``length`` how long
    its locks, both 0..1. Line integral
    convolution (Cabral and Leedom 1993) gathers single hairs into locks.
    """
    flow = tangent_field(middle, (0.006 + 0.010 * length) * face_px)
    locks = along(lab, flow, (0.012 + 0.030 * length) * face_px)
    edge_px = max(1.2, 0.0048 * face_px)
    locks = shocked(locks, flow, edge_px=edge_px, amount=0.6, steps=3)
    locks = along(locks, flow, (0.006 + 0.014 * length) * face_px)
    sure = hair[::3, ::3] > 0.7
    if sure.sum() < 100:
        return locks
    light = np.ascontiguousarray(locks[..., 0])
    low, high = np.percentile(light[::3, ::3][sure], [8, 94])
    spread = float(np.clip(high - low, 5, 60))
    # About the hair nearby: another head keeps its own colour.
    centre = blurred_within(light, hair + np.float32(1e-3), 0.16 * face_px)
    offset = (light - centre) * np.float32(1 / spread)
    tone = _tones(offset) - _tones(np.zeros((), np.float32))
    share = np.float32(bands)
    painted = centre + spread * ((1 - share) * offset + share * tone)
    painted = np.where(painted < centre, centre - 1.12 * (centre - painted), painted)
    # Single locks stay visible where the tones are flat, but blacks stay black.
    painted += 0.5 * (light - blurred(light, 0.03 * face_px)) * smoothstep(light, 3, 18)
    gloss = smoothstep((blurred(light, 0.035 * face_px) - centre) / spread, 0.12, 0.42)
    painted += gloss * smoothstep(offset, 0.15, 0.5) * min(6.0, 0.2 * spread + 2)
    return cv2.merge([np.clip(painted, 1, 97), locks[..., 1], locks[..., 2]])


def _tones(offset: np.ndarray) -> np.ndarray:
    """A dark, a middle and a light tone of hair, in spreads."""
    return 0.24 * np.tanh((offset + 0.24) / 0.10) + 0.27 * np.tanh((offset - 0.27) / 0.10)
