"""JPEG (ITU-T T.81, annex B): segments and the coded data between them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from cartoon_avatar.containers import MOST_PARTS, BrokenImage, Data, Part
from cartoon_avatar.containers.exif import exif_with, orientation_in

# FF before 00 or FF is no marker, and restart markers belong to the coded data.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_ARITHMETIC = {*range(0xC9, 0xD0)} - {0xCC}
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
# SOF0..15 with DHT and DAC among them, but not C8 (reserved); SOS, DQT, DNL, DRI, DHP, EXP.
_OF_THE_PICTURE = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0)} - {0xC8})
_APPLICATION, _COMMENT, _ADOBE = frozenset(range(0xE0, 0xF0)), 0xFE, 0xEE
# Of a progressive one without its end, to see whether it is whole.
_MOST_COEFFICIENT_BYTES = 48_000_000
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_WITH_LENGTH = _OF_THE_PICTURE | _APPLICATION | {_COMMENT}


def segments(data: Data) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment, as libjpeg comes upon them.

    A segment may end past the end of ``data``. A marker that does not exist is two bytes long.
    """
    end = 2
    for _ in range(MOST_PARTS):
        found = _MARKER.search(data, end)
        if found is None:
            return
        start = found.start()
        marker = data[start + 1]
        end = start + 2
        if marker in _WITH_LENGTH:
            end += int.from_bytes(data[end : end + 2])
        yield marker, start, end
    raise BrokenImage("The JPEG file is in too many pieces.")


def cleaned(photo: Data, xmp: bytes = b"") -> Iterator[Part]:
    """With ``xmp`` as its packet."""
    if photo[:2] != b"\xff\xd8":
        raise BrokenImage("This is not a JPEG file.")
    yield 0, 2
    position = 2
    in_scan = scan_seen = exif_seen = False
    for marker, start, end in segments(photo):
        if in_scan:
            if marker not in _WITH_LENGTH and marker not in (_SOI, _EOI):
                continue  # damaged data can look like it: decoders live with it
            # Outside a scan decoders skip whatever stands between two segments.
            yield position, start
        if marker == _EOI:
            if not scan_seen:
                raise BrokenImage("The JPEG file holds no picture.")
            # What follows are second pictures, gain maps, videos and other people's trailers.
            yield start, end
            return
        if marker not in _WITH_LENGTH:
            raise BrokenImage(f"The JPEG file has a marker FF{marker:02X} where none may be.")
        if end < start + 4 or end > len(photo):
            if in_scan:
                return  # something else stands where the end mark should
            raise BrokenImage("A segment of the JPEG file is longer than the file.")

        head = bytes(photo[start + 4 : min(start + 18, end)])
        if marker in _OF_THE_PICTURE:
            if xmp:  # behind JFIF and EXIF, which readers want first
                yield _segment(0xE1, _XMP + xmp)
                xmp = b""
            yield start, end
        elif marker == 0xE0 and head.startswith(b"JFIF\0") and len(head) == 14:
            # Without the thumbnail that may follow: it can show what was cropped away.
            yield _segment(0xE0, head[:12] + b"\0\0")
        elif marker == 0xE1 and head.startswith(b"Exif\0") and not exif_seen:
            exif_seen = True
            if orientation := orientation_in(photo, start + 4, end):
                yield _segment(0xE1, b"Exif\0\0" + exif_with(orientation))
        elif marker == 0xE2 and head.startswith(b"ICC_PROFILE\0"):
            yield start, end
        elif marker == _ADOBE and head.startswith(b"Adobe") and len(head) >= 12:
            # Says whether the colours are RGB, CMYK or their YCC forms.
            yield _segment(_ADOBE, head[:12])
        in_scan = marker == _SOS
        scan_seen |= in_scan
        position = end
    if not in_scan:
        raise BrokenImage("The JPEG file ends too early.")
    # No end marker: whether enough pixels came is for the decoder to say.
    yield position, len(photo)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def skeleton(data: bytes) -> bytes | None:
    """The file without its coded data, as one of 8 × 8 px, where it has several scans.

    A decoder of several scans refuses a file only with the coefficients of the whole picture at
    hand, 3 to 12 bytes a pixel. Coded data libjpeg never refuses, only what stands between it: a
    decoder that refuses this refuses the file. Raises BrokenImage where the end is missing.
    """
    shown = bytearray(b"\xff\xd8")
    progressive, scans, ended = False, 0, False
    for marker, start, end in segments(data):
        segment = data[start:end]
        if marker == _EOI:
            shown += segment
            ended = True
            break
        if marker in _SOF:
            progressive = marker in _PROGRESSIVE
            segment = segment[:5] + struct.pack(">HH", 8, 8) + segment[9:]
        scans += marker == _SOS
        # Without metadata and comments, but with what says how the colours are stored.
        if marker == _ADOBE or marker not in _APPLICATION | {_COMMENT}:
            shown += segment
    if not progressive and scans < 2:
        return None
    if not ended:
        raise BrokenImage("The JPEG file ends too early.")
    return bytes(shown)


def coded_end(data: bytes) -> tuple[int, bool]:
    """Where the coded data of the picture ends, and whether the end mark stands there.

    Raises BrokenImage where a scan of the picture is missing or would take too much to look at.
    """
    seen: dict[int, set[tuple[int, int]]] = {}  # component: coefficient, bits still to come
    progressive = arithmetic = in_scan = too_large = False
    # Without the first half of an end mark.
    coded_to = len(data) - data.endswith(b"\xff")
    for marker, start, end in segments(data):
        if marker == _EOI:
            # Arithmetic coders leave out zeros at the end: what stands behind matters to them.
            return len(data) if arithmetic else start, True
        if marker not in _WITH_LENGTH and in_scan:
            continue
        if end > len(data):
            coded_to = start
            break
        if marker in _SOF:
            progressive, arithmetic = marker in _PROGRESSIVE, marker in _ARITHMETIC
            seen = {data[at]: set() for at in range(start + 10, end, 3)}
            needed = _coefficient_bytes(data[start:end]) if progressive else 0
            too_large = needed > _MOST_COEFFICIENT_BYTES
        elif marker == _SOS:
            if data[start + 4] > 4 or end - start != 8 + 2 * data[start + 4]:
                raise BrokenImage("A scan of the JPEG file has no such header.")
            first, last, bits = data[end - 3 : end]
            for at in range(start + 5, end - 3, 2):
                if data[at] in seen:
                    seen[data[at]] |= {
                        (index, bits & 15) for index in range(first, min(last, 63) + 1)
                    }
        in_scan = marker == _SOS
    wanted = {(index, 0) for index in range(64)}
    if too_large or arithmetic:
        raise BrokenImage("The JPEG file ends too early.")
    if not in_scan or not seen or any(wanted - found for found in seen.values()):
        raise BrokenImage("The JPEG file lacks a part of its picture.")
    return coded_to, False


def _coefficient_bytes(frame: bytes) -> int:
    """What libjpeg keeps of a picture of several scans: two bytes a sample."""
    height, width = struct.unpack_from(">HH", frame, 5)
    factors = [(frame[at] >> 4) * (frame[at] & 15) for at in range(11, len(frame), 3)]
    return 2 * width * height * sum(factors) // max(1, *factors)
