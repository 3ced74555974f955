from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import piexif
import pillow_heif
import pytest
import skimage.data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms

from cartoon_avatar.ai.pictures import (
    Photo,
    Picture,
    decode,
    scaled_down,
    to_jpeg,
    to_png,
    to_webp,
)
from cartoon_avatar.containers.sniff import media_type_of
from cartoon_avatar.contract.errors import ImageTooLarge, InvalidImage
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
# What undoes each EXIF orientation.
UNDO_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
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
    assert media_type_of(data) == mime_type
    photo = decoded(data)
    assert (photo.width, photo.height) == (120, 80)
    assert photo.picture.rgb.dtype == np.uint8
    assert photo.picture.alpha is None
    assert_upright_scene(photo.picture)


@pytest.mark.parametrize(
    ("mime_type", "others"), [("image/heic", b"avif"), ("image/avif", b"heic")]
)
def test_brands_of_another_type_beside_its_own_change_nothing(
    mime_type: str, others: bytes
) -> None:
    data = file_of(mime_type)
    brands = int.from_bytes(data[:4]) - 16
    for said in (b"mif1" + others, others + b"mif1"):
        renamed = data[:16] + said.ljust(brands, b"\0")[:brands] + data[16 + brands :]
        assert media_type_of(renamed) == mime_type
        assert_upright_scene(decoded(renamed).picture)


def test_of_an_mpo_the_first_frame_is_the_picture() -> None:
    data = saved(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (120, 80))])
    assert b"MPF\0" in data
    assert_upright_scene(decoded(data).picture)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG"])
def test_of_an_animation_the_first_frame_is_the_picture(kind: str) -> None:
    black = Image.new("RGB", (120, 80))
    data = saved(scene(), kind, save_all=True, append_images=[black, black], duration=100)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames > 1
    assert_upright_scene(decoded(data).picture)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_photo_stands_upright_whatever_way_the_camera_was_held(
    kind: str, orientation: int
) -> None:
    stored = scene()
    if orientation in UNDO_ORIENTATION:
        stored = stored.transpose(UNDO_ORIENTATION[orientation])
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


# Red, green and blue of a profile, CIE XYZ under D50.
WIDE_GAMUTS = {
    "Display P3": ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
    "Adobe RGB": ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)),
}
# sRGB's inverse: from XYZ under D50 to linear sRGB (Lindbloom).
TO_SRGB = np.array(
    [[3.1339, -1.6169, -0.4906], [-0.9788, 1.9161, 0.0335], [0.0719, -0.2290, 1.4052]]
)


