"""A soft segmentation that runs along the edges of a picture."""

from __future__ import annotations

import numpy as np

# Between pixels of one colour a walker steps 10,000 times as readily as over a hard edge.
_LEAST = 1e-4
# How much surer a seed is than its neighbours.
_SEED = 1e3
_MOST_STEPS, _ENOUGH = 400, 1e-9


def random_walk(
    rgb: np.ndarray,
    seeds: np.ndarray,
    prior: np.ndarray,
    *,
    trust: float,
    edge: float,
    kinds: np.ndarray | None = None,
) -> np.ndarray:
    """How likely a walker from each pixel comes to a seed of 1 before one of 0: H×W float32, 0..1.

    Random walks with a prior (Grady 2005) over ``rgb`` (H×W×3 uint8). ``seeds`` is H×W int: 1, 0,
    or -1 where nothing is known but ``prior`` (H×W float32, 0..1), which counts ``trust`` times as
    much as a neighbour of the same colour. The greater ``edge``, the less a walker crosses edges.
    Where ``kinds`` (H×W×K float32) change there are edges, too.
    Solved by conjugate gradients with the diagonal as preconditioner.
    """
    # Of the square root, or the edges in dark hair would be none.
    colours = np.sqrt(rgb.astype(np.float32) * np.float32(1 / 255))
    if kinds is not None:
        colours = np.dstack([colours, kinds])
    right, down = (
        np.exp(-edge * (step * step).sum(axis=2)) + np.float32(_LEAST)
        for step in (np.diff(colours, axis=1), np.diff(colours, axis=0))
    )
    pull = np.where(seeds >= 0, np.float32(_SEED), np.float32(trust))
    wanted = np.where(seeds >= 0, seeds, prior).astype(np.float32)

    def laplacian(plane: np.ndarray) -> np.ndarray:
        total = pull * plane
        for axis, weights in ((1, right), (0, down)):
            flow = weights * np.diff(plane, axis=axis)
            ahead, behind = (slice(1, None), slice(None, -1))
            if axis == 1:
                total[:, ahead] += flow
                total[:, behind] -= flow
            else:
                total[ahead] += flow
                total[behind] -= flow
        return total

    diagonal = pull.copy()
    diagonal[:, 1:] += right
    diagonal[:, :-1] += right
    diagonal[1:] += down
    diagonal[:-1] += down

    walk = wanted.copy()
    left_over = pull * wanted - laplacian(walk)
    scaled = left_over / diagonal
    direction, length = scaled, float(np.vdot(left_over, scaled))
    for _ in range(_MOST_STEPS):
        if length <= _ENOUGH * walk.size:
            break
        along = laplacian(direction)
        step = np.float32(length / float(np.vdot(direction, along)))
        walk += step * direction
        left_over -= step * along
        scaled = left_over / diagonal
        before, length = length, float(np.vdot(left_over, scaled))
        direction = scaled + np.float32(length / before) * direction
    return np.clip(walk, 0, 1)
