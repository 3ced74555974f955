"""The options of a picture, read from JSON or form fields and judged once for both services.

An option that is empty or null is absent; another value that is not among its own raises
InvalidRequest or the subclass named after the option.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeGuard, get_args

from cartoon_avatar.contract.boxes import MOST_FACES, Box
from cartoon_avatar.contract.errors import (
    InvalidBackground,
    InvalidFace,
    InvalidFormat,
    InvalidFraming,
    InvalidRequest,
    InvalidSeed,
    InvalidSize,
)
from cartoon_avatar.contract.limits import (
    LARGEST_CARTOON_PX,
    LARGEST_HEAD_PX,
    LARGEST_SEED,
    SMALLEST_CARTOON_PX,
)

DRAWING_FIELDS = ("style", "seed", "size", "framing", "face")
HEAD_FIELDS = ("format", "background", "size", "face")
# JSON, or the strings of a form.
Fields = Mapping[str, Any]
HeadFormat = Literal["png", "webp", "jpeg"]
# What a cartoon shows of its photo: head and shoulders of one person, or everything.
Framing = Literal["portrait", "full"]
FRAMINGS: tuple[Framing, ...] = get_args(Framing)

TRANSPARENT = "transparent"
_COLOUR = re.compile("#[0-9A-Fa-f]{6}")
_HEAD_FORMATS: dict[str, HeadFormat] = {"png": "png", "webp": "webp", "jpeg": "jpeg", "jpg": "jpeg"}


def require_known(fields: Fields, names: Collection[str]) -> None:
    """Raise InvalidRequest for a field that is none of ``names``: unknown fields are not silently
    ignored."""
    for name in fields:
        if name not in names:
            known = f"; there are {', '.join(names)}" if names else ""
            raise InvalidRequest(f"There is no field {name[:40]!r} here{known}.")


def seed_of(fields: Fields) -> int | None:
    return whole_number(fields, "seed", InvalidSeed, 0, LARGEST_SEED)


def cartoon_size_of(fields: Fields) -> int | None:
    """The long side of a cartoon in pixels."""
    return whole_number(fields, "size", InvalidSize, SMALLEST_CARTOON_PX, LARGEST_CARTOON_PX)


def head_size_of(fields: Fields) -> int | None:
    """The side of a head's square in pixels."""
    return whole_number(fields, "size", InvalidSize, 1, LARGEST_HEAD_PX)


def framing_of(fields: Fields) -> Framing | None:
    value = fields.get("framing")
    if is_absent(value):
        return None
    for framing in FRAMINGS:
        if value == framing:
            return framing
    raise InvalidFraming("framing must be portrait or full.")


def face_of(fields: Fields) -> int | None:
    """Which face of the upright photo, counted from 0, the most prominent first."""
    return whole_number(fields, "face", InvalidFace, 0, MOST_FACES - 1)


def crop_of(fields: Fields) -> Box | None:
    """The part of the upright photo that a cartoon shows, as ``left,top,width,height``."""
    value = fields.get("crop")
    if is_absent(value):
        return None
    try:
        return Box.parse(value if isinstance(value, str) else "")
    except ValueError as error:
        raise InvalidRequest("crop must be left,top,width,height in pixels.") from error


def head_format_of(fields: Fields) -> HeadFormat:
    value = fields.get("format")
    if is_absent(value):
        return "png"
    kind = _HEAD_FORMATS.get(value.lower()) if isinstance(value, str) else None
    if kind is None:
        raise InvalidFormat("format must be png, webp or jpeg.")
    return kind


def is_colour(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _COLOUR.fullmatch(value) is not None


def rgb_of(colour: str) -> tuple[int, int, int]:
    """0 to 255 each, of a colour that ``is_colour``."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def background_of(fields: Fields, kind: HeadFormat) -> str:
    """``transparent`` or ``#RRGGBB``; a JPEG, which has no transparency, gets white."""
    value = fields.get("background")
    if is_absent(value) or value == TRANSPARENT:
        return "#FFFFFF" if kind == "jpeg" else TRANSPARENT
    if not is_colour(value):
        raise InvalidBackground("background must be transparent or a colour like #FFD54A.")
    return value


def whole_number(
    fields: Fields, name: str, error: type[InvalidRequest], low: int, high: int
) -> int | None:
    """The integer in the field ``name``, None where it is absent; 42.0 is one, as in JSON.

    Raises ``error`` for anything but an integer from ``low`` to ``high``.
    """
    value = fields.get(name)
    if is_absent(value):
        return None
    text = str(value) if isinstance(value, int | float | str) and value is not True else ""
    # int() alone takes "1_000", " 7 " and digits of other scripts; and endless ones slowly.
    if not re.fullmatch(r"[0-9]{1,16}(\.0{1,16})?", text):
        raise error(f"{name} must be a whole number from {low} to {high}.")
    number = int(text.partition(".")[0])
    if not low <= number <= high:
        raise error(f"{name} must be a whole number from {low} to {high}.")
    return number


def is_absent(value: object) -> bool:
    return value is None or value == ""
