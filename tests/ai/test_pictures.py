from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import piexif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from cartoon_avatar.ai.errors import ImageTooLarge, InvalidImage
from cartoon_avatar.ai.pictures import (
    Photo,
    Picture,
    decode,
    to_jpeg,
    to_png,
    to_webp,
    type_of,
)
from tests.ai.conftest import saved, scene

LIMIT = 50_000_000
KINDS = {
    "image/jpeg": ("JPEG", {"quality": 95}),
    "image/png": ("PNG", {}),
    "image/webp": ("WEBP", {"lossless": True}),
    "image/heic": ("HEIF", {"quality": 95}),
    "image/avif": ("AVIF", {"quality": 95, "speed": 10}),
    "image/gif": ("GIF", {}),
}
each_kind = pytest.mark.parametrize("mime_type", KINDS)


def decoded(data: bytes, long_side: int | None = None) -> Photo:
    return decode(data, max_pixels=LIMIT, long_side=long_side)


def file_of(mime_type: str, image: Image.Image | None = None) -> bytes:
    kind, options = KINDS[mime_type]
    return saved(image or scene(), kind, **options)


def assert_upright_scene(picture: Picture) -> None:
    corners = [picture.rgb[10, 10], picture.rgb[10, -10], picture.rgb[-10, 10]]
    assert [int(np.argmax(corner)) for corner in corners] == [0, 1, 2]


def png_of(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), *chunks):
        body += struct.pack(">I", len(data)) + name + data
        body += struct.pack(">I", zlib.crc32(name + data))
    return body


@each_kind
def test_each_accepted_type_is_known_by_its_bytes_and_decodes(mime_type: str) -> None:
    data = file_of(mime_type)
    assert type_of(data) == mime_type
    photo = decoded(data)
    assert (photo.width, photo.height) == (120, 80)
    assert photo.picture.rgb.dtype == np.uint8
    assert photo.picture.alpha is None
    assert_upright_scene(photo.picture)


def test_of_an_mpo_the_first_frame_is_the_picture() -> None:
    data = saved(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (120, 80))])
    assert b"MPF\0" in data
    assert_upright_scene(decoded(data).picture)


def test_of_an_animated_gif_the_first_frame_is_the_picture() -> None:
    data = saved(scene(), "GIF", save_all=True, append_images=[Image.new("RGB", (120, 80))])
    assert_upright_scene(decoded(data).picture)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_photo_stands_upright_whatever_way_the_camera_was_held(
    kind: str, orientation: int
) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene()
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = piexif.dump({"0th": {piexif.ImageIFD.Orientation: orientation}})
    photo = decoded(saved(stored, kind, exif=exif))
    assert (photo.width, photo.height) == (120, 80)
    assert photo.picture.rgb.shape == (80, 120, 3)
    assert_upright_scene(photo.picture)


def test_broken_exif_does_not_spoil_a_picture() -> None:
    data = saved(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 200)
    assert_upright_scene(decoded(data).picture)


def test_colours_of_another_profile_are_converted_to_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Red and blue primaries trade places: what is stored as red looks blue.
    swapped = srgb.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")
    red = Image.new("RGB", (20, 20), (255, 0, 0))
    photo = decoded(saved(red, "PNG", icc_profile=swapped))
    assert photo.picture.rgb[10, 10].argmax() == 2
    assert photo.picture.rgb[10, 10, 2] > 240


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 4000])
def test_a_broken_colour_profile_is_ignored(profile: bytes) -> None:
    assert_upright_scene(decoded(saved(scene(), "PNG", icc_profile=profile)).picture)


def test_cmyk_becomes_rgb() -> None:
    photo = decoded(saved(scene().convert("CMYK"), "JPEG", quality=95))
    assert_upright_scene(photo.picture)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "I;16"])
def test_every_kind_of_grey_becomes_rgb_of_the_same_brightness(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((40, 60), 128 * 257, np.uint16))
    elif mode == "1":
        image = Image.new("1", (60, 40), 1)
    else:
        image = Image.new("L", (60, 40), 128).convert(mode)
    rgb = decoded(saved(image, "PNG")).picture.rgb
    assert rgb.shape == (40, 60, 3)
    assert rgb[20, 30].tolist() == ([255] * 3 if mode == "1" else [128] * 3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_transparency_is_kept(kind: str) -> None:
    image = scene().convert("RGBA")
    image.paste((0, 0, 0, 0), (60, 40, 120, 80))
    picture = decoded(saved(image, kind)).picture
    assert picture.alpha is not None
    assert picture.alpha[10, 10] == 255
    assert picture.alpha[-5, -5] == 0
    assert picture.rgb[-5, -5].tolist() == [255, 255, 255]


def test_a_palette_with_a_transparent_colour_keeps_it() -> None:
    image = scene().convert("P")
    data = saved(image, "PNG", transparency=image.getpixel((100, 60)))
    alpha = decoded(data).picture.alpha
    assert alpha is not None
    assert (alpha[60, 100], alpha[10, 10]) == (0, 255)


def test_a_fully_transparent_picture_is_a_picture() -> None:
    picture = decoded(saved(Image.new("RGBA", (30, 20)), "PNG")).picture
    assert picture.alpha is not None
    assert picture.alpha.max() == 0


def test_hidden_colours_do_not_bleed_into_a_smaller_picture() -> None:
    image = Image.new("RGBA", (400, 400), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 200, 400))
    picture = decoded(saved(image, "PNG"), long_side=100).picture
    assert picture.alpha is not None
    seen = picture.alpha > 8
    assert picture.rgb[seen][:, 1].max() < 30


