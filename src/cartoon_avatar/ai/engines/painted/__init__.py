"""Painted portraits: the photo relit, gathered into brush strokes, its features drawn anew."""

from cartoon_avatar.ai.engines.painted.recipe import draw, prepared, traceable
from cartoon_avatar.ai.engines.painted.styles import BOLD, STORY, STYLES, PaintedStyle

__all__ = ["BOLD", "STORY", "STYLES", "PaintedStyle", "draw", "prepared", "traceable"]
