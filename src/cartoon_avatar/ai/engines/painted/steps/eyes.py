"""Eyes drawn anew: lids, whites, irises with their glints, from the photo's size and gaze."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.styles import Features as Look
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around, mix, polygon, stroke, tapered
from cartoon_avatar.ai.seeing.features import Eye, Features, features_of, smooth_curve
from cartoon_avatar.ai.seeing.subject import Subject

_INK = np.asarray([9, 6, 4], np.float32)
# Of irises whose colour was not read.
_BROWN = (24.0, 6.0, 9.0)
# Fair skin is lighter than this, black hair darker, L; grey has less chroma; irises with less
# b are not brown; with less a, or lighter, they are grey, blue or green. Chroma of skin in a photo
# in full colour.
_FAIR, _BLACK_HAIR, _GREY, _LEAST_YELLOW, _COOL, _LIGHT = 70.0, 33.0, 9.0, 6.0, -1.0, 36.0
_RICH_SKIN = 15.0
# How far irises go back to the middle of eyes that look aside, share of the way.
_STRAIGHTER = 0.3
# Smaller eyes than this are left as the photo has them, px.
_SMALLEST_PX = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class _Lids:
    """One eye in a frame of its own: ``across`` runs from the outer to the inner corner."""

    eye: Eye
    upper: np.ndarray
    lower: np.ndarray
    axis: np.ndarray
    down: np.ndarray
    #: 0 closed .. 1 open.
    openness: float

    @staticmethod
    def of(eye: Eye) -> _Lids:
        axis = eye.upper[-1] - eye.upper[0]
        axis = axis / max(float(np.linalg.norm(axis)), 1e-6)
        down = np.array([-axis[1], axis[0]])
        if down @ (eye.lower[4] - eye.upper[4]) < 0:
            down = -down
        ratio = eye.opening / eye.width
        openness = float(np.clip((ratio - 0.07) / 0.09, 0, 1))
        return _Lids(
            eye, smooth_curve(eye.upper, 6), smooth_curve(eye.lower, 6), axis, down, openness
        )

    def upper_at(self, across: np.ndarray | float) -> np.ndarray:
        """How far the upper lid lies below the line of the corners, px, at ``across`` px."""
        along = (self.upper - self.upper[0]) @ self.axis
        order = np.argsort(along)
        return np.interp(across, along[order], ((self.upper - self.upper[0]) @ self.down)[order])


def draw_eyes(
    lab: np.ndarray,
    photo: np.ndarray,
    person: Features,
    subject: Subject,
    tone: np.ndarray,
    look: Look,
) -> None:
    """Draw the eyes that ``person`` shows into ``lab`` (H×W×3 CIELAB), in place.

    ``photo`` is what lids are read from, ``tone`` the skin's CIELAB.
    """
    colour = _iris_colour(subject)
    # The glint is on the light's side, the same in both eyes.
    lit_from_left = subject.light is None or subject.light.value.towards[0] < 0.2
    for number, eye in enumerate(person.eyes):
        if not person.shows_eyes[number]:
            continue
        box = box_around(lab.shape, eye.outline, 0.45 * eye.width)
        if box is None or eye.width < _SMALLEST_PX:
            continue
        here = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
        lids = _Lids.of(here.eyes[number])
        _draw_eye(lab[box], photo[box], lids, tone, colour, lit_from_left, look)


def _iris_colour(subject: Subject) -> np.ndarray:
    """CIELAB. Dark grey under black hair, in a face that is not fair, is a brown iris that
    reflects, and so is what is bluish behind glasses."""
    if subject.iris_colour is None:
        return np.array(_BROWN)
    colour = np.array(subject.iris_colour.value)
    if subject.even_skin is None or subject.hair_colour is None or colour[2] >= _LEAST_YELLOW:
        return colour
    behind_glasses = subject.glasses is not None and subject.glasses.value != "none"
    if (colour[1] < _COOL or colour[0] > _LIGHT) and not behind_glasses:
        return colour
    light, a, b = subject.hair_colour.value
    black = light < _BLACK_HAIR and np.hypot(a, b) < _GREY
    if not black or subject.even_skin.value[0] >= _FAIR:
        return colour
    # A photo with hardly any colour gets no brown.
    rich = min(1.0, float(np.hypot(*subject.even_skin.value[1:])) / _RICH_SKIN)
    return np.array([min(_BROWN[0], colour[0]), *(rich * np.array(_BROWN[1:]))])


def _draw_eye(
    lab: np.ndarray,
    photo: np.ndarray,
    lids: _Lids,
    tone: np.ndarray,
    colour: np.ndarray,
    lit_from_left: bool,
    look: Look,
) -> None:
    eye, shape = lids.eye, lab.shape[:2]
    wide = eye.width
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    beside = (across - eye.upper[0][0]) * lids.axis[0] + (down - eye.upper[0][1]) * lids.axis[1]
    below = (across - eye.upper[0][0]) * lids.down[0] + (down - eye.upper[0][1]) * lids.down[1]
    # Below the upper lid, in openings.
    depth = (below - lids.upper_at(beside).astype(np.float32)) / max(eye.opening, 1.0)
    inside = polygon(shape, np.concatenate([lids.upper, lids.lower[::-1]]), 0.012 * wide)
    seen = inside * np.float32(lids.openness)

    _crease(lab, photo, lids, tone)
    # The white: never brighter than the face allows, in the lid's shadow above.
    bright = float(np.clip(tone[0] + 12, 58, 88))
    shadow = 1 - smoothstep(depth, 0.0, 0.5)
    corner = smoothstep(np.abs(beside - 0.5 * wide) / (0.5 * wide), 0.5, 1.0)
    white = np.dstack(
        [bright - 20 * shadow - 11 * corner, np.full(shape, 1.5), 2.5 - 1.5 * shadow]
    ).astype(np.float32)
    lab += seen[..., None] * np.asarray([0.75, 0.95, 0.95], np.float32) * (white - lab)
    # A narrow eye is a dark line.
    mix(lab, [0.45 * tone[0], tone[1] + 2, 0.8 * tone[2]], 0.6 * (1 - lids.openness) * inside)

    centre, radius = _iris_place(lids, look.iris_size)
    away = np.hypot(across - centre[0], down - centre[1]) / radius
    soft = 1.0 / radius
    disc = (1 - smoothstep(away, 1 - soft, 1 + soft)) * np.maximum(
        seen, 0.8 * inside * float(smoothstep(eye.opening / wide, 0.06, 0.12))
    )
    lower = ((across - centre[0]) * lids.down[0] + (down - centre[1]) * lids.down[1]) / radius
    light = float(np.clip(1.15 * colour[0] + 3, 24, 54))
    iris = np.empty((*shape, 3), np.float32)
    iris[..., 0] = light + (6 + 14 * look.iris) * smoothstep(lower, -0.2, 0.85)
    iris[..., 0] -= (16 + 0.2 * light) * smoothstep(away, 0.72, 1.0)
    iris[..., 1] = np.clip((1.1 + 0.5 * look.iris) * colour[1], -16, 18)
    iris[..., 2] = np.clip((1.2 + 0.6 * look.iris) * colour[2], -30, 32)
    iris[..., 1:] *= (0.75 + 0.45 * smoothstep(lower, -0.2, 0.8))[..., None]
    pupil = 1 - smoothstep(away, 0.36, 0.46)
    mix(iris, _INK, pupil)
    iris[..., 0] -= np.clip(iris[..., 0] - 5, 0, 14) * (1 - smoothstep(depth, 0.05, 0.45))
    lab += (0.95 * disc)[..., None] * (iris - lab)

    side = np.array([-1.0 if lit_from_left else 1.0, 0.0])
    glint = centre + 0.32 * radius * side - 0.28 * radius * lids.down
    # Not above the lid.
    over = float(lids.upper_at(float((glint - eye.upper[0]) @ lids.axis)))
    hidden = max(0.0, over + 0.24 * radius - float((glint - eye.upper[0]) @ lids.down))
    glint = glint + hidden * lids.down
    for place, size, strength in (
        (glint, 0.18, 0.96),
        (centre - 0.34 * radius * side + 0.42 * radius * lids.down, 0.10, 0.3),
    ):
        apart = np.hypot(across - place[0], down - place[1]) / radius
        spot = 1 - smoothstep(apart, size - soft, size + soft)
        mix(lab, [98, 0, 1], strength * spot * disc)
    _lines(lab, photo, lids, tone, look)


def _iris_place(lids: _Lids, iris_size: float) -> tuple[np.ndarray, float]:
    """Centre and radius of the drawn iris: both lids cut it, never white all round."""
    eye = lids.eye
    wide = eye.width
    middle = 0.5 * (eye.upper[4] + eye.lower[4]).astype(np.float64)
    centre = eye.iris.astype(np.float64)
    radius = float(np.clip(1.12 * eye.radius, 0.2 * wide, 0.29 * wide))
    radius = min(max(radius, 0.56 * eye.opening), 0.31 * wide)
    radius *= iris_size
    if np.linalg.norm(centre - middle) > 0.36 * wide:
        centre, radius = middle, min(radius, 0.24 * wide)  # the mesh lost the iris
    # A glance aside would show too much white once eyes are large.
    centre = centre - _STRAIGHTER * float((centre - middle) @ lids.axis) * lids.axis
    lid = float(lids.upper_at(float((centre - eye.upper[0]) @ lids.axis)))
    under = float((centre - eye.upper[0]) @ lids.down) - lid
    # The upper lid covers about a fifth of it, the lower one touches it.
    goal = float(np.clip(under, 0.42 * radius, 0.62 * radius))
    return centre + (goal - under) * lids.down, radius


def _crease(lab: np.ndarray, photo: np.ndarray, lids: _Lids, tone: np.ndarray) -> None:
    """The fold above the lid: the darkest line parallel to it, if it stands out."""
    wide = lids.eye.width
    core = lids.upper[6:-6]
    light = cv2.GaussianBlur(np.ascontiguousarray(photo[..., 0]), (0, 0), max(0.6, 0.02 * wide))
    offsets = np.linspace(0.08, 0.32, 25) * wide
    places = core[:, None] - lids.down * offsets[None, :, None]
    x, y = (np.ascontiguousarray(places[..., axis], np.float32) for axis in (0, 1))
    found = np.median(
        cv2.remap(light, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), axis=0
    )
    at = int(np.argmin(found[2:-3])) + 2
    deep = min(found[: at + 1].max(), found[at:].max()) - found[at]
    contrast = 0.45 + 0.55 * tone[0] / 65
    if deep < 1.2 * contrast or offsets[at] < 0.1 * wide:
        return
    place = np.linspace(0, 1, len(lids.upper))
    rise = offsets[at] * np.interp(place, [0, 0.15, 0.6, 1], [0.55, 0.95, 1.0, 0.55])
    line = (lids.upper - lids.down * rise[:, None])[1:-3]
    strength = float(np.clip(0.3 + 0.05 * deep / contrast, 0.3, 0.65))
    covered = stroke(lab.shape[:2], line, 0.045 * wide * tapered(len(line)), 0.7)
    mix(lab, [0.5 * tone[0], tone[1] + 5, tone[2] + 1], strength * covered)


def _lash_weight(photo: np.ndarray, lids: _Lids, tone: np.ndarray) -> float:
    """How heavy the upper lid's line is in ``photo``, 0.5 bare .. 1 made up."""
    core = lids.upper[8:-12].astype(int)
    rows = np.clip(core[:, 1], 0, photo.shape[0] - 1)
    columns = np.clip(core[:, 0], 0, photo.shape[1] - 1)
    wide = max(1, round(0.05 * lids.eye.width))
    dark = cv2.erode(np.ascontiguousarray(photo[..., 0]), np.ones((wide, wide), np.uint8))
    share = float(np.median(dark[rows, columns])) / max(float(tone[0]), 1.0)
    return 0.5 + 0.5 * float(smoothstep(np.float32(1 - share), 0.5, 0.88))


