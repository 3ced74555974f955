"""Bytes to arrays and back: the one picture type of the AI service, and the untrusted edge."""

from cartoon_avatar.ai.pictures.decoding import decode
from cartoon_avatar.ai.pictures.encoding import to_jpeg, to_png, to_webp
from cartoon_avatar.ai.pictures.picture import WHITE, Box, Photo, Picture, laid_on, scaled_down

__all__ = [
    "WHITE",
    "Box",
    "Photo",
    "Picture",
    "decode",
    "laid_on",
    "scaled_down",
    "to_jpeg",
    "to_png",
    "to_webp",
]
