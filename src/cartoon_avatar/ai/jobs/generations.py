"""What is done here around a generator's drawing: the photo is prepared, the response judged."""

from __future__ import annotations

from dataclasses import dataclass

from cartoon_avatar.ai.engines.drawing import Clock, Report, unwatched
from cartoon_avatar.ai.head.cut import same_shape
from cartoon_avatar.ai.jobs.drawings import opened_photo, require_seeing
from cartoon_avatar.ai.jobs.marks import mark_of_part
from cartoon_avatar.ai.jobs.results import thumbnail_of
from cartoon_avatar.ai.jobs.tools import Tools
from cartoon_avatar.ai.pictures import WHITE, Picture, decode, laid_on, to_jpeg, to_webp
from cartoon_avatar.ai.seeing.alignment import is_aligned
from cartoon_avatar.ai.seeing.scene import open_scene
from cartoon_avatar.containers.marks import Mark
from cartoon_avatar.contract.boxes import Box, FaceBox
from cartoon_avatar.contract.options import Framing


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a generator is sent, ``data``, a JPEG without metadata, and what is known of it."""

    data: bytes
    width: int
    height: int
    photo_width: int
    photo_height: int
    faces: int
    crop: Box
    face_boxes: tuple[FaceBox, ...]
    thumbnail: bytes
    stages: dict[str, float]


@dataclass(frozen=True, slots=True)
class Judged:
    """A generator's picture, decoded as any untrusted picture is and encoded anew. ``aligned``: it
    shows the face where the photo does."""

    data: bytes
    mime_type: str
    width: int
    height: int
    thumbnail: bytes
    aligned: bool
    stages: dict[str, float]


def prepare(
    tools: Tools,
    data: bytes,
    long_side: int,
    framing: Framing,
    face: int,
    thumbnail: bool,
    *,
    report: Report = unwatched,
) -> Prepared:
    """Raises ``InvalidImage``, ``ImageTooLarge`` and ``FaceIndexOutOfRange``."""
    require_seeing(tools)
    clock = Clock(report=report)
    photo, closer = opened_photo(tools, data)
    clock.done("decode")
    scene = open_scene(
        photo.picture,
        tools.eyes.find_faces,
        None,
        face=face,
        framing=framing,
        long_side=long_side,
        full_size=(photo.width, photo.height),
        closer=closer,
    )
    clock.done("faces")
    encoded = to_jpeg(laid_on(scene.picture, WHITE))
    small = thumbnail_of(photo.picture, tools.xmp(mark_of_part(data))) if thumbnail else b""
    clock.done("encode")
    return Prepared(
        data=encoded,
        width=scene.picture.width,
        height=scene.picture.height,
        photo_width=photo.width,
        photo_height=photo.height,
        faces=len(scene.faces),
        crop=scene.crop,
        face_boxes=scene.faces,
        thumbnail=small,
        stages=clock.stages,
    )


def judge(
    tools: Tools,
    data: bytes,
    long_side: int,
    mark: Mark,
    thumbnail: bool,
    sent: bytes | None,
    *,
    report: Report = unwatched,
) -> Judged:
    """``sent`` is what the drawing in ``data`` is compared with; None where that is not asked.

    Raises ``InvalidImage`` and ``ImageTooLarge``.
    """
    clock = Clock(report=report)
    picture = decode(data, max_pixels=tools.max_pixels, long_side=long_side).picture
    kind, encode = ("webp", to_webp) if picture.alpha is not None else ("jpeg", to_jpeg)
    xmp = tools.xmp(mark)
    encoded = encode(picture, xmp=xmp)
    small = thumbnail_of(picture, xmp) if thumbnail else b""
    clock.done("judge")
    aligned = False
    if sent is not None:
        photo = decode(sent, max_pixels=tools.max_pixels, long_side=long_side).picture
        aligned = _shows_the_same(tools, photo, picture)
        clock.done("compare")
    return Judged(
        encoded, f"image/{kind}", picture.width, picture.height, small, aligned, clock.stages
    )


def _shows_the_same(tools: Tools, photo: Picture, drawing: Picture) -> bool:
    """Whether the photo's main face is in the same place of the drawing; no, where none is seen."""
    if not same_shape(photo, drawing):
        return False
    faces, drawn = tools.eyes.find_faces(photo), tools.eyes.find_faces(drawing)
    if not faces:
        return False
    scale = photo.width / drawing.width
    return any(is_aligned(faces[0], face.scaled(scale)) for face in drawn)