def _lines(lab: np.ndarray, photo: np.ndarray, lids: _Lids, tone: np.ndarray, look: Look) -> None:
    """The upper lid, heavy over its outer half, and a hint of the lower one."""
    shape, wide = lab.shape[:2], lids.eye.width
    place = np.linspace(0, 1, len(lids.upper))
    profile = np.interp(place, [0, 0.10, 0.34, 0.7, 1], [0.62, 1.0, 1.0, 0.72, 0.22])
    heavy = look.lid * wide * (0.6 + 0.4 * lids.openness) * _lash_weight(photo, lids, tone)
    wing = lids.upper[0] - 0.09 * wide * lids.axis - 0.03 * wide * lids.down
    line = np.concatenate([wing[None], lids.upper]) - 0.16 * heavy * lids.down
    widths = np.concatenate([[0.1], profile]) * heavy
    mix(lab, _INK, 0.93 * stroke(shape, line, widths, 0.5))
    place = np.linspace(0, 1, len(lids.lower))
    widths = np.interp(place, [0, 0.2, 0.6, 1], [0.9, 1, 0.55, 0.15]) * 0.034 * wide
    ink = [max(8, 0.4 * tone[0]), 12, 11]
    strength = 0.6 * (0.4 + 0.6 * lids.openness)
    mix(lab, ink, strength * stroke(shape, lids.lower, widths, 0.5))
