"""What a plane shows as flat shapes: nested areas below and above its levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import cv2
import numpy as np
from contourpy import FillType, contour_generator

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.rings import Rings

# Beyond every lightness.
_FAR = 1e3
# Shapes that meet the frame go on beyond it, px.
_BEYOND_PX = 6
# From so many steps off a middle on they are twice as high: what is there has steep edges.
_NEAR = 6
# So many values tell a median as well as all of them.
_ENOUGH = 20_000
# What a pixel of a neighbour weighs beside one of a shape's own.
_NOT_OWN = 1e-3
# About so many points of curves are worked on at a time: each array on the way to paths takes less
# than two megabytes.
_BATCH = 100_000


@dataclass(frozen=True, slots=True)
class Level:
    """Shapes darker (or lighter) than ``value`` of a plane, of at least ``least`` squared units.

    Their outlines are smoothed over ``smooth`` units.
    """

    value: float
    darker: bool
    least: float
    smooth: float

    @property
    def beyond(self) -> float:
        """A value that the plane does not reach on this side."""
        return -_FAR if self.darker else _FAR


def some(values: np.ndarray) -> np.ndarray:
    """Every so many-th of ``values`` (N or N×C): enough of them for a median."""
    return values[:: max(1, len(values) // _ENOUGH)]


def base_of(lab: np.ndarray, plane: np.ndarray, on: np.ndarray, middle: float, step: float) -> Lab:
    """The median colour, where ``on``, of the step about the ``middle`` of ``plane``."""
    plain = on & (np.abs(plane - middle) <= step / 2)
    # Of black and white stripes the middle may be neither.
    return np.median(some(lab[plain if plain.any() else on]), axis=0)


def levels_of(
    values: np.ndarray, middle: float, step: float, least: float, smooth: float
) -> list[Level]:
    """Steps down and up from the ``middle`` to nearly all ``values``."""
    darkest, lightest = _range_of(values)
    down = middle - _steps(step, middle - darkest, _NEAR)
    up = middle + _steps(step, lightest - middle, _NEAR)
    levels = [Level(float(value), True, least, smooth) for value in down]
    return levels + [Level(float(value), False, least, smooth) for value in up]


def rising_levels_of(
    values: np.ndarray, step: float, fine: float, least: float, smooth: float
) -> list[Level]:
    """Steps up from the darkest to nearly all ``values``, twice as high farther than ``fine`` from
    the usual one."""
    darkest, lightest = _range_of(values)
    usual = float(np.median(some(values)))
    near = round(fine / step)
    below, above = _steps(step, usual - darkest, near), _steps(step, lightest - usual, near)
    up = np.concatenate([usual - below[::-1], usual + above])
    return [Level(float(value), False, least, smooth) for value in up]


def _range_of(values: np.ndarray) -> tuple[float, float]:
    return tuple(np.percentile(some(values), (0.2, 99.8)))


def _steps(step: float, most: float, near: int) -> np.ndarray:
    """From half a ``step`` on, up to the ``most``; the first ``near`` are not twice as high."""
    fine = np.arange(step / 2, min(most, near * step), step)
    return np.concatenate([fine, np.arange((near + 0.5) * step, most, 2 * step)])


def traced(
    lab: np.ndarray,
    plane: np.ndarray,
    levels: Sequence[Level],
    scale: float,
    at: tuple[float, float] = (0, 0),
    seen: np.ndarray | None = None,
    within: np.ndarray | None = None,
    own: np.ndarray | None = None,
) -> Iterator[tuple[str, Lab]]:
    """Paths and colours of the shapes of ``plane`` (H×W float32), in drawing order.

    Marching squares (Lorensen and Cline 1987) on the plane itself, so that outlines are smooth
    below a pixel. ``at`` is where the planes lie (x, y px) in what has ``scale`` pixels a unit.
    Each shape has the mean colour of its own band in ``lab`` (H×W×3 CIELAB); one without a pixel
    of its own where it is ``seen`` (H×W bool, everywhere if None) is left out. Pixels that are not
    ``own`` (H×W bool) give colours only to shapes without others. Nothing is traced but ``within``
    a mask (H×W bool), at whose edge shapes end. All ``levels`` are as smooth as the
    first, and so are their smallest shapes as large.
    """
    if not levels:
        return
    least, smooth = levels[0].least * scale**2, levels[0].smooth
    values = [(one.value, one.beyond) for one in levels]
    found = _contours(plane, values, least, 0.7 * least, within)
    if found is None:
        return
    bands = np.sort([(one.value, end) for one, end in zip(levels, _ends(levels), strict=True)])
    number, colours = _own_colours(lab, plane, found, bands, seen, own)
    found = found.only(np.isin(found.shape, number))
    yield from zip(_paths(found, scale, at, smooth), colours, strict=True)


@dataclass(frozen=True, slots=True)
class Glaze:
    """Layers that add a hue, each too thin to be seen: by how much of a* or b* one changes what it
    lies on, how opaque it is, how many there are at most, and at which share of a step the first
    begins."""

    step: float
    opacity: float
    layers: int
    first: float

    def traced(
        self,
        lab: np.ndarray,
        lacking: np.ndarray,
        channel: int,
        least: float,
        smooth: float,
        scale: float,
        at: tuple[float, float] = (0, 0),
    ) -> Iterator[tuple[str, Lab]]:
        """Paths and colours, in drawing order, of the layers that add what is ``lacking`` (H×W) of
        a ``channel``, 1 or 2, to ``lab`` (H×W×3); the rest as ``Level`` and ``traced`` say."""
        for sign in (-1, 1):
            values = sign * self.step * (self.first + np.arange(self.layers))
            levels = [Level(float(value), sign < 0, least, smooth) for value in values]
            for path, colour in traced(lab, lacking, levels, scale, at):
                colour = np.array(colour, float)
                colour[channel] += sign * self.step / self.opacity
                yield path, colour


def outlined(
    plane: np.ndarray,
    scale: float,
    at: tuple[int, int],
    *,
    least: float,
    shortest: float,
    smooth: float,
) -> Iterator[str]:
    """Paths of the shapes where ``plane`` (H×W float32) is above 0.

    They have at least ``least`` squared units and are at least ``shortest`` units long; else
    as ``traced``.
    """
    found = _contours(plane, [(0.0, _FAR)], least * scale**2, 0.14 * least * scale**2)
    if found is None:
        return
    spans = found.rings.spans
    long = [np.hypot(*spans[start]) >= shortest * scale for start, _ in _runs(found.shape)]
    found = found.only(np.isin(found.shape, np.unique(found.shape)[long]))
    yield from _paths(found, scale, at, smooth)


@dataclass(frozen=True, slots=True, eq=False)
class _Contours:
    """``rings`` in pixels, ``shape`` (R, ascending) the number of each one's shape, whose outer
    ring comes first, and ``level`` (S) the number of the level of each shape."""

    rings: Rings
    shape: np.ndarray
    level: np.ndarray

    def only(self, kept: np.ndarray) -> _Contours:
        return _Contours(self.rings.only(kept), self.shape[kept], self.level)

    @classmethod
    def joined(cls, parts: Sequence[_Contours]) -> _Contours:
        """All of ``parts``, one after the other."""
        before = np.cumsum([0, *(len(one.level) for one in parts[:-1])])
        return cls(
            Rings.joined([one.rings for one in parts]),
            np.concatenate([one.shape + first for one, first in zip(parts, before, strict=True)]),
            np.concatenate([one.level for one in parts]),
        )

    def batches(self) -> Iterator[tuple[Rings, np.ndarray]]:
        """The rings and the ``shape`` of some shapes at a time."""
        first = np.array([0, *(end for _, end in _runs(self.shape))])
        for start, end in _runs(self.rings.starts[first[:-1]] // _BATCH):
            rings = slice(first[start], first[end])
            yield self.rings.between(rings), self.shape[rings]


def _contours(
    plane: np.ndarray,
    levels: Sequence[tuple[float, float]],
    least: float,
    least_hole: float,
    within: np.ndarray | None = None,
) -> _Contours | None:
    """The outlines of what lies between the two values of each of ``levels``; None if nothing.

    Areas below ``least`` are left out, and holes below ``least_hole``, squared px.
    """
    beyond = _beyond_frame(plane)
    if within is not None:
        beyond = np.ma.array(beyond, mask=_beyond_frame((~within).astype(np.uint8)))
    maker = contour_generator(z=beyond, fill_type=FillType.OuterOffset)
    # No side is longer than a pixel's diagonal, and no shape has a larger area than a disc.
    fewest = int(np.sqrt(2 * np.pi * least))
    found: list[_Contours] = []
    outlines: list[_Outline] = []
    size = 0
    for number, values in enumerate(levels):
        rings = cast("tuple[list[np.ndarray], list[np.ndarray]]", maker.filled(*sorted(values)))
        for points, starts in zip(*rings, strict=True):
            if len(points) > fewest:
                outlines.append((points, starts, number))
                size += len(points)
        if size > _BATCH or (outlines and number == len(levels) - 1):
            found.append(_large(outlines, least, least_hole))
            outlines.clear()
            size = 0
    return _Contours.joined(found) if any(len(one.shape) for one in found) else None


# The points of all rings of a shape, where each of them starts, and the number of its level.
_Outline = tuple[np.ndarray, np.ndarray, int]


def _large(outlines: Sequence[_Outline], least: float, least_hole: float) -> _Contours:
    """Those of ``outlines`` that are large enough, as ``_contours`` says."""
    points, starts, level = zip(*outlines, strict=True)
    counts = np.array([len(one) - 1 for one in starts])
    offsets = np.concatenate(starts).astype(int)
    sizes = np.diff(offsets)[offsets[1:] > 0]
    rings = Rings.of(np.concatenate(points), np.concatenate([[0], np.cumsum(sizes)]))
    areas = rings.areas
    outer = np.cumsum(counts) - counts
    shape = np.repeat(np.arange(len(counts)), counts)
    kept = (areas >= least_hole) & (areas[outer] >= least)[shape]
    return _Contours(rings.only(kept).moved(-_BEYOND_PX), shape[kept], np.array(level))


def _beyond_frame(plane: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(plane, *[_BEYOND_PX] * 4, borderType=cv2.BORDER_REPLICATE)


def _ends(levels: Sequence[Level]) -> Iterator[float]:
    """Where the band of each level ends: at the next one to the same side."""
    for number, level in enumerate(levels):
        after = (one.value for one in levels[number + 1 :] if one.darker == level.darker)
        yield next(after, level.beyond)


def _own_colours(
    lab: np.ndarray,
    plane: np.ndarray,
    contours: _Contours,
    bands: np.ndarray,
    seen: np.ndarray | None,
    own: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the shapes that have pixels of their own, and the mean colour of these, N×3.

    ``bands`` (levels × 2) are the lowest and the highest value that belongs to each level.
    """
    rings, shape = contours.rings, contours.shape
    corners = rings.points * 16
    corners = np.rint(corners, out=corners).astype(np.int32)
    # The later shapes are laid over the earlier ones.
    owner = np.full(plane.shape, -1, np.int32)
    for start, end in _runs(shape):
        parts = [corners[a:b] for a, b in pairwise(rings.starts[start : end + 1])]
        cv2.fillPoly(owner, parts, int(shape[start]), shift=4)
    owned = np.flatnonzero(owner >= 0 if seen is None else (owner >= 0) & seen)
    owner, value = owner.ravel()[owned], plane.ravel()[owned]
    # On an outline lie pixels of both sides.
    low, high = bands[contours.level].T
    within = (value >= low[owner]) & (value <= high[owner])
    owner, owned = owner[within], owned[within]
    colours = lab.reshape(-1, 3)[owned].T
    share = None if own is None else np.where(own.ravel()[owned], 1.0, _NOT_OWN)
    pixels = np.bincount(owner, weights=share)
    number = np.flatnonzero(pixels)
    weighted = colours if share is None else colours * share
    totals = [np.bincount(owner, weights=channel)[number] for channel in weighted]
    return number, np.stack(totals, axis=1) / pixels[number][:, None]


def _paths(
    contours: _Contours, scale: float, at: tuple[float, float], smooth: float
) -> Iterator[str]:
    """Path data of each shape, in units."""
    if not len(contours.shape):
        return
    step = max(1.2, 0.6 * smooth)
    for rings, shape in contours.batches():
        rings = rings.moved(np.add(at, 0.5)).scaled(1 / scale)
        rings = rings.resampled(step).smoothed(smooth / step).few(fine=0.5, longest=120)
        paths = rings.paths()
        for start, end in _runs(shape):
            yield "".join(paths[start:end])


def _runs(shape: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where each run of one number starts and ends, as do the rings of a shape."""
    ends = np.flatnonzero(np.diff(shape)) + 1
    return pairwise([0, *ends.tolist(), len(shape)])
