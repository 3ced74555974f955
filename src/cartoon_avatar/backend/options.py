"""The options of a drawing and of a cut, as a client of the backend asks for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cartoon_avatar.backend.ai.requests import CutOptions, DrawingOptions
from cartoon_avatar.backend.errors import InvalidPreset, InvalidStyle
from cartoon_avatar.contract import options
from cartoon_avatar.contract.options import Fields
from cartoon_avatar.contract.stickers import (
    STICKER_FIELDS,
    StickerOptions,
    sticker_options_of,
)

_STYLE = re.compile(r"[a-z0-9_-]{1,64}")


def require_known(fields: Fields, names: Iterable[str]) -> None:
    """Raise InvalidRequest for a field that is none of ``names`` and not the device's id."""
    options.require_known(fields, (*names, "deviceId", "device_id"))


def drawing_options(fields: Fields) -> DrawingOptions:
    require_known(fields, options.DRAWING_FIELDS)
    style = _style_of(fields)
    return DrawingOptions(
        style=style,
        seed=options.seed_of(fields),
        size=options.cartoon_size_of(fields),
        framing=options.framing_of(fields),
        face=options.face_of(fields),
        any_style=style is None,
    )


def cut_options(fields: Fields) -> CutOptions:
    require_known(fields, options.HEAD_FIELDS)
    kind = options.head_format_of(fields)
    return CutOptions(
        format=kind,
        background=options.background_of(fields, kind),
        size=options.head_size_of(fields),
        face=options.face_of(fields),
    )


def export_options(fields: Fields) -> StickerOptions:
    require_known(fields, STICKER_FIELDS)
    return sticker_options_of(fields)


def download_options(fields: Fields) -> tuple[CutOptions, StickerOptions | None]:
    """Of a download that may ask for a sticker as well, which then decides how it looks; the head
    itself is kept as it is without options."""
    if options.is_absent(fields.get("preset")):
        for name in ("outlineWidth", "outlineColor"):
            if not options.is_absent(fields.get(name)):
                raise InvalidPreset(f"{name} is a sticker's: name a preset as well.")
        rest = {name: value for name, value in fields.items() if name not in STICKER_FIELDS[:3]}
        return cut_options(rest), None
    require_known(fields, ("face", *STICKER_FIELDS))
    return CutOptions(face=options.face_of(fields)), sticker_options_of(fields)


def _style_of(fields: Fields) -> str | None:
    style = fields.get("style")
    if options.is_absent(style):
        return None
    if not isinstance(style, str) or not _STYLE.fullmatch(style):
        raise InvalidStyle("The style is not one of /api/styles.")
    return style