@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3000), (4000, 7), (50_000, 1)])
def test_a_large_photo_is_scaled_to_the_long_side_and_its_own_size_is_told(
    size: tuple[int, int],
) -> None:
    photo = decoded(saved(scene(*size), "JPEG" if size[0] < 50_000 else "PNG"), long_side=320)
    assert (photo.width, photo.height) == size
    assert max(photo.picture.rgb.shape[:2]) == 320


def test_a_small_photo_is_not_enlarged() -> None:
    assert decoded(saved(scene(), "PNG"), long_side=320).picture.width == 120


def test_one_pixel_is_a_picture() -> None:
    assert decoded(saved(Image.new("RGB", (1, 1)), "PNG"), long_side=320).picture.width == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        b"hello, I am a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><title>x</title>",
        b"%PDF-1.7\n",
        saved(scene(), "BMP"),
        saved(scene(), "TIFF"),
        saved(scene(), "PPM"),
        saved(scene(), "ICO"),
        saved(scene(), "JPEG2000"),
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
        b"RIFF\0\0\0\0WAVEfmt ",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_picture_of_an_accepted_type_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        decoded(data)


@each_kind
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_half_a_file_is_no_picture(mime_type: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    data = file_of(mime_type, Image.fromarray(noise))
    with pytest.raises(InvalidImage):
        decoded(data[: int(len(data) * share)])


def test_too_many_pixels_are_refused_before_any_is_decoded() -> None:
    # 268 million pixels in a few hundred bytes: no honest decoder would get past the header.
    data = png_of(16383, 16383, (b"IDAT", zlib.compress(bytes(1000))))
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(ImageTooLarge, match="16383×16383 pixels; the limit is 50 million"):
        decoded(data)
    assert time.perf_counter() - started < 0.5
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@each_kind
def test_the_pixel_limit_holds_for_each_type(mime_type: str) -> None:
    data = file_of(mime_type)
    decode(data, max_pixels=120 * 80)
    with pytest.raises(ImageTooLarge):
        decode(data, max_pixels=120 * 80 - 1)


@pytest.mark.parametrize(
    ("name", "start"),
    [(b"zTXt", b"Comment\0\0"), (b"iCCP", b"profile\0\0"), (b"iTXt", b"x\0\1\0\0\0")],
)
def test_metadata_that_unpacks_to_megabytes_is_refused_cheaply(name: bytes, start: bytes) -> None:
    bomb = start + zlib.compress(bytes(200_000_000), 9)
    data = png_of(8, 8, (name, bomb), (b"IDAT", zlib.compress(bytes(8 * 9))), (b"IEND", b""))
    tracemalloc.start()
    with pytest.raises(ImageTooLarge):
        decoded(data)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("encode", [to_png, to_jpeg, to_webp])
def test_what_is_encoded_holds_the_pixels_and_nothing_else(encode) -> None:
    exif = piexif.dump({"0th": {piexif.ImageIFD.Artist: b"canary-4711"}})
    picture = decoded(saved(scene(), "JPEG", quality=95, exif=exif)).picture
    data = encode(picture)
    assert b"canary-4711" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert not image.getexif()
        assert not {"icc_profile", "exif", "xmp", "comment"} & set(image.info)
    difference = decoded(data).picture.rgb.astype(int) - picture.rgb
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("encode", [to_png, to_webp])
def test_encoding_keeps_transparency(encode) -> None:
    alpha = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    picture = Picture(np.full((64, 64, 3), 200, np.uint8), alpha)
    back = decoded(encode(picture)).picture
    assert back.alpha is not None
    assert np.abs(back.alpha.astype(int) - alpha).max() <= 1


SEEDS = [file_of(mime_type) for mime_type in KINDS]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 2**16),
)
def test_a_damaged_file_is_a_picture_or_a_refusal_and_never_anything_else(
    seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    if cut % 3 == 0:
        del data[cut % len(data) :]
    try:
        photo = decode(bytes(data), max_pixels=1_000_000, long_side=64)
    except (InvalidImage, ImageTooLarge):
        return
    assert max(photo.picture.rgb.shape[:2]) <= 64
