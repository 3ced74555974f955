"""A head is cut out of a drawing: by the photo it was drawn from, by its shapes, or by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.classic import recipe as classic
from cartoon_avatar.ai.engines.drawing import Clock, Report, unwatched
from cartoon_avatar.ai.errors import FaceIndexOutOfRange, ModelsMissing
from cartoon_avatar.ai.head import cut as head_cut
from cartoon_avatar.ai.head.cut import Head
from cartoon_avatar.ai.head.shapes import cut_along_shapes
from cartoon_avatar.ai.jobs.drawings import looked_at, opened_scene, require_seeing
from cartoon_avatar.ai.jobs.marks import mark_of_part
from cartoon_avatar.ai.jobs.results import Result, thumbnail_of
from cartoon_avatar.ai.jobs.tools import Tools
from cartoon_avatar.ai.pictures import Picture, decode, laid_on, to_jpeg, to_png, to_webp
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.framing import (
    in_crop,
    inside_frame,
    portrait,
    resampled,
    scaled,
    whole,
)
from cartoon_avatar.ai.seeing.head_room import with_head_room
from cartoon_avatar.ai.seeing.models import ModelMissing
from cartoon_avatar.contract.boxes import Box
from cartoon_avatar.contract.errors import NoFace
from cartoon_avatar.contract.options import Framing, HeadFormat

# A head is at most 1024 px wide: a larger drawing would not make it finer.
_CUT_FROM_PX = 2048
# The widest outline that any style draws, as share of a drawing's long side, for all styles.
_WIDEST_LINE = max(
    style.line_width * max(1, style.ink.outline) for style in classic.STYLES if style.ink
)
# Milliseconds for a drawing of 1024 px and its photo.
_STAGES_MS = {"decode": 30, "cut": 350, "encode": 40}


@dataclass(frozen=True, slots=True)
class DrawnAs:
    """How a cartoon was drawn of its photo, so that it can be drawn again."""

    style: str
    seed: int
    framing: Framing = "portrait"


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """How a head is to be cut; ``background`` is RGB, None for transparent; ``size`` is the side
    of its square in px.

    ``crop`` is the part of the upright original that the cartoon shows, all of it if None; then
    ``face`` still counts the faces of the whole original. With ``drawn_as`` a drawing of shapes is
    cut along them.
    """

    kind: HeadFormat = "png"
    background: tuple[int, int, int] | None = None
    size: int | None = None
    face: int = 0
    thumbnail: bool = False
    crop: Box | None = None
    drawn_as: DrawnAs | None = None


def cut_head(
    tools: Tools,
    cartoon: bytes,
    original: bytes | None,
    options: HeadOptions,
    *,
    report: Report = unwatched,
) -> Result:
    """Cut the head out of a cartoon, by its original where that is given.

    Raises InvalidImage, ImageTooLarge, NoFace and FaceIndexOutOfRange.
    """
    size, face, crop = options.size, options.face, options.crop
    clock = Clock(_STAGES_MS, report)
    drawing = decode(cartoon, max_pixels=tools.max_pixels, long_side=_CUT_FROM_PX)
    head = None
    if original is not None and options.drawn_as is not None:
        head = _head_of_shapes(
            tools, drawing.picture, original, options.drawn_as, face, size, clock
        )
    if head is None:
        photo = _photo_behind(tools, drawing.picture, original, crop)
        clock.done("decode")
        known, faces = _known_face(tools, drawing.picture, original, photo, crop, face)
        head = _head(tools, drawing.picture, photo, size, face, known)
        head = replace(head, faces=faces or head.faces)
    clock.done("cut")

    picture = head.picture
    if options.background is not None:
        picture = laid_on(picture, options.background)
    mark = mark_of_part(cartoon, original)
    xmp = tools.xmp(mark)
    encoded = {"png": to_png, "webp": to_webp, "jpeg": to_jpeg}[options.kind](picture, xmp=xmp)
    small = thumbnail_of(picture, xmp) if options.thumbnail else b""
    clock.done("encode")
    scale = drawing.width / drawing.picture.width
    left, top, width, height = (round(value * scale) for value in head.box)
    flags = {"cut-by-frame": head.cut_by_frame, "low-resolution": head.low_resolution}
    return Result(
        data=encoded,
        mime_type=f"image/{options.kind}",
        width=picture.width,
        height=picture.height,
        photo_width=drawing.width,
        photo_height=drawing.height,
        stages=clock.stages,
        faces=head.faces,
        box=(left, top, width, height),
        path=head.path,
        flags=tuple(name for name, true in flags.items() if true),
        thumbnail=small,
        mark=mark,
    )


def head_of(
    tools: Tools, cartoon: bytes, original: bytes | None, size: int | None, face_index: int
) -> Picture:
    """The head alone, of a cartoon that shows its original whole or framed as a portrait.

    Raises InvalidImage, ImageTooLarge, NoFace and FaceIndexOutOfRange.
    """
    drawing = decode(cartoon, max_pixels=tools.max_pixels, long_side=_CUT_FROM_PX)
    photo = _photo_behind(tools, drawing.picture, original)
    crop = None
    if original is not None and photo and not head_cut.same_shape(photo, drawing.picture):
        crop = _portrait_of(tools, original, face_index, drawing.picture)
        photo = _photo_behind(tools, drawing.picture, original, crop)
    known, _ = _known_face(tools, drawing.picture, original, photo, crop, face_index)
    return _head(tools, drawing.picture, photo, size, face_index, known).picture


def _head_of_shapes(
    tools: Tools,
    drawing: Picture,
    original: bytes,
    drawn_as: DrawnAs,
    face: int,
    size: int | None,
    clock: Clock,
) -> Head | None:
    """The head of a drawing of shapes; None where it is none, or another engine drew it."""
    # A stored cartoon's style may no longer exist.
    style = {one.name: one for one in drawn.STYLES}.get(drawn_as.style)
    if style is None:
        return None
    long_side = max(drawing.width, drawing.height)
    _, scene = opened_scene(tools, original, long_side, drawn_as.framing, face, clock)
    same_size = (scene.picture.width, scene.picture.height) == (drawing.width, drawing.height)
    if not scene.people or not same_size:
        return None
    head = drawn.head_alone(scene, style, drawn_as.seed)
    return cut_along_shapes(
        drawing,
        head.rendered,
        scene.picture,
        scene.people,
        faces=len(scene.faces),
        outline_px=head.outline * long_side,
        ink=head.ink,
        size=size,
        models=tools.models,
    )


def _portrait_of(tools: Tools, original: bytes, face_index: int, drawing: Picture) -> Box:
    """The part of the upright original that ``drawing``, a portrait of that face, shows.

    Hats get room where the masks show them, and frames are left out; older drawings know neither:
    which it was, the likeness tells.
    """
    photo = looked_at(tools, original)
    faces = tools.eyes.find_faces(photo.picture)
    face = _numbered(faces, face_index)
    others = [one for one in faces if one is not face]
    crops = []
    find_masks = tools.eyes.find_masks
    everything = whole(photo.picture.width, photo.picture.height)
    for within in {everything, inside_frame(photo.picture)}:
        usual = portrait(face, others, within)
        crops.append(usual)
        if find_masks is not None:
            crops.append(with_head_room(photo.picture, within, usual, face, others, find_masks))
    crop = max(crops, key=lambda crop: _likeness(drawing, resampled(photo.picture, crop, 64)))
    full = photo.width / photo.picture.width
    return scaled(crop, full, full)


def _likeness(drawing: Picture, photo: Picture) -> float:
    """How well light and dark of the two go together, -1..1."""
    size = photo.width, photo.height
    small = cv2.resize(drawing.rgb, size, interpolation=cv2.INTER_AREA)
    first, second = (cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).ravel() for rgb in (small, photo.rgb))
    return float(np.corrcoef(first, second)[0, 1])


def _numbered(faces: list[Face], face_index: int) -> Face:
    if not faces:
        raise NoFace
    if face_index >= len(faces):
        raise FaceIndexOutOfRange(face_index, len(faces))
    return faces[face_index]


def _known_face(
    tools: Tools,
    drawing: Picture,
    original: bytes | None,
    photo: Picture | None,
    crop: Box | None,
    face_index: int,
) -> tuple[Face | None, int]:
    """The original's face of that number, in pixels of ``photo``, which shows ``crop`` of it, and
    how many faces the original has.

    They are found where they were for the drawing: at another size others may be. None and 0 where
    ``drawing`` does not show the same as ``photo``. Raises NoFace and FaceIndexOutOfRange.
    """
    if original is None or photo is None or not head_cut.same_shape(photo, drawing):
        return None, 0
    require_seeing(tools)
    look = looked_at(tools, original)
    faces = tools.eyes.find_faces(look.picture)
    face = _numbered(faces, face_index)
    everything = whole(look.width, look.height)
    shown = crop or everything
    in_full = in_crop(face, everything, look.width / look.picture.width)
    return in_crop(in_full, shown, photo.width / shown.width), len(faces)


def _photo_behind(
    tools: Tools, drawing: Picture, original: bytes | None, crop: Box | None = None
) -> Picture | None:
    """``crop`` of the original, no larger than ``drawing``."""
    if original is None:
        return None
    longest = max(drawing.width, drawing.height)
    return decode(original, max_pixels=tools.max_pixels, long_side=longest, crop=crop).picture


def _head(
    tools: Tools,
    drawing: Picture,
    photo: Picture | None,
    size: int | None,
    face_index: int,
    known: Face | None = None,
) -> Head:
    line_px = _WIDEST_LINE * max(drawing.width, drawing.height)
    try:
        return head_cut.cut(
            drawing,
            tools.models,
            photo,
            face_index=face_index,
            known=known,
            size=size,
            ink_width_px=line_px,
        )
    except ModelMissing as error:
        raise ModelsMissing from error
