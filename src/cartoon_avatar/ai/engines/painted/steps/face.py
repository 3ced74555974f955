"""One face over the painted skin: what is kept of the photo, and what is drawn anew."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.painted.sheet import Sheet
from cartoon_avatar.ai.engines.painted.steps.brows_and_nose import draw_brows, draw_nose
from cartoon_avatar.ai.engines.painted.steps.contours import draw_jaw
from cartoon_avatar.ai.engines.painted.steps.eyes import draw_eyes
from cartoon_avatar.ai.engines.painted.steps.folds import draw_folds
from cartoon_avatar.ai.engines.painted.steps.modelling import model_face
from cartoon_avatar.ai.engines.painted.steps.mouth import draw_mouth
from cartoon_avatar.ai.engines.painted.steps.relight import Light
from cartoon_avatar.ai.engines.painted.steps.skin import Skin
from cartoon_avatar.ai.engines.painted.steps.texture import deviation_of
from cartoon_avatar.ai.engines.painted.styles import Features as Look
from cartoon_avatar.ai.filters.abstraction import coherent
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.box import Box, corner_of
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.flow import Flow, along
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around, cover
from cartoon_avatar.ai.seeing.features import Features, area, grown

_NOSE_TIP = 4
# How much firmer than in the photo the darks of eyes, brows and lips are, and those of a nose.
_FIRMER, _SOFTER = 0.35, -0.3
# How much of a nose's sharpening is taken back: two hard nostrils are all that one would see of it.
_SOFT_NOSE = 0.8
# How much darker than skin a beard is at most that is grey or white, L, and how much of the
# skin's chroma it has at most.
_GREY, _PALE = 8.0, 0.6
# How strong white hairs are beside dark ones.
_WHITE = 1.5
# How much darker than in the photo a dark beard is for each L that its hairs deviate, and at most.
_FULLER, _FULLEST = 0.6, 8.0


def keep_features(painted: np.ndarray, sheet: Sheet, skin: Skin, nose: float) -> None:
    """Keep the photo's detail in eyes, brows, nose, mouth and beard, in place.

    ``painted`` is H×W×3 CIELAB, ``skin`` may be smaller; ``nose`` is how much of the photo's
    nose is kept, 0..1.
    """
    if not sheet.people:
        return
    smooth = sized(skin.lab, sheet.shape)
    for person in sheet.people:
        box = box_around(painted.shape, person.oval, 0.15 * person.height)
        if box is None:
            continue
        own = sheet.features[box]
        of_nose = _nose_area(person, box, 1.1, 0.01)
        own = own * (1 - (1 - nose) * of_nose)
        fine, _ = coherent(
            sheet.lab[box], reach_px=2.0, tensor_px=2.0, rounds=1, amount=0.55, edge_px=1.4
        )
        below = smooth[box]
        beards = sheet.beards[box] * (1 - own)
        if beards.any():
            root = person.landmarks[_NOSE_TIP] - (box[1].start, box[0].start)
            light = _is_grey(fine, beards, sheet.bare[box] * (1 - beards))
            hairs = _hairs(fine, root, sheet.face_px, light=light)
            if not light:
                spread = deviation_of(fine[..., 0][beards > 0.5])
                hairs[..., 0] -= min(_FULLER * spread, _FULLEST)
            cover(painted[box], hairs, smoothstep(beards, 0.1, 0.6))
        plain = sheet.skin[box] * (1 - own) + np.float32(1e-3)
        cover(painted[box], _firmer(fine, below, plain, of_nose, sheet.face_px), own)


def keep_noses_soft(painted: np.ndarray, soft: np.ndarray, sheet: Sheet) -> None:
    """Keep noses in ``painted`` (H×W×3 CIELAB), whose edges are sharpened, nearly as ``soft`` as
    they were before, in place."""
    for person in sheet.people:
        box = box_around(painted.shape, person.nose, 0.1 * person.height)
        if box is not None:
            cover(painted[box], soft[box], _SOFT_NOSE * _nose_area(person, box, 1.25, 0.02))


def draw_faces(painted: np.ndarray, light: Light, look: Look) -> None:
    """Draw the features of everybody into ``painted`` (H×W×3 CIELAB), in place."""
    sheet = light.sheet
    if not sheet.people:
        return
    photo, beardless = light.photo(), 1 - sheet.beards
    bare = sheet.bare * beardless
    filled = np.maximum(sheet.lab[..., 0] - light.photo_light, 0) * beardless
    for person, subject, colour in zip(
        sheet.people, sheet.subjects, light.complexions, strict=True
    ):
        tone = np.asarray([colour.light, colour.a, colour.b], np.float32)
        draw_jaw(painted, person, bare, tone)
        if person.shows_mouth:
            model_face(painted, photo, person)
            draw_folds(painted, photo, filled, person, subject, tone)
            draw_mouth(painted, photo, person, subject, tone)
            draw_nose(painted, person, tone)
        if person.shown_eyes:
            draw_brows(painted, person, sheet.hair)
            draw_eyes(painted, photo, person, subject, tone, look)


def _is_grey(lab: np.ndarray, beards: np.ndarray, skin: np.ndarray) -> bool:
    """Whether ``beards`` (H×W 0..1) in ``lab`` are grey or white beside the ``skin``."""
    hair, bare = (
        (lab * mask[..., None]).sum(axis=(0, 1)) / max(float(mask.sum()), 1e-3)
        for mask in (beards, skin)
    )
    pale = np.hypot(*hair[1:]) < _PALE * np.hypot(*bare[1:])
    return bool(pale and bare[0] - hair[0] < _GREY)


def drawn_area(sheet: Sheet) -> np.ndarray:
    """H×W 0..1: the inside of faces, where the lines are drawn by hand."""
    covered = np.zeros(sheet.shape, np.float32)
    for person in sheet.people:
        inside = area(sheet.shape, grown(person.oval, 0.9), soft_px=0.02 * person.height)
        np.maximum(covered, inside, out=covered)
    return covered


def _nose_area(person: Features, box: Box, factor: float, soft: float) -> np.ndarray:
    """H×W 0..1 of ``box``: the underside of a nose, as large as ``factor``; its rim is as ``soft``
    as this share of the face's height."""
    outline = grown(person.nose_base, factor) - corner_of(box)
    shape = box[0].stop - box[0].start, box[1].stop - box[1].start
    return area(shape, outline, soft_px=soft * person.height)


