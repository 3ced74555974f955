"""Real files of every accepted type go in with a secret in each place that can hold one."""

from __future__ import annotations

import contextlib
import io
import mmap
import random
import struct
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import piexif
import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageCms, ImageSequence, PngImagePlugin
from skimage.data import astronaut

from cartoon_avatar.containers import BrokenImage
from cartoon_avatar.containers.clean import CLEANABLE, without_metadata
from cartoon_avatar.containers.sniff import media_type_of
from cartoon_avatar.contract.media_types import IMAGE_TYPES

SECRET = b"SECRET-Lindenstrasse-12"
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="'
    + SECRET
    + b'"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

pillow_heif.register_heif_opener()


@cache
def portrait(mode: str = "RGB", size: int = 96, shift: int = 0) -> Image.Image:
    picture = Image.fromarray(astronaut()).crop((150 + shift, 0, 350 + shift, 170))
    picture = picture.resize((size, size * 2 // 3)).convert("RGB")
    if mode in ("RGBA", "LA"):
        picture.putalpha(picture.convert("L"))
    return picture.convert(mode)


def exif_of(orientation: int | None = None, order: str = "MM") -> bytes:
    """EXIF with a place and a name; piexif writes big-endian, Pillow little-endian."""
    if order == "MM":
        zeroth: dict[int, object] = {piexif.ImageIFD.Artist: SECRET}
        if orientation:
            zeroth[piexif.ImageIFD.Orientation] = orientation
        place = {
            piexif.GPSIFD.GPSLatitude: ((52, 1), (31, 1), (1234567, 99991)),
            piexif.GPSIFD.GPSMapDatum: SECRET,
        }
        thumbnail = saved(portrait(), "JPEG", comment=SECRET)
        first = {piexif.ImageIFD.Compression: 6}
        return piexif.dump({"0th": zeroth, "GPS": place, "1st": first, "thumbnail": thumbnail})
    exif = Image.Exif()
    exif.endian = "<"
    exif[ExifTags.Base.Artist] = SECRET.decode()
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSMapDatum] = SECRET.decode()
    assert exif.tobytes()[6:8] == b"II"
    return exif.tobytes()


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body))


def riff(kind: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(body)) + body + b"\0" * (len(body) % 2)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def before_scans(photo: bytes, addition: bytes) -> bytes:
    """A JPEG with something before each of its scans."""
    start = photo.index(b"\xff\xda")
    scans = photo[start:].replace(b"\xff\xda", addition + b"\xff\xda")
    return photo[:start] + scans


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    options = {"exif": exif_of(), "icc_profile": ICC, "comment": SECRET, "xmp": XMP} | options
    return saved(portrait(mode), "JPEG", **options)


def jpeg_of_an_editor() -> bytes:
    photo = jpeg()
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x20\x1c\x02\x50\0\x18" + SECRET
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40 + SECRET * 900
    others = segment(0xED, iptc) + segment(0xE1, extended) * 3 + segment(0xEB, b"JP" + SECRET)
    jfxx = segment(0xE0, b"JFXX\0\x10" + SECRET)
    return photo[:20] + jfxx + others + photo[20:] + b"PK\3\4" + SECRET


def jpeg_with_thumbnail() -> bytes:
    photo = jpeg()
    assert photo[2:11] == b"\xff\xe0\x00\x10JFIF\0"
    pixels = (SECRET * 12)[: 9 * 9 * 3]
    return photo[:2] + segment(0xE0, photo[6:18] + b"\x09\x09" + pixels) + photo[20:]


def mpo() -> bytes:
    second = portrait(shift=40)
    second.encoderinfo = {"comment": SECRET}
    return saved(
        portrait(), "MPO", save_all=True, append_images=[second], exif=exif_of(), comment=SECRET
    )


