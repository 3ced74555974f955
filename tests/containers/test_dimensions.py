"""Sizes by headers alone."""

from __future__ import annotations

import io

import pillow_heif
import pytest
from PIL import Image

from cartoon_avatar.containers.dimensions import upright_size

pillow_heif.register_heif_opener()


def saved(kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (70, 40), (200, 90, 30)).save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("jpeg", {}),
        ("jpeg", {"progressive": True}),
        ("png", {}),
        ("gif", {}),
        ("webp", {"quality": 80}),
        ("webp", {"lossless": True}),
        ("webp", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
        ("heif", {}),
        ("avif", {}),
    ],
)
def test_a_header_says_how_large_a_picture_is(kind: str, options: dict[str, object]):
    data = saved(kind, **options)
    mime_type = {"heif": "image/heic"}.get(kind, f"image/{kind}")
    width, height = upright_size(data, mime_type) or (0, 0)
    # Coded pictures are cropped to what was asked for.
    assert (width, height) == (70, 40) or (kind in ("heif", "avif") and width >= 70)


def test_a_jpeg_on_its_side_is_as_high_as_it_is_shown():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert upright_size(saved("jpeg", exif=exif), "image/jpeg") == (40, 70)


@pytest.mark.parametrize("mime_type", ["image/jpeg", "image/png", "image/gif", "image/webp", "x"])
def test_a_header_that_is_cut_off_tells_nothing(mime_type: str):
    for data in (b"", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBPVP8X", b"\x89PNG\r\n\x1a\n"):
        assert upright_size(data, mime_type) is None
