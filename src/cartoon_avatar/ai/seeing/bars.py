"""Bars before people: of a fence or a window, wires, a net, stripes laid over a picture to sell it.

The networks take them for the outline of a person, for hair, for nothing at all. What is straight,
of one colour and there several times is painted over before they look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import shrunk
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.detector import Face

# Long side of the copy that bars are looked for in, px, and the least one that shows any.
_SIDE_PX, _LEAST_PX = 480, 48
# Gradients from which on there is an edge (Canny 1986), of a Sobel filter on 0..255.
_WEAK, _STRONG = 60, 140
# Votes for a straight edge (Hough transform), as share of the shorter side; the edges that are
# compared, how many must lie side by side, and how many bars: fewer are poles, cables, a brim.
_VOTES, _EDGES, _SIDE_BY_SIDE, _FEWEST = 0.33, 300, 5, 3
# The sine up to which edges are parallel, the distance from which on they are two, px, and how far
# the direction of all together is off those of each, degrees.
_PARALLEL, _APART_PX, _OFF = 0.03, 2.5, 0.8
# Directions in which bars are looked for: a net has two, bars seen askew a few. How long the edges
# of the fewest bars are in one of them, in shorter sides: grass and leaves have some edges in all.
_DIRECTIONS, _LONG = 4, 0.6
# How far the colours of one bar lie apart, of 255, and those of two rows of it; the share of its
# length that has its colour, and of its length beside which another is: one that is further off
# than most of the bar's own, and than noise. Its largest width as share of the long side.
_ALIKE, _SMOOTH, _ONE_COLOUR = 26, 18, 0.75
_SET_OFF, _MOST, _NOISE, _WIDEST = 0.4, 80, 8, 0.07
# Of a row every such pixel tells enough.
_EVERY = 2
# How much narrower or wider than another a bar is that belongs to the same fence, times.
_WIDTHS = 2.5
# What is painted over beside a bar: its soft edge, px, and a share of its width.
_SOFT_PX, _SOFT = 1.5, 0.04
# How far from the middle of a face a bar crosses it, in heights of its box.
_CROSSES = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Parallel bars: the unit vector across them (x, y), and from where to where along it each is,
    N×2, px from the corner of the picture."""

    across: np.ndarray
    places: np.ndarray


def without_bars(picture: Picture, faces: Sequence[Face] | None = None) -> Picture:
    """``picture`` with its bars painted over, as ``bars_in`` finds them; itself where there are
    none."""
    rgb = picture.rgb
    for bars in bars_in(rgb, faces):
        rgb = _painted_over(rgb, bars)
    return picture if rgb is picture.rgb else Picture(rgb, picture.alpha)


def bars_in(rgb: np.ndarray, faces: Sequence[Face] | None = None) -> list[Bars]:
    """The bars in ``rgb`` (H×W×3 uint8), those of a direction together: of directions in which they
    cross one of ``faces``, of all where it is not known who is there."""
    if min(rgb.shape[:2]) < _LEAST_PX:
        return []
    small = shrunk(rgb, _SIDE_PX)
    scale = rgb.shape[1] / small.shape[1]
    there = None if faces is None else [face.scaled(1 / scale) for face in faces]
    edges = _edges(small)
    found: list[Bars] = []
    for angle in _directions(edges, there):
        refined, length = _refined(angle, edges)
        across = _unit(refined)
        if length < _LONG * min(edges.shape):
            continue
        if any(abs(_sine(across, other.across)) < 2 * _PARALLEL for other in found):
            continue
        places = _places(small, across)
        if len(places) >= _FEWEST and _cross(across, places.mean(axis=1), there):
            found.append(Bars(across, places * scale))
    return found


def _cross(across: np.ndarray, places: np.ndarray, faces: Sequence[Face] | None) -> bool:
    """Whether one of the ``places`` (px along ``across``) lies before one of ``faces``."""
    if faces is None:
        return True
    for face in faces:
        left, top, wide, high = face.box
        middle = float(across @ [left + wide / 2, top + high / 2])
        if (np.abs(places - middle) < _CROSSES * high).any():
            return True
    return False


