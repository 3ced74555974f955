"""Bytes to arrays and back: the one picture type of the AI service, and the untrusted edge.

Every decoder that meets a stranger's bytes is called here and runs in a worker process.
The type is read from the bytes and opens exactly one decoder; the pixel limit is checked
before a pixel is decoded.
"""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageChops, ImageCms

from cartoon_avatar.ai import webp
from cartoon_avatar.ai.errors import ImageTooLarge, InvalidImage
from cartoon_avatar.ai.judging import Broken, judge_heif, judge_jpeg, judge_png, judge_profile

# Ours is checked right after opening, before decoding; Pillow's would only warn at a limit
# of its own.
Image.MAX_IMAGE_PIXELS = None
pillow_heif.register_heif_opener(thumbnails=False)

_SRGB = ImageCms.createProfile("sRGB")
_DECODERS = {
    "image/jpeg": "JPEG",  # MPO is opened by it too; the first frame is all that is read
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
}
# Decoders that hold 3 to 12 bytes a pixel before they find a file broken, where that can be told
# for less. Smaller pictures are not worth the second look.
_JUDGES = {"JPEG": judge_jpeg, "PNG": judge_png}
_LARGE_FROM_PX = 4_000_000
# A large picture is made smaller in bands of so many rows.
_BAND_PX = 128
TYPE_BYTES = 256
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
# A scan costs a few bytes and goes over every pixel; encoders make about ten. Those of pictures
# inside the file (a preview, the second eye) are counted along.
_MOST_SCANS = 300
_SCAN = re.compile(rb"\xff\xda\0[\x08\x0a\x0c\x0e][\x01-\x04]")
# How to turn what the camera stored so that it stands upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Which of them swap the sides, and for which the upright left or top was stored last.
_SIDEWAYS = {_UPRIGHT[5], _UPRIGHT[6], _UPRIGHT[7], _UPRIGHT[8]}
_LEFT_WAS_LAST = {_UPRIGHT[2], _UPRIGHT[3], _UPRIGHT[6], _UPRIGHT[7]}
_TOP_WAS_LAST = {_UPRIGHT[3], _UPRIGHT[4], _UPRIGHT[7], _UPRIGHT[8]}

# Left, top, width and height in px.
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture in sRGB.

    ``rgb`` is H×W×3 uint8 in R, G, B order; ``alpha`` is H×W uint8 (255 opaque) or
    None where every pixel is opaque.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def height(self) -> int:
        return self.rgb.shape[0]

    @property
    def width(self) -> int:
        return self.rgb.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded file. ``width`` and ``height`` are the file's own, upright, before scaling."""

    picture: Picture
    width: int
    height: int


def type_of(data: bytes) -> str | None:
    """The media type that the first ``TYPE_BYTES`` show, or None where it is none we accept."""
    data = data[:TYPE_BYTES]
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if data[4:8] == b"ftyp":
        end = min(int.from_bytes(data[:4]), TYPE_BYTES)
        # The major brand, then (after a version number) the compatible ones.
        brands = {data[at : at + 4] for at in (8, *range(16, end, 4))}
        if brands & _AVIF_BRANDS:
            return "image/avif"
        if brands & _HEIF_BRANDS:
            return "image/heic"
    return None


