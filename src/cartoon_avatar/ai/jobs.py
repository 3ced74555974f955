"""What a worker process does: bytes in, bytes out. Runs in the workers, never in the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from cartoon_avatar.ai.engines import catalogue, drawn
from cartoon_avatar.ai.engines import onnx as neural
from cartoon_avatar.ai.engines.catalogue import EngineStyle
from cartoon_avatar.ai.engines.classic import recipe as classic
from cartoon_avatar.ai.engines.classic.recipe import Eyes
from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.errors import FaceIndexOutOfRange, ModelsMissing, UnknownStyle
from cartoon_avatar.ai.head import cut as head_cut
from cartoon_avatar.ai.head.cut import Head
from cartoon_avatar.ai.head.shapes import cut_along_shapes
from cartoon_avatar.ai.pictures import Photo, Picture, decode, scaled_down, to_jpeg, to_png, to_webp
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.model_files import models_folder
from cartoon_avatar.ai.seeing.models import ModelMissing, Models, open_models
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from cartoon_avatar.contract.boxes import Box, FaceBox
from cartoon_avatar.contract.media_types import SVG
from cartoon_avatar.contract.options import Framing
from cartoon_avatar.process import heap

THUMBNAIL_PX = 320
# A head is at most 1024 px wide: a larger drawing would not make it finer.
_CUT_FROM_PX = 2048
# The widest outline that any style draws, as share of a drawing's long side. Whose cartoon is
# cut is not asked.
_WIDEST_LINE = max(
    style.line_width * max(1, style.ink.outline) for style in classic.STYLES if style.ink
)
# Long side of the copy of a photo in which people are looked for.
_LOOK_PX = 1024


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker keeps at hand between jobs."""

    models: Models
    eyes: Eyes
    max_pixels: int
    folder: Path
    threads: int
    #: Of the neural styles used so far.
    networks: dict[neural.NeuralModel, neural.Network] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """A finished picture file; lengths in px, ``stages`` in seconds."""

    data: bytes
    mime_type: str
    width: int
    height: int
    photo_width: int
    photo_height: int
    stages: dict[str, float]
    faces: int = 0
    #: Only of a head: left, top, width, height in pixels of the upright input.
    box: tuple[int, int, int, int] | None = None
    path: str = ""
    flags: tuple[str, ...] = ()
    #: Of the photo or the head, a WebP file, where it was asked for.
    thumbnail: bytes = b""
    #: Only of a drawing: the part of the upright photo that it shows, and all faces there.
    crop: Box | None = None
    face_boxes: tuple[FaceBox, ...] = ()


def open_tools(
    models_dir: Path | None, threads: int, max_pixels: int
) -> tuple[Tools, tuple[str, ...]]:
    """The tools, warm, and the names of the model files that are missing."""
    cv2.setNumThreads(threads)
    heap.keep(128 * 2**20, largest_bytes=32 * 2**20)
    folder = models_folder(models_dir)
    models = open_models(folder, threads)
    tools = Tools(models, _eyes(models), max_pixels, folder, threads)
    # The first run of every network and filter is slow; nobody should wait for it.
    grey = Picture(np.full((256, 256, 3), 128, np.uint8))
    if models.face_mesh is not None:
        models.face_mesh(np.zeros((*models.face_mesh.size, 3), np.float32))
    if tools.eyes.find_masks is not None:
        tools.eyes.find_masks(grey, [])
    catalogue.draw(open_scene(grey, tools.eyes.find_faces, None), catalogue.STYLES[0], 0)
    to_webp(grey)
    return tools, models.missing


def _eyes(models: Models) -> Eyes:
    try:
        return Eyes(find_faces=open_face_finder(models), find_masks=open_mask_finder(models))
    except ModelMissing:
        return Eyes()


