"""Drawn avatars: a person as read, drawn anew as closed Bézier shapes; SVG or pixels."""

from cartoon_avatar.ai.engines.drawn.recipe import draw, head_alone, svg
from cartoon_avatar.ai.engines.drawn.styles import STYLES, DrawnStyle

__all__ = ["STYLES", "DrawnStyle", "draw", "head_alone", "svg"]