def _edges(rgb: np.ndarray) -> np.ndarray:
    """H×W uint8: where the channel that changes most does so."""
    across, down = (cv2.Sobel(rgb, cv2.CV_16S, *way, ksize=3) for way in ((1, 0), (0, 1)))
    steepest = (np.abs(across) + np.abs(down)).argmax(axis=2)[..., None]
    across, down = (np.take_along_axis(plane, steepest, axis=2) for plane in (across, down))
    return cv2.Canny(across, down, _WEAK, _STRONG)


def _directions(edges: np.ndarray, faces: Sequence[Face] | None) -> list[float]:
    """The angles across which several straight edges lie side by side, some of them before the
    ``faces``, most of them first."""
    found = cv2.HoughLines(edges, 1, np.pi / 360, round(_VOTES * min(edges.shape)))
    if found is None:
        return []
    places, angles = found[:_EDGES, 0].astype(float).T
    left = np.ones(len(angles), bool)
    several: list[tuple[int, float]] = []
    for angle in angles:
        near = left & (np.abs(np.sin(angles - angle)) < _PARALLEL)
        left &= ~near
        if not near.any():
            continue
        along = np.sort(np.where(np.cos(angles - angle) > 0, places, -places)[near])
        count = 1 + int((np.diff(along) > _APART_PX).sum())
        if count >= _SIDE_BY_SIDE and _cross(_unit(angle), along, faces):
            several.append((count, angle))
    return [angle for _, angle in sorted(several, reverse=True)[:_DIRECTIONS]]


def _refined(angle: float, edges: np.ndarray) -> tuple[float, float]:
    """The angle near ``angle`` across which ``edges`` lie in the fewest places, and how long the
    longest of them are that way, px."""
    y, x = np.nonzero(edges)

    def lengths(turned: float) -> np.ndarray:
        places = np.rint(x * np.cos(turned) + y * np.sin(turned)).astype(int)
        return np.bincount(places - places.min()).astype(float)

    near = angle + np.radians(np.linspace(-_OFF, _OFF, 17))
    best = max(near, key=lambda turned: float((lengths(turned) ** 2).sum()))
    return best, float(np.sort(lengths(best))[-2 * _FEWEST :].mean())


def _places(rgb: np.ndarray, across: np.ndarray) -> np.ndarray:
    """From where to where along ``across`` each of the bars is, N×2, px."""
    turned, inside, start = _turned(rgb, across)
    rows = _rows_of_one_colour(turned[:, ::_EVERY], inside[:, ::_EVERY])
    if not rows:
        return np.empty((0, 2))
    # Those that look like most, the plainest for more: of the gaps between bars and of their soft
    # edges some are plain too.
    colours = np.array([row.colour for row in rows])
    places = np.array([(row.first, row.end) for row in rows], float)
    shares = np.array([row.share for row in rows])
    widths = places[:, 1] - places[:, 0]
    alike = np.abs(colours[:, None] - colours).max(axis=2) < _ALIKE
    alike &= np.abs(np.log(widths[:, None] / widths)) < np.log(_WIDTHS)
    return places[alike[(alike * (shares - 0.5)).sum(axis=1).argmax()]] + start