def png(mode: str = "RGB", picture: Image.Image | None = None, **options: object) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", SECRET.decode())
    text.add_text("Comment", SECRET.decode() * 9, zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options = {"pnginfo": text, "exif": exif_of(), "icc_profile": ICC, "dpi": (72, 72)} | options
    photo = saved(picture or portrait(mode), "PNG", **options)
    end = photo.index(b"IEND") - 4
    more = chunk(b"tIME", b"\x07\xea\x02\x03\x04\x05\x06") + chunk(b"prVt", SECRET)
    return photo[:end] + more + photo[end:] + SECRET


def sixteen_bits() -> Image.Image:
    return portrait("L").convert("I").point(lambda value: value * 257).convert("I;16")


def apng(kind: Callable[..., bytes] = png) -> bytes:
    others = [portrait(shift=10), portrait(shift=20)]
    return kind(save_all=True, append_images=others, duration=[80, 120, 160])


def webp(mode: str = "RGB", **options: object) -> bytes:
    options = {"exif": exif_of(), "xmp": XMP, "icc_profile": ICC} | options
    photo = saved(portrait(mode), "WEBP", **options) + riff(b"PRVT", SECRET)
    return b"RIFF" + struct.pack("<I", len(photo) - 8) + photo[8:] + SECRET


def webp_with_a_note_in_each_frame() -> bytes:
    photo = saved(portrait(), "WEBP", save_all=True, append_images=[portrait(shift=9)], xmp=XMP)
    at, chunks = 12, b""
    while at < len(photo):
        kind, size = struct.unpack_from("<4sI", photo, at)
        body = photo[at + 8 : at + 8 + size]
        chunks += riff(kind, body + riff(b"NOTE", SECRET) if kind == b"ANMF" else body)
        at += 8 + size + size % 2
    return riff(b"RIFF", b"WEBP" + chunks)


def gif(**options: object) -> bytes:
    photo = saved(portrait("P"), "GIF", comment=SECRET, **options)
    start = 13 + (3 << (photo[10] & 7) + 1)
    # XMP stands outside the blocks and ends in a run that leads any reader back into them.
    magic = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    xmp = b"\x21\xff\x0bXMP DataXMP" + XMP + magic
    text = b"\x21\x01\x0c" + bytes(12) + bytes([len(SECRET)]) + SECRET + b"\0"
    return photo[:start] + xmp + text + photo[start:] + SECRET


def heic(pictures: int = 1, **options: object) -> bytes:
    file = pillow_heif.HeifFile()
    for index in range(pictures):
        file.add_from_pillow(portrait(shift=index * 10))
    out = io.BytesIO()
    options = {"exif": exif_of(), "xmp": XMP, "quality": 60} | options
    file.save(out, format="HEIF", **options)
    motion = box(b"mpvd", SECRET) + box(b"uuid", SECRET)
    return out.getvalue() + motion


def avif(**options: object) -> bytes:
    options = {"exif": exif_of(), "xmp": XMP, "icc_profile": ICC, "speed": 10} | options
    return saved(portrait(), "AVIF", **options)


JPEGS: dict[str, Callable[[], bytes]] = {
    "baseline": jpeg,
    "progressive": lambda: jpeg(progressive=True),
    "progressive with comments between the scans": lambda: before_scans(
        jpeg(progressive=True, exif=exif_of(order="II")),
        segment(0xFE, SECRET) + b"\xff\xff" + segment(0xE7, SECRET),
    ),
    "gray": lambda: jpeg("L", exif=exif_of(order="II")),
    "cmyk": lambda: jpeg("CMYK"),
    "restart markers": lambda: jpeg(restart_marker_blocks=2),
    "4:4:4, optimised": lambda: jpeg(quality=97, subsampling=0, optimize=True),
    "from an editor": jpeg_of_an_editor,
    "profile in two segments": lambda: jpeg(icc_profile=ICC + bytes(range(256)) * 300),
    "thumbnail in JFIF": jpeg_with_thumbnail,
    "two pictures": mpo,
    "with a film behind": lambda: jpeg() + box(b"ftyp", b"mp42" + SECRET) + jpeg(),
}
OTHERS: dict[str, Callable[[], bytes]] = {
    "png": png,
    "png rgba": lambda: png("RGBA"),
    "png palette": lambda: png("P", transparency=3),
    "png 16 bit": lambda: png(picture=sixteen_bits()),
    "png animated": apng,
    "webp lossy": webp,
    "webp lossless": lambda: webp(lossless=True),
    "webp alpha": lambda: webp("RGBA"),
    "webp simple": lambda: webp(exif=b"", xmp=b"", icc_profile=None),
    "webp animated": lambda: apng(webp),
    "webp note in frames": webp_with_a_note_in_each_frame,
    "gif": gif,
    "gif animated": lambda: apng(lambda **options: gif(loop=0, **options)),
    "heic": heic,
    "heic of three": lambda: heic(pictures=3),
    "avif": avif,
    "avif animated": lambda: apng(avif),
}
PHOTOS = JPEGS | OTHERS


@cache
def photo_of(name: str) -> bytes:
    return PHOTOS[name]()


def cleaned(photo: bytes) -> bytes:
    mime_type = media_type_of(photo[:64])
    assert mime_type in IMAGE_TYPES
    return b"".join(without_metadata(photo, mime_type))


def frames(photo: bytes) -> list[tuple]:
    image = Image.open(io.BytesIO(photo))
    if image.format == "MPO":
        image.seek(0)
        return [(image.mode, image.size, image.tobytes(), None)]
    return [
        (frame.mode, frame.size, frame.tobytes(), frame.info.get("duration"))
        for frame in ImageSequence.Iterator(image)
    ]


def orientation_of(photo: bytes) -> int | None:
    return Image.open(io.BytesIO(photo)).getexif().get(ExifTags.Base.Orientation)


@pytest.mark.parametrize("name", PHOTOS)
def test_pixels_profile_and_timing_stay_and_every_secret_goes(name: str) -> None:
    photo = photo_of(name)
    assert SECRET in photo

    clean = cleaned(photo)

    assert SECRET not in clean
    assert b"xmpmeta" not in clean
    assert frames(clean) == frames(photo)
    before, after = Image.open(io.BytesIO(photo)), Image.open(io.BytesIO(clean))
    assert after.info.get("icc_profile") == before.info.get("icc_profile")
    assert after.info.get("loop") == before.info.get("loop")
    assert after.info.get("transparency") == before.info.get("transparency")
    assert not dict(after.getexif())
    assert not after.getexif().get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("name", PHOTOS)
def test_cleaning_a_clean_file_changes_nothing(name: str) -> None:
    clean = cleaned(photo_of(name))
    assert cleaned(clean) == clean


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_is_still_one_that_other_decoders_read(name: str) -> None:
    photo = np.frombuffer(photo_of(name), np.uint8)
    clean = np.frombuffer(cleaned(photo_of(name)), np.uint8)
    assert (cv2.imdecode(clean, -1) == cv2.imdecode(photo, -1)).all()


@pytest.mark.parametrize("order", ["MM", "II"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", [jpeg, png, webp])
def test_the_orientation_stays(kind: Callable[..., bytes], orientation: int, order: str) -> None:
    photo = kind(exif=exif_of(orientation, order))
    assert orientation_of(photo) == orientation

    clean = cleaned(photo)

    assert orientation_of(clean) == (orientation if orientation > 1 else None)
    assert SECRET not in clean
    assert frames(clean) == frames(photo)
    assert cleaned(clean) == clean


def test_a_heic_keeps_its_orientation_outside_exif() -> None:
    photo = heic(exif=exif_of(6))
    assert Image.open(io.BytesIO(photo)).size == (64, 96)
    clean = cleaned(photo)
    assert SECRET not in clean
    assert frames(clean) == frames(photo)


def test_an_avif_keeps_its_orientation_outside_exif() -> None:
    clean = cleaned(avif(exif=exif_of(6)))
    assert orientation_of(clean) == 6
    assert SECRET not in clean


def test_what_a_heif_file_points_at_stays_where_it_was() -> None:
    photo = heic()
    clean = cleaned(photo)
    end = photo.index(b"mpvd") - 4
    assert len(clean) == end
    changed = [at for at in range(end) if photo[at] != clean[at]]
    assert len(changed) <= len(exif_of()) + len(XMP)


def test_a_film_inside_a_heif_file_is_blanked_where_it_cannot_be_cut_off() -> None:
    photo = heic()
    ftyp_end = int.from_bytes(photo[:4], "big")
    hidden = box(b"mpvd", SECRET)
    # Padding after the picture's data, so that no offset moves.
    photo = photo[: photo.index(b"mpvd") - 4] + hidden + box(b"mdat", b"")
    clean = cleaned(photo)
    assert clean[:ftyp_end] == photo[:ftyp_end]
    assert len(clean) == len(photo)
    assert clean.endswith(box(b"free", bytes(len(SECRET))) + box(b"mdat", b""))
    assert frames(clean) == frames(photo)


def test_a_heif_file_with_sound_is_not_a_picture() -> None:
    sound = box(b"moov", box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + b"soun" + bytes(13)))))
    with pytest.raises(BrokenImage, match="video"):
        cleaned(photo_of("heic") + sound)


