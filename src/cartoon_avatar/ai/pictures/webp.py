"""WebP through libwebp itself, which Pillow brings along: asked to, it makes a picture smaller row
by row as it decodes, where Pillow and OpenCV hold all of it first.

A WebP of 7000 × 7000 px drawn at 1024 takes 32 MB and 0.35 s so, 792 MB and 1.1 s by Pillow, 301 MB
and 0.7 s by OpenCV; by libvips 25 MB and 0.4 s, with 20 MB of further libraries to install.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from functools import cache

import numpy as np
from PIL import _webp

# Of libwebp's decode.h. Later versions keep its layout, or refuse the number.
_ABI_VERSION = 0x0209
_OK, _OUT_OF_MEMORY = 0, 1
_RGB, _RGBA = 0, 1


class _Features(Structure):
    _fields_ = (
        ("width", c_int),
        ("height", c_int),
        ("has_alpha", c_int),
        ("has_animation", c_int),
        ("format", c_int),
        ("pad", c_uint32 * 5),
    )


class _Buffer(Structure):
    _fields_ = (
        ("colours", c_int),
        ("width", c_int),
        ("height", c_int),
        ("is_ours", c_int),
        ("pixels", POINTER(c_uint8)),
        ("stride", c_int),
        ("size", c_size_t),
        # Of the other form that this part of it may have: planes.
        ("planes", c_size_t * 7),
        ("pad", c_uint32 * 4),
        ("private", c_void_p),
    )


class _Options(Structure):
    _fields_ = (
        ("before_scaling", c_int * 7),
        ("use_scaling", c_int),
        ("scaled_width", c_int),
        ("scaled_height", c_int),
        ("after_scaling", c_int * 4),
        ("pad", c_uint32 * 5),
    )


class _Config(Structure):
    _fields_ = (("input", _Features), ("output", _Buffer), ("options", _Options))


class NotWhole(Exception):
    """libwebp has refused it."""


def decoded(
    data: bytes, full: tuple[int, int], size: tuple[int, int], *, alpha: bool
) -> np.ndarray:
    """A still WebP of ``full`` (W, H) pixels as H×W×3 or, with ``alpha``, H×W×4 uint8 of ``size``.

    Besides the result some rows of it are held; of a lossless one four bytes for each of its own
    pixels, of alpha two. Raises ``NotWhole`` for what is damaged or cut off, and ``MemoryError``.
    """
    config = _config()
    if config is None:
        raise RuntimeError("There is no libwebp that we know.")
    width, height = size
    pixels = np.empty((height, width, 4 if alpha else 3), np.uint8)
    output, options = config.output, config.options
    output.colours, output.is_ours = _RGBA if alpha else _RGB, 1
    output.pixels = pixels.ctypes.data_as(POINTER(c_uint8))
    output.stride, output.size = pixels.strides[0], pixels.nbytes
    if size != full:
        options.use_scaling, options.scaled_width, options.scaled_height = 1, width, height
    status = _libwebp().WebPDecode(data, len(data), byref(config))
    if status == _OUT_OF_MEMORY:
        raise MemoryError
    if status != _OK or (config.input.width, config.input.height) != full:
        raise NotWhole(status)
    return pixels


@cache
def is_there() -> bool:
    """Whether Pillow's libwebp can be called, and is one that we know: not where it was built
    into Pillow with its names removed."""
    try:
        return _config() is not None
    except (AttributeError, OSError):
        return False


def _config() -> _Config | None:
    config = _Config()
    known = _libwebp().WebPInitDecoderConfigInternal(byref(config), _ABI_VERSION)
    return config if known else None


@cache
def _libwebp() -> ctypes.CDLL:
    # What its extension module is linked with is found through it.
    library = ctypes.CDLL(_webp.__file__)
    library.WebPInitDecoderConfigInternal.argtypes = (POINTER(_Config), c_int)
    library.WebPDecode.argtypes = (c_char_p, c_size_t, POINTER(_Config))
    return library
