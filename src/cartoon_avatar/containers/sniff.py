"""The media type of an image by its first bytes, for both services."""

from __future__ import annotations

# As many as are looked at; more brands than fit are not read.
HEAD_BYTES = 256

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEVC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
# HEIF pictures of any codec.
_OPEN_BRANDS = frozenset({b"mif1", b"msf1"})


def media_type_of(head: bytes) -> str | None:
    """What the file that begins with ``head`` (``HEAD_BYTES`` of it) is, if we accept it."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[4:8] == b"ftyp":
        return _heif_type(head[:HEAD_BYTES])
    return None


def _heif_type(head: bytes) -> str | None:
    """The major brand decides where it names a codec: it is the file's best use (ISO/IEC
    14496-12, 4.3), and decoders go by it. Compatible brands, in any order, decide for the rest;
    AVIF goes first, since its files call themselves mif1 too."""
    major = head[8:12]
    if major in _AVIF_BRANDS:
        return "image/avif"
    if major in _HEVC_BRANDS:
        return "image/heic"
    end = min(int.from_bytes(head[:4]), len(head))
    brands = {head[at : at + 4] for at in range(16, end - 3, 4)} | {major}
    if brands & _AVIF_BRANDS:
        return "image/avif"
    return "image/heic" if brands & (_HEVC_BRANDS | _OPEN_BRANDS) else None
