"""The recipe: a photo becomes a drawing, a line a step.

The same scene, style, seed and ``ENGINE_VERSION`` give the same pixels in every process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import MASKS_PX, figure_masks, open_sheet
from cartoon_avatar.ai.engines.classic.steps.backdrop import paint_backdrop
from cartoon_avatar.ai.engines.classic.steps.character import enlarge_eyes, paint_face
from cartoon_avatar.ai.engines.classic.steps.flatten import flatten_shapes, follow_edges
from cartoon_avatar.ai.engines.classic.steps.grade import grade
from cartoon_avatar.ai.engines.classic.steps.hair import comb_hair
from cartoon_avatar.ai.engines.classic.steps.ink import draw_lines
from cartoon_avatar.ai.engines.classic.steps.light import light_scene
from cartoon_avatar.ai.engines.classic.steps.skin import (
    find_complexions,
    keep_skin_tone,
    tone_skin,
)
from cartoon_avatar.ai.engines.classic.steps.tones import step_tones
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.engines.classic.styles import STYLES, style_named
from cartoon_avatar.ai.engines.drawing import LONGEST_SIDE_PX, Clock, Drawing
from cartoon_avatar.ai.filters.canvas import shrunk
from cartoon_avatar.ai.filters.holes import without_holes
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face, FaceFinder
from cartoon_avatar.ai.seeing.framing import whole
from cartoon_avatar.ai.seeing.matting import MaskFinder
from cartoon_avatar.ai.seeing.scene import Scene, faces_of

__all__ = ["STYLES", "Eyes", "draw", "draw_photo", "style_named"]

# Each under the name of the stage that its time is counted to.
_STEPS = (
    ("light", light_scene),
    ("flow", follow_edges),
    ("shapes", flatten_shapes),
    ("shapes", find_complexions),
    ("tones", step_tones),
    ("tones", comb_hair),
    ("tones", tone_skin),
    ("backdrop", paint_backdrop),
    ("backdrop", grade),
    ("backdrop", keep_skin_tone),
    ("ink", draw_lines),
    ("character", paint_face),
)


def draw(scene: Scene, style: Style, seed: int, clock: Clock | None = None) -> Drawing:
    """Draw ``scene`` in ``style``; ``seed`` chooses among the style's variations."""
    clock = clock or Clock()
    whole = replace(scene, picture=_whole(scene.picture), as_read=scene.subjects)
    return _drawn(whole, style, seed, clock)


def _drawn(scene: Scene, style: Style, seed: int, clock: Clock) -> Drawing:
    style = style.vary(seed)
    picture = scene.picture
    masks = scene.masks and figure_masks(scene.masks)
    clock.done("masks")
    people = scene.features
    rgb, people = enlarge_eyes(picture.rgb, people, style.character.eye_size)
    line_px = style.line_width * max(picture.width, picture.height)
    sheet = open_sheet(rgb, people, masks, line_px)
    for stage, step in _STEPS:
        step(sheet, style)
        clock.done(stage)
    painted = style.medium.paint(sheet, style, np.random.default_rng(abs(int(seed))))
    clock.done("medium")
    return Drawing(Picture(painted, picture.alpha), len(scene.faces), line_px, clock.stages)


def _whole(picture: Picture) -> Picture:
    """``picture`` drawn on below its transparent parts, so that a round portrait has no halo."""
    if picture.alpha is None:
        return picture
    return replace(picture, rgb=without_holes(picture.rgb, picture.alpha))


_ENLARGE_AT_MOST = 4.0


def _no_faces(picture: Picture) -> list[Face]:
    return []


@dataclass(frozen=True, slots=True)
class Eyes:
    """What a photo is seen with. Without models: nobody, and the picture as a whole."""

    find_faces: FaceFinder = _no_faces
    find_masks: MaskFinder | None = None


def draw_photo(
    photo: Picture, style: Style, seed: int, eyes: Eyes, long_side: int = 1024
) -> Drawing:
    """Draw all of ``photo``, ``long_side`` px long, though at most four times enlarged."""
    clock = Clock()
    picture = _whole(_sized(photo, long_side))
    people = eyes.find_faces(Picture(picture.rgb))
    clock.done("faces")
    masks = None
    if eyes.find_masks and people:
        # Of a small copy: they end under lines and on soft borders, not in hairs.
        small = Picture(shrunk(picture.rgb, MASKS_PX))
        scale = small.width / picture.width
        masks = eyes.find_masks(small, [face.scaled(scale) for face in people])
    crop = whole(picture.width, picture.height)
    faces = faces_of(people, picture, (picture.width, picture.height))
    return _drawn(Scene(picture, crop, people, masks, faces), style, seed, clock)


def _sized(photo: Picture, long_side: int) -> Picture:
    long_side = min(long_side, LONGEST_SIDE_PX)
    scale = min(long_side / max(photo.width, photo.height), _ENLARGE_AT_MOST)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    if size == (photo.width, photo.height):
        return photo
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    alpha = photo.alpha
    if alpha is not None:
        alpha = cv2.resize(alpha, size, interpolation=how)
    return Picture(cv2.resize(photo.rgb, size, interpolation=how), alpha)
