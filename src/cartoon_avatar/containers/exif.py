"""The one thing of EXIF that a picture needs: which way up it is."""

from __future__ import annotations

import struct

from cartoon_avatar.containers import Data

_INTEGERS = {1: "B", 3: "H", 4: "I"}


def orientation_in(photo: Data, start: int, end: int) -> int | None:
    """The orientation that the EXIF in this range asks for, if it is one that turns or mirrors.

    Only the first directory is read and its links are not followed: there is nothing to loop.
    """
    if photo[start : min(start + 5, end)] == b"Exif\0":
        start += 6
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(photo[start : start + 4]))
    if order is None or start + 8 > end:
        return None
    entries = start + struct.unpack_from(order + "I", photo, start + 4)[0] + 2
    if entries > end:
        return None
    count = struct.unpack_from(order + "H", photo, entries - 2)[0]
    for entry in range(entries, min(entries + 12 * count, end - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", photo, entry)
        if tag == 0x0112 and values == 1 and kind in _INTEGERS:
            value = struct.unpack_from(order + _INTEGERS[kind], photo, entry + 8)[0]
            return value if 2 <= value <= 8 else None
    return None


def exif_with(orientation: int) -> bytes:
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
