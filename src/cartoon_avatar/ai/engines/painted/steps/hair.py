"""Hair as locks: long flow, clear tones, deep blacks."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.sheet import Sheet
from cartoon_avatar.ai.engines.painted.steps.forms import Forms
from cartoon_avatar.ai.filters.abstraction import shocked
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.flow import along, tangent_field
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# How much lighter than the hair around it a lock is before it is held back, L.
_BRIGHTEST = 22.0
# How long locks are by the way hair is worn, 0 cropped .. 1 long; 0.8 where that is not read.
_LENGTHS = {"bald": 0.2, "short": 0.35, "covered": 0.5}


def painted_hair(sheet: Sheet, forms: Forms, bands: float) -> np.ndarray:
    """The hair, H×W×3 float32 CIELAB; ``bands`` is how clear its tones are, 0..1.

    Line integral convolution (Cabral and Leedom 1993) gathers single hairs into locks.
    """
    lab, hair, face_px = forms.calm, sheet.hair, sheet.face_px
    length = _length(sheet)
    flow = tangent_field(forms.strokes, (0.006 + 0.010 * length) * face_px)
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
    # Locks that the sun has bleached keep a tone of the hair.
    brightest = centre + _BRIGHTEST
    painted = np.where(painted > brightest, brightest + 0.35 * (painted - brightest), painted)
    return cv2.merge([np.clip(painted, 1, 97), locks[..., 1], locks[..., 2]])


def _length(sheet: Sheet) -> float:
    worn = sheet.subjects[0].hair if sheet.subjects else None
    return 0.8 if worn is None else _LENGTHS.get(worn.value, 1.0)


def _tones(offset: np.ndarray) -> np.ndarray:
    """A dark, a middle and a light tone of hair, in spreads."""
    return 0.24 * np.tanh((offset + 0.24) / 0.10) + 0.27 * np.tanh((offset - 0.27) / 0.10)


def hair_area(sheet: Sheet) -> np.ndarray:
    """H×W 0..1: where hair is painted. Short hair is an opaque mass, not a veil over skin."""
    return smoothstep(sheet.hair, 0.15, 0.65) * (1 - sheet.features)
