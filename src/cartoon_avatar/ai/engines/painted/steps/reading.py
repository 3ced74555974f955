"""What of a face is beard and what is a crease, and how strong light is on skin."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np

from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown
from cartoon_avatar.ai.seeing.subject import FacialHair

# From ear to ear around the chin, up to the nose: where a beard grows.
_BEARD = (
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361,
    323, 454, 327, 2, 98,
)  # fmt: skip
# How far above the mesh's nose a moustache may begin, face heights.
_ABOVE = 0.04
# By how much the sum of lightness and thrice a* is lower in hair than on skin, and by how much
# the lightness alone where there is no colour; on fair skin.
_HAIR, _GREY_HAIR = (10.0, 24.0), (6.0, 15.0)
# The same in a shadow of beard, and how much of it each half of a face must have at least.
_STUBBLE, _BOTH_SIDES = (5.0, 15.0), 0.25
# How much of that counts in a beard where nothing is rough.
_WITHOUT_GRAIN = 0.6
# The a* of skin below which a picture is too grey to tell hair by colour.
_COLOURED = 4.0
# How much lighter than skin hair is at most where that speaks against it, L, and how much a lack of
# chroma speaks for it.
_LIGHTER, _PALER = 4.0, 2.2
# By how much a place is darker than skin, L, that is rougher than cheeks by these factors, where
# there is no colour.
_ROUGH, _ROUGHER = 15.0, (1.8, 2.6)
# How much of creases is filled.
_FILLED = 0.9
Value = TypeVar("Value", np.ndarray, float)


def contrast_of(light: Value) -> Value:
    """How strong light and shade are on skin of ``light``: less on dark skin."""
    # pyrefly: ignore[bad-return] (NumPy's stubs make float64 of every quotient)
    return 0.45 + 0.55 * light / 65


def beard(lab: np.ndarray, person: Features, kind: FacialHair | None) -> np.ndarray:
    """H×W float32 0..1, where ``person`` has a beard or a moustache, if the ``kind`` is one.

    Hair is darker than skin or less red, a shadow is darker and redder: ΔL + 3·Δa from the cheek
    tells them apart; and only hair is rough.
    """
    found = np.zeros(lab.shape[:2], np.float32)
    if kind not in ("beard", "moustache") or person.height < 24:
        return found
    size = person.height
    box = box_around(lab.shape, person.oval, 0.2 * size)
    if box is None:
        return found
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    light = np.ascontiguousarray(lab[box][..., 0])
    shape = light.shape
    zone = _beard_zone(face, shape, kind)
    square = 0.06 * size * np.asarray([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    cheeks = [area(shape, cheek + square) > 0.5 for cheek in face.cheeks]
    if not all(cheek.any() for cheek in cheeks):
        return found
    both = cheeks[0] | cheeks[1]
    rough = blurred(np.abs(light - blurred(light, 0.012 * size)), 0.02 * size)
    calm = float(np.median(rough[both]))
    shade = blurred(light, 0.006 * size)
    contrast = contrast_of(float(np.median(shade[both])))

    def apart_from_cheeks(plane: np.ndarray) -> np.ndarray:
        return _between(face, [float(np.median(plane[cheek])) for cheek in cheeks], shape) - plane

    apart = apart_from_cheeks(shade)
    colour = blurred(np.ascontiguousarray(lab[box][..., 1:]), 0.012 * size)
    red = colour[..., 0]
    coloured = float(np.median(red[both])) > _COLOURED
    if coloured:
        # White hair is lighter than skin, and less red, or has less colour at all.
        np.maximum(apart, -_LIGHTER, out=apart)
        paler = apart_from_cheeks(cv2.magnitude(*cv2.split(colour)))
        apart += np.maximum(3 * apart_from_cheeks(red), _PALER * paler)
    else:
        hairy = smoothstep(rough, *(factor * calm for factor in _ROUGHER))
        np.maximum(apart, contrast * _ROUGH * hairy, out=apart)
    grain = smoothstep(rough, 1.15 * calm + 0.1, 1.9 * calm + 0.4)
    if kind == "beard" and coloured:
        # A small picture has no grain left: colour alone then has to be clearer.
        grain = _WITHOUT_GRAIN + (1 - _WITHOUT_GRAIN) * grain
    apart *= grain / contrast
    hair = smoothstep(apart, *(_HAIR if coloured else _GREY_HAIR))
    # Between dark hairs there are light ones.
    hair = cv2.morphologyEx(hair, cv2.MORPH_CLOSE, disc(0.03 * size))
    # The rim of a face is dark and rough, too.
    hair = cv2.morphologyEx(hair, cv2.MORPH_OPEN, disc(0.02 * size))
    found[box] = blurred(zone * hair, 0.01 * size)
    return found


def stubble(lab: np.ndarray, person: Features) -> np.ndarray:
    """H×W float32 0..1, where ``person`` has a shadow of beard, on both sides of the face."""
    found = np.zeros(lab.shape[:2], np.float32)
    box = box_around(lab.shape, person.oval, 0.2 * person.height)
    if box is None or person.height < 40:
        return found
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    size, here = face.height, np.ascontiguousarray(lab[box])
    fleshy = blurred(here[..., 0] + 3 * here[..., 1], 0.02 * size)
    rows, columns = (
        np.clip(np.rint(face.cheeks.T[axis]).astype(int), 0, here.shape[1 - axis] - 1)
        for axis in (1, 0)
    )
    plain = [float(value) for value in fleshy[rows, columns]]
    light = float(np.mean(here[rows, columns, 0]))
    apart = (_between(face, plain, fleshy.shape) - fleshy) / contrast_of(light)
    zone = _beard_zone(face, fleshy.shape, "beard")
    zone *= area(fleshy.shape, grown(face.oval, 0.96), soft_px=0.03 * size)
    shadow = zone * smoothstep(apart, *_STUBBLE)
    middle = face.landmarks[[4, 152]].astype(float)
    rows, columns = np.mgrid[: fleshy.shape[0], : fleshy.shape[1]]
    (x, y), (down_x, down_y) = middle[0], middle[1] - middle[0]
    left = (columns - x) * down_y - (rows - y) * down_x > 0
    sides = [shadow[side].sum() / max(float(zone[side].sum()), 1.0) for side in (left, ~left)]
    if min(sides) > _BOTH_SIDES:
        found[box] = blurred(shadow, 0.03 * size)
    return found


def _beard_zone(face: Features, shape: tuple[int, int], kind: FacialHair) -> np.ndarray:
    """H×W 0..1: where hair of that ``kind`` can be, down to below the chin."""
    size = face.height
    low = face.landmarks[list(_BEARD)]
    down = face.landmarks[152] - face.landmarks[10]
    down *= size / max(1e-6, float(np.hypot(*down)))
    # The mesh takes a moustache for lips, and has the nose too low.
    low[-3:] -= _ABOVE * down
    zone = area(shape, grown(low, 1.06), low + 0.08 * down, soft_px=0.02 * size)
    if kind == "moustache":
        tuft = grown(face.lips, 0.8) + 0.5 * (face.landmarks[152] - face.lips.mean(axis=0))
        lips = grown(face.lips, 1.35, 0.09 * size)
        near = [lips, lips - _ABOVE * down, tuft, tuft + 0.1 * down, tuft + 0.2 * down]
        zone *= area(shape, *near, soft_px=0.02 * size)
        zone *= area(shape, grown(face.oval, 0.9), soft_px=0.02 * size)
    none = grown(face.mouth, 1.1, 0.01 * size), grown(face.nose_base, 0.9)
    return zone * (1 - area(shape, *none, soft_px=0.01 * size))


def _between(face: Features, values: list[float], shape: tuple[int, int]) -> np.ndarray:
    """``values`` of the two cheeks, and between them a gradual change: H×W float32."""
    one, other = face.cheeks
    way = (other - one) / max(1e-6, float(((other - one) ** 2).sum()))
    down, across = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    share = np.clip((across - one[0]) * way[0] + (down - one[1]) * way[1], 0, 1)
    return values[0] + share * np.float32(values[1] - values[0])


def without_creases(lab: np.ndarray, person: Features, bare: np.ndarray) -> None:
    """Fill the creases of ``person``'s cheeks and brow in ``lab`` (H×W×3 CIELAB), in place.

    ``bare`` (H×W 0..1) is skin without hair over it.

    A crease is what a morphological closing fills. Those of an aged face are drawn again.
    """
    box = box_around(lab.shape, person.oval, 0.05 * person.height)
    if box is None or person.height < 40:
        return
    face = features_of(person.landmarks - np.asarray([box[1].start, box[0].start], np.float32))
    light = np.ascontiguousarray(lab[box][..., 0])
    size, shape = face.height, light.shape
    zone = area(shape, grown(face.oval, 0.93), soft_px=0.02 * size) * bare[box]
    zone *= 1 - area(
        shape,
        *(grown(eye.outline, 1.35, 0.03 * size) for eye in face.eyes),
        *(grown(brow, 1.1, 0.02 * size) for brow in face.brows),
        grown(face.lips, 1.06, 0.012 * size),
        grown(face.nose_base, 1.1),
        soft_px=0.012 * size,
    )
    calm = cv2.GaussianBlur(light, (0, 0), max(0.5, 0.004 * size))
    closed = cv2.morphologyEx(calm, cv2.MORPH_CLOSE, disc(int(0.035 * size)))
    closed = blurred(closed, 0.012 * size)
    # What is much darker than a crease is hair, a frame or a hand.
    depth = np.maximum(closed - calm, 0)
    depth *= 1 - smoothstep(depth, 24.0, 40.0)
    lab[box][..., 0] += np.float32(_FILLED) * zone * depth
