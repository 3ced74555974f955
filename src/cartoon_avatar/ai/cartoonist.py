"""The recipe: a photo becomes a drawing, a line a step.

``draw(photo, style, seed, eyes, long_side=1024) -> Drawing`` is the whole interface, with
``STYLES`` and ``style_named`` from ``styles``. The same photo, style, seed and
``ENGINE_VERSION`` give the same pixels in every process.

A drawing has no grain of its own, so it is not bound to the photo's size: its long side
is ``long_side``, except that a photo is enlarged at most four times.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from cartoon_avatar.ai.faces import Face, FaceFinder
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.steps import features as parts
from cartoon_avatar.ai.steps import ink as pen
from cartoon_avatar.ai.steps.features import Features, features_of
from cartoon_avatar.ai.steps.flatten import flatten
from cartoon_avatar.ai.steps.flow import tangent_field
from cartoon_avatar.ai.steps.light import expose
from cartoon_avatar.ai.steps.tones import posterise
from cartoon_avatar.ai.styles import STYLES, Style, style_named

__all__ = ["ENGINE_VERSION", "STYLES", "Drawing", "Eyes", "draw", "style_named"]

# Goes up with every change that alters pixels.
ENGINE_VERSION = 1

LONGEST_SIDE_PX = 2048
_ENLARGE_AT_MOST = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """What belongs to the people in a picture: H×W float32 each, 0..1."""

    person: np.ndarray
    hair: np.ndarray
    skin: np.ndarray
    clothes: np.ndarray


def _no_faces(picture: Picture) -> list[Face]:
    return []


@dataclass(frozen=True, slots=True)
class Eyes:
    """What the cartoonist sees with. Without models: nobody, and the picture as a whole."""

    find_faces: FaceFinder = _no_faces
    find_masks: Callable[[Picture, list[Face]], Masks | None] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A finished cartoon. ``ink_px`` is its line width, ``stages`` the seconds per stage."""

    picture: Picture
    faces: int
    ink_px: float
    stages: dict[str, float] = field(default_factory=dict)


def draw(
    photo: Picture, style: Style, seed: int, eyes: Eyes, long_side: int = 1024
) -> Drawing:
    """Draw ``photo`` in ``style``; ``seed`` chooses among the style's variations."""
    clock = _Clock()
    wish = style.vary(seed)
    picture = _sized(photo, long_side)
    height, width = picture.rgb.shape[:2]
    unit = max(height, width) / 1024  # px; what is 1 px wide in a picture of 1024

    faces = eyes.find_faces(picture)
    people = [features_of(face.landmarks) for face in faces]
    clock.done("faces")
    masks = eyes.find_masks(picture, faces) if eyes.find_masks and faces else None
    skin = _skin(masks, people, (height, width))
    clock.done("masks")

    lab = cv2.cvtColor(
        picture.rgb.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2LAB
    )
    lab = expose(lab, skin, wish.colour.local_contrast)
    clock.done("light")

    small = (max(1, width // 2), max(1, height // 2))
    half = cv2.resize(lab, small, interpolation=cv2.INTER_AREA)
    flow_half = tangent_field(half[..., 0], 2.5 * unit)
    flow = flow_half.resized(width, height)
    clock.done("flow")

    flat = flatten(
        _rgb(half), flow_half,
        reach_px=20 * unit, contrast=wish.shapes.contrast, strands_px=wish.shapes.strands * unit,
    )  # fmt: skip
    flat = cv2.cvtColor(
        flat.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2LAB
    )
    flat = cv2.resize(flat, (width, height), interpolation=cv2.INTER_CUBIC)
    clock.done("shapes")

    toned = flat.copy()
    toned[..., 0] = posterise(flat[..., 0], wish.tones.levels, wish.tones.softness)
    toned[..., 1:] *= np.float32(wish.colour.vividness)
    clock.done("tones")

    ink_px = 1.3 * unit * (wish.ink.weight if wish.ink else 1)
    if wish.ink:
        response = pen.edges(lab[..., 0], flow, width_px=ink_px, calm_px=5 * unit)
        coverage = pen.lines(response, wish.ink.threshold, wish.ink.softness)
        if wish.ink.blacks:
            coverage = np.maximum(coverage, pen.blacks(flat[..., 0], wish.ink.blacks))
        coverage = pen.without_specks(coverage, (5 * unit) ** 2) * np.float32(
            wish.ink.strength
        )
        toned[..., 0] *= 1 - coverage
        toned[..., 1:] *= (1 - (1 - wish.ink.tint) * coverage)[..., None]
    clock.done("ink")

    drawn = _rgb(toned)
    return Drawing(Picture(drawn, picture.alpha), len(faces), 2 * ink_px, clock.stages)


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


def _skin(
    masks: Masks | None, people: list[Features], shape: tuple[int, int]
) -> np.ndarray | None:
    if not people:
        return None
    if masks is not None:
        return masks.skin
    return parts.area(
        shape, *(person.oval for person in people), soft_px=max(shape) / 400
    )


def _rgb(lab: np.ndarray) -> np.ndarray:
    """sRGB uint8 of CIELAB float32."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.clip(rgb * 255 + np.float32(0.5), 0, 255).astype(np.uint8)


class _Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._since = time.perf_counter()

    def done(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self._since
        self._since = now