def test_descriptions_inside_the_tracks_of_an_animation_are_blanked() -> None:
    photo = photo_of("avif animated") + box(b"moov", box(b"udta", SECRET))
    assert SECRET not in cleaned(photo)


@pytest.mark.parametrize("kind", [b"altt", b"crtt", b"mdft", b"itai", b"new!"])
def test_properties_of_a_heif_file_that_are_none_of_its_picture_are_blanked(kind: bytes) -> None:
    """A text for those who do not see, when it was taken, whatever may come."""
    photo = bytearray(photo_of("avif"))
    at = photo.index(b"colr")
    body = int.from_bytes(photo[at - 4 : at]) - 8
    photo[at : at + 4 + body] = kind + (SECRET * 50)[:body]
    clean = cleaned(bytes(photo))
    assert SECRET not in clean
    assert kind not in clean
    assert frames(clean) == frames(photo_of("avif"))


def test_when_an_animation_was_made_is_blanked() -> None:
    photo = bytearray(photo_of("avif animated"))
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = photo.index(kind) + 8
        photo[at : at + (16 if photo[at - 4] else 8)] = b"made" * (4 if photo[at - 4] else 2)
    clean = cleaned(bytes(photo))
    assert photo.count(b"made") >= 6
    assert b"made" not in clean
    assert frames(clean) == frames(photo_of("avif animated"))


