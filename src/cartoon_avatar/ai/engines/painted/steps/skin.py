"""Skin as soft clear tones of one hue, without patches."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.sheet import Sheet
from cartoon_avatar.ai.engines.painted.steps.reading import contrast_of, stubble
from cartoon_avatar.ai.engines.painted.steps.relight import Light
from cartoon_avatar.ai.engines.painted.styles import PaintedStyle, Tones
from cartoon_avatar.ai.filters.abstraction import smoothed
from cartoon_avatar.ai.filters.blur import blurred_within
from cartoon_avatar.ai.filters.box import Box, box_of_mask, corner_of
from cartoon_avatar.ai.filters.canvas import rgb_of, sized
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around
from cartoon_avatar.ai.seeing.features import Features, area, grown

# Shade is this much redder and less yellow than light, over 40 L.
_SHADE_HUE = np.asarray([-1.5, 1.0], np.float32)
# Chroma below which skin looks grey beside drawn colours.
_PALEST = 22.0
# How far a place of the skin is believed to differ in a and b from its complexion: coloured
# light would be painted as patches.
_FOREIGN = 12.0
# How much darker than a face its neck may be, L on fair skin.
_SHADOW = 22.0
# How much darker, on fair skin, and how far in a and b a shadow of beard is from skin.
_STUBBLE_DARKER, _STUBBLE_HUE = 4.5, np.asarray([-3.0, -4.0], np.float32)
# How much lighter than skin, on fair skin, a lamp's reflection is, L, and how much wider than the
# face's oval, times, where it may be: a forehead goes on above the mesh; and how much wider than
# eyes where it is none.
_REFLECTION, _SHINY_WIDE, _EYES_WIDE = (6.0, 14.0), 1.25, 2.2
_BLUSH = np.asarray([3.0, 0.8], np.float32)


# H×W, or of one place.
@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """Painted skin: ``lab`` H×W×3 CIELAB, and the ``area`` (H×W 0..1) that it covers."""

    lab: np.ndarray
    area: np.ndarray


def painted_skin(sheet: Sheet, strokes: np.ndarray, light: Light, style: PaintedStyle) -> Skin:
    """The skin of everybody on ``sheet``, in the tones of ``style``; ``strokes``, H×W×3 CIELAB,
    are used up."""
    if light.tone is None:
        return Skin(sheet.lab, np.zeros(sheet.shape, np.float32))
    tones, size = style.tones, sheet.face_px
    lab, bare = strokes, sheet.bare
    # Features have skin below them.
    box = box_of_mask(np.maximum(bare, sheet.features), 0.1 * size)
    here, tone = lab[box], sized(light.tone, sheet.shape)[box]
    covered = bare[box]
    faces = [grown(person.oval, 0.97) - corner_of(box) for person in sheet.people]
    within = area(covered.shape, *faces, soft_px=0.02 * size)
    covered *= _like_skin(here, tone, within, _shiny(covered.shape, box, sheet))
    covered *= (1 - sheet.beards[box]) * (1 - sheet.features[box])
    weight = covered**2 + np.float32(1e-3)
    smooth = smoothed(rgb_of(here), here, 0.10 * size, 34, passes=3)
    drawn = _light_of(smooth, weight, tone, size, tones)
    colour = _colour_of(smooth, weight, tone, size, drawn)
    del smooth, weight  # megabytes
    contrast = contrast_of(tone[..., 0])
    for person, subject in zip(sheet.people, sheet.subjects, strict=True):
        person = person.moved(person.landmarks - corner_of(box))
        if subject.facial_hair is None or subject.facial_hair.value == "stubble":
            shadow = stubble(here, person)
            drawn -= np.float32(_STUBBLE_DARKER) * contrast * shadow
            colour += shadow[..., None] * _STUBBLE_HUE
        _warm(drawn, colour, person, contrast, 0 if sheet.grey else style.features.blush)
    here[..., 0], here[..., 1:] = drawn, colour
    return Skin(lab, bare)


def _light_of(
    smooth: np.ndarray, weight: np.ndarray, tone: np.ndarray, size: float, tones: Tones
) -> np.ndarray:
    """The steps of light, H×W L, of skin that is ``smooth`` (H×W×3 CIELAB) and of colour ``tone``;
    each place counts by ``weight``, ``size`` is the face's height."""
    seen = np.ascontiguousarray(smooth[..., 0])
    form = blurred_within(seen, weight, 0.035 * size)
    near = blurred_within(seen, weight, 0.012 * size)
    base = tone[..., 0]
    contrast = contrast_of(base)
    offset = (blurred_within(form, weight, tones.breadth * size) - base) / contrast
    stepped = base + contrast * _steps(offset, tones)
    share = np.float32(tones.skin)
    return (1 - share) * form + share * stepped + 0.75 * (near - form) + 0.5 * (seen - near)