def styles_in(folder: Path) -> list[EngineStyle | neural.NeuralModel]:
    """All styles that can be drawn in, in walking order: the neural ones last."""
    return [*catalogue.STYLES, *neural.available(folder)]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A drawing, and the photo it was made of, scaled down. Stages are in seconds."""

    drawing: Drawing
    scene: Scene
    photo: Photo
    stages: dict[str, float]


def draw(
    tools: Tools,
    data: bytes,
    style: str,
    seed: int,
    long_side: int,
    framing: Framing = "portrait",
    face: int = 0,
) -> Drawn:
    """Draw the photo in ``data``: with one of our engines, or the network of a neural style.

    Raises ``UnknownStyle``, ``InvalidImage``, ``ImageTooLarge``, ``FaceIndexOutOfRange`` and,
    where the style draws people only, ``NoFace``.
    """
    _require_seeing(tools)
    clock = Clock()
    photo, scene = _opened_scene(tools, data, long_side, framing, face, clock)
    ours = {one.name: one for one in catalogue.STYLES}
    if style in ours:
        drawing = catalogue.draw(scene, ours[style], seed)
    else:
        network = _network(tools, style)
        clock.done("open")
        painted = network(scene.picture, seed, long_side)
        clock.done("network")
        drawing = Drawing(painted, len(scene.faces), ink_px=0)
    return Drawn(drawing, scene, photo, {**clock.stages, **drawing.stages})


def _opened_scene(
    tools: Tools, data: bytes, long_side: int, framing: Framing, face: int, clock: Clock
) -> tuple[Photo, Scene]:
    photo = decode(data, max_pixels=tools.max_pixels, long_side=_LOOK_PX)
    clock.done("decode")

    def closer(crop: Box, side: int) -> Picture:
        return decode(data, max_pixels=tools.max_pixels, long_side=side, crop=crop).picture

    scene = open_scene(
        photo.picture,
        tools.eyes.find_faces,
        tools.eyes.find_masks,
        face=face,
        framing=framing,
        long_side=long_side,
        full_size=(photo.width, photo.height),
        closer=closer,
    )
    clock.done("scene")
    return photo, scene


def _require_seeing(tools: Tools) -> None:
    """Raise ModelsMissing where nobody would be found: a photo of one is neither to be drawn as
    scenery nor to be refused for having none."""
    if tools.eyes.find_masks is None:
        raise ModelsMissing


def _network(tools: Tools, style: str) -> neural.Network:
    styles = {style.name: style for style in styles_in(tools.folder)}
    model = styles.get(style)
    if not isinstance(model, neural.NeuralModel):
        raise UnknownStyle(list(styles))
    if model not in tools.networks:
        tools.networks[model] = neural.Network(model, tools.folder, tools.threads)
    return tools.networks[model]


def draw_cartoon(
    tools: Tools,
    data: bytes,
    style: str,
    seed: int,
    long_side: int,
    thumbnail: bool = False,
    framing: Framing = "portrait",
    face: int = 0,
) -> Result:
    made = draw(tools, data, style, seed, long_side, framing, face)
    started = time.perf_counter()
    picture = made.drawing.picture
    kind, encode = ("webp", to_webp) if picture.alpha is not None else ("jpeg", to_jpeg)
    encoded = encode(picture)
    # Of the decoded photo at hand: decoding it again would cost more than all the rest of it.
    small = _thumbnail(scaled_down(made.photo.picture, THUMBNAIL_PX)) if thumbnail else b""
    return Result(
        data=encoded,
        mime_type=f"image/{kind}",
        width=picture.width,
        height=picture.height,
        photo_width=made.photo.width,
        photo_height=made.photo.height,
        thumbnail=small,
        stages={**made.stages, "encode": time.perf_counter() - started},
        faces=len(made.scene.faces),
        crop=made.scene.crop,
        face_boxes=made.scene.faces,
    )


def draw_svg(
    tools: Tools,
    data: bytes,
    style: str,
    seed: int,
    long_side: int,
    framing: Framing = "portrait",
    face: int = 0,
) -> Result:
    """The drawing that ``draw_cartoon`` would give, as the shapes it is made of.

    Raises what ``draw`` does, and ``UnknownStyle`` for a style that draws no shapes.
    """
    shapes = {one.name: one for one in drawn.STYLES}
    if style not in shapes:
        raise UnknownStyle(list(shapes))
    _require_seeing(tools)
    clock = Clock()
    photo, scene = _opened_scene(tools, data, long_side, framing, face, clock)
    document = drawn.svg(scene, shapes[style], seed)
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


@dataclass(frozen=True, slots=True)
class DrawnAs:
    """How a cartoon was drawn of its photo, so that it can be drawn again."""

    style: str
    seed: int
    framing: Framing = "portrait"


def cut_head(
    tools: Tools,
    cartoon: bytes,
    original: bytes | None,
    kind: str,
    background: tuple[int, int, int] | None,
    size: int | None,
    face_index: int,
    thumbnail: bool = False,
    crop: Box | None = None,
    drawn_as: DrawnAs | None = None,
) -> Result:
    """``crop`` is the part of the upright original that the cartoon shows, all of it if None.

    Then ``face_index`` still counts the faces of the whole original. ``drawn_as`` says how the
    cartoon was drawn of the original: if of shapes, they tell where its head is.
    """
    started = time.perf_counter()
    drawing, photo = _opened(tools, cartoon, original, crop)
    decoded = time.perf_counter()
    head = place = None
    if original is not None and drawn_as is not None:
        head = _head_of_shapes(tools, drawing.picture, original, drawn_as, face_index, size)
    if original is not None and crop is not None:
        place = _place_in_crop(tools, original, crop, face_index)
    if head is None:
        head = _head(tools, drawing.picture, photo, size, face_index, place)
    cut = time.perf_counter()

    picture = head.picture if background is None else _laid_on(head.picture, background)
    encoded = {"png": to_png, "webp": to_webp, "jpeg": to_jpeg}[kind](picture)
    small = _thumbnail(scaled_down(picture, THUMBNAIL_PX)) if thumbnail else b""
    scale = drawing.width / drawing.picture.width
    left, top, width, height = (round(value * scale) for value in head.box)
    flags = {"cut-by-frame": head.cut_by_frame, "low-resolution": head.low_resolution}
    return Result(
        data=encoded,
        mime_type=f"image/{kind}",
        width=picture.width,
        height=picture.height,
        photo_width=drawing.width,
        photo_height=drawing.height,
        stages={
            "decode": decoded - started,
            "cut": cut - decoded,
            "encode": time.perf_counter() - cut,
        },
        faces=head.faces,
        box=(left, top, width, height),
        path=head.path,
        flags=tuple(name for name, true in flags.items() if true),
        thumbnail=small,
    )


def head_of(
    tools: Tools, cartoon: bytes, original: bytes | None, size: int | None, face_index: int
) -> Picture:
    """The head alone. Raises InvalidImage, ImageTooLarge, NoFace and FaceIndexOutOfRange."""
    drawing, photo = _opened(tools, cartoon, original)
    return _head(tools, drawing.picture, photo, size, face_index).picture


def _head_of_shapes(
    tools: Tools,
    drawing: Picture,
    original: bytes,
    drawn_as: DrawnAs,
    face: int,
    size: int | None,
) -> Head | None:
    """The head of a drawing of shapes; None where it is none, or another engine drew it."""
    # Not every style of a cartoon that is there still exists.
    style = {one.name: one for one in drawn.STYLES}.get(drawn_as.style)
    if style is None:
        return None
    long_side = max(drawing.width, drawing.height)
    _, scene = _opened_scene(tools, original, long_side, drawn_as.framing, face, Clock())
    same_size = (scene.picture.width, scene.picture.height) == (drawing.width, drawing.height)
    if not scene.people or not same_size:
        return None
    document = drawn.head_svg(scene, style, drawn_as.seed)
    return cut_along_shapes(
        drawing,
        lambda width, height: drawn.rendered(document, width, height),
        scene.people[0],
        faces=len(scene.faces),
        size=size,
    )


def _place_in_crop(
    tools: Tools, original: bytes, crop: Box, face_index: int
) -> Callable[[], tuple[float, float]]:
    """Where in ``crop`` the original's face of that number is, as shares of width and height."""

    def place() -> tuple[float, float]:
        photo = decode(original, max_pixels=tools.max_pixels, long_side=_LOOK_PX)
        faces = tools.eyes.find_faces(photo.picture)
        if face_index >= len(faces):
            raise FaceIndexOutOfRange(face_index, len(faces))
        x, y = faces[face_index].landmarks.mean(axis=0) * (photo.width / photo.picture.width)
        return (x - crop.left) / crop.width, (y - crop.top) / crop.height

    return place