def profile_of(primaries: tuple[tuple[float, float, float], ...]) -> bytes:
    """An RGB profile with sRGB's curve and these primaries."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        at = profile.index(name)  # in the table of tags: name, offset, size
        start = int.from_bytes(profile[at + 4 : at + 8]) + 8
        profile[start : start + 12] = struct.pack(">3i", *(round(v * 65536) for v in xyz))
    return bytes(profile)


@pytest.mark.parametrize("gamut", WIDE_GAMUTS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_wide_gamut_colours_look_the_same_in_srgb(kind: str, gamut: str) -> None:
    skin = np.array([196, 150, 128])
    linear = ((skin / 255 + 0.055) / 1.055) ** 2.4
    back = np.clip(TO_SRGB @ np.array(WIDE_GAMUTS[gamut]).T @ linear, 0, 1)
    expected = 255 * (1.055 * back ** (1 / 2.4) - 0.055)
    assert np.abs(expected - skin).max() > 6  # whoever ignores the profile is found out

    stored = Image.new("RGB", (64, 64), tuple(skin.tolist()))
    data = saved(stored, kind, quality=95, icc_profile=profile_of(WIDE_GAMUTS[gamut]))
    seen = decoded(data).picture.rgb.reshape(-1, 3).mean(axis=0)
    assert np.abs(seen - expected).max() < 4


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 4000])
def test_a_broken_colour_profile_is_ignored(profile: bytes) -> None:
    assert_upright_scene(decoded(saved(scene(), "PNG", icc_profile=profile)).picture)


@pytest.mark.parametrize("adobe", [True, False], ids=["inverted as Adobe's", "as it is printed"])
def test_cmyk_becomes_rgb(adobe: bool) -> None:
    cmyk = scene().convert("CMYK")
    # Pillow writes what Adobe does: how much light is left, and a mark that says so.
    data = saved(cmyk if adobe else ImageChops.invert(cmyk), "JPEG", quality=95)
    mark = data.index(b"\xff\xee")
    assert data[mark + 4 : mark + 9] == b"Adobe"
    if not adobe:
        data = data[:mark] + data[mark + 2 + int.from_bytes(data[mark + 2 : mark + 4]) :]
    picture = decoded(data).picture
    assert_upright_scene(picture)
    assert np.abs(picture.rgb.astype(int) - np.asarray(scene())).mean() < 5


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_become_the_nearest_eight(channels: int) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    pixels = np.repeat(np.tile(ramp, (32, 1))[..., None], channels, axis=2)
    data = cv2.imencode(".png", pixels if channels > 1 else pixels[..., 0])[1].tobytes()
    picture = decoded(data).picture
    seen = picture.rgb.astype(int)
    if channels == 4:
        assert picture.alpha is not None
        assert np.abs(picture.alpha.astype(int) - (ramp >> 8)).max() <= 1
        seen = seen[:, 1:]  # what nobody sees is white
        ramp = ramp[1:]
    assert np.abs(seen - (ramp >> 8)[None, :, None]).max() <= 1


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


@pytest.mark.parametrize("long_side", [None, 90, 40, 10])
@pytest.mark.parametrize("crop", [(40, 30, 160, 140), (0, 0, 301, 201), (250, 150, 51, 51)])
@each_kind
def test_a_crop_is_what_would_be_cropped_of_the_whole(
    mime_type: str, crop: tuple[int, int, int, int], long_side: int | None
) -> None:
    face = Image.fromarray(skimage.data.astronaut()).crop((100, 0, 401, 201))
    data = file_of(mime_type, face)
    left, top, width, height = crop
    photo = decode(data, max_pixels=LIMIT, long_side=long_side, crop=crop)
    assert (photo.width, photo.height) == (301, 201)

    scale = min(1.0, (long_side or 1000) / max(width, height))
    size = (round(width * scale), round(height * scale))
    whole = Image.fromarray(decoded(data).picture.rgb)
    box = (left, top, left + width, top + height)
    expected = np.asarray(whole.resize(size, Image.Resampling.HAMMING, box), np.float32)
    assert photo.picture.rgb.shape == expected.shape
    assert np.sqrt(np.mean((photo.picture.rgb - expected) ** 2)) < (0.1 if size == crop[2:] else 5)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_crop_is_of_the_upright_photo(kind: str, orientation: int) -> None:
    stored = Image.fromarray(skimage.data.astronaut()).crop((100, 0, 401, 201))
    if orientation in UNDO_ORIENTATION:
        stored = stored.transpose(UNDO_ORIENTATION[orientation])
    exif = piexif.dump({"0th": {piexif.ImageIFD.Orientation: orientation}})
    data = saved(stored, kind, exif=exif)
    whole = decoded(data)
    part = decode(data, max_pixels=LIMIT, crop=(31, 20, 101, 70))
    assert (part.width, part.height) == (whole.width, whole.height) == (301, 201)
    assert np.array_equal(part.picture.rgb, whole.picture.rgb[20:90, 31:132])


def test_a_crop_is_clipped_to_the_photo() -> None:
    data = saved(scene(), "PNG")
    whole = decoded(data).picture.rgb
    for crop, expected in (
        ((-10, -10, 40, 30), whole[:20, :30]),
        ((100, 70, 999, 999), whole[70:, 100:]),
        ((500, 500, 10, 10), whole[-1:, -1:]),
    ):
        part = decode(data, max_pixels=LIMIT, crop=crop).picture.rgb
        assert np.array_equal(part, expected)


def test_a_jpeg_is_decoded_as_large_as_its_crop_asks_for() -> None:
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    data = saved(Image.fromarray(stripes), "JPEG", quality=95)
    crop = (400, 400, 200, 200)
    assert decode(data, max_pixels=LIMIT, long_side=200, crop=crop).picture.rgb.std() > 120
    assert decode(data, max_pixels=LIMIT, long_side=200).picture.rgb.std() < 10


def test_a_small_photo_is_not_enlarged() -> None:
    assert decoded(saved(scene(), "PNG"), long_side=320).picture.width == 120


def test_one_pixel_is_a_picture() -> None:
    assert decoded(saved(Image.new("RGB", (1, 1)), "PNG"), long_side=320).picture.width == 1


# Above what the process had, for each pixel of the file, a seventh more than measured. JPEG is
# decoded at a quarter here, WebP at what is needed, the others whole.
BYTES_A_PIXEL = {
    "JPEG": 1.2, "progressive JPEG": 4.4, "CMYK JPEG": 1.4, "GIF": 3.4, "PNG": 6.7,
    "RGBA PNG": 8.0, "16-bit grey PNG": 3.7, "HEIF": 8.5, "AVIF": 13.5, "WEBP": 0.8,
    "RGBA WEBP": 2.2,
}  # fmt: skip


def test_what_a_large_picture_takes_is_bounded(tmp_path: Path) -> None:
    flat = scene(2400, 1800)
    clear = flat.convert("RGBA")
    clear.putalpha(200)
    grey16 = Image.fromarray(np.full((1800, 2400), 30_000, np.uint16))
    files = {
        "JPEG": saved(flat, "JPEG"),
        "progressive JPEG": saved(flat, "JPEG", progressive=True),
        "CMYK JPEG": saved(flat.convert("CMYK"), "JPEG"),
        "GIF": saved(flat, "GIF"),
        "PNG": saved(flat, "PNG", compress_level=1),
        "16-bit grey PNG": saved(grey16, "PNG", compress_level=1),
        "RGBA PNG": saved(clear, "PNG", compress_level=1),
        "HEIF": saved(flat, "HEIF", quality=10, enc_params={"preset": "ultrafast"}),
        "AVIF": saved(flat, "AVIF", quality=10, speed=10),
        "WEBP": saved(flat, "WEBP", method=0),
        "RGBA WEBP": saved(clear, "WEBP", method=0),
    }
    grown = growth_of(files, tmp_path)
    assert grown.keys() == BYTES_A_PIXEL.keys()
    too_much = {name: size for name, size in grown.items() if size > BYTES_A_PIXEL[name]}
    assert not too_much
    assert grown["AVIF"] > BYTES_A_PIXEL["PNG"]  # it does measure


def test_what_a_large_hdr_picture_takes_is_bounded(tmp_path: Path) -> None:
    values = (np.asarray(scene(2400, 1800)).astype(np.uint16) << 8).tobytes()
    file = pillow_heif.from_bytes("RGB;16", (2400, 1800), values)
    written = io.BytesIO()
    file.save(written, quality=10, transfer_characteristics=16, enc_params={"preset": "ultrafast"})
    grown = growth_of({"HDR HEIF": written.getvalue()}, tmp_path)
    assert 6 < grown["HDR HEIF"] < 17.5


def growth_of(files: dict[str, bytes], folder: Path) -> dict[str, float]:
    """Bytes for each of 4.32 million pixels, by a process of its own: the peak of this one is
    long behind it."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    told = subprocess.run(
        [sys.executable, "-c", GROWTH, folder], capture_output=True, text=True, check=True
    )
    return {name: size / 4.32e6 for name, size in json.loads(told.stdout).items()}


