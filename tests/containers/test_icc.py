"""Colour profiles that say more than they hold are not read."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import ImageCms

from cartoon_avatar.ai.pictures import decode
from cartoon_avatar.containers import BrokenImage, icc
from tests.ai.conftest import saved, scene


def profile_of(kind: bytes, tag: bytes, space: bytes = b"RGB ") -> bytes:
    head = struct.pack(">I4sI4s4s4s", 144 + len(tag), b"lcms", 4 << 24, b"prtr", space, b"Lab ")
    head += bytes(12) + b"acsp"
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, kind, 144, len(tag)) + tag


def lut(points: int, table: bytes = b"") -> bytes:
    ends = b"\0\0\xff\xff" * 3
    unity = struct.pack(">9i", *(65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    return b"mft2\0\0\0\0\3\3" + bytes([points, 0]) + unity + b"\0\2\0\2" + ends + table + ends


def elements(inputs: int) -> bytes:
    grid = bytes([255] * inputs).ljust(16, b"\0")
    table = b"clut\0\0\0\0" + struct.pack(">HH", inputs, 3) + grid
    return b"mpet\0\0\0\0" + struct.pack(">HHIII", inputs, 3, 1, 24, len(table)) + table


def tables(inputs: int) -> bytes:
    grid = bytes([255] * inputs).ljust(16, b"\0")
    return b"mAB \0\0\0\0" + bytes([inputs, 3, 0, 0]) + struct.pack(">5I", 0, 0, 0, 32, 0) + grid


@pytest.mark.parametrize(
    ("kind", "tag"),
    [(b"A2B0", lut(255)), (b"A2B1", tables(3)), (b"A2B0", tables(4)), (b"D2B0", elements(3))],
    ids=["table", "tables", "tables of four", "elements"],
)
def test_a_colour_profile_with_a_larger_table_than_itself_is_not_read(
    kind: bytes, tag: bytes
) -> None:
    profile = profile_of(kind, tag)
    with pytest.raises(BrokenImage):
        icc.require_tables(profile)
    image = scene()
    plain = decode(saved(image, "PNG"), max_pixels=10**6).picture.rgb
    with_it = decode(saved(image, "PNG", icc_profile=profile), max_pixels=10**6).picture.rgb
    assert np.array_equal(plain, with_it)


def test_colour_profiles_with_the_tables_they_tell_of_are_read() -> None:
    icc.require_tables(profile_of(b"A2B0", lut(9, bytes(2 * 3 * 9**3))))
    for name in ("sRGB", "LAB", "XYZ"):
        icc.require_tables(ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes())


@pytest.mark.parametrize("size", [*range(0, 200, 7), 300])
def test_a_colour_profile_that_breaks_off_is_a_picture_without_one(size: int) -> None:
    for tag in (lut(9, bytes(4000)), tables(3), elements(3)):
        profile = profile_of(b"A2B0", tag)[:size]
        decode(saved(scene(), "WEBP", icc_profile=profile or b"x"), max_pixels=10**6)


@pytest.mark.parametrize(
    "profile",
    [
        profile_of(b"A2B0", b"")[:128] + b"\0\0\xff\xff" + b"A2B0" * 100_000,
        profile_of(b"D2B0", b"mpet\0\0\0\0\0\3\0\3\0\0\xff\xff" + bytes(8 * 65535)),
    ],
)
def test_a_colour_profile_of_too_many_tags_or_elements_is_not_read(profile: bytes) -> None:
    with pytest.raises(BrokenImage):
        icc.require_tables(profile)