def _turned(rgb: np.ndarray, across: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """``rgb`` turned so that what lies across ``across`` lies in rows, where it is (bool), and the
    place along ``across`` of the first row, px."""
    height, width = rgb.shape[:2]
    along = np.array([across[1], -across[0]])
    turn = np.stack([along, across])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ turn.T
    low = corners.min(axis=0)
    size = np.ceil(corners.max(axis=0) - low).astype(int).tolist()
    # Pixel centres lie at halves.
    shift = turn @ [0.5, 0.5] - low - 0.5
    to_rows = np.column_stack([turn, shift])
    turned = cv2.warpAffine(rgb, to_rows, size, flags=cv2.INTER_LINEAR)
    there = np.ones((height, width), np.uint8)
    inside = cv2.warpAffine(there, to_rows, size, flags=cv2.INTER_NEAREST) > 0
    return turned, inside, float(low[1])


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows of one ``colour``, from ``first`` to before ``end``; ``share`` of them is of it."""

    first: int
    end: int
    colour: np.ndarray
    share: float


def _rows_of_one_colour(rgb: np.ndarray, inside: np.ndarray) -> list[_Rows]:
    """Rows that are of one colour and other than what is beside them."""
    # Turned, a picture is narrow at its corners.
    wide = np.flatnonzero(inside.sum(axis=1) > _VOTES * min(rgb.shape[:2]) / 2)
    rows = [rgb[number][inside[number]] for number in wide]
    colours = [np.median(row, axis=0) for row in rows]

    def share_of(number: int, colour: np.ndarray, alike: float) -> float:
        if not 0 <= number < len(rows):
            return 1.0  # nothing is seen beside it
        return float((_apart(rows[number], colour) < alike).mean())

    shares = [share_of(number, colour, _ALIKE) for number, colour in enumerate(colours)]
    plain = [share >= _ONE_COLOUR for share in shares]
    widest = _WIDEST * max(rgb.shape[:2])
    found = []
    first = 0
    while first < len(rows):
        end = first + 1
        if plain[first]:
            while end < len(rows) and plain[end] and _apart(*colours[end - 1 : end + 1]) < _SMOOTH:
                end += 1
            colour = np.median(colours[first:end], axis=0)
            own = float(np.percentile(_apart(rows[(first + end) // 2], colour), _MOST))
            alike = min(_ALIKE, own + _NOISE)
            beside = share_of(first - 2, colour, alike), share_of(end + 1, colour, alike)
            if end - first <= widest and max(beside) <= 1 - _SET_OFF:
                at = int(wide[first])
                found.append(_Rows(at, at + end - first, colour, max(shares[first:end])))
        first = end
    return found


def _apart(colours: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """How far ``colours`` (…×3) are from ``colour`` in the channel in which they are most."""
    return np.abs(colours.astype(float) - colour).max(axis=-1)


def _painted_over(rgb: np.ndarray, bars: Bars) -> np.ndarray:
    """``rgb`` with each of the ``bars`` filled with what lies on either side of it."""
    height, width = rgb.shape[:2]
    filled = rgb.copy()
    place = np.add.outer(
        (np.arange(height) + 0.5) * bars.across[1], (np.arange(width) + 0.5) * bars.across[0]
    )
    for first, end in bars.places:
        soft = _SOFT_PX + _SOFT * (end - first)
        first, end = first - soft, end + soft
        y, x = np.nonzero((place > first) & (place < end))
        if not len(y):
            continue
        at = place[y, x]
        sides = []
        for side in (first - 1, end + 1):
            away = np.stack([x, y]) + (side - at) * bars.across[:, None]
            shown = ((away >= 0) & (away <= [[width - 1], [height - 1]])).all(axis=0)
            columns, lines = away.astype(np.float32)
            sides.append((_taken(rgb, columns, lines), shown))
        (before, before_shown), (behind, behind_shown) = sides
        share = (at - first) / (end - first)
        share = np.where(before_shown, np.where(behind_shown, share, 0), 1)[:, None]
        filled[y, x] = np.clip(before + share * (behind - before), 0, 255)
    return filled


# OpenCV counts the pixels of a row in 16 bits.
_ROW_PX = 1 << 14


def _taken(rgb: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """N×3 float32: ``rgb`` at ``x`` and ``y`` (N float32 px each)."""
    pieces = [
        cv2.remap(
            rgb, x[None, at : at + _ROW_PX], y[None, at : at + _ROW_PX], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )[0]
        for at in range(0, len(x), _ROW_PX)
    ]  # fmt: skip
    return np.concatenate(pieces).astype(np.float32)


def _unit(angle: float) -> np.ndarray:
    return np.array([np.cos(angle), np.sin(angle)])


def _sine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one[0] * other[1] - one[1] * other[0])
