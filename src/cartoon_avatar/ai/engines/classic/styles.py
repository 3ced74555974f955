"""The styles, as data over the recipe of ``cartoonist``.

``STYLES`` stands in walking order: neighbours differ at a glance, so that an app which
moves on through them never shows two alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

Rgb = tuple[int, int, int]


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
    """What is behind the people: kind "scene" keeps the photo's own, simplified."""

    kind: str = "scene"
    colour: Rgb = (255, 214, 90)
    second: Rgb = (255, 170, 60)


@dataclass(frozen=True, slots=True)
class Medium:
    """What it is drawn with: "print", "noir", "pencil", "watercolour" or "oil"."""

    kind: str = "print"
    dots: float = 0.0  # halftone on the skin's shade and on clothes, cell in px at 1024
    glow: float = 0.0
    angle_deg: float = 45.0
    papers: tuple[Rgb, ...] = ((255, 255, 255),)
    inks: tuple[Rgb, ...] = ((20, 18, 24),)


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
    medium: Medium = field(default_factory=Medium)
    palettes: tuple[tuple[Rgb, ...], ...] = ()

    @property
    def keeps_scene(self) -> bool:
        """Whether what was behind the people stays, in some form."""
        return self.backdrops[0].kind in ("scene", "wash", "paper")

    def vary(self, seed: int) -> Style:
        """This style with the line, tones, colours and backdrop of drawing number ``seed``."""
        rng = np.random.default_rng(abs(int(seed)))
        # Neighbouring seeds take neighbouring backdrops: three drawings in a row never share one.
        backdrop = self.backdrops[abs(int(seed)) % len(self.backdrops)]
        weight, turn, depth = rng.uniform(0.85, 1.25), rng.uniform(-1, 1), rng.uniform(0.9, 1.12)
        levels = self.tones.levels + int(rng.integers(-1, 2))
        medium = self.medium
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
            medium=replace(
                medium,
                angle_deg=medium.angle_deg + float(rng.uniform(-18, 18)),
                papers=(medium.papers[int(rng.integers(len(medium.papers)))],),
                inks=(medium.inks[int(rng.integers(len(medium.inks)))],),
            ),
        )


