"""Pictures whose colours are said by numbers, PQ and HLG among them, look as they would in sRGB."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pillow_heif
import pytest
import skimage.data
from PIL import Image, ImageCms

from cartoon_avatar.ai.pictures import decode
from cartoon_avatar.ai.pictures.cicp import peak_of, to_srgb
from cartoon_avatar.containers import Cicp
from tests.ai.conftest import saved
from tests.ai.pictures.test_formats_matrix import png as packed_png
from tests.attacks.hostile import chunk

PQ, HLG = Cicp(9, 16), Cicp(9, 18)
FACE = skimage.data.astronaut()[0:240, 100:340]
# From linear BT.709 to linear BT.2020 (Report BT.2087, 3).
TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def linear(rgb: np.ndarray) -> np.ndarray:
    rgb = rgb / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def coded(light: np.ndarray, transfer: int) -> np.ndarray:
    """``light`` (BT.709, 1 for a white page of 203 cd/m²) in BT.2020 as a signal 0…1."""
    nits = 203 * np.maximum(light @ TO_2020.T, 0)
    if transfer == 16:
        power = np.minimum(nits / 10_000, 1) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    luminance = np.maximum(nits @ (0.2627, 0.6780, 0.0593), 1e-9)[..., None] / 1000
    scene = np.minimum(nits / 1000 * luminance ** (1 / 1.2 - 1), 1)
    log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), log)


def png(signal: np.ndarray, coding: Cicp, *, bits: int = 16) -> bytes:
    height, width = signal.shape[:2]
    values = np.rint(signal * (2**bits - 1)).astype(">u2" if bits == 16 else "u1")
    head = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    said = chunk(b"cICP", bytes([*coding, 0, 1]))
    body = chunk(b"IHDR", head) + said + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def heic(signal: np.ndarray, coding: Cicp) -> bytes:
    values = np.rint(signal * 65535).astype(np.uint16)
    file = pillow_heif.from_bytes("RGB;16", signal.shape[1::-1], values.tobytes())
    written = io.BytesIO()
    file.save(
        written,
        quality=95,
        chroma="444",
        color_primaries=coding.primaries,
        transfer_characteristics=coding.transfer,
        matrix_coefficients=9,
        full_range_flag=1,
    )
    return written.getvalue()


def avif(signal: np.ndarray, coding: Cicp, **options: object) -> bytes:
    values = Image.fromarray(np.rint(signal * 255).astype(np.uint8))
    data = saved(values, "AVIF", quality=98, subsampling="4:4:4", speed=10, **options)
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", *coding) + data[at + 4 :]


def profile_saying(coding: Cicp) -> bytes:
    """A profile of sRGB that says these numbers too, as those for HDR do."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = int.from_bytes(profile[128:132])
    for number in range(tags):  # one more entry before what the tags hold
        at = 136 + 12 * number
        offset = int.from_bytes(profile[at : at + 4])
        profile[at : at + 4] = (offset + 12).to_bytes(4)
    end = 132 + 12 * tags
    entry = struct.pack(">4sII", b"cicp", len(profile) + 12, 12)
    profile[end:end] = entry
    profile += b"cicp\0\0\0\0" + bytes([*coding, 0, 1])
    profile[:4] = len(profile).to_bytes(4)
    profile[128:132] = (tags + 1).to_bytes(4)
    return bytes(profile)


def jpeg(signal: np.ndarray, coding: Cicp) -> bytes:
    image = Image.fromarray(np.rint(signal * 255).astype(np.uint8))
    return saved(image, "JPEG", quality=98, subsampling=0, icc_profile=profile_saying(coding))


def webp(signal: np.ndarray, coding: Cicp) -> bytes:
    image = Image.fromarray(np.rint(signal * 255).astype(np.uint8))
    return saved(image, "WEBP", lossless=True, icc_profile=profile_saying(coding))


WRITERS = {"png": png, "heic": heic, "avif": avif, "jpeg": jpeg, "webp": webp}
each_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
each_hdr = pytest.mark.parametrize("coding", [PQ, HLG], ids=["PQ", "HLG"])


