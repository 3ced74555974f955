"""Draws and cuts pictures from files to files, for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from cartoon_avatar.ai import cartoonist, head_cut
from cartoon_avatar.ai.jobs import Tools
from cartoon_avatar.ai.pictures import Picture, decode, to_jpeg, to_png, to_webp
from cartoon_avatar.ai.styles import Style

_ENCODERS: dict[str, Callable[[Picture], bytes]] = {
    ".png": to_png,
    ".webp": to_webp,
    ".jpg": to_jpeg,
    ".jpeg": to_jpeg,
}
_PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".gif"}
# Of a contact sheet: the height of a row.
_ROW_PX = 384


class UnknownSuffix(Exception):
    """The output's name does not say which of PNG, WebP and JPEG it should be."""


def photos_in(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those pictures that lie in the folders named."""
    photos = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.iterdir())
            photos += [file for file in inside if file.suffix.lower() in _PICTURE_SUFFIXES]
        else:
            photos.append(path)
    return photos


def draw_file(tools: Tools, photo: Path, style: Style, seed: int, long_side: int) -> Picture:
    """Raises InvalidImage and ImageTooLarge."""
    seen = decode(photo.read_bytes(), max_pixels=tools.max_pixels, long_side=long_side).picture
    return cartoonist.draw(seen, style, seed, tools.eyes, long_side).picture


def cut_file(
    tools: Tools, cartoon: Path, photo: Path | None, size: int | None, face_index: int
) -> Picture:
    """Raises InvalidImage, ImageTooLarge, NoFace and FaceIndexOutOfRange."""
    drawing = decode(cartoon.read_bytes(), max_pixels=tools.max_pixels, long_side=2048).picture
    original = None
    if photo is not None:
        longest = max(drawing.width, drawing.height)
        original = decode(
            photo.read_bytes(), max_pixels=tools.max_pixels, long_side=longest
        ).picture
    return head_cut.cut(drawing, tools.models, original, face_index=face_index, size=size).picture


def contact_sheet(rows: Sequence[Sequence[Picture]]) -> Picture:
    """One picture of all: a row each, side by side on white."""
    strips = [np.hstack([_in_row(picture) for picture in row]) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    padded = [
        np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=255)
        for strip in strips
    ]
    return Picture(np.vstack(padded))


def write_picture(path: Path, picture: Picture) -> None:
    """Raises UnknownSuffix; a JPEG of a transparent picture is laid on white."""
    encode = _ENCODERS.get(path.suffix.lower())
    if encode is None:
        raise UnknownSuffix(f"{path}: the name must end in .png, .webp or .jpg")
    if encode is to_jpeg and picture.alpha is not None:
        picture = Picture(_on_white(picture))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(picture))


def _in_row(picture: Picture) -> np.ndarray:
    rgb = _on_white(picture)
    width = max(1, round(picture.width * _ROW_PX / picture.height))
    return cv2.resize(rgb, (width, _ROW_PX), interpolation=cv2.INTER_AREA)


def _on_white(picture: Picture) -> np.ndarray:
    if picture.alpha is None:
        return picture.rgb
    alpha = picture.alpha[..., None] / np.float32(255)
    return np.rint(picture.rgb * alpha + 255 * (1 - alpha)).astype(np.uint8)
