"""Golden pictures: small drawings and heads that show what each style looks like today.

    python -m tests.ai.engines.golden

draws them anew and, where a look has changed, raises ``ENGINE_VERSION`` with them. An engine
takes part by a line in ``SHEETS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np

from cartoon_avatar.ai.engines import drawing, drawn, painted
from cartoon_avatar.ai.engines.classic import recipe as classic
from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION, Drawing
from cartoon_avatar.ai.head.cut import cut
from cartoon_avatar.ai.head.shapes import cut_along_shapes
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai import seen

FOLDER = Path(__file__).parent / "golden_sheets"
VERSION = FOLDER / "engine_version.txt"
# A multiple of JPEG's blocks, so that no tile colours its neighbour.
TILE_PX = 96
_DRAWN_PX = 3 * TILE_PX
_FACE_DRAWN_PX = 2 * _DRAWN_PX
GREEN = (60, 180, 75)


class _Style(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_Style)


@cache
def scene(portrait: Callable[[], Picture], long_side: int = _DRAWN_PX) -> Scene:
    models = seen.models()
    return open_scene(
        portrait(), open_face_finder(models), open_mask_finder(models), long_side=long_side
    )


def drawings(
    draw: Callable[[Scene, Named, int], Drawing], styles: Iterable[Named]
) -> dict[str, np.ndarray]:
    """A tile of each of ``styles``."""
    return {style.name: _tile(draw(scene(seen.astronaut), style, 0).picture) for style in styles}


def heads() -> dict[str, np.ndarray]:
    """Heads on green, so that a change of their shape is one of colour."""
    found = {}
    for portrait in (seen.astronaut, seen.officer):
        picture = scene(portrait).picture
        for name in ("comic", "noir"):
            cartoon = classic.draw(scene(portrait), classic.style_named(name), 0)
            head = cut(cartoon.picture, seen.models(), picture, ink_width_px=2 * cartoon.ink_px)
            found[f"{portrait.__name__}-{name}"] = _tile(head.picture)
    for style in drawn.STYLES:
        found[f"astronaut-{style.name}"] = _tile(_head_of_shapes(style))
    return found


def faces() -> dict[str, np.ndarray]:
    """Faces alone, large enough for eyes and creases to tell."""
    found = {}
    for portrait in (seen.astronaut, seen.officer):
        of = scene(portrait, _FACE_DRAWN_PX)
        low, high = of.features[0].oval.min(axis=0), of.features[0].oval.max(axis=0)
        (left, top), side = low.astype(int), int((high - low).max())
        for engine, name in ((painted, "painted"), (drawn, "ink")):
            style = next(style for style in engine.STYLES if style.name == name)
            rgb = engine.draw(of, style, 0).picture.rgb[top : top + side, left : left + side]
            found[f"{portrait.__name__}-{name}"] = _tile(Picture(rgb))
    return found


def _head_of_shapes(style: drawn.DrawnStyle) -> Picture:
    of, alone = scene(seen.astronaut), drawn.head_alone(scene(seen.astronaut), style, 0)
    head = cut_along_shapes(
        drawn.draw(of, style, 0).picture,
        alone.rendered,
        of.picture,
        of.people,
        faces=1,
        outline_px=alone.outline * _DRAWN_PX,
        ink=alone.ink,
    )
    assert head is not None
    return head.picture


SHEETS: dict[str, Callable[[], dict[str, np.ndarray]]] = {
    "painted": partial(drawings, painted.draw, painted.STYLES),
    "drawn": partial(drawings, drawn.draw, drawn.STYLES),
    "classic": partial(drawings, classic.draw, classic.STYLES),
    "heads": heads,
    "faces": faces,
}


def golden(sheet: str) -> list[np.ndarray]:
    """The tiles of ``sheet`` as they were kept, T×T×3 uint8 each."""
    bgr = cv2.imread(str(FOLDER / f"{sheet}.jpg"))
    assert bgr is not None, f"draw the sheet first: {__doc__}"
    return np.split(bgr[..., ::-1], bgr.shape[1] // TILE_PX, axis=1)


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """How far two tiles differ in tone and in detail: mean distances in CIELAB.

    Tone is what is left when seen from afar, detail all but single pixels: JPEG keeps the
    one nearly exactly and the other well enough.
    """
    lab = [
        cv2.cvtColor(rgb.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2LAB)
        for rgb in (one, other)
    ]
    tone, detail = (
        np.linalg.norm(np.subtract(*(cv2.GaussianBlur(plane, (0, 0), px) for plane in lab)), axis=2)
        for px in (3, 0.8)
    )
    return float(tone.mean()), float(detail.mean())


# Above what JPEG and another processor's rounding do, below what an eye would notice.
TONE, DETAIL = 0.7, 1.6


def looks_alike(one: np.ndarray, other: np.ndarray) -> bool:
    tone, detail = difference(one, other)
    return tone < TONE and detail < DETAIL


def _tile(picture: Picture) -> np.ndarray:
    rgb = picture.rgb
    if picture.alpha is not None:
        alpha = picture.alpha[..., None] / 255
        rgb = np.rint(rgb * alpha + np.array(GREEN) * (1 - alpha)).astype(np.uint8)
    return cv2.resize(rgb, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)


def _renew() -> None:
    FOLDER.mkdir(exist_ok=True)
    changed = []
    for sheet, draw in SHEETS.items():
        tiles = draw()
        path = FOLDER / f"{sheet}.jpg"
        kept = golden(sheet) if path.exists() else []
        if len(kept) == len(tiles) and all(map(looks_alike, kept, tiles.values())):
            continue
        changed.append(sheet)
        row = np.hstack(list(tiles.values()))[..., ::-1]
        how = [cv2.IMWRITE_JPEG_QUALITY, 90]
        how += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        cv2.imwrite(str(path), row, how)
    version = ENGINE_VERSION
    if changed and VERSION.exists() and int(VERSION.read_text()) == version:
        version += 1
        source = Path(drawing.__file__)
        text = re.sub(
            r"(?m)^ENGINE_VERSION = \d+$", f"ENGINE_VERSION = {version}", source.read_text()
        )
        source.write_text(text)
    VERSION.write_text(f"{version}\n")
    print(f"changed: {', '.join(changed) or 'nothing'}; engine version {version}")


if __name__ == "__main__":
    _renew()
