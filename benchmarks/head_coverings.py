"""How well are heads cut that wear something? Lays coverings on portraits, with their truth.

    uv run python benchmarks/head_coverings.py PORTRAITS_FOLDER OUT_FOLDER [--cloth FOLDER]
    uv run python benchmarks/head_cut.py OUT_FOLDER

Each portrait with one upright face gets a cap, a wide brim, a top hat, a turban, a hijab, a
hood and a helmet, measured by its face; the cloth's grain is cut out of the pictures in
--cloth, or of those that come with scikit-image. OUT_FOLDER then holds KIND_NAME.png,
KIND_NAME.head.png and KIND_NAME.ignore.png, and the second command prints IoU by kind.

The covering's outline is exact. What shows of the head beside it is known only from our own
cut of the bare portrait: there, within 3 % of a face height of that cut's outline and below
the chin, nothing is judged. So this measures what becomes of coverings, and nothing else.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage
from head_cut import alpha_in_place

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.head.cut import cut
from cartoon_avatar.ai.pictures import Picture, decode
from cartoon_avatar.ai.seeing.faces import Face, open_face_finder

LONG_SIDE_PX = 768
MAX_PIXELS = 50_000_000
# Outlines are drawn so much finer, which gives them exact soft edges.
FINER = 4
GRAINS = ("brick.png", "grass.png", "gravel.png")
COLOURS = [
    (182, 44, 48), (36, 62, 120), (40, 92, 62), (206, 178, 120), (28, 28, 32), (232, 230, 224),
    (120, 74, 44), (96, 52, 110), (210, 150, 40), (110, 120, 130),
]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What of the head is covered, in face heights right of and above the chin.

    ``shapes`` are ellipses (x, y, half width, half height, from, to in degrees) and polygons.
    Hair above ``from_y`` goes under it; with ``opening``, an ellipse, all hair does but there.
    """

    name: str
    shapes: tuple[tuple[float, ...] | tuple[tuple[float, float], ...], ...]
    from_y: float
    opening: tuple[float, float, float, float] | None = None
    #: How strongly it falls into folds, and how it shines; 0..1.
    folds: float = 0.0
    gloss: float = 0.0