def test_every_accepted_type_can_be_cleaned() -> None:
    assert frozenset(IMAGE_TYPES) == CLEANABLE


@pytest.mark.parametrize("name", OTHERS)
def test_the_type_of_real_files_is_told_by_64_bytes(name: str) -> None:
    told = media_type_of(photo_of(name)[:64])
    assert told == f"image/{name.split()[0]}"


@pytest.mark.parametrize("mime_type", IMAGE_TYPES)
@pytest.mark.parametrize("photo", [b"", b"\0", b"hello" * 20, b"\xff" * 400, bytes(400)])
def test_what_is_no_picture_is_broken(photo: bytes, mime_type: str) -> None:
    with pytest.raises(BrokenImage):
        without_metadata(photo, mime_type)


@pytest.mark.parametrize("length", [0, 1])
def test_a_jpeg_segment_shorter_than_its_length_field_is_broken(length: int) -> None:
    with pytest.raises(BrokenImage):
        cleaned(b"\xff\xd8\xff\xdb" + length.to_bytes(2, "big") + bytes(99) + jpeg()[2:])


def test_a_jpeg_segment_longer_than_the_file_is_broken() -> None:
    photo = jpeg()
    at = photo.index(b"\xff\xdb")
    with pytest.raises(BrokenImage):
        cleaned(photo[: at + 2] + b"\xff\xff" + photo[at + 4 : at + 900])


def test_a_jpeg_without_an_end_mark_is_left_to_the_decoder() -> None:
    photo = cleaned(jpeg())
    assert cleaned(photo[:-2]) == photo[:-2]


@pytest.mark.parametrize("marker", [0x01, 0x49, 0xBF, 0xC8, 0xF7, 0xFD])
def test_damaged_data_in_a_jpeg_is_left_to_the_decoder(marker: int) -> None:
    photo = bytearray(cleaned(jpeg()))
    photo[-300:-298] = bytes([0xFF, marker])
    assert cleaned(bytes(photo)) == photo


def test_a_jpeg_with_an_unknown_marker_between_its_segments_is_broken() -> None:
    photo = jpeg()
    with pytest.raises(BrokenImage, match="FFF7"):
        cleaned(photo[:20] + segment(0xF7, SECRET) + photo[20:])


def test_a_png_that_needs_an_unknown_chunk_is_broken() -> None:
    photo = png()
    with pytest.raises(BrokenImage):
        cleaned(photo[:33] + chunk(b"CgBI", SECRET) + photo[33:])


@pytest.mark.parametrize(
    "tiff",
    [
        b"",
        b"MM\0*",
        b"MM\0*\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0\x01",
        # The directory is the header itself, and its link leads back to it.
        b"MM\0*\0\0\0\0" + bytes(40),
        b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\xff\xff\xff\xff\0\6\0\0\0\0\0\x08",
        b"MM\0*\0\0\0\x08\0\1\x01\x12\0\x0c\0\0\0\1\0\6\0\0\0\0\0\x08",
        b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\x63\0\0\0\0\0\x08",
        b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1",
        b"garbage" * 9,
    ],
)
def test_exif_that_makes_no_sense_is_dropped(tiff: bytes) -> None:
    plain = saved(portrait(), "JPEG")
    photo = plain[:20] + segment(0xE1, b"Exif\0\0" + tiff) + plain[20:]
    assert cleaned(photo) == plain


