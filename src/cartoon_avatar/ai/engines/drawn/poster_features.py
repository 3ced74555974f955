"""A poster's eyes and mouth, a few pixels wide in a painting: traced from an enlarged look."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, lab_of
from cartoon_avatar.ai.engines.drawn.eyes import CLOSED, draw_glints, iris_colour
from cartoon_avatar.ai.engines.drawn.paths import bezier, few_points, smoothed_values, spline
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.portrait import Portrait
from cartoon_avatar.ai.engines.drawn.sheet import circle
from cartoon_avatar.ai.engines.drawn.tracing import base_of, levels_of, traced
from cartoon_avatar.ai.seeing.features import Eye
from cartoon_avatar.ai.seeing.scene import Scene

# How many times the painting is enlarged; steps of tones, L; the smallest shape, squared face
# heights, and how far outlines are smoothed, face heights.
_ZOOM, _STEP = 3, 3.0
_LEAST, _SMOOTH = 0.00001, 0.0015
# How much of what is around an eye or the lips is traced as closely, face heights.
_BY_EYES, _BY_LIPS = 0.05, 0.02
# How much of an iris is its own colour, which tones of lightness lose.
_IRIS = 0.5
# How much darker than skin lips are at most, and how much lighter than painted they are, L.
_LIPS_DARKER, _LIPS_LIGHTER = 16.0, 2.0
# A mouth that is less open shows no teeth, face heights; under hair lips are surely open later.
_OPEN, _OPEN_UNDER_HAIR = 0.02, 0.05
# Columns of a mouth in which its teeth are looked for, how bright they are beside skin, and how
# much less dark than in a photo it is between them: a whole grid makes a skeleton's mouth.
_COLUMNS, _TOOTH, _CALM = 14, 0.66, 0.5
# How much lighter than skin teeth are, and in which bounds, L.
_WHITER, _LEAST_WHITE, _MOST_WHITE = 26.0, 72.0, 91.0


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


def draw_painted_eyes(pen: Pen, portrait: Portrait) -> None:
    """The eyes as they are painted, their irises in the colour that was read."""
    reading = portrait.reading
    for index, eye in enumerate(reading.features.eyes):
        outline = reading.inside(eye.outline)
        if reading.hides_eye(index) or not outline.any():
            continue
        look = _look(portrait, reading.grown(outline, _BY_EYES * reading.unit))
        _draw(pen, portrait, look)
        if eye.opening > CLOSED * eye.width:
            _draw_iris(pen, eye)


def _draw_iris(pen: Pen, eye: Eye) -> None:
    opening = np.concatenate([spline(eye.upper), spline(eye.lower)[::-1]])
    iris = eye.iris.astype(float)
    with pen.sheet.clipped(bezier(few_points(opening, fine=1.0))):
        colour = iris_colour(pen.reading)
        pen.sheet.fill(circle(iris, 0.95 * eye.radius), colour, opacity=_IRIS)
        pen.sheet.fill(circle(iris, 0.42 * eye.radius), np.array([4.0, 2, 0]), opacity=0.8)
        draw_glints(pen, iris, 0.9 * eye.radius)


def draw_own_mouth(pen: Pen, portrait: Portrait, scene: Scene) -> None:
    """The lips as they are painted, what is between them as in the photo, with white teeth."""
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
    gap = float(np.hypot(*(reading.at(13) - reading.at(14))))
    hair = reading.subject.facial_hair
    grown = hair is not None and hair.value in ("moustache", "beard")
    if inside.any() and gap > (_OPEN_UNDER_HAIR if grown else _OPEN) * reading.unit:
        photo = _photographed(portrait, scene, look)
        lab += opening[..., None] * (_white_teeth(photo, inside, pen, look) - lab)
    _draw(pen, portrait, replace(look, lab=lab))


def _look(portrait: Portrait, around: np.ndarray) -> _Look:
    rows, columns = portrait.box(around)
    lab = portrait.lab[rows, columns]
    lab = cv2.resize(lab, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
    return _Look(lab, around, rows, columns, portrait.scale * _ZOOM)


def _draw(pen: Pen, portrait: Portrait, look: _Look) -> None:
    unit, light = portrait.reading.unit, look.lab[..., 0]
    on = look.on_pixels(portrait, look.around) > 0.5
    if not on.any():
        return
    middle = float(np.median(light[on]))
    levels = levels_of(light[on], middle, _STEP, _LEAST * unit**2, _SMOOTH * unit)
    base = base_of(look.lab, light, on, middle, _STEP)
    edge = portrait.edge(look.around)
    with pen.sheet.clipped(edge):
        pen.sheet.fill(portrait.ground((look.rows, look.columns)), base)
        for path, colour in traced(look.lab, light, levels, look.scale, look.at):
            pen.sheet.fill(path, colour)


def _photographed(portrait: Portrait, scene: Scene, look: _Look) -> np.ndarray:
    """What the photo shows where ``look`` lies in the painting, H×W×3 float32 CIELAB."""
    painted = portrait.reading.features.lips * look.scale - look.at
    known = np.concatenate([painted, np.ones((len(painted), 1))], axis=1)
    affine, *_ = np.linalg.lstsq(known, scene.features[0].lips, rcond=None)
    size = look.lab.shape[1::-1]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    return lab_of(cv2.warpAffine(scene.picture.rgb, affine.T, size, flags=flags, borderMode=border))


def _white_teeth(lab: np.ndarray, inside: np.ndarray, pen: Pen, look: _Look) -> np.ndarray:
    """``lab`` of an open mouth with teeth as white in its corners as in its middle."""
    along = _along_mouth(pen, inside.shape, look)
    column = np.minimum((along * _COLUMNS).astype(int), _COLUMNS - 1)
    light = lab[..., 0]
    brightest = np.full(_COLUMNS, np.nan)
    for number in range(_COLUMNS):
        here = light[inside & (column == number)]
        if len(here) > 8:
            brightest[number] = np.percentile(here, 88)
    known = ~np.isnan(brightest)
    if not known.any():
        return lab
    bright = float(np.nanpercentile(brightest, 80))
    if bright < _TOOTH * pen.reading.skin_lightness:
        return lab
    numbers = np.arange(_COLUMNS)
    brightest = smoothed_values(np.interp(numbers, numbers[known], brightest[known]), 1.2)
    here = np.interp(along * _COLUMNS - 0.5, numbers, brightest)
    white = _white_beside(pen.skin.base) * (1 - 0.3 * (2 * along - 1) ** 4)
    gain = np.clip(white / np.maximum(here, 0.45 * bright), 0.7, 1.8)
    tooth = np.clip((light / np.maximum(here, 1) - 0.55) / 0.3, 0, 1)
    white_lab = lab.copy()
    white_lab[..., 0] = white - (1 - _CALM * tooth) * np.maximum(white - light * gain, -2)
    white_lab[..., 1:] *= 1 - 0.7 * tooth[..., None]
    return white_lab


def _white_beside(skin: Lab) -> float:
    """How light teeth are beside ``skin``, L."""
    return float(np.clip(skin[0] + _WHITER, _LEAST_WHITE, _MOST_WHITE))


def _along_mouth(pen: Pen, shape: tuple[int, ...], look: _Look) -> np.ndarray:
    """How far each pixel lies from the mouth's left corner (0) to its right one (1)."""
    reading = pen.reading
    rows, columns = np.indices(shape)
    points = (np.stack([columns, rows], axis=-1) + 0.5 + look.at) / look.scale
    left, right = (reading.at(corner) @ reading.across for corner in (78, 308))
    return np.clip((points @ reading.across - left) / max(1e-6, right - left), 0, 1)
