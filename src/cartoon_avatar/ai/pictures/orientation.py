"""Which way up a photo is stored, and where a part of the upright one is in it."""

from __future__ import annotations

from PIL import ExifTags, Image

from cartoon_avatar.ai.pictures.picture import Box

# How to turn what the camera stored so that it stands upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Which of them swap the sides, and for which the upright left or top was stored last.
SIDEWAYS = {_UPRIGHT[5], _UPRIGHT[6], _UPRIGHT[7], _UPRIGHT[8]}
_LEFT_WAS_LAST = {_UPRIGHT[2], _UPRIGHT[3], _UPRIGHT[6], _UPRIGHT[7]}
_TOP_WAS_LAST = {_UPRIGHT[3], _UPRIGHT[4], _UPRIGHT[7], _UPRIGHT[8]}


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What turns the stored pixels upright, or None where they are."""
    try:
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 (broken EXIF says nothing about the pixels)
        return None


def stored_box(crop: Box | None, turn: Image.Transpose | None, width: int, height: int) -> Box:
    """Where ``crop``, or all, of the upright photo is in the ``width`` × ``height`` px that are
    stored and that ``turn`` turns upright."""
    if crop is None:
        return 0, 0, width, height
    size = (height, width) if turn in SIDEWAYS else (width, height)
    spans = []
    for start, length, limit, mirrored in zip(
        crop[:2], crop[2:], size, (turn in _LEFT_WAS_LAST, turn in _TOP_WAS_LAST), strict=True
    ):
        first = min(max(start, 0), limit - 1)
        last = min(max(start + length, first + 1), limit)
        spans.append((limit - last, limit - first) if mirrored else (first, last))
    (left, right), (top, bottom) = reversed(spans) if turn in SIDEWAYS else spans
    return left, top, right - left, bottom - top
