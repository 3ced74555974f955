"""What do the page's sample pictures look like with the engines of today? Draws them anew.

``hero/STYLE.webp`` is a portrait in a style whose head pops out of its frame, ``hero/photo.webp``
the photo in the same frame; ``faces/*.jpg`` are photos to try the page with.

    ./run bench page_samples src/cartoon_avatar/backend/page/samples
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import skimage

from cartoon_avatar.ai.engines import catalogue, drawn
from cartoon_avatar.ai.engines.catalogue import STYLES, EngineStyle
from cartoon_avatar.ai.head import cut as head_cut
from cartoon_avatar.ai.head.cut import Head
from cartoon_avatar.ai.head.shapes import cut_along_shapes
from cartoon_avatar.ai.pictures import Picture, decode, to_jpeg, to_webp
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.models import Models, open_models
from cartoon_avatar.ai.seeing.scene import Scene, open_scene

# Eileen Collins by NASA, Grace Hopper by the US Navy: both in the public domain.
_ASTRONAUT = Path(skimage.__file__).parent / "data/astronaut.png"
_OFFICER = Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg"
# The square of the astronaut's photo that the hero shows, px: left, top, side.
_SQUARE = (77, 0, 300)
SIDE_PX = 720
# Of the side, as style.css says too: where the frame begins, and how round its corners are.
FRAME_TOP, CORNER = 0.19, 0.05
_OG_PX = (1200, 630)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    models = open_models(threads=1)
    (folder / "hero").mkdir(parents=True, exist_ok=True)
    (folder / "faces").mkdir(exist_ok=True)
    _faces(folder / "faces")

    left, top, side = _SQUARE
    square = _read(_ASTRONAUT)[top : top + side, left : left + side]
    large = cv2.resize(square, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    scene = open_scene(
        Picture(large),
        open_face_finder(models),
        open_mask_finder(models),
        framing="full",
        long_side=SIDE_PX,
    )
    _write(folder / "hero/photo.webp", scene.picture.rgb, _frame())
    for style in STYLES:
        drawing = catalogue.draw(scene, style, 0).picture
        head = _head(drawing, scene, style, models)
        rgb, alpha = _popping_out(drawing, head)
        _write(folder / f"hero/{style.name}.webp", rgb, alpha)
        if style.name == "comic":
            _card(folder / "card.jpg", scene.picture.rgb, rgb, alpha)
    for file in (folder / "hero").glob("*.webp"):
        if file.stem not in {"photo", *(style.name for style in STYLES)}:
            file.unlink()


def _read(file: Path) -> np.ndarray:
    return decode(file.read_bytes(), max_pixels=10_000_000, long_side=1024).picture.rgb


def _faces(folder: Path) -> None:
    astronaut, officer = _read(_ASTRONAUT), _read(_OFFICER)
    (folder / "eileen.jpg").write_bytes(to_jpeg(Picture(astronaut)))
    (folder / "grace.jpg").write_bytes(to_jpeg(Picture(officer)))
    # Heads of one size on one line.
    both = np.hstack([cv2.resize(astronaut[:340, 77:377], (508, 576)), officer[:576]])
    (folder / "both.jpg").write_bytes(to_jpeg(Picture(both)))
    tiles = {"eileen": astronaut[0:200, 127:327], "grace": officer[10:300, 116:406]}
    small = {
        name: cv2.resize(tile, (144, 144), interpolation=cv2.INTER_AREA)
        for name, tile in tiles.items()
    }
    small["both"] = np.hstack([picture[:, 36:108] for picture in small.values()])
    for name, picture in small.items():
        (folder / f"{name}-small.webp").write_bytes(to_webp(Picture(picture), 80))


def _head(drawing: Picture, scene: Scene, style: EngineStyle, models: Models) -> Head:
    if isinstance(style, drawn.DrawnStyle):
        alone = drawn.head_alone(scene, style, 0)
        head = cut_along_shapes(
            drawing,
            alone.rendered,
            scene.picture,
            scene.people,
            faces=1,
            outline_px=alone.outline * SIDE_PX,
            ink=alone.ink,
        )
        if head is not None:
            return head
    return head_cut.cut(drawing, models, scene.picture)


def _frame() -> np.ndarray:
    """Alpha of the frame, SIDE_PX², uint8."""
    scale = 4
    side, top, radius = (round(scale * SIDE_PX * share) for share in (1, FRAME_TOP, CORNER))
    mask = np.zeros((side, side), np.uint8)
    mask[top + radius : side - radius, :] = 255
    mask[top:, radius : side - radius] = 255
    for x in (radius, side - radius):
        for y in (top + radius, side - radius):
            cv2.circle(mask, (x, y), radius, 255, -1)
    return cv2.resize(mask, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)


def _popping_out(drawing: Picture, head: Head) -> tuple[np.ndarray, np.ndarray]:
    """The drawing (rgb) and its alpha: the frame, and what of the head is above it."""
    left, top, width, height = head.box
    cut = np.dstack([head.picture.rgb, head.picture.alpha])
    cut = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)
    placed = np.zeros((SIDE_PX, SIDE_PX, 4), np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, SIDE_PX), min(top + height, SIDE_PX)
    placed[y0:y1, x0:x1] = cut[y0 - top : y1 - top, x0 - left : x1 - left]
    frame = _frame()
    inside = frame[..., None] > 0
    rgb = np.where(inside, drawing.rgb, placed[..., :3])
    if drawing.alpha is not None:  # a style without a ground stands on white
        opacity = drawing.alpha[..., None] / 255
        on_white = (drawing.rgb * opacity + 255 * (1 - opacity)).astype(np.uint8)
        rgb = np.where(inside, on_white, placed[..., :3])
    # What is below the frame's top is the frame's alone.
    above = placed[..., 3].copy()
    above[round(SIDE_PX * FRAME_TOP) + round(SIDE_PX * CORNER) :] = 0
    return rgb, np.maximum(frame, above)


def _card(file: Path, photo: np.ndarray, rgb: np.ndarray, alpha: np.ndarray) -> None:
    """The picture of a link to the page: the photo, and beside it the drawing."""
    width, height = _OG_PX
    card = np.full((height, width, 3), (255, 255, 255), np.uint8)
    side = 555
    for x, colours, opacity in ((30, photo, _frame()), (width - 30 - side, rgb, alpha)):
        layer = np.dstack([np.where(opacity[..., None] > 0, colours, 0), opacity])
        small = cv2.resize(layer.astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)
        y = (height - side) // 2 - 20
        part = small[..., 3:].astype(np.float32) / 255
        ground = card[y : y + side, x : x + side]
        card[y : y + side, x : x + side] = np.rint(small[..., :3] * part + ground * (1 - part))
    file.write_bytes(to_jpeg(Picture(card)))


def _write(file: Path, rgb: np.ndarray, alpha: np.ndarray) -> None:
    clear = np.where(alpha[..., None] > 0, rgb, 0).astype(np.uint8)
    file.write_bytes(to_webp(Picture(clear, alpha), 80))


if __name__ == "__main__":
    main()
