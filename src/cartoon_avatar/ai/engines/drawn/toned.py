"""A person in the tones of their painting, in ink lines or without, on a made-up backdrop.

Tones are traced part by part, so that the borders between skin, hair and cloth are clean at any
size.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.drawn.backdrop import chosen_colour, draw_backdrop
from cartoon_avatar.ai.engines.drawn.features import draw_eyes, draw_mouth
from cartoon_avatar.ai.engines.drawn.lines import draw_lines, edges_of
from cartoon_avatar.ai.engines.drawn.palette import INK, WHITE, SkinTones, hair_tones
from cartoon_avatar.ai.engines.drawn.parts import draw_part, left_out
from cartoon_avatar.ai.engines.drawn.pen import Pen, dice
from cartoon_avatar.ai.engines.drawn.portrait import Portrait, portrait_in_scene, portrait_of
from cartoon_avatar.ai.engines.drawn.sheet import Shape, Sheet
from cartoon_avatar.ai.engines.drawn.styles import DrawnStyle, Tones
from cartoon_avatar.ai.engines.drawn.surroundings import (
    areas_of_hues,
    colours_of,
    draw_company,
    draw_scene,
    glaze,
    halved,
    tint_of,
)
from cartoon_avatar.ai.engines.drawn.tracing import some
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.seeing.scene import Scene

# By how much an edge in a scene passes what makes one an ink line, L: lines there are finer.
_THIN = 2.5
# How far a part goes on under those drawn after it, face heights.
_SEAM = 0.02
# How far the chin's shadows fall, face heights, and how dark each is.
_CHIN_SHADOWS, _CHIN_SHADE = (0.1, 0.06, 0.025), 0.22
# How far skin goes to its colour under even light at most (L, a, b).
_EVENED_MOST = np.array([1.0, 10.0, 10.0])
# Hues of hair between which dark yellow looks olive, degrees of CIELAB.
_BROWN_DEG, _GREEN_DEG = 68.0, 120.0
# Lights in hair: lighter than this percentile, softly over so many L, and how much of the hair's
# hue that they lack they get.
_SHINE, _PLAIN, _TINTED = 80, 12.0, 0.8
# A face of fewer pixels shows no beard.
_LEAST_PX = 40
# How far above the nose's root by the lip a moustache begins, face heights.
_OVER_LIP = 0.035
# By how much less chroma a beard is a part of its own, its smallest area in squared face heights,
# and the blur before, face heights.
_GREYER, _GREYER_LEAST, _GREYER_SOFT = 6.0, 0.003, 0.006


def toned_of(
    scene: Scene, style: DrawnStyle, seed: int, clock: Clock, *, head_only: bool = False
) -> tuple[Sheet, Pen]:
    """The scene's first person in the tones of their painting."""
    portrait = (portrait_in_scene if style.scene else portrait_of)(scene, clock)
    light = style.even, style.light, style.vivid
    portrait = portrait.once(light, partial(graded, portrait, style))
    reading, unit = portrait.reading, portrait.reading.unit
    random = dice(seed, reading)
    weight = unit * float(random.uniform(0.9, 1.12))
    skin = _tones_of_painting(portrait)
    pen = Pen(
        sheet=Sheet(reading.width, reading.height),
        reading=reading,
        skin=skin,
        hair=hair_tones(reading.lab[portrait.hair], reading),
        ink=INK,
        outline=style.outline * weight,
        random=random,
    )
    shows_eyes = scene.features[0].shows_eyes
    # A photo that was cut to a disc stays a disc.
    whole = head_only or style.transparent or reading.frame.all()
    with nullcontext() if whole else pen.sheet.clipped(portrait.outline(reading.frame)):
        draw_person = _draw_in_scene if style.scene else _draw_by_parts
        draw_person(pen, portrait, style, shows_eyes, head_only)
    clock.done("shapes")
    return pen.sheet, pen


