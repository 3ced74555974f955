"""Every depth, number of channels and way of storing them, of all formats, gives the same picture.

Each file is made of one gradient by a writer of its format; what comes out is compared with the
gradient. Nothing is drawn by chance.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageChops

from cartoon_avatar.ai.pictures import decode
from cartoon_avatar.containers.clean import without_metadata
from cartoon_avatar.containers.sniff import media_type_of
from tests.ai.conftest import saved
from tests.attacks.hostile import chunk

SIZES = [(48, 36), (37, 23), (9, 17), (1, 1)]
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def gradient(width: int, height: int, channels: str) -> np.ndarray:
    """H×W×C, 0…1: a soft one, so that coarser colour is no other colour."""
    x = 0.5 + 0.016 * (np.arange(width) - (width - 1) / 2)[None, :]
    y = 0.4 + 0.016 * (np.arange(height) - (height - 1) / 2)[:, None]
    grey = 0.5 * x + 0.5 * y
    planes = {
        "L": [grey],
        "LA": [grey, 0.3 + 0.7 * x + 0 * y],
        "RGB": [x + 0 * y, 0.6 - 0.4 * x + 0 * y, y + 0 * x],
        "RGBA": [x + 0 * y, 0.6 - 0.4 * x + 0 * y, y + 0 * x, 0.3 + 0.7 * y + 0 * x],
    }[channels]
    return np.dstack(planes)


def with_depth(values: np.ndarray, bits: int) -> np.ndarray:
    """As unsigned integers of so many bits."""
    return np.rint(values * (2**bits - 1)).astype(np.uint16 if bits > 8 else np.uint8)


def image_of(size: tuple[int, int], channels: str) -> Image.Image:
    values = with_depth(gradient(*size, channels), 8)
    return Image.fromarray(values[..., 0] if channels == "L" else values, channels)


Case = tuple[bytes, np.ndarray, float]  # the file, H×W×C as it is meant, and how far off it may be


def png(
    samples: np.ndarray, bits: int, colour: int, *chunks: bytes, interlaced: bool = False
) -> bytes:
    """``samples`` H×W×C, packed into ``bits`` each."""
    height, width = samples.shape[:2]
    rows = []
    for left, top, right, down in PASSES if interlaced else ((0, 0, 1, 1),):
        for row in samples[top::down, left::right]:
            if not row.size:
                continue
            if bits == 16:
                packed = row.astype(">u2").tobytes()
            elif bits == 8:
                packed = row.astype(np.uint8).tobytes()
            else:
                each = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - bits :]
                packed = np.packbits(each.reshape(-1)).tobytes()
            rows.append(b"\0" + packed)
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    body = chunk(b"IDAT", zlib.compress(b"".join(rows), 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + body


def pngs() -> Iterator[tuple[str, Callable[[], Case]]]:
    colours = {
        "L": (0, (1, 2, 4, 8, 16)),
        "LA": (4, (8, 16)),
        "RGB": (2, (8, 16)),
        "RGBA": (6, (8, 16)),
    }
    for channels, (colour, depths) in colours.items():
        for bits, interlaced, size in itertools.product(depths, (False, True), SIZES):

            def case(channels=channels, colour=colour, bits=bits, interlaced=interlaced, size=size):
                samples = with_depth(gradient(*size, channels), bits)
                return (
                    png(samples, bits, colour, interlaced=interlaced),
                    samples / (2**bits - 1),
                    1.01,
                )

            yield f"png {channels} {bits} bits {size}{' interlaced' * interlaced}", case
        if channels in ("L", "RGB"):
            for bits in depths:

                def keyed(channels=channels, colour=colour, bits=bits):
                    samples = with_depth(gradient(24, 18, channels), bits)
                    key = samples[9, 12]
                    alpha = (samples != key).any(axis=2)
                    said = chunk(b"tRNS", key.astype(">u2").tobytes())
                    meant = np.dstack([samples / (2**bits - 1), alpha])
                    return png(samples, bits, colour, said), meant, 1.01

                yield f"png {channels} {bits} bits, a colour transparent", keyed
    for bits, clear in itertools.product((1, 2, 4, 8), (False, True)):

        def palette(bits=bits, clear=clear):
            samples = with_depth(gradient(29, 19, "L"), bits)
            colours = np.random.default_rng(bits).integers(0, 256, (2**bits, 3), np.uint8)
            opacity = np.linspace(40, 255, 2**bits).astype(np.uint8)
            chunks = [chunk(b"PLTE", colours.tobytes())]
            meant = colours[samples[..., 0]] / 255
            if clear:
                chunks.append(chunk(b"tRNS", opacity.tobytes()))
                meant = np.dstack([meant, opacity[samples[..., 0]] / 255])
            return png(samples, bits, 3, *chunks), meant, 0.51

        yield f"png palette {bits} bits{', transparent' * clear}", palette


def jpegs() -> Iterator[tuple[str, Callable[[], Case]]]:
    for progressive, size in itertools.product((False, True), SIZES):
        for subsampling in ("4:4:4", "4:2:2", "4:2:0"):

            def colour(progressive=progressive, size=size, subsampling=subsampling):
                options = {"quality": 97, "progressive": progressive, "subsampling": subsampling}
                return saved(image_of(size, "RGB"), "JPEG", **options), gradient(*size, "RGB"), 9

            yield f"jpeg {subsampling} {size}{' progressive' * progressive}", colour

        def grey(progressive=progressive, size=size):
            data = saved(image_of(size, "L"), "JPEG", quality=97, progressive=progressive)
            return data, gradient(*size, "L"), 3

        yield f"jpeg grey {size}{' progressive' * progressive}", grey

    def rgb():
        data = saved(image_of((48, 36), "RGB"), "JPEG", quality=97, keep_rgb=True)
        return data, gradient(48, 36, "RGB"), 3

    def restarts():
        data = saved(image_of((48, 36), "RGB"), "JPEG", quality=97, restart_marker_blocks=1)
        return data, gradient(48, 36, "RGB"), 9

    def cmyk(adobe: bool) -> Case:
        image = image_of((48, 36), "RGB").convert("CMYK")
        if adobe:
            return saved(image, "JPEG", quality=97), gradient(48, 36, "RGB"), 5
        data = saved(ImageChops.invert(image), "JPEG", quality=97)
        mark = data.index(b"\xff\xee")
        data = data[:mark] + data[mark + 2 + int.from_bytes(data[mark + 2 : mark + 4]) :]
        return data, gradient(48, 36, "RGB"), 5

    yield "jpeg of RGB", rgb
    yield "jpeg with restarts", restarts
    yield "jpeg cmyk of Adobe's", lambda: cmyk(True)
    yield "jpeg cmyk", lambda: cmyk(False)


def webps() -> Iterator[tuple[str, Callable[[], Case]]]:
    for channels, lossless, size in itertools.product(("L", "RGB", "RGBA"), (False, True), SIZES):

        def case(channels=channels, lossless=lossless, size=size):
            options = {"lossless": True, "exact": True} if lossless else {"quality": 98}
            data = saved(image_of(size, channels), "WEBP", **options)
            return data, gradient(*size, channels), 1.01 if lossless else 10

        yield f"webp {channels} {'lossless' if lossless else 'lossy'} {size}", case


def gifs() -> Iterator[tuple[str, Callable[[], Case]]]:
    for bits, clear, interlaced in itertools.product(range(1, 9), (False, True), (0, 1)):

        def case(bits=bits, clear=clear, interlaced=interlaced):
            samples = with_depth(gradient(29, 19, "L"), bits)[..., 0]
            colours = np.random.default_rng(bits).integers(0, 256, (2**bits, 3), np.uint8)
            image = Image.fromarray(samples, "P")
            image.putpalette(colours.tobytes())
            meant = colours[samples] / 255
            options = {"interlace": interlaced, "optimize": False}
            if clear:
                options["transparency"] = int(samples[9, 14])
                meant = np.dstack([meant, samples != samples[9, 14]])
            return saved(image, "GIF", **options), meant, 0.51

        yield f"gif {bits} bits{', transparent' * clear}{', interlaced' * interlaced}", case


HEIF_MODES = {
    "L": ("L", "I;16"),
    "LA": ("LA", None),
    "RGB": ("RGB", "RGB;16"),
    "RGBA": ("RGBA", "RGBA;16"),
}


def heifs() -> Iterator[tuple[str, Callable[[], Case]]]:
    for channels, bits, chroma in itertools.product(HEIF_MODES, (8, 10, 12), ("420", "422", "444")):
        mode = HEIF_MODES[channels][bits > 8]
        if mode is None or (channels in ("L", "LA") and chroma != "420"):
            continue
        for size in SIZES if bits != 12 else SIZES[:2]:

            def case(channels=channels, bits=bits, chroma=chroma, size=size, mode=mode):
                # Of deeper ones pillow_heif takes 16 bits, and keeps the upper ones.
                values = with_depth(gradient(*size, channels), 8 if bits == 8 else 16)
                file = pillow_heif.from_bytes(mode, size, values.tobytes())
                written = io.BytesIO()
                before = pillow_heif.options.SAVE_HDR_TO_12_BIT
                pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
                try:
                    file.save(
                        written, quality=97, chroma=chroma, enc_params={"preset": "ultrafast"}
                    )
                finally:
                    pillow_heif.options.SAVE_HDR_TO_12_BIT = before
                return written.getvalue(), gradient(*size, channels), 9

            yield f"heic {channels} {bits} bits {chroma} {size}", case


def avifs() -> Iterator[tuple[str, Callable[[], Case]]]:
    for channels, bits in itertools.product(("L", "RGB", "RGBA"), (8, 10, 12)):

        def deep(channels=channels, bits=bits):
            values = with_depth(gradient(48, 36, channels), bits)
            if channels != "L":
                values = values[..., [2, 1, 0, 3][: values.shape[2]]]
            options = [cv2.IMWRITE_AVIF_QUALITY, 97, cv2.IMWRITE_AVIF_DEPTH, bits]
            options += [cv2.IMWRITE_AVIF_SPEED, 10]
            data = cv2.imencode(".avif", np.ascontiguousarray(values), options)[1].tobytes()
            return data, gradient(48, 36, channels), 9

        yield f"avif {channels} {bits} bits", deep
    for subsampling, channels, size in itertools.product(
        ("4:0:0", "4:2:0", "4:2:2", "4:4:4"), ("L", "RGB", "RGBA"), SIZES[:2]
    ):
        if channels != "L" and subsampling == "4:0:0":
            continue

        def plain(subsampling=subsampling, channels=channels, size=size):
            options = {"quality": 97, "subsampling": subsampling, "speed": 10}
            return saved(image_of(size, channels), "AVIF", **options), gradient(*size, channels), 9

        yield f"avif {channels} {subsampling} {size}", plain


CASES = dict(itertools.chain(pngs(), jpegs(), webps(), gifs(), heifs(), avifs()))


@pytest.mark.parametrize("name", CASES)
def test_the_picture_is_the_one_that_was_stored(name: str) -> None:
    data, meant, tolerance = CASES[name]()
    photo = decode(data, max_pixels=10**6)
    picture = photo.picture
    assert (photo.width, photo.height) == meant.shape[1::-1]
    alpha = meant[..., -1] if meant.shape[2] in (2, 4) else None
    colours = meant[..., :1] if meant.shape[2] < 3 else meant[..., :3]
    seen = picture.rgb.astype(float)
    if alpha is not None and alpha.min() < 0.999:
        assert picture.alpha is not None
        assert np.abs(picture.alpha - 255 * alpha).max() <= tolerance
        seen, colours = seen[picture.alpha > 0], np.broadcast_to(colours, (*alpha.shape, 3))
        colours = colours[picture.alpha > 0]
    else:
        assert picture.alpha is None
    assert np.abs(seen - 255 * colours).max(initial=0) <= tolerance

    kept = b"".join(without_metadata(data, media_type_of(data[:256]) or ""))
    assert np.array_equal(decode(kept, max_pixels=10**6).picture.rgb, picture.rgb)


@pytest.mark.parametrize("name", [name for name in CASES if "(48, 36)" in name or "29" in name])
def test_made_smaller_it_is_the_same_picture(name: str) -> None:
    data, meant, tolerance = CASES[name]()
    small = decode(data, max_pixels=10**6, long_side=12).picture
    colours = meant[..., :1] if meant.shape[2] < 3 else meant[..., :3]
    mean = np.broadcast_to(255 * colours, (*meant.shape[:2], 3)).mean(axis=(0, 1))
    assert np.abs(small.rgb.mean(axis=(0, 1)) - mean).max() <= tolerance + 3
