"""The recipe: a scene becomes a painted portrait, a line a step.

What is broad is painted on a smaller copy and enlarged once; what is fine, the features of a
face and the lines, is drawn at full size. Lengths are in units of the main face's height, chin
to hairline, so that a drawing looks the same at any size. The same scene, style and seed give
the same pixels in every process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.engines.painted.sheet import Sheet, sheet_of
from cartoon_avatar.ai.engines.painted.steps.backdrop import near_figure, painted_backdrop, recolour
from cartoon_avatar.ai.engines.painted.steps.face import draw_faces, keep_features, keep_noses_soft
from cartoon_avatar.ai.engines.painted.steps.forms import crisp, flat_of, forms_of, skin_forms_of
from cartoon_avatar.ai.engines.painted.steps.grade import graded
from cartoon_avatar.ai.engines.painted.steps.hair import paint_hair
from cartoon_avatar.ai.engines.painted.steps.lines import coverage, drawn
from cartoon_avatar.ai.engines.painted.steps.relight import Light, light_of
from cartoon_avatar.ai.engines.painted.steps.skin import Skin, painted_skin
from cartoon_avatar.ai.engines.painted.styles import PLAIN, PLAIN_SKIN, PaintedStyle
from cartoon_avatar.ai.filters.blur import blurred
from cartoon_avatar.ai.filters.box import Box, box_of_mask, corner_of
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.filters.strokes import cover
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.features import area, grown
from cartoon_avatar.ai.seeing.matting import Masks
from cartoon_avatar.ai.seeing.scene import Scene, cropped, once_per_scene

# How far around skin is painted, face heights, so that what lies beside it shows its colours.
_AROUND = 0.15
# How soft the border between a painting and a photo is.
_SEAM_PX = 2.0


def draw(scene: Scene, style: PaintedStyle, seed: int, clock: Clock | None = None) -> Drawing:
    """Paint ``scene`` in ``style``; ``seed`` chooses among the style's variations."""
    clock = clock or Clock()
    style = style.vary(seed)
    rgb, sheet = _painted(scene, style, clock)
    line_px = 2 * style.lines.width * sheet.face_px / 380
    return Drawing(Picture(rgb, scene.picture.alpha), len(scene.faces), line_px, clock.stages)


def prepared(scene: Scene, skin: float, clock: Clock) -> Scene:
    """``scene`` painted without lines and colour of its own, for another engine to draw over.

    Its people are where the painting has them, and their beards are part of their hair. Of
    ``skin`` below 1, only so much of the photo's skin is painted, and the eyes: curls, cloth and
    beards stay as they are.
    """
    if skin == 1:
        return _prepared(scene, clock)
    if scene.masks is None or not scene.people:
        return scene
    people = _prepared_people(scene, clock)
    masks = _with_beards(scene.masks, people.box, people.beards)
    covered = skin * blurred(masks.skin[people.box], _SEAM_PX)
    for person in scene.features:
        soft_px = 0.012 * person.height
        if person.shown_eyes:
            eyes = [grown(eye.outline, 1.25, soft_px) for eye in person.shown_eyes]
            eyes = [outline - corner_of(people.box) for outline in eyes]
            np.maximum(covered, area(covered.shape, *eyes, soft_px=soft_px), out=covered)
    rgb = scene.picture.rgb.copy()
    mixed = rgb[people.box].astype(np.float32)
    cover(mixed, people.rgb.astype(np.float32), covered)
    rgb[people.box] = np.rint(mixed)
    picture = Picture(rgb, scene.picture.alpha)
    return replace(scene, picture=picture, masks=masks, as_read=scene.subjects)


@once_per_scene
def _prepared(scene: Scene, clock: Clock) -> Scene:
    rgb, sheet = _painted(scene, PLAIN, clock)
    masks = scene.masks and _with_beards(scene.masks, _ALL, sheet.beards)
    picture = Picture(rgb, scene.picture.alpha)
    return replace(scene, picture=picture, masks=masks, as_read=scene.subjects)


@dataclass(frozen=True, slots=True, eq=False)
class _People:
    """What of a painting shows skin: ``rgb`` (h×w×3 uint8) and ``beards`` (h×w 0..1) in ``box``."""

    box: Box
    rgb: np.ndarray
    beards: np.ndarray


_ALL = np.s_[:, :]


