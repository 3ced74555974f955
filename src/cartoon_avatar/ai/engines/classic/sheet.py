"""The sheet that a drawing is made on: who is in the picture, and its planes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from cartoon_avatar.ai.filters.box import box_of, corner_of
from cartoon_avatar.ai.filters.canvas import Canvas, canvas_of, sized
from cartoon_avatar.ai.filters.flow import Flow
from cartoon_avatar.ai.seeing.features import Features, area, grown
from cartoon_avatar.ai.seeing.matting import Masks

# Masks end under lines and on soft borders, not in hairs: a small copy is enough.
MASKS_PX = 384


@dataclass(frozen=True, slots=True, eq=False)
class Sitters:
    """The people in a picture and what of it is theirs.

    Masks are H×W float32 0..1, as large as the picture. All are None without people;
    ``person`` and ``hair`` also where no network found them.
    """

    people: list[Features] = field(default_factory=list)
    person: np.ndarray | None = None
    hair: np.ndarray | None = None
    skin: np.ndarray | None = None
    #: Eyes, brows, nostrils and mouth.
    features: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Complexion:
    """The plain skin of a face: its median lightness and colour in CIELAB."""

    light: float
    a: float
    b: float


@dataclass(slots=True, eq=False)
class Sheet:
    """The planes that the steps read and draw on.

    Light is H×W, the picture's size; colours and all that is "half" are h×w, half as wide and
    high. A plane is there once the step that makes it has run, in the order of the recipe.
    """

    #: px in this picture of what is 1 px in a picture of 1024.
    unit_px: float
    #: Width of a line.
    line_px: float
    full: Sitters
    half: Sitters
    #: The photo.
    seen: Canvas
    #: The photo well exposed, and both its light and colours at half size: h×w×3 float32
    #: CIELAB, h×w×3 uint8 sRGB.
    lit: Canvas = field(init=False)
    lit_half: np.ndarray = field(init=False)
    lit_half_rgb: np.ndarray = field(init=False)
    #: The direction of edges, h×w.
    flow: Flow = field(init=False)
    #: The lit photo without texture, and its light at half size, h×w float32 L.
    flat: Canvas = field(init=False)
    flat_half: np.ndarray = field(init=False)
    #: One of each of the people.
    complexions: list[Complexion] = field(default_factory=list)
    #: The colours of the drawing.
    drawn: Canvas = field(init=False)
    #: How much of a pixel is ink, H×W float32 0..1.
    coverage: np.ndarray = field(init=False)

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.seen.light.shape
        return height, width


def open_sheet(
    rgb: np.ndarray, people: list[Features], masks: Masks | None, line_px: float
) -> Sheet:
    """A sheet for ``rgb`` (H×W×3 uint8, sRGB) and ``people`` in its pixels.

    ``masks`` may be of any size but the same shape; without them the faces' ovals are skin.
    """
    height, width = rgb.shape[:2]
    full = _sitters(people, masks, (height, width))
    return Sheet(
        unit_px=max(height, width) / 1024,
        line_px=line_px,
        full=full,
        half=_smaller(full, masks, (max(1, height // 2), max(1, width // 2))),
        seen=canvas_of(rgb),
    )


def figure_masks(masks: Masks) -> Masks | None:
    """``masks``, small; None where they miss the face and would put a backdrop over it."""
    if not masks.trusted:
        return None
    height, width = masks.person.shape
    scale = min(1.0, MASKS_PX / max(height, width))
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    small: dict[str, Any] = {
        field.name: sized(getattr(masks, field.name), shape)
        for field in fields(Masks)
        if field.name != "trusted"
    }
    return Masks(**small)


def _sitters(people: list[Features], masks: Masks | None, shape: tuple[int, int]) -> Sitters:
    if not people:
        return Sitters()
    features = _feature_area(shape, people)
    if masks is None:
        return Sitters(people, skin=_ovals(shape, people), features=features)
    skin = sized(masks.skin, shape) if masks.skin.any() else _ovals(shape, people)
    return Sitters(people, sized(masks.person, shape), sized(masks.hair, shape), skin, features)


def _smaller(full: Sitters, masks: Masks | None, shape: tuple[int, int]) -> Sitters:
    """``full`` in a picture of ``shape``."""
    if full.skin is None or full.features is None:
        return full
    scale = np.asarray([shape[1] / full.skin.shape[1], shape[0] / full.skin.shape[0]], np.float32)
    people = [person.moved(person.landmarks * scale) for person in full.people]
    features = sized(full.features, shape)
    if masks is None:
        return Sitters(people, skin=sized(full.skin, shape), features=features)
    # From the masks as they came: they need not be enlarged before they are made smaller.
    skin = sized(masks.skin if masks.skin.any() else full.skin, shape)
    return Sitters(people, sized(masks.person, shape), sized(masks.hair, shape), skin, features)


def _ovals(shape: tuple[int, int], people: list[Features]) -> np.ndarray:
    return area(shape, *(person.oval for person in people), soft_px=max(shape) / 400)


def _feature_area(shape: tuple[int, int], people: list[Features]) -> np.ndarray:
    """H×W float32 0..1: eyes, brows, nostrils and mouth, where detail matters."""
    mask = np.zeros(shape, np.float32)
    for person in people:
        margin = 0.012 * person.height
        outlines = []
        if person.shown_eyes:
            outlines += [grown(eye.outline, 1.25, 1.5 * margin) for eye in person.shown_eyes]
            outlines += [grown(brow, 1.08, margin) for brow in person.brows]
        if person.shows_mouth:
            outlines += [grown(person.lips, 1.05, margin), grown(person.nose_base, 0.9)]
        if not outlines:
            continue
        box = box_of(shape, np.concatenate(outlines), 6 * margin)
        moved = [outline - corner_of(box) for outline in outlines]
        soft = area(mask[box].shape, *moved, soft_px=max(margin, 0.5))
        np.maximum(mask[box], soft, out=mask[box])
    return mask
