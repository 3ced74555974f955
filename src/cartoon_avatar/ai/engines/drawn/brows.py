"""Brows as the photo shows them: its own hairs, gathered along them into tapered shapes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, from_lch, lch, mixed
from cartoon_avatar.ai.engines.drawn.likeness import youth
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.seeing.features import grown

# Of the darkest hair: where a brow's rim and its body begin, and the share of the
# brow's colour that each has.
_LAYERS = ((0.27, 0.5), (0.46, 1.0))
# Less than this against the skin, L, is no brow that can be traced.
_FAINTEST = 4.0
# Drawn eyes are larger than life: brows at their own height would frown over them.
_RAISED = 0.01
# How far from its middle a brow reaches, in face heights.
_REACH = 0.032


@dataclass(frozen=True, slots=True, eq=False)
class Brow:
    """``dark`` is H×W float32 in the close look: 1 at the darkest hair, 0 on the skin.

    ``share`` of the skin's lightness is left by that hair; ``hair`` is its CIELAB.
    """

    dark: np.ndarray
    share: float
    hair: Lab


def traced_brow(reading: Reading, index: int) -> Brow | None:
    """None where a fringe, a hat or a frame covers the brow, or it is too fair to be seen."""
    close = reading.close
    outline = cv2.convexHull(reading.features.brows[index].astype(np.float32))[:, 0]
    # The mesh draws brows a little low and thick.
    zone = close.grown(close.inside(outline - 0.008 * reading.unit * reading.down), 0.016)
    zone &= ~close.inside(grown(reading.features.eyes[index].outline, 1.12))
    covered = reading.hair | reading.hat | (reading.worn_on_face > 0.4)
    covered = reading.closely(reading.grown(covered, 0.008 * reading.unit))
    if (zone & covered).sum() > 0.6 * zone.sum():
        return None
    bare = (close.grown(zone, 0.035) & ~zone & ~covered).astype(np.float32)
    bare *= reading.closely(reading.face | reading.oval)
    skin = close.soft_within(close.light, bare, 0.05)
    # Along the brow more than across it: hairs run together, the edge stays.
    along = cv2.GaussianBlur(
        close.light, (0, 0), sigmaX=0.022 * close.unit, sigmaY=0.006 * close.unit
    )
    inside = close.soft((zone & ~covered).astype(np.float32), 0.007)
    dark = np.clip(skin - along, 0, None) * np.clip(1.6 * inside - 0.3, 0, 1)
    dark *= _band(dark, close.unit)
    if not zone.any():
        return None
    contrast = float(np.percentile(dark[zone], 96))
    if contrast < _FAINTEST:
        return None
    hairs = zone & (dark > 0.7 * contrast)
    dark *= _inner_end(reading, index)
    share = 1 - contrast / max(1.0, float(np.median(skin[zone])))
    # Where it thins out, or lies in other light, a brow goes on.
    usual = cv2.GaussianBlur(dark.max(axis=0, keepdims=True), (0, 0), 0.02 * close.unit)
    dark = (dark / np.maximum(0.45 * contrast + 0.55 * usual, 1e-3)).astype(np.float32)
    return Brow(dark, share, np.median(close.lab[hairs], axis=0))


def _band(dark: np.ndarray, unit_px: float) -> np.ndarray:
    """H×W 0..1 about the calm line through what is ``dark``, column by column.

    Single strands of hair and the shadow in the corner of the eye lie off it.
    """
    rows = np.arange(dark.shape[0], dtype=np.float32)[:, None]
    kernel = (0, 0)
    weight = cv2.GaussianBlur((dark**2).sum(axis=0, keepdims=True), kernel, 0.03 * unit_px)
    place = cv2.GaussianBlur((dark**2 * rows).sum(axis=0, keepdims=True), kernel, 0.03 * unit_px)
    off = (rows - place / np.maximum(weight, 1e-6)) / (_REACH * unit_px)
    return np.exp(-(off**4))


def _inner_end(reading: Reading, index: int) -> np.ndarray:
    """1×W: towards the nose hairs stand thin; a dark end there frowns."""
    close = reading.close
    x = close.here(reading.features.brows[index])[:, 0]
    inner, outer = (x.max(), x.min()) if index == 0 else (x.min(), x.max())
    along = (np.arange(close.shape[1], dtype=np.float32) - inner) / (outer - inner)
    return np.clip(0.5 + 2.2 * along, 0.35, 1)[None].astype(np.float32)


def draw_brows(pen: Pen) -> None:
    reading, close = pen.reading, pen.reading.close
    wide = [eye.width for eye in reading.features.eyes]
    # The far side of a profile is not seen.
    brows = [
        traced_brow(reading, index) if wide[index] > 0.35 * max(wide) else None for index in (0, 1)
    ]
    seen = [brow for brow in brows if brow is not None]
    if not seen:
        return
    colour = _colour(pen, seen)
    for brow in seen:
        for level, share in _LAYERS:
            mask = np.clip(0.5 + (brow.dark - level) * 3, 0, 1)
            d = close.path(mask, smooth=0.006, least=0.0009, raised=_RAISED)
            pen.sheet.fill(d, mixed(pen.skin.shade, colour, share))


def _colour(pen: Pen, brows: list[Brow]) -> Lab:
    """As dark beside the skin as in the photo and a little darker, of the hairs' own hue."""
    reading = pen.reading
    base = float(pen.skin.base[0])
    share = min(brow.share for brow in brows) ** 1.5
    light = base * share
    if reading.area(reading.hair) > 0.2:
        # Beside darker hair pale brows look washed out.
        light -= 0.4 * max(0.0, light - float(pen.hair.base[0]))
    light = float(np.clip(light - 2, 9, base - 26 + 8 * youth(reading)))
    if reading.subject.monochrome:
        return from_lch(light, 1.5, 60)
    hair = np.mean([brow.hair for brow in brows], axis=0)
    _, chroma, hue = lch(mixed(hair, pen.hair.base, 0.4))
    hue = hue if -20 < hue < 100 else 50.0
    return from_lch(light, float(np.clip(chroma, 8, 24)), hue)
