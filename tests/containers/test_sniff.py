"""One sniffer for both services."""

from __future__ import annotations

import struct

import pytest

from cartoon_avatar.containers.sniff import media_type_of


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xdb", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\x89PNG\n\x1a\n\0", None),
        (b"RIFF\x10\0\0\0WEBPVP8X", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (box(b"ftyp", b"avif\0\0\0\0mif1avif"), "image/avif"),
        (box(b"ftyp", b"avis\0\0\0\0msf1"), "image/avif"),
        (box(b"ftyp", b"mif1\0\0\0\0mif1avifmiaf"), "image/avif"),
        (box(b"ftyp", b"mif1\0\0\0\0mif1heic"), "image/heic"),
        (box(b"ftyp", b"heic\0\0\0\0mif1heic"), "image/heic"),
        (box(b"ftyp", b"heix\0\0\0\0"), "image/heic"),
        (box(b"ftyp", b"msf1\0\0\0\0hevc"), "image/heic"),
        (box(b"ftyp", b"isom\0\0\0\0isommp42"), None),
        # A brand past the end of the box is not one of the file's.
        (box(b"ftyp", b"isom\0\0\0\0isom") + b"avif", None),
        # The major brand decides, whatever others in whatever order stand behind it.
        (box(b"ftyp", b"heic\0\0\0\0mif1avif"), "image/heic"),
        (box(b"ftyp", b"heic\0\0\0\0avifmif1"), "image/heic"),
        (box(b"ftyp", b"heix\0\0\0\0avis"), "image/heic"),
        (box(b"ftyp", b"avif\0\0\0\0mif1heic"), "image/avif"),
        (box(b"ftyp", b"avif\0\0\0\0heicmif1"), "image/avif"),
        # One of no codec leaves it to the others: AVIF calls itself mif1 too.
        (box(b"ftyp", b"mif1\0\0\0\0heicavif"), "image/avif"),
        (box(b"ftyp", b"mif1\0\0\0\0avifheic"), "image/avif"),
        (box(b"ftyp", b"mif1\0\0\0\0mif1"), "image/heic"),
        (box(b"ftyp", b"miaf\0\0\0\0heicmif1"), "image/heic"),
        # A brand behind the bytes that are looked at.
        (box(b"ftyp", b"mif1\0\0\0\0" + b"abcd" * 47 + b"avif"), "image/avif"),
        (box(b"ftyp", b"mif1\0\0\0\0" + b"abcd" * 60 + b"avif"), "image/heic"),
        (b"<svg xmlns=", None),
        (b"BM\0\0", None),
        (b"II*\0", None),
        (b"\xff\xd8", None),
        (b"", None),
    ],
)
def test_the_type_is_told_by_the_first_bytes(head: bytes, expected: str | None) -> None:
    assert media_type_of(head) == expected
