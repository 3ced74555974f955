"""Colours of other profiles to sRGB."""

from __future__ import annotations

import io
import struct

from PIL import Image, ImageCms

from cartoon_avatar.containers import BrokenImage, icc

_SRGB = ImageCms.createProfile("sRGB")


def to_srgb(colours: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            icc.require_tables(profile)
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
        except (ImageCms.PyCMSError, OSError, ValueError, struct.error, BrokenImage):
            pass  # a broken or foreign profile: the numbers are taken as sRGB
    return colours.convert("RGB")
