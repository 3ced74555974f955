"""The colour coding that a file declares, and conversion of ICC profiles to sRGB."""

from __future__ import annotations

import contextlib
import io
import struct

from PIL import Image, ImageCms

from cartoon_avatar.ai.pictures import cicp
from cartoon_avatar.containers import BrokenImage, Cicp, heif, icc, png

_SRGB = ImageCms.createProfile("sRGB")


def coding_of(data: bytes, decoder: str, profile: bytes | None) -> Cicp | None:
    """The coding numbers of the file, where they are not sRGB's and take precedence over its
    profile: in a PNG always (PNG 3, 4.3), elsewhere if they declare HDR."""
    coding = in_profile = None
    if decoder == "PNG":
        coding = png.cicp(data)
    elif decoder in ("HEIF", "AVIF"):
        coding = heif.cicp(data)
    if profile and (coding is None or not cicp.is_hdr(coding)):
        with contextlib.suppress(BrokenImage):
            in_profile = icc.cicp(profile)
        if in_profile is not None and cicp.is_hdr(in_profile):
            coding = in_profile
        elif decoder != "PNG":
            return None
    return None if coding is None or cicp.is_srgb(coding) else coding


def to_srgb(colours: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            icc.require_tables(profile)
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() == "GRAY" and colours.mode == "RGB":
                colours = colours.convert("L")
            converted = ImageCms.profileToProfile(
                colours,
                source,
                _SRGB,
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            assert converted is not None  # which it is of a conversion in place alone
            return converted
        except (ImageCms.PyCMSError, OSError, ValueError, struct.error):
            pass  # a broken or foreign profile: the numbers are taken as sRGB
    return colours.convert("RGB")
