"""What a style can say: a group of numbers for each step of the recipe, and a medium."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet

Rgb = tuple[int, int, int]
# Of a line of weight 1, as share of the long side.
LINE_WIDTH = 2.5 / 1024


@dataclass(frozen=True, slots=True)
class Shapes:
    """How far texture is flattened. ``contrast`` is what counts as texture, 0..255."""

    contrast: float = 30
    strands: float = 3.0  # px of averaging along the flow, at 1024
    backdrop_contrast: float = 90


@dataclass(frozen=True, slots=True)
class Tones:
    """How light is stepped; lightness in units of L."""

    levels: int = 7
    softness: float = 3.0
    skin_steps: int = 2  # 2: a shade; 3: a highlight too; 4: a deep shade too
    skin_depth: float = 1.0
    amount: float = 1.0  # 0: gradients stay
    hair: float = 5.0  # px that strands are combed at 1024; 0 leaves hair to the levels
    hair_band: float = 0.0  # strength of a highlight on the hair


@dataclass(frozen=True, slots=True)
class Colour:
    """Grading. Skin keeps its hue and its place between dark and light in all of them."""

    vividness: float = 1.2
    skin_vividness: float = 1.0
    contrast: float = 1.1
    lift: float = 0.0  # towards white, 0..1
    turn_deg: float = 0.0  # hue turn of everything but skin
    local_contrast: float = 0.35
    palette: tuple[Rgb, ...] = ()  # the only hues beside skin


@dataclass(frozen=True, slots=True)
class Ink:
    """Lines. ``weight`` 1 is a line of about 1/400 of the picture's long side."""

    weight: float = 1.0
    threshold: float = 0.8
    softness: float = 0.8
    blacks: float = 0.0  # L below which an area is solid ink
    tint: float = 0.35  # how much of the colour below shows in the line
    strength: float = 0.95
    in_face: float = 0.02  # share of the skin that lines may cover
    in_backdrop: float = 2.2  # threshold there, relative
    speck: float = 6.0  # strokes smaller than this squared, px, go
    outline: float = 0.0  # line about people on a made-up backdrop, in line widths


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


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What is behind the people.

    "scene" keeps the photo's own, simplified; in "wash" it runs out into paper, on "paper"
    only what is near the people is left of it. The other kinds are patterns of two colours.
    """

    kind: Literal[
        "scene", "wash", "paper", "plain", "gradient", "rays", "dots", "circle", "bands"
    ] = "scene"
    colour: Rgb = (255, 214, 90)
    second: Rgb = (255, 170, 60)


@dataclass(frozen=True, slots=True)
class Materials:
    """What a medium works with; each takes of it what it knows."""

    papers: tuple[Rgb, ...] = ((255, 255, 255),)
    inks: tuple[Rgb, ...] = ((20, 18, 24),)
    dots: float = 0.0  # halftone on the skin's shade and on clothes, cell in px at 1024
    glow: float = 0.0  # bloom of bright areas, 0..1
    angle_deg: float = 45.0  # of dots and hatching


@dataclass(frozen=True, slots=True)
class Medium:
    """What puts a sheet on paper, and what it needs of the drawing before."""

    #: The finished picture of a sheet, H×W×3 uint8 sRGB; its chance is the generator's.
    paint: Callable[[Sheet, Style, np.random.Generator], np.ndarray]
    #: Shows skin in its own colour, which is held to the lightness that it has in the photo.
    keeps_skin: bool = True
    #: Cannot have the old backdrop's light on the rim of the people.
    removes_spill: bool = True


@dataclass(frozen=True, slots=True)
class Style:
    """A way to draw. ``vary`` gives the same artist's other drawings."""

    name: str
    title: str
    sentence: str
    medium: Medium
    shapes: Shapes = field(default_factory=Shapes)
    tones: Tones = field(default_factory=Tones)
    colour: Colour = field(default_factory=Colour)
    ink: Ink | None = field(default_factory=Ink)
    character: Character = field(default_factory=Character)
    backdrops: tuple[Backdrop, ...] = (Backdrop(),)
    materials: Materials = field(default_factory=Materials)
    palettes: tuple[tuple[Rgb, ...], ...] = ()
    #: How far a painting of the person replaces the photo's skin before the style is drawn over
    #: it, 0..1: a painting has clean skin, a photo more likeness. At 1 all of the photo is painted.
    painted_skin: float = 1.0

    @property
    def backdrop(self) -> Backdrop:
        """The only one, of a style that is varied."""
        return self.backdrops[0]

    @property
    def keeps_scene(self) -> bool:
        """Whether what was behind the people stays, in some form."""
        return self.backdrop.kind in ("scene", "wash", "paper")

    @property
    def line_width(self) -> float:
        """Of its lines, as share of the picture's long side."""
        return LINE_WIDTH * (self.ink.weight if self.ink else 1)

    def vary(self, seed: int) -> Style:
        """This style with the line, tones, colours and backdrop of drawing number ``seed``."""
        rng = np.random.default_rng(abs(int(seed)))
        # Neighbouring seeds take neighbouring backdrops: three drawings in a row never share one.
        backdrop = self.backdrops[abs(int(seed)) % len(self.backdrops)]
        weight, turn, depth = rng.uniform(0.85, 1.25), rng.uniform(-1, 1), rng.uniform(0.9, 1.12)
        levels = self.tones.levels + int(rng.integers(-1, 2))
        materials = self.materials
        palette = self.colour.palette
        if self.palettes:
            palette = self.palettes[int(rng.integers(len(self.palettes)))]
        return replace(
            self,
            ink=self.ink and replace(self.ink, weight=self.ink.weight * float(weight)),
            tones=replace(
                self.tones, levels=levels, skin_depth=self.tones.skin_depth * float(depth)
            ),
            colour=replace(
                self.colour, turn_deg=self.colour.turn_deg + 14 * float(turn), palette=palette
            ),
            backdrops=(backdrop,),
            materials=replace(
                materials,
                angle_deg=materials.angle_deg + float(rng.uniform(-18, 18)),
                papers=(materials.papers[int(rng.integers(len(materials.papers)))],),
                inks=(materials.inks[int(rng.integers(len(materials.inks)))],),
            ),
        )
