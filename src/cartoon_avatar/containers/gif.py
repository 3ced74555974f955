"""GIF (89a): blocks."""

from __future__ import annotations

from collections.abc import Iterator

from cartoon_avatar.containers import MOST_PARTS, BrokenImage, Data, Part

# Looping, and the colour profile.
_KEPT = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})
# Read as the sizes of blocks, wherever in it a decoder comes out of the packet: it ends there.
_XMP_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\0"


def cleaned(photo: Data, xmp: bytes = b"") -> Iterator[Part]:
    """With ``xmp`` as its packet. After the first picture the file may end or go on as it likes."""
    if photo[:6] not in (b"GIF87a", b"GIF89a"):
        raise BrokenImage("This is not a GIF file.")
    start = 13 + _palette_bytes(photo[10])
    yield 0, start
    picture_seen = False
    for _ in range(MOST_PARTS):
        # Some writers leave the end mark out, and decoders do not miss it.
        block = photo[start] if start < len(photo) else 0x3B
        if block not in (0x2C, 0x21):
            if block != 0x3B and not picture_seen:
                raise BrokenImage("The GIF file has a block that GIF does not have.")
            break
        label = photo[start + 1 : start + 2]
        if xmp and (block == 0x2C or label == b"\xf9"):
            yield b"!\xff\x0bXMP DataXMP" + xmp + _XMP_TRAILER
            xmp = b""
        head = start + 2
        if block == 0x2C:
            flags = photo[start + 9 : start + 10]
            head = start + 11 + _palette_bytes(flags[0] if flags else 0)
        whole, end = _data_end(photo, head)
        if not whole:
            if picture_seen:
                break
            if block == 0x21 or head >= len(photo):
                raise BrokenImage("The GIF file ends too early.")
            # Whether enough pixels came is for the decoder to say.
            yield start, end
            if end + 1 < len(photo):
                yield bytes([len(photo) - end - 1])
                yield end + 1, len(photo)
            yield b"\0"
            break
        kept = label == b"\xff" and photo[start + 3 : start + 14] in _KEPT
        if block == 0x2C or label == b"\xf9" or kept:
            yield start, end
        picture_seen |= block == 0x2C
        start = end
    else:
        raise BrokenImage("The GIF file is in too many pieces.")
    yield b";"


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _data_end(photo: Data, start: int) -> tuple[bool, int]:
    """Whether all blocks from ``start`` on are there, and the end of the last that is."""
    while start < len(photo):
        size = photo[start]
        if not size:
            return True, start + 1
        if start + 1 + size > len(photo):
            break
        start += size + 1
    return False, min(start, len(photo))
