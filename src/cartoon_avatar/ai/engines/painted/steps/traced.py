"""A curve moved to the strongest edge beside it."""

from __future__ import annotations

import cv2
import numpy as np


def normals_of(curve: np.ndarray, outward_from: np.ndarray) -> np.ndarray:
    """N×2 unit normals of ``curve`` (N×2), pointing away from ``outward_from``."""
    along = np.gradient(curve, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1)
    away = ((curve - outward_from) * normals).sum(axis=1, keepdims=True)
    return normals * np.where(away < 0, -1, 1)


def best_path(gain: np.ndarray, bend_cost: float) -> np.ndarray:
    """For each of N rows of ``gain`` (N×M) the column of the path that gains most.

    Dynamic programming: neighbouring rows may differ by one column, which costs ``bend_cost``.
    """
    rows, columns = gain.shape
    total = gain.astype(np.float64).copy()
    came = np.zeros((rows, columns), int)
    everything = np.arange(columns)
    for row in range(1, rows):
        before = total[row - 1]
        options = np.stack(
            [
                np.concatenate([[-np.inf], before[:-1]]) - bend_cost,
                before,
                np.concatenate([before[1:], [-np.inf]]) - bend_cost,
            ]
        )
        choice = options.argmax(axis=0)
        total[row] += options[choice, everything]
        came[row] = everything + choice - 1
    path = np.zeros(rows, int)
    path[-1] = int(total[-1].argmax())
    for row in range(rows - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path


def smoothed_along(values: np.ndarray, reach: int) -> np.ndarray:
    """``values`` (N) averaged over 2·reach+1 neighbours, the ends repeated."""
    padded = np.pad(values.astype(np.float64), reach, "edge")
    return np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), "valid")


def runs_of(mask: np.ndarray) -> list[tuple[int, int]]:
    """Start and end of each run of True in ``mask`` (N bool)."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return list(zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True))


def sampled(plane: np.ndarray, places: np.ndarray) -> np.ndarray:
    """``plane`` (H×W) at ``places`` (N×M×2 px): N×M float32."""
    x, y = (np.ascontiguousarray(places[..., axis], np.float32) for axis in (0, 1))
    return cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
