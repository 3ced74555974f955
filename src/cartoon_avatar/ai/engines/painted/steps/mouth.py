"""Lips in one colour, and between them the teeth of the photo, whitened."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around, mix, polygon, stroke, tapered
from cartoon_avatar.ai.seeing.features import Features, features_of, smooth_curve
from cartoon_avatar.ai.seeing.subject import Subject

# From the right corner of the mouth over the upper lip's lower edge to the left one.
_PARTING = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_UNDER_LIP = (181, 84, 17, 314, 405)
# How much redder than skin lips of somebody with short hair are in the photo that are surely not
# painted, and that are, a*; those of others are drawn as if they were.
_PAINTED = 13.0, 20.0
# How much darker and redder than skin lips are at least, in L and a: without paint, and with it.
_DARKER_LIPS, _REDDER_LIPS = (6.5, 9.0), (7.5, 9.0)
# By which share of their red others become paler, so that they do not look painted.
_MUTED = 0.14
# How soft the border of lips is, face heights, and how far they cover the photo's.
_LIP_SOFT, _LIP_COVER = (0.010, 0.006), (0.8, 0.9)
# A gap between the lips, as share of the face's height, from which a mouth is open; a moustache
# before the lips is taken for a gap.
_OPEN, _OPEN_UNDER_HAIR = 0.018, 0.05
# Columns of a mouth in which its teeth are looked for, how bright they are beside skin, and how
# much less dark than in a photo it is between them.
_COLUMNS, _TOOTH, _CALM = 14, 0.66, 0.5
# From how much redder than skin it is gums or a tongue that shows, and surely so, a*; how wide
# specks between teeth are that become less dark, face heights.
_GUMS, _SPECK = (4.0, 14.0), 0.014
# How much lighter than skin teeth are, and in which bounds, L.
_WHITER, _WHITE = 26.0, (72.0, 91.0)
# From how much less a* than that of skin on a lip is hidden by hair.
_PALER_HAIR = 4.0
# How much lighter the lower lip is in its middle, L.
_GLOSS = 9.0
# How far the corners of a closed mouth are raised, heights of the face.
_SMILE = 0.008


def draw_mouth(
    lab: np.ndarray, photo: np.ndarray, person: Features, subject: Subject, tone: np.ndarray
) -> None:
    """Draw the mouth of ``person`` into ``lab`` (H×W×3 CIELAB), in place.

    ``photo`` is what it is read from, ``tone`` the skin's CIELAB.
    """
    size = person.height
    box = box_around(lab.shape, person.lips, 0.1 * size)
    if box is None or size < 40:
        return
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    here, seen = lab[box], photo[box]
    shape = here.shape[:2]
    lips = smooth_curve(np.concatenate([face.lips, face.lips[:1]]), 4)
    mouth = smooth_curve(np.concatenate([face.mouth, face.mouth[:1]]), 4)
    inner = polygon(shape, mouth, 0.003 * size)
    hair = subject.facial_hair
    under_hair = hair is not None and hair.value in ("moustache", "beard")
    worn, paint = subject.hair, 1.0
    # In a beard pale lips would be lost.
    if not under_hair and worn is not None and worn.value in ("short", "bald"):
        plain = polygon(shape, lips) * (1 - inner)
        redder = float((seen[..., 1] * plain).sum() / max(1.0, plain.sum())) - tone[1]
        paint = float(smoothstep(np.float32(redder), *_PAINTED))
    body = polygon(shape, lips, np.interp(paint, (0, 1), _LIP_SOFT) * size) * (1 - inner)
    if under_hair:
        # A moustache over the upper lip is less red than skin.
        red = blurred(np.ascontiguousarray(seen[..., 1]), 0.008 * size) - tone[1]
        body *= smoothstep(red, -_PALER_HAIR, 0.0)
    _paint_lips(here, seen, body, size, tone, paint)
    gap = float(np.linalg.norm(face.landmarks[13] - face.landmarks[14])) / size
    if gap > (_OPEN_UNDER_HAIR if under_hair else _OPEN):
        _paint_teeth(here, seen, face, inner, tone)
    else:
        curve = smooth_curve(_smiling(face), 4)
        widths = 0.011 * size * (0.15 + 0.85 * tapered(len(curve)))
        covered = stroke(shape, curve, widths, max(0.5, 0.0025 * size))
        mix(here, [0.36 * tone[0], tone[1] + 10, 0.7 * tone[2] + 4], 0.65 * covered)
    _gloss(here, face, body, size)
    # The shade under the lower lip.
    curve = smooth_curve(face.landmarks[list(_UNDER_LIP)], 5) + np.asarray(
        [0, 0.012 * size], np.float32
    )
    covered = stroke(shape, curve, 0.012 * size * tapered(len(curve)), 0.005 * size)
    mix(here, [0.72 * tone[0], tone[1] + 4, tone[2]], 0.35 * covered)


def _smiling(face: Features) -> np.ndarray:
    """The parting of closed lips, N×2 px, whose corners rise a little."""
    parting = face.landmarks[list(_PARTING)].copy()
    up = face.landmarks[10] - face.landmarks[152]
    corner = np.abs(np.linspace(-1, 1, len(parting)))[:, None] ** 4
    return parting + _SMILE * corner * up


def _paint_lips(
    lab: np.ndarray,
    photo: np.ndarray,
    body: np.ndarray,
    size: float,
    tone: np.ndarray,
    paint: float,
) -> None:
    """``paint`` says how surely the lips are painted, 0..1: others are not to look so."""
    if body.sum() < 4:
        return
    darker, redder_by, cover = (
        np.interp(paint, (0, 1), values) for values in (_DARKER_LIPS, _REDDER_LIPS, _LIP_COVER)
    )
    smooth = blurred_within(photo, body + np.float32(1e-3), 0.012 * size)
    goal = 0.4 * photo + 0.6 * smooth
    redder = float((goal[..., 1] * body).sum() / body.sum()) - tone[1]
    goal[..., 1] += np.float32(paint * np.clip(1.2 + 0.32 * redder, 0.5, 5))
    goal[..., 1] -= np.float32((1 - paint) * _MUTED * max(redder, 0))
    goal[..., 2] += 1
    # Lips bleached by a flash would be lost beside drawn teeth.
    goal[..., 0] = np.minimum(goal[..., 0], tone[0] - darker)
    if tone[1] > 3:  # not in black and white
        goal[..., 1] = np.maximum(goal[..., 1], tone[1] + redder_by)
    lab += (np.float32(cover) * body)[..., None] * (goal - lab)


def _gloss(lab: np.ndarray, face: Features, body: np.ndarray, size: float) -> None:
    """Brighten the middle of the lower lip by a soft highlight, in place."""
    middle = 0.5 * (face.landmarks[14] + face.landmarks[17])
    across = face.landmarks[314] - face.landmarks[84]
    line = middle + np.linspace(-0.45, 0.45, 12)[:, None] * across
    covered = stroke(lab.shape[:2], line, 0.016 * size * tapered(len(line)), 0.007 * size)
    lab[..., 0] += _GLOSS * covered * body


def _paint_teeth(
    lab: np.ndarray, photo: np.ndarray, face: Features, inner: np.ndarray, tone: np.ndarray
) -> None:
    """What is between the lips as in the ``photo``, with teeth as white in the corners as in the
    middle, in place."""
    inside = inner > 0.5
    left, right = face.landmarks[_PARTING[0]], face.landmarks[_PARTING[-1]]
    across = right - left
    rows, columns = np.indices(inside.shape, np.float32)
    along = ((columns - left[0]) * across[0] + (rows - left[1]) * across[1]) / (across @ across)
    along = np.clip(along, 0, 1)
    brightest = _brightest(photo[..., 0], inside, along)
    if brightest is None or np.percentile(brightest, 80) < _TOOTH * tone[0]:
        return
    here = np.interp(along, np.linspace(0, 1, len(brightest)), brightest).astype(np.float32)
    white = float(np.clip(tone[0] + _WHITER, *_WHITE)) * (1 - 0.3 * (2 * along - 1) ** 4)
    gain = np.clip(white / np.maximum(here, 0.45 * brightest.max()), 0.7, 1.8)
    # Gums and a tongue are no teeth.
    red = blurred(np.ascontiguousarray(photo[..., 1]), 0.006 * face.height) - tone[1]
    pale = 1 - smoothstep(red, *_GUMS)
    gain = 1 + (gain - 1) * pale
    light = np.ascontiguousarray(photo[..., 0])
    width = 2 * round(0.5 * _SPECK * face.height) + 1
    closed = cv2.morphologyEx(
        light, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    )
    light += _CALM * pale * (closed - light)
    tooth = pale * np.clip((light / np.maximum(here, 1) - 0.55) / 0.3, 0, 1)
    tooth = blurred(tooth, 0.003 * face.height)
    clean = photo.copy()
    # Between teeth it is less dark than in a photo: a whole grid makes a skeleton's mouth.
    clean[..., 0] = white - (1 - _CALM * tooth) * np.maximum(white - light * gain, -2)
    clean[..., 1:] *= 1 - 0.7 * tooth[..., None]
    lab += inner[..., None] * (clean - lab)


def _brightest(light: np.ndarray, inside: np.ndarray, along: np.ndarray) -> np.ndarray | None:
    """How bright each column of a mouth is, from corner to corner; None of too small a one."""
    column = np.minimum((along * _COLUMNS).astype(int), _COLUMNS - 1)
    found = [light[inside & (column == number)] for number in range(_COLUMNS)]
    known = [number for number, lights in enumerate(found) if len(lights) > 4]
    if not known:
        return None
    values = [float(np.percentile(found[number], 88)) for number in known]
    row = np.interp(np.arange(_COLUMNS), known, values).astype(np.float32)
    return cv2.GaussianBlur(row[None], (0, 0), 1.2, borderType=cv2.BORDER_REPLICATE)[0]
