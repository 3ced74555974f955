"""A photo becomes a drawing: decoded, looked at, drawn by the style's engine, encoded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cartoon_avatar.ai.engines import drawn
from cartoon_avatar.ai.engines.drawing import Clock, Drawing, Report, unwatched
from cartoon_avatar.ai.engines.protocol import DrawingOptions
from cartoon_avatar.ai.errors import ModelsMissing, UnknownStyle
from cartoon_avatar.ai.jobs.marks import mark_of_drawing, mark_of_part
from cartoon_avatar.ai.jobs.results import Result, thumbnail_of
from cartoon_avatar.ai.jobs.tools import Tools
from cartoon_avatar.ai.pictures import Photo, Picture, decode, to_jpeg, to_webp
from cartoon_avatar.ai.seeing.detector import lengthened
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from cartoon_avatar.containers.dimensions import upright_size
from cartoon_avatar.containers.marks import rdf_of
from cartoon_avatar.containers.sniff import media_type_of
from cartoon_avatar.contract.boxes import Box
from cartoon_avatar.contract.limits import CARTOON_PX
from cartoon_avatar.contract.media_types import SVG
from cartoon_avatar.contract.options import Framing

# Long side of the copy of a photo in which faces are detected, of one that is not long.
_LOOK_PX = 1024
# Milliseconds for a photo of 2 megapixels, beside those of the engines' stages.
_BEFORE_MS = {"decode": 25, "faces": 30, "masks": 60}
_AFTER_MS = {"encode": 12}


@dataclass(frozen=True, slots=True)
class CartoonOptions:
    """How a photo is to be drawn; ``long_side`` in px, ``face`` counts the faces of the upright
    photo, the most prominent first."""

    style: str
    seed: int
    long_side: int = CARTOON_PX
    framing: Framing = "portrait"
    face: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A drawing, and the photo it was made of, scaled down. Stages are in seconds."""

    drawing: Drawing
    scene: Scene
    photo: Photo
    stages: dict[str, float]


def draw(tools: Tools, data: bytes, options: CartoonOptions, clock: Clock | None = None) -> Drawn:
    """Draw the photo in ``data`` with the engine of its style.

    Raises ``UnknownStyle``, ``InvalidImage``, ``ImageTooLarge``, ``FaceIndexOutOfRange`` and,
    where the style draws people only, ``NoFace``.
    """
    require_seeing(tools)
    engine, _ = tools.engines.of(options.style)
    clock = clock or Clock()
    photo, scene = opened_scene(
        tools, data, options.long_side, options.framing, options.face, clock
    )
    asked = DrawingOptions(options.style, options.seed, options.long_side)
    drawing = engine.draw(scene, asked, clock)
    return Drawn(drawing, scene, photo, clock.stages)


def draw_cartoon(
    tools: Tools,
    data: bytes,
    options: CartoonOptions,
    thumbnail: bool = False,
    cartoon_thumbnail: bool = False,
    *,
    report: Report = unwatched,
) -> Result:
    engine, facts = tools.engines.of(options.style)
    clock = Clock({**_BEFORE_MS, **engine.stages(options.style), **_AFTER_MS}, report)
    made = draw(tools, data, options, clock)
    picture = made.drawing.picture
    kind, encode = ("webp", to_webp) if picture.alpha is not None else ("jpeg", to_jpeg)
    mark = mark_of_drawing(engine.facts, facts, data)
    xmp = tools.xmp(mark)
    small = smaller = None
    # Encoders let go of the GIL: where a core is idle, thumbnails cost no time.
    with ThreadPoolExecutor(2) as beside:
        if thumbnail:
            # Made from the decoded photo: decoding again would cost more than the thumbnail.
            photo_xmp = tools.xmp(mark_of_part(data))
            small = beside.submit(thumbnail_of, made.photo.picture, photo_xmp)
        if cartoon_thumbnail:
            smaller = beside.submit(thumbnail_of, picture, xmp)
        encoded = encode(picture, xmp=xmp)
    clock.done("encode")
    return Result(
        data=encoded,
        mime_type=f"image/{kind}",
        width=picture.width,
        height=picture.height,
        photo_width=made.photo.width,
        photo_height=made.photo.height,
        thumbnail=b"" if small is None else small.result(),
        cartoon_thumbnail=b"" if smaller is None else smaller.result(),
        stages=clock.stages,
        faces=len(made.scene.faces),
        crop=made.scene.crop,
        face_boxes=made.scene.faces,
        aligned=engine.facts.aligned,
        mark=mark,
    )


def draw_svg(
    tools: Tools, data: bytes, options: CartoonOptions, *, report: Report = unwatched
) -> Result:
    """The drawing that ``draw_cartoon`` would give, as the shapes it is made of.

    Raises what ``draw`` does, and ``UnknownStyle`` for a style that draws no shapes.
    """
    shapes = {one.name: one for one in drawn.STYLES}
    if options.style not in shapes:
        raise UnknownStyle(list(shapes))
    engine, facts = tools.engines.of(options.style)
    require_seeing(tools)
    clock = Clock({**_BEFORE_MS, "shapes": 100}, report)
    photo, scene = opened_scene(
        tools, data, options.long_side, options.framing, options.face, clock
    )
    document = drawn.svg(scene, shapes[options.style], options.seed)
    if tools.marks:
        mark = rdf_of(mark_of_drawing(engine.facts, facts, data))
        document = document.replace("><", f"><metadata>{mark}</metadata><", 1)
    clock.done("shapes")
    return Result(
        data=document.encode(),
        mime_type=SVG,
        width=scene.picture.width,
        height=scene.picture.height,
        photo_width=photo.width,
        photo_height=photo.height,
        stages=clock.stages,
        faces=len(scene.faces),
        crop=scene.crop,
        face_boxes=scene.faces,
    )


def looked_at(tools: Tools, data: bytes) -> Photo:
    """The copy of the photo in ``data`` in which faces are detected.

    Raises ``InvalidImage`` and ``ImageTooLarge``.
    """
    size = upright_size(data, media_type_of(data) or "")
    long_side = _LOOK_PX if size is None else round(_LOOK_PX * lengthened(*size))
    return decode(data, max_pixels=tools.max_pixels, long_side=long_side)


def opened_photo(tools: Tools, data: bytes) -> tuple[Photo, Callable[[Box, int], Picture]]:
    """The photo in ``data``, scaled down, and what gives a crop of it from its own pixels."""
    photo = looked_at(tools, data)

    def closer(crop: Box, long_side: int) -> Picture:
        return decode(data, max_pixels=tools.max_pixels, long_side=long_side, crop=crop).picture

    return photo, closer


def opened_scene(
    tools: Tools,
    data: bytes,
    long_side: int,
    framing: Framing,
    face: int,
    clock: Clock,
) -> tuple[Photo, Scene]:
    """The photo in ``data``, scaled down, and what is to be drawn of it."""
    photo, closer = opened_photo(tools, data)
    clock.done("decode")

    def find_faces(picture: Picture) -> list[Face]:
        found = tools.eyes.find_faces(picture)
        clock.done("faces")
        return found

    scene = open_scene(
        photo.picture,
        find_faces,
        tools.eyes.find_masks,
        face=face,
        framing=framing,
        long_side=long_side,
        full_size=(photo.width, photo.height),
        closer=closer,
    )
    clock.done("masks")
    return photo, scene


def require_seeing(tools: Tools) -> None:
    """Raise ModelsMissing where no face could be detected: a portrait must neither be drawn as
    scenery nor be refused with ``NoFace``."""
    if tools.eyes.find_masks is None:
        raise ModelsMissing
