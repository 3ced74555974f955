"""Painted portraits: the photo relit, gathered into brush strokes, its features drawn anew."""

from cartoon_avatar.ai.engines.painted.recipe import bold, draw, prepared
from cartoon_avatar.ai.engines.painted.styles import STYLES, PaintedStyle

__all__ = ["STYLES", "PaintedStyle", "bold", "draw", "prepared"]
