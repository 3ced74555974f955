"""The photo gathered into brush strokes: shapes along their edges, flat areas, crisp borders."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.sheet import Sheet
from cartoon_avatar.ai.engines.painted.steps.texture import calmed, texture_of
from cartoon_avatar.ai.filters.abstraction import coherent, shocked, smoothed
from cartoon_avatar.ai.filters.canvas import bands, rgb_of, sized
from cartoon_avatar.ai.filters.flow import along, tangent_field
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# Edges are sharpened in bands of so many rows, which depend on no more rows around them.
_BAND_PX, _AROUND_PX = 256, 16


@dataclass(frozen=True, slots=True, eq=False)
class Forms:
    """H×W×3 float32 CIELAB each: ``calm`` without fine textures, ``strokes`` gathered along
    edges; ``texture`` (H×W 0..1) is where the textures were."""

    calm: np.ndarray
    strokes: np.ndarray
    texture: np.ndarray


def forms_of(sheet: Sheet) -> Forms:
    texture = _cloth(sheet) * texture_of(sheet.lab, sheet.face_px)
    calm = calmed(sheet.lab, texture, sheet.face_px)
    strokes, _ = coherent(calm, reach_px=2.4, tensor_px=2.0, rounds=2, amount=0.75, edge_px=1.4)
    return Forms(calm, strokes, texture)


def skin_forms_of(sheet: Sheet) -> Forms:
    """The same in a shorter way, good enough for skin, which has neither weave nor strands."""
    strokes, _ = coherent(
        sheet.lab, reach_px=2.4, tensor_px=2.0, rounds=1, amount=0.75, edge_px=1.4
    )
    return Forms(sheet.lab, strokes, np.zeros(sheet.shape, np.float32))


def flat_of(forms: Forms, face_px: float) -> np.ndarray:
    """The strokes in flat areas, H×W×3 float32 CIELAB."""
    return smoothed(rgb_of(forms.strokes), forms.strokes, 0.035 * face_px, 24)


def crisp(lab: np.ndarray) -> np.ndarray:
    """``lab`` (H×W×3 CIELAB) with its soft edges sharpened along their flow.

    Colours are sharpened at half size: no eye sees an edge of theirs in the detail of light's.
    """
    height, width = lab.shape[:2]
    half = sized(lab, (max(1, height // 2), max(1, width // 2)))
    flow = tangent_field(half, 1.25)
    half = shocked(along(half, flow, 0.75), flow, edge_px=0.9, amount=0.8, steps=1)
    flow = flow.resized(width, height)
    sharp = sized(half, lab.shape)
    light = cv2.extractChannel(lab, 0)
    for rows in bands(height, _BAND_PX):
        above = min(rows.start, _AROUND_PX)
        around = slice(rows.start - above, rows.stop + _AROUND_PX)
        near = flow.cropped((around, slice(None)))
        found = along(light[around], near, 1.5)
        found = shocked(found, near, edge_px=1.8, amount=0.8, steps=2)
        # Without this, pixels show as stairs.
        found = along(found, near, 1.5)
        sharp[rows, :, 0] = found[above : above + rows.stop - rows.start]
    return sharp


def _cloth(sheet: Sheet) -> np.ndarray:
    """H×W 0..1: the person but for hair, skin and what is before or beside a face."""
    cloth = sheet.person * (1 - sheet.hair) * (1 - sheet.skin)
    rows = np.arange(cloth.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(cloth.shape[1], dtype=np.float32)
    for person in sheet.people:
        # Glasses and beards keep their detail.
        x, y = person.landmarks[152]
        below = (rows - y) * np.float32(1 / person.height)
        over = smoothstep(below, -1.1, -1.0) * (1 - smoothstep(below, -0.2, 0.05))
        cloth *= 1 - over * (np.abs(columns - x) < 1.1 * person.height)
    return cloth