def _opened(
    tools: Tools, cartoon: bytes, original: bytes | None, crop: Box | None = None
) -> tuple[Photo, Picture | None]:
    drawing = decode(cartoon, max_pixels=tools.max_pixels, long_side=_CUT_FROM_PX)
    if original is None:
        return drawing, None
    longest = max(drawing.picture.width, drawing.picture.height)
    photo = decode(original, max_pixels=tools.max_pixels, long_side=longest, crop=crop)
    return drawing, photo.picture


def _head(
    tools: Tools,
    drawing: Picture,
    photo: Picture | None,
    size: int | None,
    face_index: int,
    place: Callable[[], tuple[float, float]] | None = None,
) -> Head:
    line_px = _WIDEST_LINE * max(drawing.width, drawing.height)
    try:
        return head_cut.cut(
            drawing,
            tools.models,
            photo,
            face_index=face_index,
            place=place,
            size=size,
            ink_width_px=line_px,
        )
    except ModelMissing as error:
        raise ModelsMissing from error


def _laid_on(picture: Picture, colour: tuple[int, int, int]) -> Picture:
    if picture.alpha is None:
        return picture
    alpha = picture.alpha[..., None].astype(np.float32) / 255
    mixed = picture.rgb * alpha + np.array(colour, np.float32) * (1 - alpha)
    return replace(picture, rgb=np.rint(mixed).astype(np.uint8), alpha=None)


def make_thumbnail(tools: Tools, data: bytes) -> Result:
    started = time.perf_counter()
    photo = decode(data, max_pixels=tools.max_pixels, long_side=THUMBNAIL_PX)
    decoded = time.perf_counter()
    encoded = _thumbnail(photo.picture)
    return Result(
        data=encoded,
        mime_type="image/webp",
        width=photo.picture.width,
        height=photo.picture.height,
        photo_width=photo.width,
        photo_height=photo.height,
        stages={"decode": decoded - started, "encode": time.perf_counter() - decoded},
    )


def _thumbnail(picture: Picture) -> bytes:
    # Half the time of the usual effort; 3 % larger.
    return to_webp(picture, quality=80, method=2)
