"""The styles, as data over the recipe of ``cartoonist``.

``STYLES`` stands in walking order: neighbours differ at a glance, so that an app which
moves on through them never shows two alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Shapes:
    """How far texture is flattened. ``contrast`` is what counts as texture, 0..255."""

    contrast: float = 30
    strands: float = 3.0  # averaging along the flow, in line widths
    backdrop_contrast: float = 90


@dataclass(frozen=True, slots=True)
class Tones:
    """How light is stepped; lightness in units of L."""

    levels: int = 7
    softness: float = 3.0
    skin_steps: int = 2  # a shade, and a highlight from 3 on
    skin_depth: float = 1.0
    amount: float = 1.0  # 0: gradients stay


@dataclass(frozen=True, slots=True)
class Colour:
    """Grading. Skin keeps its hue and its place between dark and light in all of them."""

    vividness: float = 1.2
    skin_vividness: float = 1.0
    contrast: float = 1.1
    lift: float = 0.0  # towards white, 0..1
    turn_deg: float = 0.0  # hue turn of everything but skin
    local_contrast: float = 0.35


@dataclass(frozen=True, slots=True)
class Ink:
    """Lines. ``weight`` 1 is a line of 1/350 of the picture's long side."""

    weight: float = 1.0
    threshold: float = 0.8
    softness: float = 0.8
    blacks: float = 0.0  # L below which an area is solid ink
    tint: float = 0.35  # how much of the colour below shows in the line
    strength: float = 0.95
    in_face: float = 0.025  # share of the skin that lines may cover
    in_backdrop: float = 1.6  # threshold there, relative
    speck: float = 6.0  # strokes smaller than this squared, px, go


@dataclass(frozen=True, slots=True)
class Character:
    """What a cartoonist does to a face; shares 0..1."""

    eye_size: float = 0.12
    whites: float = 0.7
    irises: float = 0.6
    lids: float = 0.8
    lips: float = 0.3
    cheeks: float = 0.15
    teeth: float = 0.8
    hair_band: float = 0.0


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What is behind the people. ``colour`` is sRGB; kind "scene" keeps the photo's own."""

    kind: str = "scene"
    colour: tuple[int, int, int] = (255, 214, 90)
    second: tuple[int, int, int] = (255, 170, 60)


@dataclass(frozen=True, slots=True)
class Style:
    """A way to draw. ``vary`` gives the same artist's other drawings."""

    name: str
    title: str
    sentence: str
    shapes: Shapes = field(default_factory=Shapes)
    tones: Tones = field(default_factory=Tones)
    colour: Colour = field(default_factory=Colour)
    ink: Ink | None = field(default_factory=Ink)
    character: Character = field(default_factory=Character)
    backdrops: tuple[Backdrop, ...] = (Backdrop(),)
    seed: int = 0

    def vary(self, seed: int) -> Style:
        """This style with the line, tones, colours and backdrop of drawing number ``seed``."""
        rng = np.random.default_rng(abs(int(seed)))
        ink = self.ink and replace(
            self.ink, weight=self.ink.weight * float(rng.uniform(0.85, 1.25))
        )
        backdrop = self.backdrops[int(rng.integers(len(self.backdrops)))]
        return replace(self, ink=ink, backdrops=(backdrop,), seed=abs(int(seed)))


STYLES: tuple[Style, ...] = (
    Style(
        name="comic",
        title="Comic",
        sentence="Bold ink and flat, lively colour, like a page of a comic book.",
        ink=Ink(blacks=13),
    ),
)


def style_named(name: str) -> Style:
    """The style called ``name``; ``KeyError`` where there is none."""
    return _BY_NAME[name]


_BY_NAME = {style.name: style for style in STYLES}