def decode(
    data: bytes, *, max_pixels: int, long_side: int | None = None, crop: Box | None = None
) -> Photo:
    """Decode a stranger's ``data``; scaled down so that no side exceeds ``long_side``.

    With ``crop`` only that part of the upright photo, in its own pixels and clipped to it, is
    returned, and ``long_side`` is the crop's.

    Raises ``InvalidImage`` for anything that is not a whole picture of an accepted type and
    ``ImageTooLarge`` for more than ``max_pixels``, that before decoding.
    """
    kind = type_of(data)
    if kind is None:
        raise InvalidImage(
            "The file is not an image of an accepted type: JPEG, PNG, WebP, HEIC, AVIF or GIF."
            if data
            else "The file is empty."
        )
    with warnings.catch_warnings():
        # Decoders remark on odd metadata; a picture that decodes is good enough.
        warnings.simplefilter("ignore")
        try:
            return _decode(data, _DECODERS[kind], max_pixels, long_side, crop)
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
        if decoder == "HEIF":
            judge_heif(data, 2 * max_pixels)  # what HDR adds, and the rims of tiles
        if width * height > _LARGE_FROM_PX and decoder in _JUDGES:
            _JUDGES[decoder](data)
        if decoder == "PNG":
            image.load()  # its orientation may stand behind the pixels
        turn = _UPRIGHT.get(_orientation(image))
        left, top, wide, high = _stored_box(crop, turn, width, height)
        scale = min(1.0, long_side / max(wide, high)) if long_side else 1.0
        size = (max(1, round(wide * scale)), max(1, round(high * scale)))
        # Larger than needed by two fifths, so that a phone's 3024 px are halved for a drawing of
        # 1024. Only a JPEG heeds it, decoded at 1/2, 1/4 or 1/8.
        enough = (width * size[0] * 7 // (5 * wide), height * size[1] * 7 // (5 * high))
        image.draft(None, enough)
        pixels = _pixels(data, decoder, image, enough)
        profile = image.info.get("icc_profile")
        across, down = _covered(image, width, height)
        box = (left / across, top / down, (left + wide) / across, (top + high) / down)
        colours, alpha = _colours_and_alpha(pixels, size, box)

    rgb = _to_srgb(colours, profile)
    if turn is not None:
        rgb = rgb.transpose(turn)
        alpha = alpha and alpha.transpose(turn)
        if turn in _SIDEWAYS:
            width, height = height, width
    return Photo(_picture(rgb, alpha), width, height)


def _stored_box(crop: Box | None, turn: Image.Transpose | None, width: int, height: int) -> Box:
    """Where ``crop``, or all, of the upright photo is in the ``width`` × ``height`` px that are
    stored and that ``turn`` turns upright."""
    if crop is None:
        return 0, 0, width, height
    size = (height, width) if turn in _SIDEWAYS else (width, height)
    spans = []
    for start, length, limit, mirrored in zip(
        crop[:2], crop[2:], size, (turn in _LEFT_WAS_LAST, turn in _TOP_WAS_LAST), strict=True
    ):
        first = min(max(start, 0), limit - 1)
        last = min(max(start + length, first + 1), limit)
        spans.append((limit - last, limit - first) if mirrored else (first, last))
    (left, right), (top, bottom) = reversed(spans) if turn in _SIDEWAYS else spans
    return left, top, right - left, bottom - top


def _pixels(
    data: bytes, decoder: str, image: Image.Image, enough: tuple[int, int]
) -> Image.Image | np.ndarray:
    """The pixels as the decoder's library gives them where Pillow would hold them twice: a still
    WebP also as an animation's canvases, HEIC with four bytes for three. A large WebP comes no
    larger than ``enough``."""
    if decoder == "WEBP" and not image.is_animated and webp.is_there():
        size = image.size
        if size[0] * size[1] > _LARGE_FROM_PX:
            size = (min(size[0], enough[0]), min(size[1], enough[1]))
        return webp.decoded(data, image.size, size, alpha=image.mode == "RGBA")
    if decoder == "HEIF":
        return np.asarray(pillow_heif.open_heif(io.BytesIO(data)))
    image.load()
    return image


def _covered(image: Image.Image, width: int, height: int) -> tuple[int, int]:
    """The stored px that the decoded ones stand for: of a JPEG at 1/n, whole blocks of n."""
    n = max(round(width / image.width), round(height / image.height))
    return image.width * n, image.height * n


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 (broken EXIF says nothing about the pixels)
        return 1


def _colours_and_alpha(
    pixels: Image.Image | np.ndarray,
    size: tuple[int, int],
    box: tuple[float, float, float, float],
) -> tuple[Image.Image, Image.Image | None]:
    """Eight bits a channel in L, RGB or CMYK, of ``box`` (shares of the sides: left, top, right
    and bottom) resized to ``size``, and the alpha apart."""
    image, box = _nearly_of_size(pixels, size, box)
    if image.size != size or box != (0, 0, *size):
        # RGBA is weighted by its alpha here, so that hidden colours do not bleed in.
        image = image.resize(size, Image.Resampling.LANCZOS, box)
    if image.mode == "RGBA":
        return image.convert("RGB"), image.getchannel("A")
    return image, None


def _nearly_of_size(
    pixels: Image.Image | np.ndarray,
    size: tuple[int, int],
    box: tuple[float, float, float, float],
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
    # What Lanczos looks at beside the box: three pixels of the result.
    rim_x, rim_y = 3 * (right - left) / size[0], 3 * (bottom - top) / size[1]
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
    rows = np.ascontiguousarray(pixels[top:bottom, left:right])
    mode = "L" if rows.ndim == 2 else "RGB" if rows.shape[2] == 3 else "RGBA"
    return Image.frombuffer(mode, rows.shape[1::-1], rows, "raw", mode, 0, 1)


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """In L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):
        # 16-bit grey; Pillow's own conversion would clip it.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
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


def _to_srgb(colours: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            judge_profile(profile)
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() == "GRAY" and colours.mode == "RGB":
                colours = colours.convert("L")
            return ImageCms.profileToProfile(
                colours,
                source,
                _SRGB,
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
        except (ImageCms.PyCMSError, OSError, ValueError, struct.error, Broken):
            pass  # a broken or foreign profile: the numbers are taken as sRGB
    return colours.convert("RGB")


def _picture(rgb: Image.Image, alpha: Image.Image | None) -> Picture:
    pixels = np.array(rgb)
    opacity = np.array(alpha) if alpha is not None else None
    if opacity is None or opacity.min(initial=255) == 255:
        return Picture(pixels)
    # What nobody sees must not be seen by the face finder or the pen either.
    pixels[opacity == 0] = 255
    return Picture(pixels, opacity)


def scaled_down(picture: Picture, long_side: int) -> Picture:
    """``picture`` with no side longer than ``long_side`` px."""
    scale = long_side / max(picture.width, picture.height)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    if picture.alpha is not None:
        # Weighted by its alpha, as in _colours_and_alpha.
        image = _image_of(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=1.0)
        pixels = np.asarray(image)
        return Picture(pixels[..., :3], pixels[..., 3])
    # Halved as often as can be, then drawn from four pixels each: as near to Lanczos' picture as
    # Lanczos after Pillow's own reduction is, and as sharp, in a sixth of its time.
    rgb, halved = picture.rgb, 1
    while max(rgb.shape[:2]) >= 2 * long_side and min(rgb.shape[:2]) > 1:
        width, height = rgb.shape[1] // 2, rgb.shape[0] // 2
        whole = rgb[: 2 * height, : 2 * width]  # an odd row more would take five times as long
        rgb = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        halved *= 2
    across, down = (picture.width / size[0] / halved, picture.height / size[1] / halved)
    middles = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5]])
    bilinear = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return Picture(
        cv2.warpAffine(rgb, middles, size, flags=bilinear, borderMode=cv2.BORDER_REPLICATE)
    )


def to_png(picture: Picture) -> bytes:
    return _saved(picture, "PNG", compress_level=6)


def to_webp(picture: Picture, quality: int = 90, method: int = 4) -> bytes:
    """``method`` is the encoder's effort, 0 to 6."""
    return _saved(picture, "WEBP", quality=quality, alpha_quality=100, method=method)


def to_jpeg(picture: Picture) -> bytes:
    """Alpha is left out: lay the picture on a colour first."""
    # Full colour resolution: ink on flat colour shows halved chroma as a coloured rim.
    return _saved(Picture(picture.rgb), "JPEG", quality=90, subsampling=0, optimize=True)


def _saved(picture: Picture, kind: str, **options: int | bool) -> bytes:
    """A new file that holds pixels and nothing else."""
    out = io.BytesIO()
    _image_of(picture).save(out, kind, **options)
    return out.getvalue()


def _image_of(picture: Picture) -> Image.Image:
    pixels = picture.rgb
    if picture.alpha is not None:
        pixels = np.dstack([pixels, picture.alpha])
    return Image.fromarray(np.ascontiguousarray(pixels))
