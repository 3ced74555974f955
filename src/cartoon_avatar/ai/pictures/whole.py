"""Whether all pixels of a file are there, and the file without what else is wrong with it.

A file whose pixels are all there is a picture, whatever viewers may say of the rest of it.
"""

from __future__ import annotations

import hashlib
import io
import math

from PIL import Image

from cartoon_avatar.ai.pictures import webp
from cartoon_avatar.containers import BrokenImage, heif, jpeg, png
from cartoon_avatar.containers import webp as riff
from cartoon_avatar.containers.clean import without_metadata

_LOOKED_AT_PX = 1_000_000
# Neither the zeros that libjpeg goes on with, nor a marker: enough of them for several blocks.
_OTHER_BITS = b"\xb6\x6d\xdb" * 300
# The last bytes of a WebP that its pixels may not depend on.
_MOST_NEEDLESS_BYTES = 8


def mended(data: bytes, kind: str) -> bytes:
    """A file that its decoder refuses without what is wrong beside its pixels.

    Raises where pixels are missing or there is nothing to mend.
    """
    if kind == "image/jpeg":
        end, ended = jpeg.coded_end(data)
        if not ended:
            _require_every_block(data, end)
            return data[:end] + b"\xff\xd9"
    elif kind == "image/png":
        return png.mended(data)
    elif kind == "image/webp" and (missing := riff.missing_bytes(data)):
        return _completed(data, missing)
    cleaned = b"".join(without_metadata(data, kind))
    if kind == "image/avif" and (still := heif.first_picture(cleaned)) is not None:
        return still
    if cleaned == data:
        raise BrokenImage("There is nothing to mend.")
    return cleaned


def _completed(data: bytes, missing: int) -> bytes:
    """A WebP with its last bytes made up, if any others give the same pixels.

    Its coders write a few bytes more than decoders need.
    """
    if missing > _MOST_NEEDLESS_BYTES or not webp.is_there():
        raise BrokenImage("The WebP file ends too early.")
    ended = [
        b"".join(without_metadata(data + filler * missing, "image/webp"))
        for filler in (b"\0", b"\xff", b"\x5a")
    ]
    with Image.open(io.BytesIO(ended[0]), formats=["WEBP"]) as image:
        full, alpha = image.size, image.mode == "RGBA"
    scale = max(1.0, math.sqrt(full[0] * full[1] / _LOOKED_AT_PX))
    size = max(1, round(full[0] / scale)), max(1, round(full[1] / scale))
    seen = {
        hashlib.blake2b(webp.decoded(one, full, size, alpha=alpha).data).digest() for one in ended
    }
    if len(seen) > 1:
        raise BrokenImage("The WebP file ends too early.")
    return ended[0]


def judge(data: bytes, decoder: str) -> None:
    """Raises for a broken picture of which the decoder would hold 3 to 12 bytes a pixel before it
    finds that out, having held next to nothing."""
    if decoder == "PNG":
        png.require_all_rows(data)
    elif decoder == "JPEG" and (skeleton := jpeg.skeleton(data)) is not None:
        with Image.open(io.BytesIO(skeleton), formats=["JPEG"]) as image:
            image.load()


def require_pixels(data: bytes, image: Image.Image) -> None:
    """Raises for a decoded ``image`` of ``data`` that ends in what stands for missing pixels, if
    they are missing indeed."""
    if image.format in ("JPEG", "MPO") and _ends_in_grey(image):
        _require_every_block(data, jpeg.coded_end(data)[0])
    elif image.format == "PNG" and _ends_in_black(image):
        png.require_all_rows(data)  # zlib may have ended before the picture did


def _ends_in_grey(image: Image.Image) -> bool:
    """Whether the last pixels are what libjpeg takes for missing ones."""
    width, height = image.size
    corner = image.crop((max(0, width - 2), max(0, height - 2), width, height))
    return set(corner.tobytes()) <= {127, 128}  # of CMYK some are stored inverted


def _ends_in_black(image: Image.Image) -> bool:
    """Whether the last row, or the one before it, which comes last where the file is interlaced,
    is what Pillow leaves of a missing one."""
    rows = {image.height - 1, max(0, image.height - 2)}
    return any(
        image.crop((0, row, image.width, row + 1)).getbbox(alpha_only=False) is None for row in rows
    )


def _require_every_block(data: bytes, end: int) -> None:
    """Raises for a JPEG that is cut off: one whose pixels depend on what would come at ``end``.

    libjpeg silently fills what is missing with zeros, then with grey.
    """
    seen = []
    for more in (b"", _OTHER_BITS):
        ended = data[:end] + more + b"\xff\xd9"
        with Image.open(io.BytesIO(ended), formats=["JPEG"]) as image:
            # Large ones smaller: then a lost bit of fine detail in the last block may pass.
            scale = 1
            while scale < 8 and image.width * image.height > scale**2 * _LOOKED_AT_PX:
                scale *= 2
            image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
            image.load()
            looked_at = hashlib.blake2b()
            for row in range(image.height):
                looked_at.update(image.crop((0, row, image.width, row + 1)).tobytes())
            seen.append(looked_at.digest())
    if seen[0] != seen[1]:
        raise BrokenImage("The JPEG file ends too early.")
