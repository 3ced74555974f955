"""Marks in pictures, read by libexiv2."""

from __future__ import annotations

import pyexiv2

TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def xmp_of(picture: bytes) -> dict[str, str]:
    """All XMP properties of a JPEG, PNG or WebP."""
    with pyexiv2.ImageData(picture) as image:
        return image.read_xmp()


def said_of(picture: bytes) -> tuple[str, str]:
    """The term of its digital source type, and what made it; empty where it is not marked."""
    xmp = xmp_of(picture)
    assert set(xmp) <= {
        "Xmp.iptcExt.DigitalSourceType",
        "Xmp.xmp.CreatorTool",
        "Xmp.iptcExt.AISystemUsed",
        "Xmp.iptcExt.AISystemVersionUsed",
    }
    made_by = xmp.get("Xmp.xmp.CreatorTool", "").removeprefix("cartoon-avatar ")
    return xmp.get("Xmp.iptcExt.DigitalSourceType", "").removeprefix(TERMS), made_by
