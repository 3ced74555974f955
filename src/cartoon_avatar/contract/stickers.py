"""The options of a sticker: where it is meant for, its outline and its background.

What the platforms demand is in docs/stickers.md, with the date on which it was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from cartoon_avatar.contract.errors import InvalidBackground, InvalidOutline, InvalidPreset
from cartoon_avatar.contract.limits import WIDEST_OUTLINE_PX
from cartoon_avatar.contract.options import (
    TRANSPARENT,
    Fields,
    is_absent,
    is_colour,
    whole_number,
)

Preset = Literal["whatsapp", "telegram", "signal", "imessage", "circle", "square"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
# These have a coloured background; all others are transparent, as messengers demand.
ON_COLOUR: tuple[Preset, ...] = ("circle", "square")
STICKER_FIELDS = ("preset", "outlineWidth", "outlineColor", "background")
# Part of a sticker's name in the backend's cache: to be raised when the same options give
# another picture.
STICKER_VERSION = 1

_OUTLINE_PX = 8
_OUTLINE_COLOUR, _BACKGROUND = "#FFFFFF", "#BFE0F2"


@dataclass(frozen=True, slots=True)
class StickerOptions:
    """``outline_px`` in pixels of the sticker; colours are ``#RRGGBB``, ``background`` may be
    ``transparent``."""

    preset: Preset
    outline_px: int
    outline_colour: str
    background: str

    def fields(self) -> dict[str, str | int]:
        """As ``sticker_options_of`` reads them."""
        return {
            "preset": self.preset,
            "outlineWidth": self.outline_px,
            "outlineColor": self.outline_colour,
            "background": self.background,
        }


def sticker_options_of(fields: Fields) -> StickerOptions:
    """Raises InvalidPreset, InvalidOutline and InvalidBackground."""
    preset = _preset_of(fields)
    outline_px = whole_number(fields, "outlineWidth", InvalidOutline, 0, WIDEST_OUTLINE_PX)
    if outline_px is None:
        outline_px = 0 if preset in ON_COLOUR else _OUTLINE_PX
    colour = fields.get("outlineColor")
    if is_absent(colour):
        colour = _OUTLINE_COLOUR
    if not is_colour(colour):
        raise InvalidOutline("outlineColor must be a colour like #FFFFFF.")
    return StickerOptions(preset, outline_px, colour.upper(), _background_of(fields, preset))


def _preset_of(fields: Fields) -> Preset:
    value = fields.get("preset")
    for preset in PRESETS:
        if value == preset:
            return preset
    raise InvalidPreset(f"preset must be one of {', '.join(PRESETS)}.")


def _background_of(fields: Fields, preset: Preset) -> str:
    value = fields.get("background")
    if preset not in ON_COLOUR:
        if is_absent(value) or value == TRANSPARENT:
            return TRANSPARENT
        raise InvalidBackground(
            f"A {preset} sticker is transparent: omit background, or ask for"
            f" {' or '.join(ON_COLOUR)}."
        )
    if is_absent(value):
        return _BACKGROUND
    if not is_colour(value):
        raise InvalidBackground(f"The background of a {preset} must be a colour like #FFD54A.")
    return value.upper()
