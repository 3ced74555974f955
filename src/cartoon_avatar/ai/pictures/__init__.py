"""Bytes to arrays and back: the one picture type of the AI service, and the untrusted edge."""

from cartoon_avatar.ai.pictures.decoding import decode
from cartoon_avatar.ai.pictures.encoding import to_jpeg, to_png, to_webp
from cartoon_avatar.ai.pictures.picture import Box, Photo, Picture, scaled_down

__all__ = [
    "Box",
    "Photo",
    "Picture",
    "decode",
    "scaled_down",
    "to_jpeg",
    "to_png",
    "to_webp",
]
