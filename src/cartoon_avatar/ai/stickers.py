"""A head becomes a file that a messenger takes: its size, outline, margin, type and bytes.

What each platform demands, and when that was read, is in docs/stickers.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from cartoon_avatar.ai.engines.drawing import Clock, Report, unwatched
from cartoon_avatar.ai.head.outline import outlined
from cartoon_avatar.ai.jobs import Result, Tools, mark_of_part
from cartoon_avatar.ai.pictures import Picture, decode, laid_on, to_png, to_webp
from cartoon_avatar.ai.pictures.picture import image_of
from cartoon_avatar.contract.errors import NoTransparency, PictureUnusable, StickerTooLarge
from cartoon_avatar.contract.limits import LARGEST_HEAD_PX
from cartoon_avatar.contract.options import TRANSPARENT, rgb_of
from cartoon_avatar.contract.stickers import Preset, StickerOptions

# What is fainter than this is no part of a head.
_SEEN = 24
# From how good a WebP is on to how bad it may become, where bytes are counted.
_BEST, _WORST = 92, 45
# How much of the detail is left where that is not enough, as share of the side.
_LESS_DETAIL = (0.75, 0.55, 0.4)


@dataclass(frozen=True, slots=True)
class _Platform:
    """The requirements of a platform: lengths in px; ``most_bytes`` None: no limit."""

    side: int
    margin: int
    kind: Literal["webp", "png"]
    most_bytes: int | None
    #: The head as wide and high as it is, its long side ``side``; otherwise a square.
    trimmed: bool = False
    #: A platform that takes smaller ones: how small, where that is needed for the bytes.
    smallest: int | None = None


# A thousand bytes less than a limit said in KB, by either reading of it.
_PLATFORMS: dict[Preset, _Platform] = {
    "whatsapp": _Platform(512, 16, "webp", 99_000),
    "telegram": _Platform(512, 0, "webp", 511_000, trimmed=True),
    "signal": _Platform(512, 16, "webp", 299_000),
    "imessage": _Platform(618, 8, "png", 499_000, smallest=300),
    "circle": _Platform(512, 0, "png", None),
    "square": _Platform(512, 24, "png", None),
}
# Of the smallest circle around a head, in that of the preset.
_IN_CIRCLE = 0.9


def suffix_of(preset: Preset) -> str:
    """The file suffix of a sticker of this preset."""
    return f".{_PLATFORMS[preset].kind}"


def make_sticker(
    tools: Tools, data: bytes, options: StickerOptions, *, report: Report = unwatched
) -> Result:
    """Of a head, the file ``data``, a sticker. Raises InvalidImage, ImageTooLarge, NoTransparency
    and StickerTooLarge."""
    clock = Clock(report=report)
    photo = decode(data, max_pixels=tools.max_pixels, long_side=LARGEST_HEAD_PX)
    clock.done("decode")
    picture, encoded = sticker(photo.picture, options, tools.xmp(mark_of_part(data)))
    clock.done("sticker")
    return Result(
        data=encoded,
        mime_type=f"image/{_PLATFORMS[options.preset].kind}",
        width=picture.width,
        height=picture.height,
        photo_width=photo.width,
        photo_height=photo.height,
        stages=clock.stages,
    )


def sticker(head: Picture, options: StickerOptions, xmp: bytes = b"") -> tuple[Picture, bytes]:
    """The sticker and its file, with ``xmp``. Raises NoTransparency and StickerTooLarge."""
    platform = _PLATFORMS[options.preset]
    head = _trimmed(head, options)
    picture = _laid_out(head, options, platform, platform.side)
    if platform.kind == "webp":
        return picture, _webp_within(picture, options.preset, platform, xmp)
    encoded = to_png(picture, xmp=xmp)
    while platform.most_bytes is not None and len(encoded) > platform.most_bytes:
        smallest = platform.smallest or platform.side
        if picture.width <= smallest:
            raise StickerTooLarge.over(options.preset, platform.most_bytes + 1000)
        # A PNG's bytes go with its pixels.
        shrink = min(0.97, (platform.most_bytes / len(encoded)) ** 0.5)
        side = max(smallest, int(picture.width * shrink))
        picture = _laid_out(head, options, platform, side)
        encoded = to_png(picture, xmp=xmp)
    return picture, encoded


def _webp_within(picture: Picture, preset: Preset, platform: _Platform, xmp: bytes) -> bytes:
    """The best WebP of at most ``platform.most_bytes``."""
    most_bytes = platform.most_bytes
    best = to_webp(picture, _BEST, xmp=xmp)
    if most_bytes is None or len(best) <= most_bytes:
        return best
    for detail in (1.0, *_LESS_DETAIL):
        plain = picture if detail == 1.0 else _with_less_detail(picture, detail)
        found = to_webp(plain, _WORST, xmp=xmp)
        if len(found) > most_bytes:
            continue
        fits, misses = _WORST, _BEST
        while misses - fits > 1:
            quality = (fits + misses) // 2
            encoded = to_webp(plain, quality, xmp=xmp)
            if len(encoded) <= most_bytes:
                found, fits = encoded, quality
            else:
                misses = quality
        return found
    raise StickerTooLarge.over(preset, most_bytes + 1000)


def _with_less_detail(picture: Picture, share: float) -> Picture:
    size = (picture.width, picture.height)
    small = (max(1, round(size[0] * share)), max(1, round(size[1] * share)))
    image = image_of(picture).resize(small, Image.Resampling.LANCZOS)
    pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    return Picture(pixels[..., :3], pixels[..., 3])


def _trimmed(head: Picture, options: StickerOptions) -> Picture:
    """``head`` without what is empty around it."""
    if head.alpha is None or bool((head.alpha == 255).all()):
        if options.background == TRANSPARENT or options.outline_px:
            raise NoTransparency
        return Picture(head.rgb, np.full(head.rgb.shape[:2], 255, np.uint8))
    rows = np.flatnonzero((head.alpha > _SEEN).any(axis=1))
    columns = np.flatnonzero((head.alpha > _SEEN).any(axis=0))
    if not rows.size:
        raise PictureUnusable("The picture is empty: all of it is transparent.")
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Picture(head.rgb[part], head.alpha[part])


def _laid_out(head: Picture, options: StickerOptions, platform: _Platform, side: int) -> Picture:
    """``head`` (trimmed, with alpha) with its outline, on a sticker whose long side is ``side``."""
    scale = side / platform.side
    outline_px = options.outline_px * scale
    around = round(platform.margin * scale) + int(np.ceil(outline_px))
    room, middle = side - 2 * around, (head.width / 2, head.height / 2)
    fit = room / max(head.width, head.height)
    assert head.alpha is not None
    if options.background != TRANSPARENT and bool((head.alpha == 255).all()):
        # On a colour of its own already: it fills what it lies on.
        fit = side / min(head.width, head.height)
    elif options.preset == "circle":
        edge = cv2.findNonZero((head.alpha > _SEEN).astype(np.uint8))
        middle, radius = cv2.minEnclosingCircle(edge)
        fit = _IN_CIRCLE * room / (2 * radius)
    size = (max(1, round(head.width * fit)), max(1, round(head.height * fit)))
    image = image_of(head).resize(size, Image.Resampling.LANCZOS)

    width = height = side
    if platform.trimmed:
        width, height = size[0] + 2 * around, size[1] + 2 * around
    left, top = round(width / 2 - fit * middle[0]), round(height / 2 - fit * middle[1])
    plate = Image.new("RGBA", (width, height))
    plate.paste(image, (left, top))
    canvas = np.array(plate)
    canvas[canvas[..., 3] == 0] = 0
    placed = outlined(
        Picture(canvas[..., :3], canvas[..., 3]), outline_px, rgb_of(options.outline_colour)
    )
    if options.background == TRANSPARENT:
        return placed
    return _on_colour(placed, rgb_of(options.background), round_=options.preset == "circle")


def _on_colour(picture: Picture, colour: tuple[int, int, int], *, round_: bool) -> Picture:
    """``picture``, which is a square, on ``colour``, or on a disc of it."""
    plain = laid_on(picture, colour)
    if not round_:
        return plain
    rgb = plain.rgb
    side = picture.width
    middles = np.arange(side, dtype=np.float32) + 0.5 - side / 2
    disc = np.clip(side / 2 - np.hypot(middles, middles[:, None]) + 0.5, 0, 1)
    opacity = np.rint(255 * disc).astype(np.uint8)
    rgb[opacity == 0] = 0
    return Picture(rgb, opacity)