def _firmer(
    fine: np.ndarray, below: np.ndarray, plain: np.ndarray, soft: np.ndarray, size: float
) -> np.ndarray:
    """``fine`` with firmer darks and softer lights than ``below`` it, in the skin's colours.

    Where it is to stay ``soft`` (H×W 0..1), darks are softer, too.
    """
    apart = fine[..., 0] - below[..., 0]
    wide = np.minimum(blurred(apart, 0.035 * size), 0)
    detail = apart - wide
    firmness = _FIRMER + soft * np.float32(_SOFTER - _FIRMER)
    dark = detail * (1 + firmness * smoothstep(-detail, 2, 10))
    strong = fine.copy()
    light = below[..., 0] + 0.5 * wide + np.where(detail < 0, dark, 0.65 * detail)
    strong[..., 0] = np.clip(light, 3, 100)
    # Its colours move as far as those of the skin around it.
    strong[..., 1:] += blurred_within(below[..., 1:] - fine[..., 1:], plain, 0.05 * size)
    # Blue light in the sockets of the eyes would be painted as a bruise.
    strong[..., 2] = np.maximum(strong[..., 2], 0.4 * below[..., 2])
    return strong


def _hairs(fine: np.ndarray, root: np.ndarray, size: float, *, light: bool) -> np.ndarray:
    """``fine`` (H×W×3 CIELAB) of a beard in strokes that run away from ``root`` (x, y px).

    Strokes of a dark beard are dark, as light ones would look stuck on it; those of a beard that
    is lighter than skin are ``light``.

    Line integral convolution (Cabral and Leedom 1993).
    """
    down, across = np.mgrid[: fine.shape[0], : fine.shape[1]].astype(np.float32)
    across, down = across - np.float32(root[0]), down - np.float32(root[1])
    away = np.maximum(cv2.magnitude(across, down), 1)
    flow = Flow(across / away, down / away, np.ones_like(away))
    hairs = along(fine, flow, 0.009 * size)
    seen = cv2.extractChannel(hairs, 0)
    strokes = np.abs(seen - blurred(seen, 0.02 * size))
    hairs[..., 0] += _WHITE * strokes if light else -strokes
    return hairs
