"""Made-up pictures as files: every format, depth and way of storing them that is taken."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from cartoon_avatar.contract.limits import MAX_UPLOAD_BYTES
from tests.ai.conftest import saved
from tests.ai.pictures.test_formats_matrix import png
from tests.ai.seeing.made_up import MadeUp

_ORIENTATION = 0x0112
_LONGEST_WEBP_PX = 16_383
_LARGEST_PX = 48_000_000
# Encoders in Python, or slow ones.
_LARGEST_SLOWLY_PX = 2_500_000


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """``data`` shows ``meant`` (H×W×3, uint8, upright), where ``alpha`` (H×W, uint8) is not 0."""

    data: bytes
    meant: np.ndarray
    alpha: np.ndarray | None
    kind: str


Writer = Callable[[np.ndarray, Image.Exif], bytes]


@dataclass(frozen=True, slots=True)
class Pillow:
    """Written by Pillow, which takes EXIF."""

    kind: str
    mode: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, pixels: np.ndarray, exif: Image.Exif) -> bytes:
        image = Image.fromarray(pixels)
        image = image.convert(self.mode) if self.mode else image
        return saved(image, self.kind, exif=exif, **self.options)


def pillow(kind: str, mode: str | None = None, **options: Any) -> Pillow:
    return Pillow(kind, mode, options)


def palette(kind: str, colours: int) -> Writer:
    def write(pixels: np.ndarray, exif: Image.Exif) -> bytes:
        image = Image.fromarray(pixels)
        how = Image.Quantize.FASTOCTREE if image.mode == "RGBA" else Image.Quantize.MEDIANCUT
        return saved(image.quantize(colours, how), kind, exif=exif)

    return write


def deep_png(colour: int, bits: int, *, interlaced: bool = False) -> Writer:
    def write(pixels: np.ndarray, exif: Image.Exif) -> bytes:
        samples = pixels if pixels.ndim == 3 else pixels[..., None]
        if bits == 16:  # lower bits that say something, too
            samples = samples.astype(np.uint16) * 256 + samples[::-1]
        elif bits < 8:
            samples = samples >> (8 - bits)
        return png(samples, bits, colour, interlaced=interlaced)

    return write


def heic(mode: str, depth: int) -> Writer:
    def write(pixels: np.ndarray, exif: Image.Exif) -> bytes:
        values = pixels if depth == 8 else pixels.astype(np.uint16) * 257
        size = pixels.shape[1], pixels.shape[0]
        file = pillow_heif.from_bytes(mode, size, values.tobytes())
        written, before = io.BytesIO(), pillow_heif.options.SAVE_HDR_TO_12_BIT
        pillow_heif.options.SAVE_HDR_TO_12_BIT = depth == 12
        try:
            file.save(written, quality=90, enc_params={"preset": "ultrafast"})
        finally:
            pillow_heif.options.SAVE_HDR_TO_12_BIT = before
        return written.getvalue()

    return write


def deep_avif(depth: int) -> Writer:
    def write(pixels: np.ndarray, exif: Image.Exif) -> bytes:
        order = [2, 1, 0, 3][: pixels.shape[2]]
        values = (pixels[..., order].astype(np.uint32) * (2**depth - 1) // 255).astype(np.uint16)
        options = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_SPEED, 10]
        options += [cv2.IMWRITE_AVIF_QUALITY, 90]
        return cv2.imencode(".avif", np.ascontiguousarray(values), options)[1].tobytes()

    return write


# By name: the writer, and what it takes: L, RGB or RGBA. Those without EXIF lie upright.
LARGE: dict[str, tuple[Writer, str]] = {
    "jpeg": (pillow("JPEG", quality=90), "RGB"),
    "jpeg progressive": (pillow("JPEG", quality=85, progressive=True), "RGB"),
    "jpeg 4:4:4": (pillow("JPEG", quality=80, subsampling="4:4:4"), "RGB"),
    "jpeg grey": (pillow("JPEG", quality=85), "L"),
    "png": (pillow("PNG", compress_level=3), "RGB"),
    "webp": (pillow("WEBP", quality=70, method=0), "RGB"),
}
OPAQUE: dict[str, tuple[Writer, str]] = LARGE | {
    "jpeg cmyk": (pillow("JPEG", "CMYK", quality=95), "RGB"),
    "jpeg of a screen": (pillow("JPEG", quality=30, subsampling="4:2:0"), "RGB"),
    "png grey": (pillow("PNG"), "L"),
    "png grey 4 bits": (deep_png(0, 4), "L"),
    "png grey 16 bits": (deep_png(0, 16), "L"),
    "png 16 bits": (deep_png(2, 16), "RGB"),
    "png 16 bits interlaced": (deep_png(2, 16, interlaced=True), "RGB"),
    "png interlaced": (deep_png(2, 8, interlaced=True), "RGB"),
    "png palette": (palette("PNG", 256), "RGB"),
    "png palette 16": (palette("PNG", 16), "RGB"),
    "webp lossless": (pillow("WEBP", lossless=True, method=0), "RGB"),
    "gif": (palette("GIF", 256), "RGB"),
    "heic": (heic("RGB", 8), "RGB"),
    "heic 10 bits": (heic("RGB;16", 10), "RGB"),
    "heic 12 bits": (heic("RGB;16", 12), "RGB"),
    "heic grey": (heic("L", 8), "L"),
    "heic grey 10 bits": (heic("I;16", 10), "L"),
    "avif": (pillow("AVIF", quality=80, speed=10), "RGB"),
    "avif grey": (pillow("AVIF", quality=80, speed=10), "L"),
    "avif 10 bits": (deep_avif(10), "RGB"),
    "avif 12 bits": (deep_avif(12), "RGB"),
}
CLEAR: dict[str, tuple[Writer, str]] = {
    "png alpha": (pillow("PNG"), "RGBA"),
    "png alpha 16 bits": (deep_png(6, 16), "RGBA"),
    "png alpha 16 bits interlaced": (deep_png(6, 16, interlaced=True), "RGBA"),
    "png palette alpha": (palette("PNG", 256), "RGBA"),
    "webp alpha": (pillow("WEBP", quality=90, method=0), "RGBA"),
    "webp lossless alpha": (pillow("WEBP", lossless=True, method=0), "RGBA"),
    "heic alpha": (heic("RGBA", 8), "RGBA"),
    "heic alpha 10 bits": (heic("RGBA;16", 10), "RGBA"),
    "avif alpha": (pillow("AVIF", quality=80, speed=10), "RGBA"),
    "avif alpha 10 bits": (deep_avif(10), "RGBA"),
}


def file_of(made: MadeUp, number: int) -> File:
    """``made`` in the format that ``number`` names, now and then much enlarged."""
    rng = np.random.default_rng([2027, number])
    rgb, alpha = made.rgb, made.alpha
    if alpha is None and rng.random() < 0.06:
        rgb = _enlarged(rgb, rng)
    size = rgb.shape[0] * rgb.shape[1]
    writers = LARGE if size > _LARGEST_SLOWLY_PX else OPAQUE
    if alpha is not None:
        writers = CLEAR
    elif rng.random() < 0.1 and size <= _LARGEST_SLOWLY_PX:
        writers, alpha = CLEAR, np.full(rgb.shape[:2], 255, np.uint8)
    kind = list(writers)[rng.integers(len(writers))]
    if kind.startswith("webp") and max(rgb.shape) > _LONGEST_WEBP_PX:
        kind = "jpeg"
    turn = int(rng.integers(1, 9)) if rng.random() < 0.4 else 1
    data, meant, alpha = _written(rgb, alpha, kind, turn)
    while len(data) > MAX_UPLOAD_BYTES:
        kind, alpha = "jpeg", None
        rgb = cv2.resize(rgb, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
        data, meant, alpha = _written(rgb, alpha, kind, turn)
    return File(data, meant, alpha, kind)


def _enlarged(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """To between 4 and 48 megapixels, as far as a JPEG can be long."""
    height, width = rgb.shape[:2]
    pixels = np.exp(rng.uniform(np.log(4e6), np.log(_LARGEST_PX)))
    scale = min(float(np.sqrt(pixels / (height * width))), 65_000 / max(height, width))
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))


def _written(
    rgb: np.ndarray, alpha: np.ndarray | None, kind: str, turn: int
) -> tuple[bytes, np.ndarray, np.ndarray | None]:
    """The file, and what it is meant to show; ``turn`` is an EXIF orientation."""
    write, takes = (LARGE | OPAQUE | CLEAR)[kind]
    meant, pixels = rgb, rgb
    if takes == "L":
        pixels = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        meant = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    elif takes == "RGBA":
        assert alpha is not None
        pixels = np.dstack([rgb, alpha])
    exif = Image.Exif()
    if turn > 1 and isinstance(write, Pillow):
        exif[_ORIENTATION] = turn
        pixels = lying(pixels, turn)
    data = write(np.ascontiguousarray(pixels), exif)
    if "palette" in kind or kind == "gif":  # of few colours, nobody could show others
        shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        whole = np.asarray(shown.convert("RGBA"))
        meant = whole[..., :3]
        if alpha is not None:  # the octree makes opaque colours 254
            alpha = whole[..., 3]
    return data, meant, alpha


def lying(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels that a viewer which follows the EXIF ``orientation`` shows as ``upright``."""
    return {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)