KINDS = (
    Kind("cap", ((0, 0.98, 0.56, 0.52, 180, 360), (0, 0.97, 0.62, 0.13, 0, 360)), 0.98, folds=0.1),
    Kind("brim", ((0, 1.04, 1.15, 0.17, 0, 360), (0, 1.05, 0.56, 0.62, 180, 360)), 1.04),
    Kind(
        "tall",
        (
            (0, 1.02, 0.82, 0.13, 0, 360),
            ((-0.54, 1.02), (-0.6, 1.95), (0.6, 1.95), (0.54, 1.02)),
            (0, 1.95, 0.6, 0.07, 0, 360),
        ),
        1.02,
        gloss=0.4,
    ),
    Kind("turban", ((0, 1.22, 0.74, 0.46, 0, 360),), 0.95, folds=0.8),
    Kind(
        "hijab",
        ((0, 0.66, 0.66, 0.78, 0, 360), ((-0.62, 0.6), (-0.95, -0.7), (0.95, -0.7), (0.62, 0.6))),
        -9.0,
        opening=(0, 0.46, 0.43, 0.53),
        folds=0.5,
    ),
    Kind(
        "hood",
        ((0, 0.66, 0.84, 0.98, 0, 360), ((-0.8, 0.5), (-1.2, -0.7), (1.2, -0.7), (0.8, 0.5))),
        -9.0,
        opening=(0, 0.52, 0.56, 0.68),
        folds=0.4,
    ),
    Kind(
        "helmet",
        ((0, 0.95, 0.7, 0.68, 180, 360), ((-0.7, 0.97), (-0.64, 0.72), (0.64, 0.72), (0.7, 0.97))),
        0.9,
        opening=(0, 0.42, 0.47, 0.56),
        gloss=0.8,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cloth", type=Path, help="a folder of pictures of cloth")
    arguments = parser.parse_args()
    tools, missing = jobs.open_tools(None, 2, MAX_PIXELS)
    if missing:
        sys.exit(f"fetch the models first: {missing}")
    bundled = [Path(skimage.__file__).parent / "data" / name for name in GRAINS]
    cloths = bundled if arguments.cloth is None else sorted(arguments.cloth.iterdir())
    grains = [grain_of(path) for path in cloths]
    arguments.out.mkdir(parents=True, exist_ok=True)
    find_faces = open_face_finder(tools.models)
    random = np.random.default_rng(0)
    made = 0
    for path in sorted(arguments.portraits.iterdir()):
        photo = decode(path.read_bytes(), max_pixels=MAX_PIXELS, long_side=LONG_SIDE_PX).picture
        photo = with_room(photo.rgb)
        faces = find_faces(photo)
        if len(faces) != 1 or faces[0].score < 0.9:
            continue
        bare = alpha_in_place(cut(photo, tools.models, photo), photo)
        for kind in KINDS:
            laid, truth, ignored = covered(photo.rgb, bare, faces[0], kind, grains, random)
            for suffix, array in (("", laid), (".head", truth), (".ignore", ignored)):
                file = arguments.out / f"{kind.name}_{path.stem.split('_')[0]}{suffix}.png"
                cv2.imwrite(str(file), array[..., ::-1] if array.ndim == 3 else array)
        made += 1
    print(f"{made} portraits, {made * len(KINDS)} pictures in {arguments.out}")


def with_room(rgb: np.ndarray) -> Picture:
    """The portrait with what a hat needs above and beside it, more of the same backdrop."""
    above, beside = rgb.shape[0] // 3, rgb.shape[1] // 6
    wide = cv2.copyMakeBorder(rgb, above, 0, beside, beside, cv2.BORDER_REPLICATE)
    # Streaks are no backdrop.
    soft = cv2.GaussianBlur(wide, (0, 0), 12)
    soft[above:, beside:-beside] = rgb
    return Picture(soft)


def grain_of(path: Path) -> np.ndarray:
    """How light cloth is, H×W float32 around 1, without its own broad light and shade."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 24)
    return 1 + np.clip(0.09 * fine / max(1.0, float(fine.std())), -0.3, 0.3)


def covered(
    rgb: np.ndarray,
    bare: np.ndarray,
    face: Face,
    kind: Kind,
    grains: list[np.ndarray],
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The portrait with ``kind`` on, its true alpha and where that is not known; all uint8."""
    chin, forehead = face.landmarks[152], face.landmarks[10]
    unit = float(np.hypot(*(chin - forehead)))
    up = (forehead - chin) / unit
    right = np.array([-up[1], up[0]])
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float32)
    x = ((columns - chin[0]) * right[0] + (rows - chin[1]) * right[1]) / unit
    y = ((columns - chin[0]) * up[0] + (rows - chin[1]) * up[1]) / unit

    def drawn(shape: tuple) -> np.ndarray:
        if isinstance(shape[0], tuple):
            points = np.array(shape, np.float32)
        else:
            centre_x, centre_y, half_x, half_y, start, end = shape
            angles = np.radians(np.linspace(start, end, 180))
            points = np.stack(
                [centre_x + half_x * np.cos(angles), centre_y - half_y * np.sin(angles)], axis=1
            )
        at = (chin + unit * (points[:, :1] * right + points[:, 1:] * up) + 0.5) * FINER - 0.5
        fine = np.zeros((rgb.shape[0] * FINER, rgb.shape[1] * FINER), np.uint8)
        cv2.fillPoly(fine, [np.round(at * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        small = cv2.resize(fine, rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
        return small.astype(np.float32) / 255

    mask = np.max([drawn(shape) for shape in kind.shapes], axis=0)
    # No hair sticks out from under it.
    hair = cv2.dilate((bare > 0.1).astype(np.uint8), disc(0.06 * unit))
    hair = cv2.GaussianBlur((hair * (y > kind.from_y)).astype(np.float32), (0, 0), 1.2)
    if kind.from_y < 0:
        hair *= y > 0
    mask = np.maximum(mask, hair)
    if kind.opening is not None:
        mask *= 1 - drawn((*kind.opening, 0, 360))

    cloth = clothed(mask, x, y, unit, kind, grains[random.integers(len(grains))], random)
    below = np.float32([[1, 0, -0.05 * unit * up[0]], [0, 1, -0.05 * unit * up[1]]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(mask, below, rgb.shape[1::-1]), (0, 0), 0.04 * unit)
    shaded = rgb * (1 - 0.45 * np.clip(shadow, 0, 1) * (bare > 0.5))[..., None]
    laid = shaded + mask[..., None] * (cloth - shaded)

    inside = bare * (1 - mask)
    if kind.opening is not None:
        # All that the opening shows of what lies within the covering is head.
        inside = np.maximum(inside, drawn((*kind.opening, 0, 360)) * (y > 0.1) * (bare > 0.5))
    truth = np.clip(mask + inside, 0, 1)
    solid = (bare > 0.5).astype(np.uint8)
    edge = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, disc(0.03 * unit))
    near = cv2.dilate((mask > 0.02).astype(np.uint8), disc(0.01 * unit))
    ignored = ((edge > 0) & (near == 0)) | (y < 0.05)
    if kind.opening is not None:
        # What is seen through a wide opening beside the face may be head or backdrop.
        ignored |= (drawn((*kind.opening, 0, 360)) > 0) & (bare < 0.95)
    return (
        np.clip(laid, 0, 255).astype(np.uint8),
        np.round(255 * truth).astype(np.uint8),
        (255 * ignored).astype(np.uint8),
    )


def clothed(
    mask: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    unit: float,
    kind: Kind,
    grain: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Cloth over the whole picture, H×W×3 float32 0..255, round as ``mask`` is."""
    colour = np.array(COLOURS[random.integers(len(COLOURS))], np.float32)
    scale = 0.6 * unit / 256
    woven = cv2.resize(grain, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    repeats = [
        -(-size // woven_size) for size, woven_size in zip(mask.shape, woven.shape, strict=True)
    ]
    woven = np.tile(woven, repeats)[: mask.shape[0], : mask.shape[1]]
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / unit
    light = 0.55 + 0.45 * np.sqrt(np.clip(depth / 0.3, 0, 1)) + 0.12 * x
    turn = random.uniform(-0.6, 0.6)
    waves = x * np.cos(turn) * 2 + y * (3 + np.sin(turn)) + 0.3 * np.sin(4 * x + 6 * turn)
    light *= 1 + 0.25 * kind.folds * np.sin(2 * np.pi * waves)
    shine = kind.gloss * np.exp(-((x + 0.25) ** 2 + (y - 1.3) ** 2) / 0.02)
    return np.clip(colour * (woven * light)[..., None] + 200 * shine[..., None], 0, 255)


if __name__ == "__main__":
    main()