@once_per_scene
def _prepared_people(scene: Scene, clock: Clock) -> _People:
    assert scene.masks is not None  # who is painted where
    features, shape = scene.features, scene.masks.skin.shape
    faces = area(shape, *(person.oval for person in features))
    box = box_of_mask(np.maximum(faces, scene.masks.skin), _AROUND * features[0].height)
    here = cropped(scene, box)
    longest = max(here.picture.width, here.picture.height) / max(shape)
    style = replace(PLAIN_SKIN, broad_px=round(PLAIN_SKIN.broad_px * longest))
    rgb, sheet = _painted(here, style, clock)
    return _People(box, rgb, sheet.beards)


def _with_beards(masks: Masks, box: Box, beards: np.ndarray) -> Masks:
    """``masks`` in which ``beards`` (h×w 0..1), which lie in ``box``, are hair."""
    if not beards.any():
        return masks
    bare = np.ones_like(masks.skin)
    bare[box] -= beards
    return replace(
        masks,
        hair=np.maximum(masks.hair, (1 - bare) * masks.person),
        skin=masks.skin * bare,
        face_skin=masks.face_skin * bare,
        body_skin=masks.body_skin * bare,
    )


def traceable(scene: Scene, style: PaintedStyle, clock: Clock) -> Scene:
    """``scene`` painted in ``style``, for another engine to trace.

    Its people and masks are where the painting has them.
    """
    rgb, sheet = _painted(scene, style, clock)
    people = [replace(face, landmarks=sheet.warp.moved(face.landmarks)) for face in scene.people]
    masks = scene.masks
    if masks is not None:
        displacement = sheet.warp.within(masks.person.shape)
        if displacement is not None:
            masks = masks.each(displacement.of)
    picture = Picture(rgb, scene.picture.alpha)
    return replace(scene, picture=picture, people=people, masks=masks, as_read=scene.subjects)


def _painted(scene: Scene, style: PaintedStyle, clock: Clock) -> tuple[np.ndarray, Sheet]:
    """H×W×3 uint8 sRGB, and the sheet that it was painted on."""
    sheet = sheet_of(scene, style.features.eye_size, style.features.slimming)
    clock.done("caricature")
    light = light_of(sheet)
    sheet = light.sheet
    clock.done("light")

    canvas, skin, lines = _broadly(light, style, clock)
    painted = cv2.resize(canvas, sheet.person.shape[::-1], interpolation=cv2.INTER_CUBIC)
    keep_features(painted, sheet, skin, style.features.nose)
    del canvas, skin  # ten megabytes
    if style.backdrops:
        recolour(painted, sheet, style.backdrops[0])
    if not style.skin_alone:
        soft = painted
        painted = crisp(painted)
        keep_noses_soft(painted, soft, sheet)
        del soft  # ten megabytes
    if lines is not None:
        drawn(painted, sized(lines, painted.shape), sheet.bare, style.lines)
    clock.done("edges")
    draw_faces(painted, light, style.features)
    clock.done("features")
    rgb = graded(painted, light, style.grade)
    clock.done("grade")
    return rgb, sheet


def _broadly(
    light: Light, style: PaintedStyle, clock: Clock
) -> tuple[np.ndarray, Skin, np.ndarray | None]:
    """What is painted on a smaller copy: all of it as h×w×3 CIELAB, the skin by itself, and the
    coverage of lines (h×w 0..1) if there are any."""
    broad = light.sheet.resized(style.broad_px)
    forms = skin_forms_of(broad) if style.skin_alone else forms_of(broad)
    clock.done("shapes")
    # Before there is a canvas: this is where most memory is needed.
    lines = coverage(broad, forms, style.lines) if style.lines.strength else None
    clock.done("lines")
    canvas = forms.strokes.copy() if style.skin_alone else flat_of(forms, broad.face_px)
    if style.backdrops:
        scene = painted_backdrop(broad, style.backdrops[0])
        cover(scene, canvas, near_figure(broad))
        canvas = scene
    clock.done("backdrop")
    if not style.skin_alone:
        paint_hair(canvas, broad, forms, style.tones.hair)
    clock.done("hair")
    strokes = forms.strokes
    del forms
    skin = painted_skin(broad, strokes, light, style)
    cover(canvas, skin.lab, skin.area)
    clock.done("skin")
    return canvas, skin, lines
