"""The built-in engine: its styles in walking order, and which part of it draws each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cartoon_avatar.ai.engines import drawn, painted
from cartoon_avatar.ai.engines.classic import recipe as classic
from cartoon_avatar.ai.engines.classic.style import Style as ClassicStyle
from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.engines.drawn import DrawnStyle
from cartoon_avatar.ai.engines.painted import PaintedStyle
from cartoon_avatar.ai.engines.protocol import DrawingOptions, EngineFacts, StyleFacts
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.containers.marks import ALGORITHMIC_MEDIA, ALGORITHMICALLY_ENHANCED, BUILT_IN

EngineStyle = PaintedStyle | DrawnStyle | ClassicStyle

# The first is the default. Neighbours look unlike each other, since regenerating moves on to
# the next.
_ORDER = (
    "painted", "poster", "storybook", "ink", "airy", "flat", "anime", "sticker", "golden", "comic",
    "watercolour", "duotone", "pop", "sketch", "noir",
)  # fmt: skip
_BY_NAME: dict[str, EngineStyle] = {
    style.name: style for style in (*classic.STYLES, *drawn.STYLES, *painted.STYLES)
}
STYLES: tuple[EngineStyle, ...] = tuple(_BY_NAME[name] for name in _ORDER)


def style_named(name: str) -> EngineStyle:
    """The style called ``name``; ``KeyError`` where there is none."""
    return _BY_NAME[name]


def needs_face(style: EngineStyle) -> bool:
    """Whether there is nothing to draw without a person."""
    return isinstance(style, DrawnStyle)


def has_svg(style: EngineStyle) -> bool:
    """Whether its drawings are shapes, which an SVG holds at any size."""
    return isinstance(style, DrawnStyle)


def draw(scene: Scene, style: EngineStyle, seed: int, clock: Clock | None = None) -> Drawing:
    """Draw ``scene`` in ``style``. Raises ``NoFace`` where it needs one."""
    clock = clock or Clock()
    if isinstance(style, PaintedStyle):
        return painted.draw(scene, style, seed, clock)
    if isinstance(style, DrawnStyle):
        return drawn.draw(scene, style, seed, clock)
    return classic.draw(painted.prepared(scene, style.painted_skin, clock), style, seed, clock)


# Milliseconds for a drawing of 1024 px on one core; only their proportions matter.
_PAINTED_MS = {
    "caricature": 85, "light": 45, "shapes": 150, "lines": 65, "backdrop": 90, "hair": 50,
    "skin": 40, "edges": 150, "features": 35, "grade": 35,
}  # fmt: skip
_DRAWN_MS = {"read": 120, "shapes": 850, "render": 90}
_CLASSIC_MS = {
    "light": 30, "flow": 8, "shapes": 25, "tones": 20, "backdrop": 15, "ink": 20, "character": 12,
    "medium": 40,
}  # fmt: skip


class BuiltIn:
    """Our own engine: no network draws, nothing leaves the machine."""

    facts = EngineFacts(
        name=BUILT_IN,
        aligned=True,
        deterministic=True,
        expected_s=1,
        source_type=ALGORITHMICALLY_ENHANCED,
    )

    def styles(self) -> Sequence[StyleFacts]:
        return _STYLE_FACTS

    def stages(self, style: str) -> Mapping[str, float]:
        chosen = style_named(style)
        if isinstance(chosen, PaintedStyle):
            return _PAINTED_MS
        if isinstance(chosen, DrawnStyle):
            return {**_PAINTED_MS, **_DRAWN_MS}
        # Painted first: a stage that both have counts where it comes first.
        return {**_PAINTED_MS, **_CLASSIC_MS, **_PAINTED_MS}

    def draw(self, scene: Scene, options: DrawingOptions, clock: Clock) -> Drawing:
        return draw(scene, style_named(options.style), options.seed, clock)


_STYLE_FACTS = [
    StyleFacts(
        style.name,
        style.title,
        style.sentence,
        needs_face(style),
        has_svg(style),
        # Shapes are computed anew; no pixel of the photo is left to be enhanced.
        source_type=ALGORITHMIC_MEDIA if has_svg(style) else None,
    )
    for style in STYLES
]
