"""GIF (89a): blocks."""

from __future__ import annotations

from collections.abc import Iterator

from cartoon_avatar.containers import MOST_PARTS, BrokenImage, Data, Part

# Looping, and the colour profile.
_KEPT = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})


def cleaned(photo: Data) -> Iterator[Part]:
    if photo[:6] not in (b"GIF87a", b"GIF89a"):
        raise BrokenImage("This is not a GIF file.")
    start = 13 + _palette_bytes(photo[10])
    yield 0, start
    for _ in range(MOST_PARTS):
        # Some writers leave the end mark out, and decoders do not miss it.
        block = photo[start] if start < len(photo) else 0x3B
        if block == 0x3B:
            yield b";"
            return
        if block == 0x2C:
            end = _data_end(photo, start + 11 + _palette_bytes(photo[start + 9]))
            yield start, end
        elif block == 0x21:
            end = _data_end(photo, start + 2)
            label = photo[start + 1]
            if label == 0xF9 or (label == 0xFF and photo[start + 3 : start + 14] in _KEPT):
                yield start, end
        else:
            raise BrokenImage("The GIF file has a block that GIF does not have.")
        start = end
    raise BrokenImage("The GIF file is in too many pieces.")


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _data_end(photo: Data, start: int) -> int:
    while size := photo[start]:
        start += size + 1
    return start + 1