def _colour_of(
    smooth: np.ndarray, weight: np.ndarray, tone: np.ndarray, size: float, light: np.ndarray
) -> np.ndarray:
    """The colours, H×W×2 CIELAB a and b, of the same skin where it is drawn in ``light``."""
    colour = np.ascontiguousarray(smooth[..., 1:])
    own = 0.6 * blurred_within(colour, weight, 0.03 * size) + 0.4 * colour
    rel = np.clip((light - tone[..., 0]) * np.float32(1 / 40), -1, 1)[..., None]
    goal = _healthy(tone[..., 1:]) * (1 - 0.2 * rel) + rel * _SHADE_HUE
    # In place: it takes most of the memory of a painting.
    colour = own - goal
    np.clip(colour, -_FOREIGN, _FOREIGN, out=colour)
    colour *= 0.28
    colour += goal
    return colour


def _healthy(colour: np.ndarray) -> np.ndarray:
    """``colour`` (H×W×2 CIELAB a, b) of skin that pale light has greyed, a little richer."""
    chroma = cv2.magnitude(colour[..., 0], colour[..., 1])
    wanted = np.clip(chroma, np.minimum(_PALEST, 1.65 * chroma), None)
    return colour * (wanted / np.maximum(chroma, 1e-3))[..., None]


def _shiny(shape: tuple[int, int], box: Box, sheet: Sheet) -> np.ndarray:
    """H×W 0..1: foreheads, noses and cheeks, on which what is white is a lamp's reflection. About
    a mouth it is a beard, about an eye a pad."""
    down, across = np.indices(shape, np.float32)
    here = np.dstack([across, down]) + corner_of(box)
    found = np.zeros(shape, np.float32)
    for person in sheet.people:
        axes = person.landmarks[152] - person.landmarks[10]
        above = (person.landmarks[2] - here) @ (axes / (axes @ axes))
        face = area(shape, grown(person.oval, _SHINY_WIDE) - corner_of(box))
        eyes = [grown(eye.outline, _EYES_WIDE) - corner_of(box) for eye in person.eyes]
        face *= (1 - area(shape, *eyes)) * smoothstep(above, 0.0, 0.06)
        np.maximum(found, face, out=found)
    return found


def _like_skin(
    lab: np.ndarray, tone: np.ndarray, face: np.ndarray, shiny: np.ndarray
) -> np.ndarray:
    """H×W 0..1: what is not too dark, too grey or too colourful to be skin of colour ``tone``.

    Outside of a ``face`` (H×W 0..1) skin lies in the shadow of the chin; where it is ``shiny``
    (H×W 0..1), what is much lighter may be grey.
    """
    dark = (tone[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), 1.5)) / contrast_of(tone[..., 0])
    # Grey hair is as light as skin, but has no colour.
    chroma = cv2.magnitude(lab[..., 1], lab[..., 2])
    common = cv2.magnitude(tone[..., 1], tone[..., 2])
    lost = 1 - cv2.GaussianBlur(chroma, (0, 0), 1.5) / np.maximum(common, 1)
    grey = smoothstep(lost, 0.45, 0.75) * smoothstep(common, 14, 20)
    grey *= 1 - shiny * smoothstep(-dark, *_REFLECTION)
    # A lens, a patch or a print that the classes take for skin.
    foreign = cv2.magnitude(*cv2.split(cv2.GaussianBlur(lab[..., 1:] - tone[..., 1:], (0, 0), 1.5)))
    dark -= _SHADOW * (1 - face)
    return (1 - smoothstep(dark, 20, 36)) * (1 - grey) * (1 - smoothstep(foreign, 32, 44))


def _steps(offset: np.ndarray, tones: Tones) -> np.ndarray:
    """Three soft steps of light about plain skin (0): a light, a shade, a deep shade; in L."""

    softness = tones.softness

    def raw(value: np.ndarray) -> np.ndarray:
        return (
            5.0 * tones.highlight * np.tanh((value - 5) / softness)
            + 6.5 * np.tanh((value + 8) / (0.88 * softness))
            + 5.0 * np.tanh((value + 20) / softness)
        )

    # A plain number, or planes would become float64.
    return raw(offset) - float(raw(np.zeros(())))


def _warm(
    light: np.ndarray, colour: np.ndarray, person: Features, contrast: np.ndarray, blush: float
) -> None:
    """Blush on the cheeks and a light on the tip of the nose, in place."""
    size = person.height
    for cheek in person.cheeks:
        box = box_around(light.shape, cheek[None], 0.3 * size)
        if box is not None:
            bell = _bell(box, cheek, 0.13 * size, 0.10 * size)
            colour[box] += bell[..., None] * np.float32(blush) * _BLUSH
    tip = person.landmarks[4] + 0.1 * (person.landmarks[6] - person.landmarks[4])
    box = box_around(light.shape, tip[None], 0.1 * size)
    if box is not None:
        light[box] += 4.0 * contrast[box] * _bell(box, tip, 0.022 * size, 0.03 * size)


def _bell(
    box: tuple[slice, slice], centre: np.ndarray, wide_px: float, high_px: float
) -> np.ndarray:
    down = (np.arange(box[0].start, box[0].stop) - centre[1]) / high_px
    across = (np.arange(box[1].start, box[1].stop) - centre[0]) / wide_px
    return np.exp(-(down[:, None] ** 2) - across**2).astype(np.float32)
