"""A stranger's bytes to a picture.

Every decoder that meets them is called here, in ``webp`` or in ``colours``, and runs in a worker
process. The type is read from the bytes and opens exactly one decoder; the pixel limit is checked
before a pixel is decoded.
"""

from __future__ import annotations

import io
import re
import warnings

import numpy as np
import pillow_heif
from PIL import Image

from cartoon_avatar.ai.pictures import cicp, webp, whole
from cartoon_avatar.ai.pictures.colours import coding_of, to_srgb
from cartoon_avatar.ai.pictures.orientation import SIDEWAYS, stored_box, turn_of
from cartoon_avatar.ai.pictures.picture import Box, Photo, Picture
from cartoon_avatar.ai.pictures.sampling import (
    Pixels,
    Shares,
    colours_and_alpha,
    deep_colours_and_alpha,
    thinned,
)
from cartoon_avatar.containers import Cicp, heif
from cartoon_avatar.containers import webp as riff
from cartoon_avatar.containers.sniff import media_type_of
from cartoon_avatar.contract.errors import ImageTooLarge, InvalidImage

# Ours is checked right after opening, before decoding; Pillow's would only warn at a limit
# of its own.
Image.MAX_IMAGE_PIXELS = None
pillow_heif.register_heif_opener(thumbnails=False)
# The most that a GIF can say: a code of 12 bits is a string of at most 4096 pixels.
_GIF_PIXELS_PER_BYTE = 4096 * 8 // 12 + 1
# A GIF is held whole before it is known to be one; no camera makes larger ones.
_MOST_GIF_PX = 36_000_000

_DECODERS = {
    "image/jpeg": "JPEG",  # MPO is opened by it too; the first frame is all that is read
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
}
# Smaller pictures are not worth a look at the file before it is decoded.
_LARGE_FROM_PX = 4_000_000
# A phone's; larger ones would cost more memory than any other picture.
_MOST_DEEP_PX = 16_000_000
# A scan costs a few bytes and goes over every pixel; encoders make about ten. Those of pictures
# inside the file (a preview, the second eye) are counted along.
_MOST_SCANS = 300
_SCAN = re.compile(rb"\xff\xda\0[\x08\x0a\x0c\x0e][\x01-\x04]")


def decode(
    data: bytes, *, max_pixels: int, long_side: int | None = None, crop: Box | None = None
) -> Photo:
    """Decode a stranger's ``data``; scaled down so that no side exceeds ``long_side``.

    With ``crop`` only that part of the upright photo, in its own pixels and clipped to it, is
    returned, and ``long_side`` is the crop's.

    Raises ``InvalidImage`` for anything that is not a whole picture of an accepted type and
    ``ImageTooLarge`` for more than ``max_pixels``, that before decoding.
    """
    kind = media_type_of(data)
    if kind is None:
        raise InvalidImage(
            "The file is not an image of an accepted type: JPEG, PNG, WebP, HEIC, AVIF or GIF."
            if data
            else "The file is empty."
        )
    with warnings.catch_warnings():
        # Decoders warn of odd metadata; a picture that decodes is good enough.
        warnings.simplefilter("ignore")
        try:
            try:
                return _decode(data, _DECODERS[kind], max_pixels, long_side, crop)
            except (InvalidImage, ImageTooLarge, MemoryError):
                raise
            except Exception:  # noqa: BLE001 (the mended file reports its own error)
                mended = whole.mended(data, kind)
            return _decode(mended, _DECODERS[kind], max_pixels, long_side, crop)
        except (InvalidImage, ImageTooLarge):
            raise
        except MemoryError as error:
            raise ImageTooLarge("The picture needs more memory than there is.") from error
        except Exception as error:  # whatever a decoder may say of a stranger's bytes
            if "Decompressed data too large" in str(error):
                raise ImageTooLarge("The picture carries oversized metadata.") from error
            raise InvalidImage("The picture is damaged or incomplete.") from error


