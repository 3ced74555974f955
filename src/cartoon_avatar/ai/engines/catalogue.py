"""The styles of our own engines, in walking order, and which engine draws each."""

from __future__ import annotations

from cartoon_avatar.ai.engines import drawn, painted
from cartoon_avatar.ai.engines.classic import recipe as classic
from cartoon_avatar.ai.engines.classic.style import Style as ClassicStyle
from cartoon_avatar.ai.engines.drawing import Drawing
from cartoon_avatar.ai.engines.drawn import DrawnStyle
from cartoon_avatar.ai.engines.onnx import NeuralModel
from cartoon_avatar.ai.engines.painted import PaintedStyle
from cartoon_avatar.ai.seeing.scene import Scene

EngineStyle = PaintedStyle | DrawnStyle | ClassicStyle

# The first is the default. Neighbours look unlike each other: whoever regenerates wants
# something else.
_ORDER = (
    "painted", "ink", "airy", "anime", "flat", "golden", "comic", "sticker", "watercolour",
    "duotone", "pop", "sketch", "noir",
)  # fmt: skip
_BY_NAME: dict[str, EngineStyle] = {
    style.name: style for style in (*classic.STYLES, *drawn.STYLES, *painted.STYLES)
}
STYLES: tuple[EngineStyle, ...] = tuple(_BY_NAME[name] for name in _ORDER)


def style_named(name: str) -> EngineStyle:
    """The style called ``name``; ``KeyError`` where there is none."""
    return _BY_NAME[name]


def needs_face(style: EngineStyle | NeuralModel) -> bool:
    """Whether there is nothing to draw without a person."""
    return isinstance(style, DrawnStyle)


def has_svg(style: EngineStyle | NeuralModel) -> bool:
    """Whether its drawings are shapes, which an SVG holds at any size."""
    return isinstance(style, DrawnStyle)


def draw(scene: Scene, style: EngineStyle, seed: int) -> Drawing:
    """Draw ``scene`` with the engine of ``style``. Raises ``NoFace`` where it needs one."""
    if isinstance(style, PaintedStyle):
        return painted.draw(scene, style, seed)
    if isinstance(style, DrawnStyle):
        return drawn.draw(scene, style, seed)
    if style.over_painting:  # clean features, no texture, skin in one tone
        scene = painted.prepared(scene)
    return classic.draw(scene, style, seed)
