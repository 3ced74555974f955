"""What an uploaded photo says of AI stays when its metadata goes, in every type."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image, PngImagePlugin

from cartoon_avatar.containers.marks import AI_TERMS, Mark, ai_term_in, mark_in, packet_of
from tests.containers.test_clean import (
    SECRET,
    XMP,
    avif,
    chunk,
    cleaned,
    frames,
    gif,
    heic,
    jpeg,
    png,
    portrait,
    riff,
    saved,
    segment,
    webp,
)
from tests.marks import TERMS, said_of, xmp_of

TRAINED = "trainedAlgorithmicMedia"


def packet(term: str, *, as_element: bool = False) -> bytes:
    """As an editor writes it: a secret beside the term."""
    value = (TERMS + term).encode()
    namespace = b' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    if as_element:
        inside = b"<Iptc4xmpExt:DigitalSourceType>" + value + b"</Iptc4xmpExt:DigitalSourceType>"
        more = b">" + inside + b"</rdf:Description>"
    else:
        more = b' Iptc4xmpExt:DigitalSourceType="' + value + b'"/>'
    return XMP.replace(b"<rdf:Description", b"<rdf:Description" + namespace).replace(b"/>", more, 1)


def png_saying(xmp: bytes) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return png(pnginfo=text)


SAYING: dict[str, Callable[[bytes], bytes]] = {
    "jpeg": lambda xmp: jpeg(xmp=xmp),
    "progressive": lambda xmp: jpeg(xmp=xmp, progressive=True),
    "png": png_saying,
    "webp": lambda xmp: webp(xmp=xmp),
    "webp alpha": lambda xmp: webp("RGBA", xmp=xmp),
    "gif": lambda xmp: gif().replace(XMP, xmp),
    "heic": lambda xmp: heic(xmp=xmp),
    "avif": lambda xmp: avif(xmp=xmp),
}


def xmp_by_pillow(photo: bytes) -> bytes:
    info = Image.open(io.BytesIO(photo)).info
    return info["xmp"]


@pytest.mark.parametrize("kind", SAYING)
@pytest.mark.parametrize("term", AI_TERMS)
def test_a_photo_that_ai_made_says_so_when_place_and_name_are_gone(kind: str, term: str) -> None:
    photo = SAYING[kind](packet(term))
    assert SECRET in photo
    clean = cleaned(photo)
    assert SECRET not in clean
    assert frames(clean) == frames(photo)
    assert ai_term_in(clean) == term
    # libexiv2 reads no GIF, and neither HEIC nor AVIF as pyexiv2 builds it.
    if kind == "gif":
        assert b"!\xff\x0bXMP DataXMP" + packet_of(Mark(term)) + b"\1\xff\xfe" in clean
    elif kind in ("heic", "avif"):
        assert xmp_by_pillow(clean).rstrip() == packet_of(Mark(term))
    else:
        assert xmp_of(clean) == {"Xmp.iptcExt.DigitalSourceType": TERMS + term}
    assert cleaned(clean) == clean


def test_the_term_is_found_as_an_element_too() -> None:
    assert said_of(cleaned(jpeg(xmp=packet(TRAINED, as_element=True)))) == (TRAINED, "")


def test_what_a_camera_says_of_itself_goes() -> None:
    clean = cleaned(jpeg(xmp=packet("digitalCapture")))
    assert not xmp_of(clean)
    assert b"digitalCapture" not in clean


def manifest(*terms: str) -> bytes:
    """Of C2PA, as far as terms are concerned: CBOR keys and texts, and who signed it."""
    said = b""
    for term in terms:
        url = (TERMS + term).encode()
        said += b"jactionlc2pa.createdqdigitalSourceType\x78" + bytes([len(url)]) + url
    return b"jumbc2pa" + SECRET + said + b"\xa1" + SECRET


@pytest.mark.parametrize(
    ("terms", "kept"),
    [
        ((TRAINED,), TRAINED),
        (("digitalCapture",), None),
        # A picture of parts of which one was generated.
        ((TRAINED, "compositeWithTrainedAlgorithmicMedia"), "compositeWithTrainedAlgorithmicMedia"),
    ],
)
def test_what_only_a_c2pa_manifest_says_is_said_by_xmp(
    terms: tuple[str, ...], kept: str | None
) -> None:
    plain, c2pa = saved(portrait(), "JPEG"), manifest(*terms)
    in_jpeg = plain[:2] + segment(0xEB, b"JP\0\1" + c2pa) + plain[2:]
    bare = saved(portrait(), "PNG")
    in_png = bare[:33] + chunk(b"caBX", c2pa) + bare[33:]
    extended = saved(portrait("RGBA"), "WEBP")
    in_webp = riff(b"RIFF", extended[8:] + riff(b"C2PA", c2pa))
    for photo in (in_jpeg, in_png, in_webp):
        clean = cleaned(photo)
        assert SECRET not in clean
        assert b"jumb" not in clean
        assert said_of(clean) == (kept or "", "")


def test_a_mark_is_read_back_as_it_was_written() -> None:
    mark = Mark(TRAINED, "clay", 'black-forest-labs/flux & "co"'.replace('"', "'"))
    photo = jpeg(xmp=packet_of(Mark(TRAINED, "clay", "gpt-image-1")))
    assert mark_in(photo) == Mark(TRAINED, "clay", "gpt-image-1")
    assert xmp_of(jpeg(xmp=packet_of(mark)))["Xmp.iptcExt.AISystemVersionUsed"] == mark.version
    assert mark_in(jpeg(xmp=packet(TRAINED))) is None  # not one of ours
