"""The styles, as data.

``STYLES`` stands in walking order: neighbours differ at a glance, so that an app which
moves on through them never shows two alike.
"""

from __future__ import annotations

from cartoon_avatar.ai.engines.classic.media.noir import NOIR
from cartoon_avatar.ai.engines.classic.media.pencil import PENCIL
from cartoon_avatar.ai.engines.classic.media.print import PRINT
from cartoon_avatar.ai.engines.classic.media.watercolour import WATERCOLOUR
from cartoon_avatar.ai.engines.classic.style import (
    Backdrop,
    Character,
    Colour,
    Ink,
    Materials,
    Shapes,
    Style,
    Tones,
)

STYLES: tuple[Style, ...] = (
    Style(
        name="comic",
        painted_skin=0.9,
        title="Comic",
        sentence="Bold ink and flat, lively colour, like a page of a comic book.",
        medium=PRINT,
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
        painted_skin=0.5,
        title="Watercolour",
        sentence="Loose washes with wet edges on rough white paper.",
        medium=WATERCOLOUR,
        shapes=Shapes(contrast=34, strands=4, backdrop_contrast=60),
        tones=Tones(levels=7, softness=6, skin_steps=3, amount=0.65),
        colour=Colour(vividness=1.3, skin_vividness=1.12, contrast=1.0, lift=0.14),
        ink=Ink(weight=0.75, threshold=1.0, tint=0.55, strength=0.75, in_face=0.012, in_backdrop=3),
        character=Character(eye_size=0.1, whites=0.6, irises=0.6, lids=0.6, lips=0.4, cheeks=0.35),
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
        medium=PRINT,
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
        materials=Materials(dots=8.0),
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
        painted_skin=0.5,
        title="Pencil",
        sentence="Soft pencil strokes and cross-hatching on drawing paper.",
        medium=PENCIL,
        shapes=Shapes(contrast=22, strands=3),
        tones=Tones(amount=0.15, skin_steps=3),
        colour=Colour(contrast=1.1, local_contrast=0.5),
        ink=Ink(weight=0.85, threshold=0.55, softness=1.3, strength=1.0, in_face=0.03, speck=4),
        character=Character(eye_size=0.1, whites=0.8, irises=0.6, lids=0.6, lips=0.2, cheeks=0),
        materials=Materials(
            papers=((250, 248, 242), (244, 236, 220), (252, 252, 250)),
            inks=((46, 46, 52), (92, 46, 30), (38, 48, 74)),
        ),
        backdrops=(Backdrop("paper"), Backdrop("scene"), Backdrop("paper")),
    ),
    Style(
        name="noir",
        title="Noir",
        sentence="Black, white and one grey, hard light from the side.",
        medium=NOIR,
        shapes=Shapes(contrast=55, strands=6),
        tones=Tones(amount=0.0, skin_steps=3),
        colour=Colour(contrast=1.15, local_contrast=0.5),
        ink=Ink(weight=1.2, threshold=0.9, softness=0.5, strength=1.0, in_face=0.012, speck=8),
        character=Character(
            eye_size=0.12, whites=1.0, irises=0.8, lids=1.1, lips=0.6, cheeks=0, teeth=1
        ),
        materials=Materials(
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
)


def style_named(name: str) -> Style:
    """The style called ``name``; ``KeyError`` where there is none."""
    return _BY_NAME[name]


_BY_NAME = {style.name: style for style in STYLES}
