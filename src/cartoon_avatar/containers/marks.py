"""Marks in picture files that say how a picture was made: an XMP packet (ISO 16684-1) that holds
the digital source type of the IPTC and the engine, and nothing of who or where.

Packets are found by scanning, as XMP is made to be, and only the terms below are taken from a
stranger's: nothing else of it is parsed or kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from cartoon_avatar.containers import Data

# Terms of https://cv.iptc.org/newscodes/digitalsourcetype/ (2024-09-17).
ALGORITHMICALLY_ENHANCED = "algorithmicallyEnhanced"
ALGORITHMIC_MEDIA = "algorithmicMedia"
COMPOSITE_WITH_TRAINED_MEDIA = "compositeWithTrainedAlgorithmicMedia"
TRAINED_MEDIA = "trainedAlgorithmicMedia"

# What says that AI made a picture or a part of it. A file that names several, as one of C2PA with
# its ingredients does, is what the first of them says.
AI_TERMS = (COMPOSITE_WITH_TRAINED_MEDIA, "compositeSynthetic", TRAINED_MEDIA)

# The engine whose styles are rules: it generates nothing.
BUILT_IN = "built-in"

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# As an attribute or element of XMP, or in the CBOR or JSON of a C2PA manifest. It begins with a
# literal, which is found at memory speed.
_TERM = re.compile(
    rb"igitalSource(?:file)?[tT]ype.{0,60}?digitalsourcetype/([A-Za-z]{4,48})(?![A-Za-z])",
    re.DOTALL,
)
_MADE_BY = re.compile(rb'"cartoon-avatar ([a-z0-9-]{1,32}) ([^"<&]{1,120})"')


@dataclass(frozen=True, slots=True)
class Mark:
    """``source_type`` is a term of the IPTC; ``engine`` is empty where only that is known."""

    source_type: str
    engine: str = ""
    version: str = ""


def ai_term_in(data: Data) -> str | None:
    """What the file says of AI: one of ``AI_TERMS``; None where it says nothing."""
    found = set(_terms_in(data))
    return next((term for term in AI_TERMS if term in found), None)


def mark_in(data: Data) -> Mark | None:
    """The mark that ``packet_of`` made of a file of ours."""
    made_by = _MADE_BY.search(data)
    terms = _terms_in(data)
    if made_by is None or not terms:
        return None
    return Mark(terms[0], made_by[1].decode(), made_by[2].decode("utf-8", "replace"))


def _terms_in(data: Data) -> list[str]:
    return [term.decode() for term in _TERM.findall(data)]


def term_url(source_type: str) -> str:
    return _VOCABULARY + source_type


def packet_of(mark: Mark) -> bytes:
    """The XMP packet of a file that carries ``mark``."""
    begin = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    xml = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{rdf_of(mark)}</x:xmpmeta>'
    return f'{begin}{xml}<?xpacket end="r"?>'.encode()


def rdf_of(mark: Mark) -> str:
    """What the packet wraps; an SVG's ``<metadata>`` holds it as it is."""
    properties = {"Iptc4xmpExt:DigitalSourceType": term_url(mark.source_type)}
    if mark.engine:
        properties["xmp:CreatorTool"] = f"cartoon-avatar {mark.engine} {mark.version}"
    # Where it is the photo that AI made, our own engine is not that AI.
    if mark.engine not in ("", BUILT_IN) and mark.source_type in AI_TERMS:
        properties["Iptc4xmpExt:AISystemUsed"] = mark.engine
        properties["Iptc4xmpExt:AISystemVersionUsed"] = mark.version
    attributes = " ".join(f"{name}={quoteattr(value)}" for name, value in properties.items())
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmlns:xmp="http://ns.adobe.com/xap/1.0/" {attributes}/></rdf:RDF>'
    )
