"""Decoded pixels of any kind to eight bits a channel, at the size and of the part asked for."""

from __future__ import annotations

import math

import cv2
import numpy as np
from PIL import Image, ImageChops

# A large picture is made smaller in bands of so many rows.
_BAND_PX = 128
_THINNED_PX = 500_000

# What a decoder's library gave: Pillow's, or H×W (grey) or H×W×3 or 4 (RGB, RGBA), uint8 or
# uint16.
Pixels = Image.Image | np.ndarray
# Left, top, right and bottom, as shares of the sides.
Shares = tuple[float, float, float, float]


def colours_and_alpha(
    pixels: Image.Image | np.ndarray,
    size: tuple[int, int],
    box: Shares,
) -> tuple[Image.Image, Image.Image | None]:
    """Eight bits a channel in L, RGB or CMYK, of ``box`` (shares of the sides: left, top, right
    and bottom) resized to ``size``, and the alpha apart."""
    image, box = _nearly_of_size(pixels, size, box)
    if image.size != size or box != (0, 0, *size):
        # RGBA is weighted by its alpha here, so that hidden colours do not bleed in.
        # As sharp as a drawing needs, and 2.5 times as quick as Lanczos.
        image = image.resize(size, Image.Resampling.HAMMING, box)
    if image.mode == "RGBA":
        return image.convert("RGB"), image.getchannel("A")
    return image, None


def deep_colours_and_alpha(
    pixels: np.ndarray, size: tuple[int, int], box: Shares
) -> tuple[np.ndarray, Image.Image | None]:
    """As ``colours_and_alpha``, of uint16 and as H×W×3 uint16; to the nearest pixel of ``box``."""
    height, width = pixels.shape[:2]
    left, right = round(box[0] * width), round(box[2] * width)
    top, bottom = round(box[1] * height), round(box[3] * height)
    part = cv2.resize(pixels[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    if part.ndim == 2:
        return np.dstack([part] * 3), None
    if part.shape[2] == 4:
        # pyrefly: ignore[unsupported-operation] (OpenCV's stubs forget that pictures are whole numbers)
        return part[..., :3], Image.fromarray((part[..., 3] >> 8).astype(np.uint8))
    return part, None


def thinned(pixels: Pixels) -> np.ndarray:
    """Some of the pixels, evenly spread, in grey or RGB: at most half a million."""
    if isinstance(pixels, np.ndarray):
        step = math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / _THINNED_PX))
        return pixels[::step, ::step]
    shrink = min(1.0, math.sqrt(_THINNED_PX / (pixels.width * pixels.height)))
    size = (math.ceil(pixels.width * shrink), math.ceil(pixels.height * shrink))
    some = _in_eight_bits(pixels.resize(size, Image.Resampling.NEAREST))
    return np.asarray(some.convert("RGB"))


def _nearly_of_size(
    pixels: Image.Image | np.ndarray,
    size: tuple[int, int],
    box: Shares,
) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """What ``box`` (shares of the sides) holds at three to six times ``size``, or as it is, with
    its surroundings, and where ``box`` is in it, in px.

    A mean over whole pixels loses nothing that is seen afterwards. Taken band by band it needs no
    second picture as large as the first.
    """
    width, height = pixels.size if isinstance(pixels, Image.Image) else pixels.shape[1::-1]
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    across = max(1, int(right - left) // size[0] // 3)
    down = max(1, int(bottom - top) // size[1] // 3)
    # What the resampling looks at beside the box: a pixel of the result.
    rim_x, rim_y = (right - left) / size[0], (bottom - top) / size[1]
    first_x = max(0, int(left - rim_x) // across * across)
    first_y = max(0, int(top - rim_y) // down * down)
    end_x, end_y = min(width, math.ceil(right + rim_x)), min(height, math.ceil(bottom + rim_y))
    in_px = (
        (left - first_x) / across,
        (top - first_y) / down,
        (right - first_x) / across,
        (bottom - first_y) / down,
    )
    if across == down == 1:
        return _in_eight_bits(_part(pixels, first_x, first_y, end_x, end_y)), in_px
    band_px = max(1, _BAND_PX // down) * down
    small: Image.Image | None = None
    for y in range(first_y, end_y, band_px):
        band = _in_eight_bits(_part(pixels, first_x, y, end_x, min(y + band_px, end_y)))
        band = band.reduce((across, down))
        if small is None:
            small = Image.new(band.mode, (band.width, -(-(end_y - first_y) // down)))
        small.paste(band, (0, (y - first_y) // down))
    assert small is not None
    return small, in_px


def _part(
    pixels: Image.Image | np.ndarray, left: int, top: int, right: int, bottom: int
) -> Image.Image:
    if isinstance(pixels, Image.Image):
        whole = (left, top, right, bottom) == (0, 0, *pixels.size)
        return pixels if whole else pixels.crop((left, top, right, bottom))
    rows = pixels[top:bottom, left:right]
    if rows.dtype == np.uint16:
        rows = (rows >> 8).astype(np.uint8)
    rows = np.ascontiguousarray(rows)
    mode = "L" if rows.ndim == 2 else "RGB" if rows.shape[2] == 3 else "RGBA"
    return Image.frombuffer(mode, rows.shape[1::-1], rows, "raw", mode, 0, 1)


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """In L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):
        # 16-bit grey; Pillow's own conversion would clip it.
        values = np.asarray(image)
        grey = (values >> 8).astype(np.uint8)
        if "transparency" not in image.info:
            return Image.fromarray(grey)
        alpha = np.uint8(255) * (values != image.info["transparency"])
        return Image.fromarray(np.dstack([grey, grey, grey, alpha]))
    if image.mode != "RGBA" and (image.mode == "LA" or image.has_transparency_data):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "CMYK" and "adobe" not in image.info:
        # Pillow takes every CMYK for one of Adobe's, which store how much light is left.
        return ImageChops.invert(image)
    if image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        return image.convert("RGB")
    return image