def _draw_by_parts(
    pen: Pen, portrait: Portrait, style: DrawnStyle, shows_eyes: tuple[bool, bool], head_only: bool
) -> None:
    tones = style.skin, style.hair, style.cloth, style.company
    # A line about the jaw is the head's.
    seam = _SEAM * portrait.reading.unit
    by_head = portrait.head | (portrait.reading.grown(portrait.head, seam) & portrait.body)
    by_body = portrait.body & ~by_head
    if not head_only:
        if not style.transparent:
            _draw_behind(pen, portrait, style)
        _draw_ground(pen, portrait, style)
        _lay(pen, portrait, ("body", *tones), partial(_draw_body, pen, portrait, style))
        if style.outline:
            draw = partial(_draw_lines, pen, portrait, style, by_body)
            _lay(pen, portrait, ("body", style.inked), draw)
    draw = partial(_draw_head, pen, portrait, style, shows_eyes)
    _lay(pen, portrait, ("head", *tones), draw)
    if style.outline:
        draw = partial(_draw_lines, pen, portrait, style, by_head)
        _lay(pen, portrait, ("head", style.inked), draw)


def _draw_in_scene(
    pen: Pen, portrait: Portrait, style: DrawnStyle, shows_eyes: tuple[bool, bool], head_only: bool
) -> None:
    # Nothing that is drawn here is the head's alone.
    behind = None if head_only else style.scene
    tint = tint_of(pen)
    colours = colours_of(portrait, tint, people_alone=head_only)
    tones = behind, style.hair, style.skin
    with pen.sheet.clipped(portrait.silhouette(portrait.head)) if head_only else nullcontext():
        start = len(pen.sheet.shapes)
        draw = partial(draw_scene, pen, portrait, colours, *tones)
        _lay(pen, portrait, ("scene", *tones, tint), draw)
        glaze(pen, portrait, colours, start, people_alone=head_only)
        if behind:
            _draw_features_beside(pen, portrait, vivid=False)
        _draw_features(pen, portrait, shows_eyes, vivid=False)
        edges = portrait.once(("edges", False), partial(edges_of, portrait, inside=False))
        people = portrait.everything | portrait.others
        draw_lines(pen, portrait, edges - _THIN, people, pen.skin.line)


def _draw_behind(pen: Pen, portrait: Portrait, style: DrawnStyle) -> None:
    beside = [pen.hair.base, pen.skin.base]
    if (cloth := pen.reading.median_colour(portrait.clothes)) is not None:
        beside.append(cloth)
    draw_backdrop(pen, chosen_colour(pen, style.backdrops, beside), style.grounds)


def _draw_features_beside(pen: Pen, portrait: Portrait, *, vivid: bool) -> None:
    for reading in portrait.beside:
        face = portrait.on_pixels(reading.inside(reading.features.oval)) > 0.5
        if face.any():
            skin = replace(pen.skin, base=np.median(portrait.lab[face], axis=0))
            theirs = replace(pen, reading=reading, skin=skin)
            friend = replace(portrait, reading=reading)
            _draw_features(theirs, friend, reading.subject.shows_eyes, vivid=vivid)


def _draw_features(
    pen: Pen, portrait: Portrait, shows_eyes: tuple[bool, bool], *, vivid: bool
) -> None:
    """``vivid`` where all else is in few tones."""
    if not pen.reading.profile:
        if not pen.reading.hides_mouth:
            draw_mouth(pen, portrait, vivid=vivid)
        draw_eyes(pen, portrait, shows_eyes, vivid=vivid)


def _draw_lines(pen: Pen, portrait: Portrait, style: DrawnStyle, within: np.ndarray) -> None:
    find = partial(edges_of, portrait, inside=style.inked)
    edges = portrait.once(("edges", style.inked), find)
    draw_lines(pen, portrait, edges, within, pen.ink if style.inked else pen.skin.line)


def _draw_ground(pen: Pen, portrait: Portrait, style: DrawnStyle) -> None:
    """What the person is drawn on: a rim, an outline, and the dark where no part is."""
    unit = portrait.reading.unit
    outer = portrait.silhouette(portrait.reading.opened(portrait.everything, _SEAM * unit))
    if style.rim:
        pen.sheet.fill(outer, WHITE, line=WHITE, line_width=2 * style.rim * unit)
    pen.sheet.fill(outer, pen.hair.shade, line=pen.ink, line_width=2 * pen.outline)


