"""Ink lines over a painting: its edges, traced as strokes that swell and taper."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.portrait import Portrait
from cartoon_avatar.ai.engines.drawn.tracing import outlined
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.flow import along, tangent_field
from cartoon_avatar.ai.seeing.features import grown

# How broad edges are and how far they are joined along themselves, face heights: on a face finer.
_BROAD, _BROAD_JOINED = 0.0072, 0.018
_FINE, _FINE_JOINED = 0.0045, 0.012
# How far the painting is blurred before, and the structure tensor of its edges.
_SOFT, _TENSOR = 0.004, 0.008
# How much of a* and b* counts as light: lips and ears have edges too, and blue on cream.
_RED, _YELLOW = 0.35, 0.3
# What an edge has to pass to be inked, L: on the skin, on cloth and hair, where two parts meet.
_ON_SKIN, _ON_REST, _ON_BORDER = 1.9, 1.6, 1.0
# How steeply lines end where there are to be none, L a pixel.
_SLOPE = 8.0
# Of cloth on which more than this share is ink about a place (face heights), a knit or stripes,
# only edges are drawn that pass by so much more, L.
_CROWD, _CROWDED, _CALM = 0.03, 0.2, 30.0
# A line has at least this area (squared face heights) and length, and so much of smoothing.
_LEAST, _SHORTEST, _SMOOTH = 0.0005, 0.11, 0.003
# The outline of the person leaves no place for a second line beside it, face heights.
_RIM = 0.016
# How far from where two parts meet their border is, face heights.
_BORDER = 0.012


def edges_of(portrait: Portrait, *, inside: bool) -> np.ndarray:
    """Where a painting's lines are: about jaw and neck and, if wanted, everywhere ``inside``.

    H×W float32: by how much each pixel of the painting passes the threshold of ink, L.
    Flow-based difference of Gaussians (Kang et al. 2007; Winnemöller et al. 2012).
    """
    reading, unit = portrait.reading, portrait.reading.unit
    face_px = unit * portrait.scale
    lab = cv2.GaussianBlur(portrait.lab, (0, 0), _SOFT * face_px)
    light = lab @ np.array([1, -_RED, _YELLOW], np.float32)
    flow = tangent_field(portrait.lab, _TENSOR * face_px)

    def response(width: float, joined: float) -> np.ndarray:
        fine = cv2.GaussianBlur(light, (0, 0), width * face_px)
        coarse = cv2.GaussianBlur(light, (0, 0), 1.6 * width * face_px)
        return along(coarse - fine, flow, joined * face_px)

    broad = response(_BROAD, _BROAD_JOINED)
    face = portrait.face & reading.grown(reading.oval, -0.03 * unit)
    on_face = portrait.on_pixels(reading.soft(face, 0.01 * unit))
    strength = broad + on_face * (response(_FINE, _FINE_JOINED) - broad)
    skin_and_cloth = (portrait.face, portrait.neck, portrait.clothes)
    borders = _borders(portrait, portrait.parts if inside else skin_and_cloth)
    none = _features(portrait) | ~reading.grown(portrait.everything, -_RIM * unit)
    # Black folds age a face, and one alone is a scar.
    none |= face & ~borders & ~(reading.worn_on_face > 0.3)
    # Made-up cloth has the painting's colours, but not its edges.
    none |= portrait.clothes & ~reading.grown(portrait.cloth_seen, 0.02 * unit)
    if not inside:
        none |= ~borders
    passed = strength - _threshold(portrait, borders)
    crowd = blurred((passed > 0).astype(np.float32), _CROWD * face_px)
    passed -= portrait.on_pixels(portrait.clothes) * _CALM * np.clip(crowd - _CROWDED, 0, 1)
    # Ends where there is to be none at fractions of a pixel.
    return np.minimum(passed, _SLOPE * (0.5 - portrait.on_pixels(none)))


def draw_lines(
    pen: Pen, portrait: Portrait, edges: np.ndarray, within: np.ndarray, colour: Lab
) -> None:
    """Draw what of ``edges_of`` lies ``within`` a mask on the grid."""
    unit = portrait.reading.unit
    here = portrait.on_pixels(within) > 0.5
    if not here.any():
        return
    rows, columns = portrait.box(within)
    plane = np.where(here, edges, -_SLOPE)[rows, columns]
    at = (columns.start, rows.start)
    for path in outlined(
        plane,
        portrait.scale,
        at,
        least=_LEAST * unit**2,
        shortest=_SHORTEST * unit,
        smooth=_SMOOTH * unit,
    ):
        pen.sheet.fill(path, colour)


def _threshold(portrait: Portrait, borders: np.ndarray) -> np.ndarray:
    """What an edge has to pass to be drawn, on the painting's pixels."""
    threshold = np.where(portrait.face | portrait.neck, _ON_SKIN, _ON_REST).astype(np.float32)
    near = portrait.reading.soft(borders, 0.006 * portrait.reading.unit)
    return portrait.on_pixels(threshold + near * (_ON_BORDER - threshold))


def _features(portrait: Portrait) -> np.ndarray:
    """What is painted finely: noses, brows, eyes and lips; ink would make it coarse."""
    reading = portrait.reading
    found = np.zeros_like(reading.person)
    for face in (one.features for one in (reading, *portrait.beside)):
        hulls = [face.lips, face.nose_base, face.landmarks[[168, 129, 2, 358]]]
        hulls += [grown(eye.outline, 1.3) for eye in face.eyes]
        here = np.zeros_like(found)
        for points in (*hulls, *face.brows):
            here |= reading.inside(cv2.convexHull(points.astype(np.float32))[:, 0])
        found |= reading.grown(here, 0.02 * face.height)
    return found & ~(reading.worn_on_face > 0.3)


def _borders(portrait: Portrait, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Where two of ``parts`` meet, H×W bool on the grid."""
    reach = _BORDER * portrait.reading.unit
    near = [portrait.reading.grown(part, reach).astype(np.uint8) for part in parts]
    return np.sum(near, axis=0) > 1