def decoded(data: bytes, **options: object) -> np.ndarray:
    return decode(data, max_pixels=10**7, **options).picture.rgb.astype(int)


@each_hdr
@each_writer
def test_what_is_no_brighter_than_a_page_looks_as_in_srgb(write, coding: Cicp) -> None:
    seen = decoded(write(coded(linear(FACE), coding.transfer), coding))
    assert np.abs(seen - FACE).mean() < 4


@each_hdr
@each_writer
def test_highlights_are_brought_down_and_skin_stays(write, coding: Cicp) -> None:
    light = linear(FACE)
    luminance = light @ (0.2126, 0.7152, 0.0722)
    bright = light * (1 + 4 * np.clip((luminance - 0.6) / 0.4, 0, 1) ** 2)[..., None]
    seen = decoded(write(coded(bright, coding.transfer), coding))
    skin = (slice(90, 130), slice(105, 145))
    assert np.abs(seen[skin].mean(axis=(0, 1)) - FACE[skin].mean(axis=(0, 1))).max() < 12
    # Nothing of the backdrop that was told apart is cut off at white.
    assert np.mean(seen.min(axis=2) == 255) < 0.01


@each_hdr
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("channels", "colour"), [("L", 0), ("RGB", 2), ("LA", 4), ("RGBA", 6)])
def test_hdr_pngs_of_all_depths_and_channels(
    channels: str, colour: int, bits: int, coding: Cicp
) -> None:
    meant = FACE if "RGB" in channels else np.dstack([FACE.mean(axis=2)] * 3)
    signal = coded(linear(meant), coding.transfer)
    planes = [signal if "RGB" in channels else signal[..., :1]]
    if "A" in channels:
        planes.append(np.full((*FACE.shape[:2], 1), 0.5))
    samples = np.rint(np.dstack(planes) * (2**bits - 1)).astype(int)
    said = chunk(b"cICP", bytes([*coding, 0, 1]))
    for interlaced in (False, True):
        data = packed_png(samples, bits, colour, said, interlaced=interlaced)
        assert np.abs(decoded(data) - meant).mean() < 1.5


@each_hdr
@pytest.mark.parametrize("twelve_bits", [False, True])
@pytest.mark.parametrize("mode", ["I;16", "RGBA;16"])
def test_hdr_heics_of_other_channels_and_depths(
    mode: str, twelve_bits: bool, coding: Cicp, monkeypatch
) -> None:
    meant = FACE if mode == "RGBA;16" else np.dstack([FACE.mean(axis=2)] * 3)
    signal = coded(linear(meant), coding.transfer)
    if mode == "RGBA;16":
        signal = np.dstack([signal, np.full(FACE.shape[:2], 0.7)])
    values = np.rint((signal[..., 0] if mode == "I;16" else signal) * 65535).astype(np.uint16)
    monkeypatch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", twelve_bits)
    file = pillow_heif.from_bytes(mode, FACE.shape[1::-1], values.tobytes())
    written = io.BytesIO()
    file.save(
        written,
        quality=90,
        color_primaries=9,
        transfer_characteristics=coding.transfer,
        matrix_coefficients=9,
        full_range_flag=1,
    )
    assert np.abs(decoded(written.getvalue()) - meant).mean() < 3


@each_hdr
@pytest.mark.parametrize("bits", [10, 12])
def test_hdr_avifs_of_more_bits(bits: int, coding: Cicp) -> None:
    signal = coded(linear(FACE), coding.transfer)[..., ::-1]
    values = np.ascontiguousarray(np.rint(signal * (2**bits - 1)).astype(np.uint16))
    options = [cv2.IMWRITE_AVIF_QUALITY, 95, cv2.IMWRITE_AVIF_DEPTH, bits]
    data = cv2.imencode(".avif", values, [*options, cv2.IMWRITE_AVIF_SPEED, 10])[1].tobytes()
    at = data.index(b"nclx") + 4
    data = data[:at] + struct.pack(">HH", *coding) + data[at + 4 :]
    assert np.abs(decoded(data) - FACE).mean() < 5


