"""Eyes and mouth, a few pixels wide in a painting: traced from an enlarged look."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, from_lch, lch
from cartoon_avatar.ai.engines.drawn.palette import WHITE
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.portrait import Portrait
from cartoon_avatar.ai.engines.drawn.sheet import circle
from cartoon_avatar.ai.engines.drawn.tracing import base_of, levels_of, traced
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.seeing.features import Eye

# How many times the painting is enlarged; steps of tones, L; the smallest shape, squared face
# heights, and how far outlines are smoothed, face heights.
_ZOOM, _STEP = 3, 3.0
_LEAST, _SMOOTH = 0.00001, 0.0015
# How much of what is around an eye or the lips is traced as closely, face heights.
_BY_EYES, _BY_LIPS = 0.05, 0.02
# How much of an iris is its own colour, which tones of lightness lose.
_IRIS = 0.6
# How much darker than skin lips are at most, and how much lighter than painted they are, L.
_LIPS_DARKER, _LIPS_LIGHTER = 16.0, 2.0
# From which lightness on what an open mouth shows is teeth, and by how much these are whiter.
_TEETH, _WHITER = (52.0, 70.0), 0.25
# How wide gaps between teeth are at most, face heights, and by how much they are closed in mouths
# of a width, px of the painting: in small ones each tooth is a guess.
_GAP, _MOUTH_PX, _GAPLESS = 0.022, (30.0, 75.0), (0.9, 0.3)


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


def draw_eyes(pen: Pen, portrait: Portrait, shown: tuple[bool, bool]) -> None:
    """The eyes ``shown`` as they are painted, their irises in the colour that was read."""
    reading = portrait.reading
    for index, eye in enumerate(reading.features.eyes):
        outline = reading.inside(eye.outline)
        if not shown[index] or reading.hides_eye(index) or not outline.any():
            continue
        look = _look(portrait, reading.grown(outline, _BY_EYES * reading.unit))
        _draw(pen, portrait, look)
        if not eye.closed:
            _draw_iris(pen, eye)


def _draw_iris(pen: Pen, eye: Eye) -> None:
    opening = np.concatenate([spline(eye.upper), spline(eye.lower)[::-1]])
    iris = eye.iris.astype(float)
    with pen.sheet.clipped(bezier(few_points(opening, fine=1.0))):
        colour = _iris_colour(pen.reading)
        pen.sheet.fill(circle(iris, 0.95 * eye.radius), colour, opacity=_IRIS)
        pen.sheet.fill(circle(iris, 0.38 * eye.radius), np.array([4.0, 2, 0]), opacity=0.8)
        _draw_glints(pen, iris, 0.9 * eye.radius)


def _iris_colour(reading: Reading) -> Lab:
    """One of few honest colours: dark brown unless another was read."""
    read = reading.subject.iris_colour
    if reading.subject.monochrome:
        return from_lch(32, 2, 60)
    if read is None or read.confidence < 0.5:
        return from_lch(25, 20, 55)
    light, chroma, hue = lch(np.array(read.value))
    hue %= 360
    if light >= 26 and 200 < hue < 325:
        return from_lch(50, 24, 248)
    if light >= 27 and 92 < hue <= 200:
        return from_lch(47, 22, 150)
    if light >= 36 and chroma < 9:
        return from_lch(52, 12, 240)
    if light >= 30 and 70 < hue < 130 and chroma < 10:
        return from_lch(44, 12, 110)
    if light >= 31 and chroma >= 10 and 42 < hue <= 92:
        return from_lch(40, 32, 74)
    return from_lch(25, 20, 55)


def _draw_glints(pen: Pen, iris: np.ndarray, radius: float) -> None:
    """Two lights on each eye, the large one towards the light."""
    across, down = pen.reading.across, pen.reading.down
    lit = -pen.reading.light_side
    glint = iris + across * lit * radius * 0.33 - down * radius * 0.33
    pen.sheet.fill(circle(glint, max(radius * 0.22, 0.8)), WHITE)
    second = iris - across * lit * radius * 0.4 + down * radius * 0.36
    pen.sheet.fill(circle(second, max(radius * 0.11, 0.4)), WHITE, opacity=0.55)


def draw_mouth(pen: Pen, portrait: Portrait) -> None:
    """The mouth as it is painted, with lighter lips."""
    reading = portrait.reading
    lips, opening = (reading.inside(one) for one in (reading.features.lips, reading.features.mouth))
    if not lips.any():
        return  # beyond the frame
    look = _look(portrait, reading.grown(lips, _BY_LIPS * reading.unit))
    lips, opening = look.on_pixels(portrait, lips), look.on_pixels(portrait, opening)
    lab, inside = look.lab.copy(), opening > 0.5
    if (red := (lips > 0.5) & ~inside).any():
        # A painting's are as dark as its lines.
        darker = float(pen.skin.base[0]) - lab[..., 0]
        lighter = max(0.0, float(np.median(darker[red])) - _LIPS_DARKER) + _LIPS_LIGHTER
        # Skin that the mesh takes for lips stays as it is.
        lab[..., 0] += lighter * np.clip(lips - opening, 0, 1) * np.clip(darker / 12, 0, 1)
    wide_px = float(np.ptp(reading.features.mouth, axis=0).max()) * portrait.scale
    gapless = float(np.interp(wide_px, _MOUTH_PX, _GAPLESS))
    _whiten(lab, opening, reading.unit * look.scale, gapless)
    _draw(pen, portrait, replace(look, lab=lab))


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


def _draw(pen: Pen, portrait: Portrait, look: _Look) -> None:
    unit, light = portrait.reading.unit, look.lab[..., 0]
    shown = look.on_pixels(portrait, look.around)
    on = shown > 0.5
    if not on.any():
        return
    middle = float(np.median(light[on]))
    levels = levels_of(light[on], middle, _STEP, _LEAST * unit**2, _SMOOTH * unit)
    base = base_of(look.lab, light, on, middle, _STEP)
    edge = portrait.edge(look.around)
    with pen.sheet.clipped(edge):
        pen.sheet.fill(portrait.ground((look.rows, look.columns)), base)
        for path, colour in traced(look.lab, light, levels, look.scale, look.at, shown > 0):
            pen.sheet.fill(path, colour)
