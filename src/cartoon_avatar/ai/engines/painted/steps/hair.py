"""Hair as locks: long flow, clear tones, deep blacks."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.sheet import Sheet
from cartoon_avatar.ai.engines.painted.steps.forms import Forms
from cartoon_avatar.ai.engines.painted.steps.texture import deviation_of
from cartoon_avatar.ai.filters.abstraction import shocked
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.box import box_of_mask
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.flow import along, tangent_field
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import cover

# How much lighter than the hair around it a lock is before it is held back, L.
_BRIGHTEST = 22.0
# Below and above how many squared face heights hair is cropped, and is not.
_CROPPED = 0.16, 0.26
# Over how many face heights cropped hair is one mass, and has forms, and how much of these it
# keeps.
_MASS, _EVEN, _FORM = 0.12, 0.03, 0.6
# How strong its flecks are, how dark and how light they are at most, L, and how much darker than
# their mean the mass is for each L that they deviate: among dark hairs grey ones do not count.
_FLECKS, _FLECK, _DARKER = 0.9, (-8.0, 5.0), 0.4
# Below which length hair is short, by how much it is lighter than usual where a lamp lights it, L,
# which share of the rest is left out, and the chroma of such hair, through which skin shows.
_SHORT, _LIT, _LIT_LESS, _LIT_CHROMA = 0.6, 8.0, 0.7, (6.0, 12.0)
# How long locks are by the way hair is worn, 0 cropped .. 1 long; 0.8 where that is not read.
_LENGTHS = {"bald": 0.2, "short": 0.35, "covered": 0.5}


def paint_hair(canvas: np.ndarray, sheet: Sheet, forms: Forms, bands: float) -> None:
    """Paint the hair on ``canvas`` (H×W×3 float32 CIELAB), in place.

    ``bands`` is how clear its tones are, 0..1.
    """
    covered = _hair_area(sheet)
    box = box_of_mask(covered, 0.1 * sheet.face_px)
    hair = sheet.hair[box]
    locks = _locks(forms.calm[box], forms.strokes[box], _length(sheet), sheet.face_px)
    sure = hair[::3, ::3] > 0.7
    if sure.sum() >= 100:
        locks[..., 0] = _toned(locks[..., 0], hair, sure, bands, sheet.face_px)
        if _length(sheet) < _SHORT:
            _even_lit(locks, hair, sheet.face_px)
        if (cropped := _cropped(sheet)) > 0:
            grain = np.ascontiguousarray(sheet.lab[box][..., 0])
            locks += np.float32(cropped) * (_dense(locks, grain, hair, sheet.face_px) - locks)
    cover(canvas[box], locks, covered[box])


def _dense(locks: np.ndarray, grain: np.ndarray, hair: np.ndarray, face_px: float) -> np.ndarray:
    """``locks`` (H×W×3 CIELAB) as the even mass that cropped ``hair`` (H×W 0..1) is, with the
    flecks of its ``grain`` (H×W, L) in the photo."""
    hairy = hair + np.float32(1e-3)
    # At its rim skin shines through.
    sure = smoothstep(hair, 0.6, 0.95) + np.float32(1e-3)
    mass = blurred_within(locks, sure, _MASS * face_px)
    dense = mass + np.float32(_FORM) * (blurred_within(locks, hairy, _EVEN * face_px) - mass)
    flecks = blurred(grain, 0.002 * face_px) - blurred_within(grain, hairy, 0.02 * face_px)
    dense[..., 0] += np.clip(_FLECKS * flecks, *_FLECK) * hair
    dense[..., 0] -= _DARKER * deviation_of(grain[hair > 0.8])
    return dense


def _even_lit(locks: np.ndarray, hair: np.ndarray, face_px: float) -> None:
    """Darken what of short ``hair`` (H×W 0..1) a lamp lights in ``locks`` (H×W×3 CIELAB), in place:
    it would look bleached. What is lighter and has no colour is grey."""
    broad = blurred_within(locks, hair + np.float32(1e-3), _MASS * face_px)
    usual = float(np.median(broad[..., 0][hair > 0.7]))
    over = np.maximum(broad[..., 0] - np.float32(usual + _LIT), 0)
    chroma = cv2.magnitude(broad[..., 1], broad[..., 2])
    locks[..., 0] -= np.float32(_LIT_LESS) * over * smoothstep(chroma, *_LIT_CHROMA)


def _locks(calm: np.ndarray, strokes: np.ndarray, length: float, face_px: float) -> np.ndarray:
    """``calm`` (H×W×3 float32 CIELAB) with single hairs gathered into locks.

    Line integral convolution (Cabral and Leedom 1993). Colours at half size: along a lock they
    hardly change.
    """
    height, width = calm.shape[:2]
    flow = tangent_field(strokes, (0.006 + 0.010 * length) * face_px)
    first_px, last_px = (0.012 + 0.030 * length) * face_px, (0.006 + 0.014 * length) * face_px
    light = along(cv2.extractChannel(calm, 0), flow, first_px)
    light = shocked(light, flow, edge_px=max(1.2, 0.0048 * face_px), amount=0.6, steps=3)
    light = along(light, flow, last_px)
    half = sized(calm, (max(1, height // 2), max(1, width // 2)))
    flow = flow.resized(half.shape[1], half.shape[0])
    colours = along(half[..., 1:], flow, float(np.hypot(first_px, last_px)) / 2)
    return np.dstack([light, sized(colours, calm.shape)])


def _toned(
    light: np.ndarray, hair: np.ndarray, sure: np.ndarray, bands: float, face_px: float
) -> np.ndarray:
    """``light`` (H×W, L) of locks in a few tones; ``sure`` is where every third pixel is hair."""
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
    return np.clip(painted, 1, 97)


def _length(sheet: Sheet) -> float:
    worn = sheet.subjects[0].hair if sheet.subjects else None
    return 0.8 if worn is None else _LENGTHS.get(worn.value, 1.0)


def _cropped(sheet: Sheet) -> float:
    """How surely hair is cropped: too short for locks, it would be painted as worms."""
    area = np.float32(sheet.hair.sum() / sheet.face_px**2)
    return float(1 - smoothstep(area, *_CROPPED)) if sheet.people else 0.0


def _tones(offset: np.ndarray) -> np.ndarray:
    """A dark, a middle and a light tone of hair, in spreads."""
    return 0.24 * np.tanh((offset + 0.24) / 0.10) + 0.27 * np.tanh((offset - 0.27) / 0.10)


def _hair_area(sheet: Sheet) -> np.ndarray:
    """H×W 0..1: where hair is painted. Short hair is an opaque mass, not a veil over skin."""
    return smoothstep(sheet.hair, 0.15, 0.65) * (1 - sheet.features)