@each_hdr
def test_a_ramp_up_to_a_thousand_nits_stays_a_ramp(coding: Cicp) -> None:
    light = np.repeat(np.geomspace(0.01, 1000 / 203, 256)[None, :, None], 3, axis=2)
    signal = np.rint(coded(light, coding.transfer) * 65535).astype(np.uint16)
    ramp = to_srgb(signal, coding, peak_of(signal, coding))[0, :, 0].astype(int)
    assert (np.diff(ramp) >= 0).all()
    assert ramp[-1] >= 254
    # Below half a page nothing changes.
    dark = light[0, :, 0] < 0.35
    expected = 255 * (1.055 * light[0, dark, 0] ** (1 / 2.4) - 0.055)
    assert np.abs(ramp[dark] - expected).max() <= 1.5


@pytest.mark.parametrize("write", [png, avif, heic])
def test_a_wide_gamut_said_by_numbers_alone_is_seen(write) -> None:
    # Display P3 with sRGB's curve: its numbers for a skin are less red than sRGB's.
    skin = np.full((32, 32, 3), (196, 150, 128)) / 255
    seen = decoded(write(skin, Cicp(12, 13))).mean(axis=(0, 1))
    assert np.abs(seen - (205, 148, 124)).max() < 4


@each_writer
def test_numbers_that_say_srgb_or_nothing_change_nothing(write) -> None:
    signal = FACE[:64, :64] / 255
    for coding in (Cicp(1, 13), Cicp(2, 2), Cicp(1, 1), Cicp(6, 6)):
        assert np.abs(decoded(write(signal, coding)) - FACE[:64, :64]).mean() < 4


def test_beside_a_profile_only_numbers_for_hdr_count_except_in_a_png() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = avif(coded(linear(FACE), 16), PQ, icc_profile=profile)
    assert b"prof" in data
    assert np.abs(decoded(data) - FACE).mean() < 4

    skin = np.full((32, 32, 3), (196, 150, 128)) / 255
    seen = decoded(avif(skin, Cicp(12, 13), icc_profile=profile))
    assert np.abs(seen.mean(axis=(0, 1)) - (196, 150, 128)).max() < 3
    plain = png(skin, Cicp(12, 13))
    packed = chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))
    seen = decoded(plain[:33] + packed + plain[33:])
    assert np.abs(seen.mean(axis=(0, 1)) - (205, 148, 124)).max() < 4


@each_hdr
def test_a_part_and_a_smaller_one_have_the_colours_of_the_whole(coding: Cicp) -> None:
    light = 4 * linear(FACE)
    data = heic(coded(light, coding.transfer), coding)
    whole = decoded(data)
    part = decoded(data, crop=(20, 30, 100, 120))
    assert np.array_equal(part, whole[30:150, 20:120])
    small = decoded(data, long_side=60)
    assert np.abs(small.mean(axis=(0, 1)) - whole.mean(axis=(0, 1))).max() < 6


def test_of_an_sdr_picture_with_a_gain_map_the_sdr_picture_is_drawn() -> None:
    """A gain map is a second picture in the file; the first one is SDR and needs none."""
    image = Image.fromarray(FACE)
    data = saved(image, "MPO", save_all=True, append_images=[image.convert("L").resize((60, 60))])
    assert np.array_equal(decoded(data), decoded(saved(image, "JPEG")))
    file = pillow_heif.from_pillow(image)
    file.add_from_pillow(image.convert("L").resize((60, 60)))
    written = io.BytesIO()
    file.save(written, quality=95, primary_index=0)
    assert np.abs(decoded(written.getvalue()) - FACE).mean() < 4


def test_the_case_of_grey_skin_has_colours_now() -> None:
    """10 bits, PQ, 4:2:0 as phones write it."""
    values = np.rint(coded(linear(FACE), 16) * 65535).astype(np.uint16)
    file = pillow_heif.from_bytes("RGB;16", FACE.shape[1::-1], values.tobytes())
    written = io.BytesIO()
    file.save(
        written,
        quality=80,
        color_primaries=9,
        transfer_characteristics=16,
        matrix_coefficients=9,
        full_range_flag=1,
    )
    assert np.abs(decoded(written.getvalue()) - FACE).mean() < 5