GROWTH = """
import ctypes, json, pathlib, sys
from cartoon_avatar.ai.pictures import decode

def bytes_of(line):
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(line + ":")[2].split()[0])

grown = {}
files = sorted(pathlib.Path(sys.argv[1]).iterdir())
for file in [files[0], *files]:  # the first one twice: what is loaded once counts for none
    data = file.read_bytes()
    ctypes.CDLL(None).malloc_trim(0)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forget the peak
    before = bytes_of("VmRSS")
    decode(data, max_pixels=50_000_000, long_side=320)
    grown[file.name] = bytes_of("VmHWM") - before
print(json.dumps(grown))
"""


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
    started_s = time.process_time()
    with pytest.raises(ImageTooLarge, match="16383×16383 pixels; the limit is 50 million"):
        decoded(data)
    assert time.process_time() - started_s < 0.5  # of this process, however busy the machine is
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


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1024, 1024), (320, 320)),
        ((1023, 767), (320, 240)),
        ((600, 512), (320, 273)),
        ((321, 200), (320, 199)),
        ((2048, 3), (320, 1)),
        ((1, 1024), (1, 320)),
    ],
)
@pytest.mark.parametrize("transparent", [False, True])
def test_a_picture_made_smaller_looks_like_lanczos_made_it(
    size: tuple[int, int], expected: tuple[int, int], transparent: bool
) -> None:
    image = Image.fromarray(skimage.data.astronaut()).resize(size)
    alpha = np.full(size[::-1], 200, np.uint8) if transparent else None
    small = scaled_down(Picture(np.asarray(image), alpha), 320)
    assert (small.width, small.height) == expected
    assert (small.alpha is not None) == transparent
    if min(expected) > 1:
        best = np.asarray(image.resize(expected, Image.Resampling.LANCZOS), np.float32)
        assert np.sqrt(np.mean((small.rgb - best) ** 2)) < 5


def test_a_picture_small_enough_stays_as_it_is() -> None:
    picture = Picture(np.zeros((320, 200, 3), np.uint8))
    assert scaled_down(picture, 320) is picture