STYLES: tuple[Style, ...] = (
    Style(
        name="comic",
        title="Comic",
        sentence="Bold ink and flat, lively colour, like a page of a comic book.",
        shapes=Shapes(contrast=36, strands=4),
        tones=Tones(levels=6, softness=2.5, skin_steps=3),
        colour=Colour(vividness=1.45, skin_vividness=1.18, contrast=1.12, lift=0.05),
        ink=Ink(
            weight=1.25,
            threshold=0.75,
            softness=0.6,
            blacks=15,
            outline=1.6,
            tint=0.15,
            strength=1.0,
        ),
        character=Character(eye_size=0.12, whites=0.85, irises=0.7, lids=1.0, lips=0.5),
        backdrops=(
            Backdrop("rays", (255, 205, 64), (255, 176, 40)),
            Backdrop("dots", (72, 176, 224), (38, 120, 190)),
            Backdrop("scene"),
            Backdrop("rays", (236, 92, 72), (214, 62, 58)),
            Backdrop("dots", (255, 224, 120), (250, 150, 70)),
            Backdrop("plain", (92, 190, 170), (92, 190, 170)),
        ),
    ),
    Style(
        name="watercolour",
        title="Watercolour",
        sentence="Loose washes with wet edges on rough white paper.",
        shapes=Shapes(contrast=34, strands=4, backdrop_contrast=60),
        tones=Tones(levels=7, softness=6, skin_steps=3, amount=0.65),
        colour=Colour(vividness=1.3, skin_vividness=1.12, contrast=1.0, lift=0.14),
        ink=Ink(weight=0.75, threshold=1.0, tint=0.55, strength=0.75, in_face=0.012, in_backdrop=3),
        character=Character(eye_size=0.1, whites=0.6, irises=0.6, lids=0.6, lips=0.4, cheeks=0.35),
        medium=Medium("watercolour"),
        backdrops=(
            Backdrop("wash"),
            Backdrop("gradient", (150, 200, 232), (236, 240, 236)),
            Backdrop("gradient", (250, 206, 170), (246, 236, 214)),
            Backdrop("gradient", (186, 216, 180), (240, 240, 222)),
            Backdrop("gradient", (222, 196, 226), (244, 232, 238)),
        ),
    ),
    Style(
        name="pop",
        title="Pop art",
        sentence="Loud flat colours and halftone dots, straight off a sixties screen print.",
        shapes=Shapes(contrast=55, strands=5, backdrop_contrast=120),
        tones=Tones(levels=4, softness=2.5, skin_steps=3, skin_depth=1.25),
        colour=Colour(vividness=1.6, skin_vividness=1.35, contrast=1.25, lift=0.06),
        ink=Ink(
            weight=1.45,
            threshold=0.95,
            softness=0.5,
            blacks=20,
            tint=0.0,
            strength=1.0,
            speck=9,
            outline=2.0,
        ),
        character=Character(eye_size=0.12, whites=1.0, irises=0.8, lids=1.2, lips=0.9, cheeks=0.0),
        medium=Medium(dots=8.0),
        palettes=(
            ((20, 60, 200), (230, 30, 60), (255, 205, 0), (0, 160, 150)),
            ((110, 30, 170), (240, 20, 120), (255, 190, 0), (0, 150, 220)),
            ((0, 90, 160), (255, 90, 20), (250, 220, 40), (20, 170, 90)),
        ),
        backdrops=(
            Backdrop("dots", (255, 222, 0), (240, 40, 110)),
            Backdrop("plain", (255, 70, 130), (0, 0, 0)),
            Backdrop("bands", (40, 190, 230), (255, 236, 60)),
            Backdrop("rays", (255, 96, 60), (255, 214, 0)),
            Backdrop("dots", (80, 220, 200), (40, 90, 220)),
            Backdrop("circle", (60, 60, 200), (255, 214, 0)),
        ),
    ),
    Style(
        name="sketch",
        title="Pencil",
        sentence="Soft pencil strokes and cross-hatching on drawing paper.",
        shapes=Shapes(contrast=22, strands=3),
        tones=Tones(amount=0.15, skin_steps=3),
        colour=Colour(contrast=1.1, local_contrast=0.5),
        ink=Ink(weight=0.85, threshold=0.55, softness=1.3, strength=1.0, in_face=0.03, speck=4),
        character=Character(eye_size=0.1, whites=0.8, irises=0.6, lids=0.6, lips=0.2, cheeks=0),
        medium=Medium(
            "pencil",
            papers=((250, 248, 242), (244, 236, 220), (252, 252, 250)),
            inks=((46, 46, 52), (92, 46, 30), (38, 48, 74)),
        ),
        backdrops=(Backdrop("paper"), Backdrop("scene"), Backdrop("paper")),
    ),
    Style(
        name="anime",
        title="Anime",
        sentence="Fine lines, bright two-tone light and big clear eyes.",
        shapes=Shapes(contrast=48, strands=6),
        tones=Tones(levels=5, softness=2.0, skin_steps=2, skin_depth=0.85, hair=7, hair_band=1.0),
        colour=Colour(vividness=1.5, skin_vividness=1.08, contrast=1.05, lift=0.2),
        ink=Ink(weight=0.75, threshold=0.9, softness=0.7, tint=0.6, strength=0.92, in_face=0.008),
        character=Character(
            eye_size=0.18, whites=0.95, irises=0.95, lids=1.15, lips=0.25, cheeks=0.4, teeth=1.0
        ),
        backdrops=(
            Backdrop("gradient", (96, 178, 246), (226, 244, 255)),
            Backdrop("scene"),
            Backdrop("gradient", (255, 170, 150), (255, 236, 190)),
            Backdrop("gradient", (150, 140, 235), (250, 214, 236)),
            Backdrop("gradient", (90, 205, 190), (236, 252, 226)),
        ),
    ),
    Style(
        name="noir",
        title="Noir",
        sentence="Black, white and one grey, hard light from the side.",
        shapes=Shapes(contrast=55, strands=6),
        tones=Tones(amount=0.0, skin_steps=3),
        colour=Colour(contrast=1.15, local_contrast=0.5),
        ink=Ink(weight=1.2, threshold=0.9, softness=0.5, strength=1.0, in_face=0.012, speck=8),
        character=Character(
            eye_size=0.12, whites=1.0, irises=0.8, lids=1.1, lips=0.6, cheeks=0, teeth=1
        ),
        medium=Medium(
            "noir",
            papers=((250, 250, 248), (246, 240, 226), (240, 244, 248)),
            inks=((14, 14, 16), (18, 14, 20), (12, 16, 26)),
        ),
        backdrops=(
            Backdrop("plain", (16, 16, 18), (16, 16, 18)),
            Backdrop("bands", (30, 30, 32), (150, 150, 152)),
            Backdrop("plain", (250, 250, 248), (250, 250, 248)),
            Backdrop("circle", (20, 20, 22), (158, 158, 160)),
            Backdrop("scene"),
        ),
    ),
    Style(
        name="soft",
        title="Pastel",
        sentence="Gentle pastel light with hardly a line.",
        shapes=Shapes(contrast=40, strands=5),
        tones=Tones(levels=7, softness=9, skin_steps=3, skin_depth=0.7, amount=0.5),
        colour=Colour(
            vividness=1.05, skin_vividness=1.0, contrast=0.86, lift=0.2, local_contrast=0.2
        ),
        ink=Ink(weight=0.8, threshold=1.1, softness=1.4, tint=0.85, strength=0.5, in_face=0.006),
        character=Character(
            eye_size=0.14, whites=0.7, irises=0.7, lids=0.7, lips=0.45, cheeks=0.55
        ),
        medium=Medium(glow=0.3),
        backdrops=(
            Backdrop("gradient", (250, 214, 220), (238, 228, 250)),
            Backdrop("circle", (252, 238, 222), (250, 214, 196)),
            Backdrop("scene"),
            Backdrop("gradient", (206, 232, 240), (250, 240, 226)),
            Backdrop("circle", (226, 240, 226), (198, 226, 206)),
        ),
    ),
    Style(
        name="vector",
        title="Flat",
        sentence="Clean flat shapes without a single outline, like a modern poster.",
        shapes=Shapes(contrast=75, strands=9, backdrop_contrast=140),
        tones=Tones(levels=5, softness=1.2, skin_steps=3, skin_depth=1.15, hair=11),
        colour=Colour(vividness=1.4, skin_vividness=1.1, contrast=1.08, lift=0.08),
        ink=None,
        character=Character(
            eye_size=0.12, whites=0.9, irises=0.85, lids=0.9, lips=0.5, cheeks=0.2, teeth=1
        ),
        backdrops=(
            Backdrop("circle", (38, 70, 83), (233, 196, 106)),
            Backdrop("plain", (231, 111, 81), (231, 111, 81)),
            Backdrop("circle", (244, 238, 226), (42, 157, 143)),
            Backdrop("plain", (69, 123, 157), (69, 123, 157)),
            Backdrop("circle", (255, 209, 186), (226, 106, 94)),
        ),
    ),
    Style(
        name="oil",
        title="Oil paint",
        sentence="Rich strokes of a loaded brush that follow the form.",
        shapes=Shapes(contrast=34, strands=9, backdrop_contrast=50),
        tones=Tones(levels=8, softness=7, skin_steps=4, amount=0.45),
        colour=Colour(vividness=1.35, skin_vividness=1.15, contrast=1.12),
        ink=Ink(weight=1.1, threshold=1.3, softness=2.0, tint=0.8, strength=0.45, in_face=0.006),
        character=Character(eye_size=0.08, whites=0.5, irises=0.5, lids=0.6, lips=0.4, cheeks=0.3),
        medium=Medium("oil"),
        backdrops=(
            Backdrop("scene"),
            Backdrop("gradient", (92, 70, 52), (46, 36, 32)),
            Backdrop("gradient", (66, 92, 100), (34, 44, 54)),
            Backdrop("gradient", (112, 104, 70), (58, 52, 38)),
        ),
    ),
)


def style_named(name: str) -> Style:
    """The style called ``name``; ``KeyError`` where there is none."""
    return _BY_NAME[name]


_BY_NAME = {style.name: style for style in STYLES}
