"""Draws and cuts pictures from files to files, for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.jobs import CartoonOptions, DrawnAs, HeadOptions, Tools
from cartoon_avatar.ai.pictures import WHITE, Picture, decode, laid_on, to_jpeg, to_png, to_webp


class Encoder(Protocol):
    def __call__(self, picture: Picture, *, xmp: bytes = b"") -> bytes: ...


class Made(NamedTuple):
    """A picture that was made, and the packet that says how."""

    picture: Picture
    xmp: bytes


_ENCODERS: dict[str, Encoder] = {
    ".png": to_png,
    ".webp": to_webp,
    ".jpg": to_jpeg,
    ".jpeg": to_jpeg,
}
_PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".gif"}
# Of a contact sheet, px: a cell's side, the space around it and the height of the names.
_CELL_PX, _GAP_PX, _NAME_PX = 384, 12, 44


class NotWritten(Exception):
    """A picture cannot be written under this name; the message says why."""


def photos_in(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those pictures that lie in the folders named; each once."""
    photos: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.iterdir())
            photos += [
                file
                for file in inside
                # macOS lays "._me.jpg", which is no picture, beside "me.jpg".
                if file.suffix.lower() in _PICTURE_SUFFIXES and not file.name.startswith(".")
            ]
        else:
            photos.append(path)
    return list({photo.resolve(): photo for photo in photos}.values())


def places_in(
    folder: Path, photos: Sequence[Path], ending: str, suffix: str = ".png"
) -> Iterator[Path]:
    """A path in ``folder`` for the result of each photo: all different, and none a photo's."""
    taken = {photo.resolve() for photo in photos}
    for photo in photos:
        names = (f"{photo.stem}-{ending}{number}{suffix}" for number in _numbers())
        place = next(folder / name for name in names if (folder / name).resolve() not in taken)
        taken.add(place.resolve())
        yield place


def _numbers() -> Iterator[str]:
    yield ""
    yield from (f"-{number}" for number in count(2))


def draw_file(tools: Tools, photo: Path, options: CartoonOptions) -> Made:
    """Raises OSError, InvalidImage, ImageTooLarge, FaceIndexOutOfRange and NoFace."""
    data = photo.read_bytes()
    drawn = jobs.draw(tools, data, options)
    return Made(drawn.drawing.picture, _xmp_of_drawing(tools, options.style, data))


def draw_svg_file(tools: Tools, photo: Path, options: CartoonOptions) -> bytes:
    """Raises what ``draw_file`` does, and UnknownStyle where the style draws no shapes."""
    return jobs.draw_svg(tools, photo.read_bytes(), options).data


def cut_file(
    tools: Tools, cartoon: Path, photo: Path | None, size: int | None, face_index: int
) -> Made:
    """Raises OSError, InvalidImage, ImageTooLarge, NoFace and FaceIndexOutOfRange."""
    original = None if photo is None else photo.read_bytes()
    data = cartoon.read_bytes()
    head = jobs.head_of(tools, data, original, size, face_index)
    return Made(head, tools.xmp(jobs.mark_of_part(data, original)))


def draw_and_cut_file(
    tools: Tools, photo: Path, style: str, seed: int, size: int | None, face: int
) -> Made:
    """The head of a drawing of the photo. Raises what ``draw_file`` does, and NoFace."""
    data = photo.read_bytes()
    drawn = jobs.draw(tools, data, CartoonOptions(style, seed, face=face))
    options = HeadOptions(
        size=size, face=face, crop=drawn.scene.crop, drawn_as=DrawnAs(style, seed)
    )
    head = jobs.cut_head(tools, to_png(drawn.drawing.picture), data, options)
    picture = decode(head.data, max_pixels=tools.max_pixels).picture
    return Made(picture, _xmp_of_drawing(tools, style, data))


def _xmp_of_drawing(tools: Tools, style: str, photo: bytes) -> bytes:
    engine, facts = tools.engines.of(style)
    return tools.xmp(jobs.mark_of_drawing(engine.facts, facts, photo))


def cell(picture: Picture | None) -> Image.Image:
    """``picture`` on white, as large as a contact sheet shows it; empty where there is none."""
    if picture is None:
        return Image.new("RGB", (_CELL_PX, _CELL_PX), "white")
    image = Image.fromarray(laid_on(picture, WHITE).rgb)
    scale = _CELL_PX / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.LANCZOS)
    whole = Image.new("RGB", (_CELL_PX, _CELL_PX), "white")
    whole.paste(image, ((_CELL_PX - size[0]) // 2, (_CELL_PX - size[1]) // 2))
    return whole


def contact_sheet(styles: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Picture:
    """One picture of all: a row a photo, a column a style, under its name."""
    step = _CELL_PX + _GAP_PX
    size = (len(styles) * step + _GAP_PX, len(rows) * step + _NAME_PX + _GAP_PX)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(24)
    for column, style in enumerate(styles):
        middle = column * step + _GAP_PX + _CELL_PX // 2
        pen.text((middle, _GAP_PX + _NAME_PX // 2), style, "#222222", font, anchor="mm")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * step + _GAP_PX, y * step + _GAP_PX + _NAME_PX))
    return Picture(np.asarray(sheet))


def encoder_of(path: Path) -> Encoder:
    """By the name's end. Raises NotWritten."""
    encode = _ENCODERS.get(path.suffix.lower())
    if encode is None:
        raise NotWritten(f"{path}: the name must end in .png, .webp or .jpg")
    return encode


def write_picture(path: Path, picture: Picture, xmp: bytes = b"") -> None:
    """Raises NotWritten and OSError; a JPEG of a transparent picture is laid on white."""
    encode = encoder_of(path)
    if encode is to_jpeg:
        picture = laid_on(picture, WHITE)
    try:
        data = encode(picture, xmp=xmp)
    except (OSError, ValueError) as error:  # the encoder's: nothing has been written yet
        raise NotWritten(
            f"{path}: {picture.width}×{picture.height} pixels are too many for this type of"
            " file; a .png holds more"
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