def _lay(pen: Pen, portrait: Portrait, key: tuple[Hashable, ...], draw: Callable[[], None]) -> None:
    """Draw what all styles with the same ``key``, the name of a part first, have in common."""
    shapes, start = pen.sheet.shapes, len(pen.sheet.shapes)

    def drawn() -> list[Shape]:
        draw()
        new = shapes[start:]
        del shapes[start:]
        return new

    shapes += portrait.once(key, drawn)


def _draw_body(pen: Pen, portrait: Portrait, style: DrawnStyle) -> None:
    reading, seam = portrait.reading, _SEAM * portrait.reading.unit
    # Each part goes on under those drawn after it, so that no gap shows between them.
    if portrait.crowded:
        draw_company(pen, portrait, style.company)
        _draw_features_beside(pen, portrait, vivid=True)
    else:
        draw_part(pen, portrait, portrait.rest, portrait.rest, style.hair)
    above = portrait.clothes | reading.grown(portrait.face, seam) | portrait.head
    under = reading.grown(portrait.neck, seam) & above
    draw_part(pen, portrait, portrait.neck, under, style.skin, glazed=True)
    _draw_shadow_of_chin(pen, portrait)
    under = reading.grown(portrait.clothes, seam) & portrait.head
    _draw_cloth(pen, portrait, portrait.clothes, under, style.cloth)


def _draw_head(
    pen: Pen, portrait: Portrait, style: DrawnStyle, shows_eyes: tuple[bool, bool]
) -> None:
    reading, seam = portrait.reading, _SEAM * portrait.reading.unit
    # Not by the neck, where it would show in the corners between jaw and hair.
    behind = portrait.head & ~reading.grown(portrait.neck, 2 * seam)
    pen.sheet.fill(portrait.silhouette(behind), pen.hair.shade)
    if not portrait.crowded:
        gaps = portrait.rest & reading.grown(portrait.head, seam)
        draw_part(pen, portrait, gaps, gaps, style.hair)
    covered = portrait.hair | portrait.hat
    under = portrait.face | (reading.grown(portrait.face, 2 * seam) & covered)
    draw_part(pen, portrait, portrait.face, under, style.skin, glazed=True)
    beard = _beard(portrait)
    draw_part(pen, portrait, beard, beard, style.hair)
    _draw_features(pen, portrait, shows_eyes, vivid=True)
    draw_part(pen, portrait, portrait.hair, portrait.hair, style.hair)
    _draw_cloth(pen, portrait, portrait.hat, portrait.hat, style.cloth)


def graded(portrait: Portrait, style: DrawnStyle) -> Portrait:
    """``portrait`` in the style's light: its skin as under even light, all of it as vivid."""
    lab, reading = portrait.lab.copy(), portrait.reading
    painted = portrait.face_colour
    if painted is not None:
        by = np.clip(style.even * (portrait.skin.base - painted), -_EVENED_MOST, _EVENED_MOST)
        bare = (portrait.face & ~(reading.worn_on_face > 0.3)) | portrait.neck
        skin = portrait.on_pixels(reading.soft(bare, 0.01 * reading.unit))
        lab += skin[..., None] * by.astype(np.float32)
    hair = portrait.on_pixels(reading.soft(portrait.hair, 0.01 * reading.unit))
    if (on := hair > 0.5).any():
        lab += hair[..., None] * (_of_one_hair(_without_olive(lab), on) - lab)
    lab[..., 0] = 100 * np.clip(lab[..., 0] / 100, 0, 1) ** np.float32(style.light)
    lab[..., 1:] *= np.float32(style.vivid)
    return portrait.in_light(lab)


def _of_one_hair(lab: np.ndarray, on: np.ndarray) -> np.ndarray:
    """``lab`` (H×W×3) whose lights in hair, where ``on``, have the hair's hue: the sky in them
    looks like a grey patch."""
    light, shine = lab[..., 0], float(np.percentile(lab[..., 0][on], _SHINE))
    plain = on & (np.abs(light - np.median(light[on])) < _PLAIN)
    usual = np.median(lab[plain if plain.any() else on], axis=0)[1:]
    length = max(float(np.hypot(*usual)), 1e-6)
    # How much less of the hair's own hue they have.
    lacking = np.maximum(length - lab[..., 1:] @ (usual / length).astype(np.float32), 0)
    lacking *= smoothstep(light, shine - _PLAIN, shine)
    own = lacking[..., None] * (usual / length).astype(np.float32)
    return np.concatenate([light[..., None], lab[..., 1:] + np.float32(_TINTED) * own], axis=2)


