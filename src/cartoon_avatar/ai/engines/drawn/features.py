"""Eyes and mouth, a few pixels wide in a painting: traced from an enlarged look."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.portrait import Portrait
from cartoon_avatar.ai.engines.drawn.sheet import circle
from cartoon_avatar.ai.engines.drawn.tracing import base_of, levels_of, traced
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# How many times the painting is enlarged; steps of tones, L; the smallest shape, squared face
# heights, and how far outlines are smoothed, face heights.
_ZOOM, _STEP = 3, 2.0
_LEAST, _SMOOTH = 0.00001, 0.0015
# How much of what is around an eye or the lips is traced as closely, face heights.
_BY_EYES, _BY_LIPS = 0.05, 0.02
# How much more vivid irises are than painted, as they are small, and the highest a* of one.
_IRIS, _REDDEST = 1.4, 14.0
# How much darker than skin lips are at most, L, how much more for a unit of chroma that they have
# and skin has not; how much darker than skin and how much redder than painted pale ones become.
_LIPS_DARKER, _LIPSTICK = 16.0, 0.4
_PALE, _REDDER = 12.0, 6.0
# From which lightness on what an open mouth shows is teeth, and by how much these are whiter.
_TEETH, _WHITER = (52.0, 70.0), 0.12
# How wide gaps between teeth are at most, face heights, and by how much they are closed in mouths
# of a width, px of the painting: in small ones each tooth is a guess.
_GAP, _MOUTH_PX, _GAPLESS = 0.022, (30.0, 75.0), (0.8, 0.2)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """An enlarged part of a painting."""

    lab: np.ndarray  # H×W×3 float32 CIELAB
    around: np.ndarray  # the mask that is drawn, on the reading's grid
    rows: slice
    columns: slice
    scale: float  # px a unit

    @property
    def at(self) -> tuple[int, int]:
        """Where it lies, x and y in its own px."""
        return self.columns.start * _ZOOM, self.rows.start * _ZOOM

    def on_pixels(self, portrait: Portrait, mask: np.ndarray) -> np.ndarray:
        """``mask`` of the reading's grid, H×W float32 0..1."""
        plane = portrait.on_pixels(mask)[self.rows, self.columns]
        size = self.lab.shape[1::-1]
        return np.clip(cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC), 0, 1)


def draw_eyes(pen: Pen, portrait: Portrait, shown: tuple[bool, bool], *, vivid: bool) -> None:
    """The eyes ``shown`` as they are painted, each iris in tones of its own colour, brighter in
    ``vivid`` ones."""
    reading = portrait.reading
    for index, eye in enumerate(reading.features.eyes):
        outline = reading.inside(eye.outline)
        if not shown[index] or reading.hides_eye(index) or not outline.any():
            continue
        look = _look(portrait, reading.grown(outline, _BY_EYES * reading.unit))
        _draw(pen, portrait, look, _edge(portrait, look))
        iris = reading.disc(eye.iris, eye.radius) & outline
        if not eye.closed and iris.any():
            # Of lashes that are as dark it would take their brown.
            opening = np.concatenate([spline(eye.upper), spline(eye.lower)[::-1]])
            with pen.sheet.clipped(bezier(few_points(opening, fine=1.0))):
                disc = circle(eye.iris.astype(float), float(eye.radius))
                more = _IRIS if vivid else 1.0
                lab = look.lab * np.array([1, more, more], np.float32)
                # A flash makes eyes red.
                np.minimum(lab[..., 1], _REDDEST, out=lab[..., 1])
                _draw(pen, portrait, replace(look, lab=lab, around=iris), disc)


def draw_mouth(pen: Pen, portrait: Portrait, *, vivid: bool) -> None:
    """The mouth as it is painted; if ``vivid``, with lips unlike lines and whiter teeth."""
    reading = portrait.reading
    lips, opening = (reading.inside(one) for one in (reading.features.lips, reading.features.mouth))
    if not lips.any():
        return  # beyond the frame
    look = _look(portrait, reading.grown(lips, _BY_LIPS * reading.unit))
    lips, opening = look.on_pixels(portrait, lips), look.on_pixels(portrait, opening)
    lab, inside = look.lab.copy(), opening > 0.5
    if vivid:
        if (red := (lips > 0.5) & ~inside).any():
            _paint_lips(lab, np.clip(lips - opening, 0, 1), red, pen.skin.base)
        wide_px = float(np.ptp(reading.features.mouth, axis=0).max()) * portrait.scale
        gapless = float(np.interp(wide_px, _MOUTH_PX, _GAPLESS))
        _whiten(lab, opening, reading.unit * look.scale, gapless)
    _draw(pen, portrait, replace(look, lab=lab), _edge(portrait, look))


def _paint_lips(lab: np.ndarray, lips: np.ndarray, red: np.ndarray, skin: Lab) -> None:
    """Give ``lips`` (H×W 0..1; surely lips where ``red``) of ``lab`` their colour, in place."""
    # A painting's are as dark as its lines.
    darker = np.float32(skin[0]) - lab[..., 0]
    usual = float(np.median(darker[red]))
    vivid = float(np.hypot(*np.median(lab[red], axis=0)[1:]) - np.hypot(*skin[1:]))
    lighter = max(0.0, usual - _LIPS_DARKER - _LIPSTICK * max(0.0, vivid))
    # Skin that the mesh takes for lips stays as it is.
    lab[..., 0] += lighter * lips * np.clip(darker / 12, 0, 1)
    if (pale := np.clip(1 - usual / _PALE, 0, 1)) > 0:
        # Gloss and hard light leave lips as light as skin.
        lab[..., 0] -= pale * lips * np.clip(_PALE - darker, 0, _PALE)
        lab[..., 1] += pale * lips * np.float32(_REDDER)


def _whiten(lab: np.ndarray, opening: np.ndarray, face_px: float, gapless: float) -> None:
    """Make the teeth in an ``opening`` (H×W 0..1) of ``lab`` a white row, in place."""
    size = 2 * round(_GAP * face_px / 2) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    whole = cv2.morphologyEx(lab[..., 0], cv2.MORPH_CLOSE, kernel)
    teeth = opening * smoothstep(whole, *_TEETH)
    lab[..., 0] += gapless * teeth * (whole - lab[..., 0])
    lab[..., 0] += _WHITER * teeth * np.maximum(94 - lab[..., 0], 0)
    lab[..., 1:] *= 1 - (_WHITER * teeth)[..., None]


def _look(portrait: Portrait, around: np.ndarray) -> _Look:
    rows, columns = portrait.box(around)
    lab = portrait.lab[rows, columns]
    lab = cv2.resize(lab, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
    return _Look(lab, around, rows, columns, portrait.scale * _ZOOM)


def _edge(portrait: Portrait, look: _Look) -> str:
    return portrait.outline(look.around & (portrait.everything | portrait.others))


def _draw(pen: Pen, portrait: Portrait, look: _Look, edge: str) -> None:
    """The tones of ``look`` inside of ``edge``, path data."""
    unit, light = portrait.reading.unit, look.lab[..., 0]
    shown = look.on_pixels(portrait, look.around)
    on = shown > 0.5
    if not on.any():
        return
    middle = float(np.median(light[on]))
    levels = levels_of(light[on], middle, _STEP, _LEAST * unit**2, _SMOOTH * unit)
    base = base_of(look.lab, light, on, middle, _STEP)
    with pen.sheet.clipped(edge):
        pen.sheet.fill(portrait.ground((look.rows, look.columns)), base)
        for path, colour in traced(look.lab, light, levels, look.scale, look.at, shown > 0):
            pen.sheet.fill(path, colour)
