"""Closed curves by the hundred: what is done to one is done to all of them at once.

One by one, NumPy's calls take longer than their sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.paths import bell

# Fewer points are no curve.
_FEWEST, _FEWEST_DRAWN = 4, 6


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """``points`` (N×2 float64) of all rings, the first one of each not repeated at its end, and
    where each ring starts (R+1 integers, N the last)."""

    points: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, closed: np.ndarray, starts: np.ndarray) -> Rings:
        """Of rings whose first point is repeated at the end."""
        kept = np.ones(len(closed), bool)
        kept[starts[1:] - 1] = False
        return cls(closed[kept], starts - np.arange(len(starts)))

    @classmethod
    def joined(cls, parts: Sequence[Rings]) -> Rings:
        sizes = np.concatenate([one.sizes for one in parts])
        return cls(np.concatenate([one.points for one in parts]), _starts(sizes))

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.starts)

    @property
    def areas(self) -> np.ndarray:
        """The shoelace formula."""
        (x, y), ahead = self.points.T, self._ahead
        cross = x * y[ahead] - y * x[ahead]
        return 0.5 * np.abs(np.add.reduceat(cross, self.starts[:-1]))

    @property
    def spans(self) -> np.ndarray:
        """Width and height of each, R×2."""
        first = self.starts[:-1]
        lowest, highest = (
            reduce.reduceat(self.points, first, axis=0) for reduce in (np.minimum, np.maximum)
        )
        return highest - lowest

    def only(self, kept: np.ndarray) -> Rings:
        """Those ``kept`` (R bool)."""
        sizes = self.sizes
        return Rings(self.points[np.repeat(kept, sizes)], _starts(sizes[kept]))

    def between(self, numbers: slice) -> Rings:
        """Those of these ``numbers``, a view."""
        starts = self.starts[numbers.start : numbers.stop + 1]
        return Rings(self.points[starts[0] : starts[-1]], starts - starts[0])

    def moved(self, by: np.ndarray | float) -> Rings:
        return Rings(self.points + by, self.starts)

    def scaled(self, by: float) -> Rings:
        return Rings(self.points * by, self.starts)

    def resampled(self, step: float) -> Rings:
        """With a point every ``step`` units."""
        length = np.hypot(*(self.points[self._ahead] - self.points).T)
        totals = np.add.reduceat(length, self.starts[:-1])
        return self._spread(length, np.maximum(_FEWEST, np.rint(totals / step).astype(int)))

    def smoothed(self, sigma: float) -> Rings:
        """Under a Gaussian of ``sigma`` samples."""
        return Rings(self._around(self.points, sigma), self.starts)

    def few(self, *, fine: float, longest: float) -> Rings:
        """Of dense smooth rings as many points as their turns need.

        They lie denser where a ring turns, at most ``longest`` units apart; ``fine`` below 1 takes
        fewer.
        """
        steps = self.points[self._ahead] - self.points
        length = np.maximum(np.hypot(*steps.T), 1e-9)
        heading = np.arctan2(steps[:, 1], steps[:, 0])
        turn = np.abs((heading[self._ahead] - heading + np.pi) % (2 * np.pi) - np.pi)
        turn = self._around(turn[:, None], 2)[:, 0]
        # A point every half a radian of turning, and for length what keeps long arcs true.
        weight = fine * turn / 0.5 + length / longest
        totals = np.add.reduceat(weight, self.starts[:-1])
        return self._spread(weight, np.maximum(_FEWEST_DRAWN, np.rint(totals).astype(int)))

    def paths(self) -> list[str]:
        """SVG path data of each: a quadratic B-spline nearly through its points.

        Its pieces meet in the midpoints of its control points, each of which is the one before
        mirrored in the midpoint: SVG's ``t`` says so in two numbers instead of six.
        """
        ahead, behind = self._ahead, self._behind
        control = self.points
        for _ in range(2):
            control = control + self.points - _middles(control, ahead, behind)
        # Of even tenths, so that midpoints are whole ones and no rounding adds up.
        control = 2 * np.rint(5 * control).astype(int)
        middle = (control + control[ahead]) // 2
        steps = (middle - middle[behind]).ravel().tolist()
        first, last = self.starts[:-1], self.starts[1:] - 1
        begin = middle[last]
        begins = np.concatenate([begin, control[first] - begin], axis=1).tolist()
        found = []
        for start, end, numbers in zip(2 * first, 2 * last + 2, begins, strict=True):
            x, y, across, down = map(_TENTHS.__getitem__, numbers)
            text = map(_TENTHS.__getitem__, steps[start:end])
            found.append(f"M{x}{y}q{across}{down}{next(text)}{next(text)}t{''.join(text)}Z")
        return found

    @property
    def _ahead(self) -> np.ndarray:
        ahead = np.arange(1, len(self.points) + 1)
        ahead[self.starts[1:] - 1] = self.starts[:-1]
        return ahead

    @property
    def _behind(self) -> np.ndarray:
        behind = np.arange(-1, len(self.points) - 1)
        behind[self.starts[:-1]] = self.starts[1:] - 1
        return behind

    def _spread(self, weight: np.ndarray, counts: np.ndarray) -> Rings:
        """``counts`` (R) points of each ring, between which ``weight`` (N, of the way from each
        point to the next) is the same."""
        # Along all rings, with a gap of 1 between two of them.
        sizes, ring = self.sizes, np.arange(len(counts))
        closed = np.insert(weight, self.starts[1:], 1.0)
        along = np.concatenate([[0.0], np.cumsum(closed)])[:-1]
        first = self.starts[:-1] + ring
        totals = along[first + sizes] - along[first]
        starts = _starts(counts)
        number = np.arange(starts[-1]) - np.repeat(starts[:-1], counts)
        at = np.repeat(along[first], counts) + number * np.repeat(totals / counts, counts)
        # Each ring's first point once more at its end.
        index = np.insert(np.arange(len(weight)), self.starts[1:], self.starts[:-1])
        found = [np.interp(at, along, self.points[index, axis]) for axis in (0, 1)]
        return Rings(np.stack(found, axis=1), starts)

    def _around(self, values: np.ndarray, sigma: float) -> np.ndarray:
        """``values`` (N×C, of each point) under a Gaussian of ``sigma`` samples."""
        if sigma <= 0:
            return values
        reach = int(3 * sigma) + 1
        sizes = self.sizes
        longer = sizes + 2 * reach
        starts = _starts(longer)
        number = np.arange(starts[-1]) - np.repeat(starts[:-1], longer)
        index = (number - reach) % np.repeat(sizes, longer) + np.repeat(self.starts[:-1], longer)
        kernel = bell(sigma, reach)
        there = (number >= reach) & (number < np.repeat(sizes + reach, longer))
        columns = [np.convolve(column[index], kernel, "same")[there] for column in values.T]
        return np.stack(columns, axis=1)


class _Texts(dict[int, str]):
    """Numbers of tenths as SVG writes them one after the other."""

    def __missing__(self, tenths: int) -> str:
        whole, rest = divmod(abs(tenths), 10)
        text = f"{whole or ''}.{rest}" if rest else str(whole)
        self[tenths] = text = f"-{text}" if tenths < 0 else f" {text}"
        return text


_TENTHS = _Texts()


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)])


def _middles(control: np.ndarray, ahead: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Where a quadratic B-spline passes its control points (N×2).

    As if each neighbour were as near as the nearer one: a far one would pull a corner askew.
    """
    to, back = control[ahead] - control, control[behind] - control
    far, near = (np.maximum(np.hypot(*way.T), 1e-9) for way in (to, back))
    reach = np.minimum(far, near)
    bend = to * (reach / far)[:, None] + back * (reach / near)[:, None]
    return control + bend / 8
