"""Shapes as pixels, by the Anti-Grain Geometry renderer, much faster than what reads SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import aggdraw
import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.sheet import Shape
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.contract.options import rgb_of

_SUBPATH = re.compile("M[^M]*")
_STEP = re.compile("[A-Za-z][^A-Za-z]*")
# How opaque a glaze is at most, and on how many pixels, the longer side, glazes are summed up.
_GLAZE, _GLAZED_PX = 0.05, 512


@dataclass(frozen=True, slots=True)
class _Grid:
    """Pixels, and how many of them a unit has across and down."""

    width: int
    height: int
    across: float
    down: float

    def placed(self, left: float, top: float) -> tuple[float, ...]:
        """AGG's transform on a crop that starts at ``left``, ``top`` px."""
        return self.across, 0.0, -left, 0.0, self.down, -top


def rendered(
    shapes: Sequence[Shape], units: tuple[float, float], size: tuple[int, int], *, opaque: bool
) -> Picture:
    """``shapes`` on ``units`` (width, height) as a picture of ``size`` (width, height px).

    Unless it is ``opaque``, it is transparent where nothing is drawn.
    """
    grid = _Grid(*size, size[0] / units[0], size[1] / units[1])
    rgb = np.zeros((grid.height, grid.width, 3), np.uint8)
    _draw(iter(shapes), rgb, grid)
    if opaque:
        return Picture(rgb)
    alpha = np.zeros((grid.height, grid.width), np.uint8)
    _draw(iter(shapes), alpha, grid)
    # Black shone through.
    whole = np.maximum(alpha, 1)[..., None].astype(np.float32)
    return Picture(np.clip(rgb * (255 / whole) + 0.5, 0, 255).astype(np.uint8), alpha)


def _draw(
    shapes: Iterator[Shape], on: np.ndarray, grid: _Grid, at: tuple[int, int] = (0, 0)
) -> None:
    """Draw ``shapes`` up to the end of their clip onto ``on``, in place.

    It is H×W×3 uint8, or H×W for how far they cover, and lies ``at`` x, y px of the grid.
    """
    colour, covered = on.ndim == 3, False
    pen = _pen_on(on, grid, at)
    glazes: list[Shape] = []
    for number, shape in enumerate(shapes):
        if covered and shape.kind == "path":
            continue
        if _is_glaze(shape):
            glazes.append(shape)
            continue
        if glazes or shape.kind == "clip":
            on[:] = _pixels(pen, on.shape)
            _draw_glazes(glazes, on, grid, at)
            glazes = []
            if shape.kind == "clip":
                _draw_clipped(shapes, shape.d, on, grid, at)
            pen = _pen_on(on, grid, at)
        if shape.kind == "end":
            break
        if shape.kind == "path":
            _draw_path(pen, shape, grid, colour=colour)
            # What is wholly covered, as a clip is by its ground, stays so.
            covered = not colour and number == 0 and bool((_pixels(pen, on.shape) == 255).all())
    on[:] = _pixels(pen, on.shape)
    _draw_glazes(glazes, on, grid, at)


def _is_glaze(shape: Shape) -> bool:
    """Whether ``shape`` is so thin that its edge cannot be seen."""
    return shape.kind == "path" and shape.opacity <= _GLAZE and not shape.line


def _draw_glazes(glazes: Sequence[Shape], on: np.ndarray, grid: _Grid, at: tuple[int, int]) -> None:
    """Draw ``glazes`` onto ``on``, in place.

    The renderer rounds each layer down to whole values, which darkens what lies under many. What
    shines through all of them and what they add is summed up, on fewer pixels: they are soft.
    """
    if not glazes or not on.size:
        return
    height, width = on.shape[:2]
    scale = min(1.0, _GLAZED_PX / max(height, width))
    shape = max(1, round(scale * height)), max(1, round(scale * width))
    across, down = shape[1] / width, shape[0] / height
    small = _Grid(shape[1], shape[0], grid.across * across, grid.down * down)
    corner = at[0] * across, at[1] * down
    through = np.ones(shape, np.float32)
    added = np.zeros((*shape, *on.shape[2:]), np.float32)
    for glaze in glazes:
        covered, box = _covered(glaze.d, shape, small, corner)
        share = covered[box] * np.float32(glaze.opacity / 255)
        through[box] *= 1 - share
        ink = np.array(rgb_of(glaze.fill) if on.ndim == 3 else 255, np.float32)
        share = share[..., None] if on.ndim == 3 else share
        added[box] += share * (ink - added[box])
    size = width, height
    through, added = (
        cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in (through, added)
    )
    through = through[..., None] if on.ndim == 3 else through
    on[:] = np.clip(on * through + added + np.float32(0.5), 0, 255)


def _draw_clipped(
    shapes: Iterator[Shape], clip: str, on: np.ndarray, grid: _Grid, at: tuple[int, int]
) -> None:
    """Draw ``shapes`` up to the end of their clip onto what of ``on`` is inside of ``clip``."""
    inside, box = _covered(clip, on.shape[:2], grid, at)
    layer = on[box].copy()
    _draw(shapes, layer, grid, (at[0] + box[1].start, at[1] + box[0].start))
    if layer.size:
        share = inside[box].astype(np.float32) / 255
        on[box] = cv2.blendLinear(layer, np.ascontiguousarray(on[box]), share, 1 - share)


def _covered(
    path: str, shape: tuple[int, ...], grid: _Grid, at: tuple[float, float]
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """How far ``path`` covers each pixel (``shape`` uint8), and the box that holds all of it."""
    pen = _pen_on(np.zeros(shape, np.uint8), grid, at)
    pen.symbol((0, 0), aggdraw.Symbol(_open(path)), None, aggdraw.Brush(255))
    covered = _pixels(pen, shape)
    left, top, width, height = cv2.boundingRect(covered)
    return covered, (slice(top, top + height), slice(left, left + width))


def _draw_path(pen: aggdraw.Draw, shape: Shape, grid: _Grid, *, colour: bool) -> None:
    opacity = round(255 * shape.opacity)
    ink = shape.fill if colour else 255
    pen.symbol((0, 0), aggdraw.Symbol(_open(shape.d)), None, aggdraw.Brush(ink, opacity))
    if shape.line:
        width = shape.line_width * (grid.across + grid.down) / 2
        stroke = aggdraw.Pen(shape.line if colour else 255, width, opacity)
        for ring in _SUBPATH.findall(shape.d):
            pen.symbol((0, 0), aggdraw.Symbol(_overlapping(ring)), stroke, None)


def _open(path: str) -> str:
    """``path`` without the ends of its rings, after which aggdraw loses its place.

    What is filled is closed anyway.
    """
    return path.replace("Z", "")


def _overlapping(ring: str) -> str:
    """A closed ``ring`` that ends with what it began with: else its stroke has a nick there."""
    start, first = _STEP.findall(ring)[:2]
    # Relative steps lead back to the start, but for what they are rounded by.
    back = "" if first[0].islower() else f"L{start[1:]}"
    return _open(ring) + back + first


def _pen_on(pixels: np.ndarray, grid: _Grid, at: tuple[float, float]) -> aggdraw.Draw:
    height, width = pixels.shape[:2]
    pen = aggdraw.Draw("RGB" if pixels.ndim == 3 else "L", (width, height))
    pen.frombytes(pixels.tobytes())
    pen.settransform(grid.placed(*at))
    return pen


def _pixels(pen: aggdraw.Draw, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(pen.tobytes(), np.uint8).reshape(shape)