@pytest.mark.parametrize(
    "tiff",
    [
        b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\x08",
        b"II*\0\x08\0\0\0\1\0\x12\x01\4\0\1\0\0\0\6\0\0\0\x08\0\0\0",
        # More entries promised than there are.
        b"MM\0*\0\0\0\x08\xff\xff\x01\x12\0\3\0\0\0\1\0\6\0\0",
    ],
)
def test_an_orientation_is_found_in_exif_that_loops_or_breaks_off(tiff: bytes) -> None:
    plain = saved(portrait(), "JPEG")
    photo = plain[:20] + segment(0xE1, b"Exif\0\0" + tiff + SECRET * 2) + plain[20:]
    clean = cleaned(photo)
    assert orientation_of(clean) == 6
    assert SECRET not in clean


@pytest.mark.parametrize("name", PHOTOS)
def test_a_file_cut_off_anywhere_is_cleaned_or_broken_and_nothing_else(name: str) -> None:
    photo = photo_of(name)
    mime_type = media_type_of(photo[:64])
    for end in [
        *range(0, 700, 3),
        *range(700, len(photo), 97),
        *range(len(photo) - 50, len(photo)),
    ]:
        with contextlib.suppress(BrokenImage):
            without_metadata(photo[:end], mime_type)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_damaged_file_is_cleaned_or_broken_and_nothing_else(name: str) -> None:
    photo = photo_of(name)
    mime_type = media_type_of(photo[:64])
    chance = random.Random(name)
    for _ in range(300):
        damaged = bytearray(photo)
        for _ in range(chance.choice([1, 1, 2, 8, 60])):
            # Most of the structure stands at the beginning.
            at = int(len(photo) * chance.random() ** 3)
            value = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
            if chance.random() < 0.3:
                damaged[at : at + 4] = bytes([value]) * 4
            else:
                damaged[at : at + 1] = bytes([value])
        with contextlib.suppress(BrokenImage):
            without_metadata(bytes(damaged), mime_type)


@pytest.mark.parametrize(
    ("mime_type", "photo"),
    [
        ("image/jpeg", b"\xff\xd8" + b"\xff\xe5\0\2" * 300_000),
        (
            "image/png",
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"aaAa", b"") * 200_000,
        ),
        (
            "image/webp",
            riff(b"RIFF", b"WEBP" + riff(b"VP8X", bytes(10)) + riff(b"ABCD", b"") * 200_000),
        ),
        ("image/heic", box(b"ftyp", b"heic") + box(b"free", b"") * 200_000),
    ],
)
def test_a_file_in_too_many_pieces_is_broken(mime_type: str, photo: bytes) -> None:
    with pytest.raises(BrokenImage, match="too many pieces"):
        without_metadata(photo, mime_type)


def test_a_list_of_items_that_takes_no_room_is_broken() -> None:
    item = struct.pack(">HHH", 1, 0, 0xFFFF)
    iloc = box(b"iloc", b"\0\0\0\0" + b"\0\0" + struct.pack(">H", 60_000) + item * 60_000)
    iinf = box(b"iinf", bytes(6))
    photo = box(b"ftyp", b"heic") + box(b"meta", bytes(4) + iinf + iloc)
    with pytest.raises(BrokenImage):
        without_metadata(photo, "image/heic")


@pytest.mark.parametrize("name", ["baseline", "png", "webp lossy", "gif", "heic", "avif"])
def test_pixels_are_never_copied_from_a_mapped_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "photo"
    photo = photo_of(name)
    file.write_bytes(photo)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as map_:
        pieces = without_metadata(map_, media_type_of(map_[:64]))
        assert b"".join(pieces) == cleaned(photo)
        views = [piece for piece in pieces if isinstance(piece, memoryview)]
        assert all(view.obj is map_ for view in views)
        del pieces
        for view in views:
            view.release()


def test_ten_megabytes_cost_no_memory() -> None:
    head, tail = photo_of("baseline")[:-2], photo_of("baseline")[-2:]
    photo = head + random.Random(1).randbytes(10_000_000).replace(b"\xff", b"\xff\0") + tail
    tracemalloc.start()
    try:
        pieces = without_metadata(photo, "image/jpeg")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(map(len, pieces)) > 10_000_000
    assert peak < 100_000