def _decode(
    data: bytes, decoder: str, max_pixels: int, long_side: int | None, crop: Box | None
) -> Photo:
    if decoder == "JPEG" and len(_SCAN.findall(data)) > _MOST_SCANS:
        raise InvalidImage(f"The JPEG goes over its pixels more than {_MOST_SCANS} times.")
    with Image.open(io.BytesIO(data), formats=[decoder]) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise ImageTooLarge(
                f"The picture has {width}×{height} pixels;"
                f" the limit is {max_pixels / 1e6:g} million."
            )
        if decoder == "GIF":
            if width * height > _GIF_PIXELS_PER_BYTE * len(data):
                # Told before its pixels are held.
                raise InvalidImage("The picture is damaged or incomplete.")
            if width * height > _MOST_GIF_PX:
                raise ImageTooLarge(
                    f"The GIF has {width}×{height} pixels; the limit for GIFs is"
                    f" {_MOST_GIF_PX / 1e6:g} million."
                )
        if decoder == "HEIF":
            heif.require_few_pixels(data, 2 * max_pixels)  # what HDR adds, and the rims of tiles
        if width * height > _LARGE_FROM_PX:
            whole.judge(data, decoder)
        if decoder == "PNG":
            image.load()  # its orientation may stand behind the pixels
        turn = turn_of(image)
        left, top, wide, high = stored_box(crop, turn, width, height)
        scale = min(1.0, long_side / max(wide, high)) if long_side else 1.0
        size = (max(1, round(wide * scale)), max(1, round(high * scale)))
        # Larger than needed by two fifths, so that a phone's 3024 px are halved for a drawing of
        # 1024. Only a JPEG heeds it, decoded at 1/2, 1/4 or 1/8.
        enough = (width * size[0] * 7 // (5 * wide), height * size[1] * 7 // (5 * high))
        image.draft(None, enough)
        profile = image.info.get("icc_profile")
        coding = coding_of(data, decoder, profile)
        pixels = _pixels(data, decoder, image, enough, coding)
        across, down = _covered(image, width, height)
        box = (left / across, top / down, (left + wide) / across, (top + high) / down)
        if coding is not None:
            rgb, alpha = _from_numbers(pixels, coding, size, box)
        else:
            colours, alpha = colours_and_alpha(pixels, size, box)
            rgb = to_srgb(colours, profile)

    if turn is not None:
        rgb = rgb.transpose(turn)
        alpha = alpha and alpha.transpose(turn)
        if turn in SIDEWAYS:
            width, height = height, width
    return Photo(_picture(rgb, alpha), width, height)


def _from_numbers(
    pixels: Pixels, coding: Cicp, size: tuple[int, int], box: Shares
) -> tuple[Image.Image, Image.Image | None]:
    peak = cicp.peak_of(thinned(pixels), coding)
    if isinstance(pixels, np.ndarray) and pixels.dtype == np.uint16:
        colours, alpha = deep_colours_and_alpha(pixels, size, box)
    else:
        image, alpha = colours_and_alpha(pixels, size, box)
        colours = np.asarray(image.convert("RGB"))
    return Image.fromarray(cicp.to_srgb(colours, coding, peak)), alpha


def _pixels(
    data: bytes, decoder: str, image: Image.Image, enough: tuple[int, int], coding: Cicp | None
) -> Pixels:
    """The pixels as the decoder's library gives them where Pillow would hold them twice: a still
    WebP also as an animation's canvases, HEIC with four bytes for three. A large WebP comes no
    larger than ``enough``, HDR HEIC with two bytes a channel up to ``_MOST_DEEP_PX``."""
    # An animation may have a single frame.
    if decoder == "WEBP" and not riff.is_animation(data) and webp.is_there():
        size = image.size
        if size[0] * size[1] > _LARGE_FROM_PX:
            size = (min(size[0], enough[0]), min(size[1], enough[1]))
        return webp.decoded(data, image.size, size, alpha=image.mode == "RGBA")
    if decoder == "HEIF":
        deep = coding is not None and image.width * image.height <= _MOST_DEEP_PX
        return np.asarray(pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=not deep))
    image.load()
    whole.require_pixels(data, image)
    if decoder == "PNG":
        _scale_transparency(image, bits=data[24])
    return image


def _scale_transparency(image: Image.Image, bits: int) -> None:
    """The colour of a PNG that means transparent is stored with the file's bits, which Pillow
    does not turn into its own: of RGB only the upper byte is left to compare."""
    key = image.info.get("transparency")
    if image.mode == "L" and isinstance(key, int) and bits < 8:
        image.info["transparency"] = key * (255 // (2**bits - 1))
    elif image.mode == "RGB" and isinstance(key, tuple) and bits == 16:
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _covered(image: Image.Image, width: int, height: int) -> tuple[int, int]:
    """The stored px that the decoded ones stand for: of a JPEG at 1/n, whole blocks of n."""
    n = max(round(width / image.width), round(height / image.height))
    return image.width * n, image.height * n


def _picture(rgb: Image.Image, alpha: Image.Image | None) -> Picture:
    pixels = np.array(rgb)
    opacity = np.array(alpha) if alpha is not None else None
    if opacity is None or opacity.min(initial=255) == 255:
        return Picture(pixels)
    # Hidden colours of transparent pixels must not reach the face finder or the engines.
    pixels[opacity == 0] = 255
    return Picture(pixels, opacity)