def _without_olive(lab: np.ndarray) -> np.ndarray:
    """``lab`` (H×W×3) with the dark yellows of hair turned to brown: flat, they look olive."""
    _, a, b = cv2.split(lab)
    chroma, hue = cv2.cartToPolar(a, b, angleInDegrees=True)
    dark = 1 - smoothstep(lab[..., 0], 50, 75)
    olive = dark * ((hue > _BROWN_DEG) & (hue < _GREEN_DEG))
    a, b = cv2.polarToCart(chroma, hue - olive * 0.7 * (hue - _BROWN_DEG), angleInDegrees=True)
    return cv2.merge([lab[..., 0], a, b])


def _tones_of_painting(portrait: Portrait) -> SkinTones:
    """The tones of skin beside the colour that the painting gave it."""
    read = portrait.skin
    painted = portrait.face_colour
    if painted is None:
        return read
    by = painted - read.base
    return SkinTones(
        base=painted,
        shade=read.shade + by,
        deep=read.deep + by,
        line=read.line,
    )


def _draw_shadow_of_chin(pen: Pen, portrait: Portrait) -> None:
    """On the neck, which many tones would let run into the face."""
    reading = portrait.reading
    light = cv2.resize(
        portrait.lab[..., 0], portrait.neck.shape[::-1], interpolation=cv2.INTER_AREA
    )
    # What is darker, a beard, would be lightened.
    light_neck = portrait.neck & (light > pen.skin.deep[0])
    for far in _CHIN_SHADOWS:
        by = far * reading.unit * (reading.down - 0.3 * reading.light_side * reading.across)
        # Not of a cheek beside the oval, which ends in a straight line.
        shadow = reading.moved(portrait.face & reading.oval, by) & light_neck
        shadow = reading.without_small(shadow, 0.002)
        if shadow.any():
            under = shadow | (reading.grown(shadow, 0.03 * reading.unit) & portrait.face)
            pen.sheet.fill(portrait.edge(under), pen.skin.deep, opacity=_CHIN_SHADE)


def _draw_cloth(
    pen: Pen, portrait: Portrait, mask: np.ndarray, under: np.ndarray, tones: Tones
) -> None:
    """Hue by hue: a shirt may be as light as the jumper over it."""
    seen = mask & portrait.cloth_seen
    seen = seen if seen.any() else mask
    draw_part(pen, portrait, seen, mask | under, tones, cloth=True)
    if not seen.any():
        return
    for area in areas_of_hues(portrait.reading, halved(portrait.lab), seen)[1:]:
        if (area & seen).any():
            draw_part(pen, portrait, area & seen, area & seen, tones, cloth=True)


def _beard(portrait: Portrait) -> np.ndarray:
    """What of the lower face is greyer than the rest of the face, on the reading's grid."""
    reading, on = portrait.reading, portrait.on_pixels(portrait.face) > 0.5
    if on.sum() < _LEAST_PX:
        return np.zeros_like(portrait.face)
    box = portrait.box(portrait.face)
    on, lab = on[box], portrait.lab[box]
    usual = np.median(some(lab[on]), axis=0)[1:]
    usual /= max(float(np.hypot(*usual)), 1e-6)
    a, b = left_out(lab, on, _GREYER_SOFT * reading.unit * portrait.scale)
    greyer = np.zeros(portrait.lab.shape[:2], np.float32)
    greyer[box] = -usual[0] * a - usual[1] * b
    greyer = cv2.resize(greyer, portrait.face.shape[::-1], interpolation=cv2.INTER_AREA)
    above = reading.at(2) @ reading.down - _OVER_LIP * reading.unit
    lower = portrait.face & (reading.down_at > above)
    # Teeth are greyer too.
    lower &= ~reading.grown(reading.inside(reading.features.lips), 0.01 * reading.unit)
    found = reading.opened((greyer > _GREYER) & lower, 0.01 * reading.unit)
    return reading.without_small(found, _GREYER_LEAST)
