"""What a worker process does: bytes in, bytes out. Runs in the workers, never in the server."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from cartoon_avatar.ai.engines import onnx as neural
from cartoon_avatar.ai.engines.classic import recipe as cartoonist
from cartoon_avatar.ai.engines.classic.recipe import Eyes
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.engines.drawing import Drawing
from cartoon_avatar.ai.errors import ModelsMissing, UnknownStyle
from cartoon_avatar.ai.head import cut as head_cut
from cartoon_avatar.ai.head.cut import Head
from cartoon_avatar.ai.pictures import Photo, Picture, decode, scaled_down, to_jpeg, to_png, to_webp
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.models import ModelMissing, Models, models_folder, open_models
from cartoon_avatar.process import heap

THUMBNAIL_PX = 320
# A head is at most 1024 px wide: a larger drawing would not make it finer.
_CUT_FROM_PX = 2048
# The widest outline that any style draws, as share of a drawing's long side. Whose cartoon is
# cut is not asked.
_WIDEST_LINE = max(
    style.line_width * max(1, style.ink.outline) for style in cartoonist.STYLES if style.ink
)


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
    cartoonist.draw_photo(grey, cartoonist.STYLES[0], 0, tools.eyes, 256)
    to_webp(grey)
    return tools, models.missing


def _eyes(models: Models) -> Eyes:
    try:
        return Eyes(find_faces=open_face_finder(models), find_masks=open_mask_finder(models))
    except ModelMissing:
        return Eyes()


def styles_in(folder: Path) -> list[Style | neural.NeuralModel]:
    """All styles that can be drawn in, in walking order: the neural ones last."""
    return [*cartoonist.STYLES, *neural.available(folder)]


def draw(tools: Tools, photo: Picture, style: str, seed: int, long_side: int) -> Drawing:
    """Draw with the engine, or with the network of a neural style. Raises ``UnknownStyle``."""
    engine_styles = {style.name: style for style in cartoonist.STYLES}
    if style in engine_styles:
        return cartoonist.draw_photo(photo, engine_styles[style], seed, tools.eyes, long_side)
    started = time.perf_counter()
    network = _network(tools, style)
    opened = time.perf_counter()
    faces = len(tools.eyes.find_faces(Picture(photo.rgb)))
    seen = time.perf_counter()
    drawn = network(photo, seed, long_side)
    stages = {
        "open": opened - started,
        "faces": seen - opened,
        "network": time.perf_counter() - seen,
    }
    return Drawing(drawn, faces, ink_px=0, stages=stages)


def _network(tools: Tools, style: str) -> neural.Network:
    styles = {style.name: style for style in styles_in(tools.folder)}
    model = styles.get(style)
    if not isinstance(model, neural.NeuralModel):
        raise UnknownStyle(list(styles))
    if model not in tools.networks:
        tools.networks[model] = neural.Network(model, tools.folder, tools.threads)
    return tools.networks[model]


def draw_cartoon(
    tools: Tools, data: bytes, style: str, seed: int, long_side: int, thumbnail: bool = False
) -> Result:
    started = time.perf_counter()
    photo = decode(data, max_pixels=tools.max_pixels, long_side=long_side)
    decoded = time.perf_counter()
    drawing = draw(tools, photo.picture, style, seed, long_side)
    drawn = time.perf_counter()
    picture = drawing.picture
    kind, encode = ("webp", to_webp) if picture.alpha is not None else ("jpeg", to_jpeg)
    encoded = encode(picture)
    # Of the decoded photo at hand: decoding it again would cost more than all the rest of it.
    small = _thumbnail(scaled_down(photo.picture, THUMBNAIL_PX)) if thumbnail else b""
    return Result(
        data=encoded,
        mime_type=f"image/{kind}",
        width=picture.width,
        height=picture.height,
        photo_width=photo.width,
        photo_height=photo.height,
        thumbnail=small,
        stages={
            "decode": decoded - started,
            **drawing.stages,
            "encode": time.perf_counter() - drawn,
        },
        faces=drawing.faces,
    )


def cut_head(
    tools: Tools,
    cartoon: bytes,
    original: bytes | None,
    kind: str,
    background: tuple[int, int, int] | None,
    size: int | None,
    face_index: int,
    thumbnail: bool = False,
) -> Result:
    started = time.perf_counter()
    drawing, photo = _opened(tools, cartoon, original)
    decoded = time.perf_counter()
    head = _head(tools, drawing.picture, photo, size, face_index)
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


def _opened(tools: Tools, cartoon: bytes, original: bytes | None) -> tuple[Photo, Picture | None]:
    drawing = decode(cartoon, max_pixels=tools.max_pixels, long_side=_CUT_FROM_PX)
    if original is None:
        return drawing, None
    longest = max(drawing.picture.width, drawing.picture.height)
    photo = decode(original, max_pixels=tools.max_pixels, long_side=longest)
    return drawing, photo.picture


def _head(
    tools: Tools, drawing: Picture, photo: Picture | None, size: int | None, face_index: int
) -> Head:
    line_px = _WIDEST_LINE * max(drawing.width, drawing.height)
    try:
        return head_cut.cut(
            drawing, tools.models, photo, face_index=face_index, size=size, ink_width_px=line_px
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
