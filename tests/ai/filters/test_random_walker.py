from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.filters.random_walker import random_walk


def test_seeds_spread_up_to_the_edge_between_them() -> None:
    """The edge is nearer to one of the two seeds, and no more than a shade of dark hair."""
    rgb = np.full((60, 80, 3), (28, 22, 20), np.uint8)
    rgb[:, 25:] = (60, 50, 44)
    seeds = np.full((60, 80), -1)
    seeds[20:40, 5:10], seeds[20:40, 70:75] = 1, 0
    walk = random_walk(rgb, seeds, np.full((60, 80), 0.5, np.float32), trust=1e-4, edge=300)
    assert walk[:, :25].min() > 0.5 > walk[:, 25:].max()
    assert walk.min() >= 0
    assert walk.max() <= 1


def test_where_nothing_differs_the_prior_says() -> None:
    rgb, seeds = np.full((40, 60, 3), 90, np.uint8), np.full((40, 60), -1)
    prior = np.repeat(np.linspace(1, 0, 60, dtype=np.float32)[None], 40, axis=0)
    walk = random_walk(rgb, seeds, prior, trust=0.05, edge=300)
    assert np.abs(walk - prior).max() < 0.1


def test_it_solves_its_equations() -> None:
    """On 6 × 5 pixels the dense system can be solved as it is written."""
    random = np.random.default_rng(1)
    rgb = random.integers(0, 255, (6, 5, 3), np.uint8)
    prior = random.random((6, 5), np.float32)
    seeds = np.full((6, 5), -1)
    seeds[0, 0], seeds[5, 4] = 1, 0
    colours = np.sqrt(rgb.reshape(-1, 3) / 255)
    matrix, wanted = np.zeros((30, 30)), np.zeros(30)
    for at in range(30):
        pull = 0.01 if seeds.flat[at] < 0 else 1e3
        matrix[at, at] += pull
        wanted[at] = pull * (prior.flat[at] if seeds.flat[at] < 0 else seeds.flat[at])
        for other in (at + 1 if at % 5 < 4 else -1, at + 5):
            if 0 <= other < 30:
                weight = np.exp(-3 * ((colours[at] - colours[other]) ** 2).sum()) + 1e-4
                matrix[[at, other], [at, other]] += weight
                matrix[[at, other], [other, at]] -= weight
    walk = random_walk(rgb, seeds, prior, trust=0.01, edge=3)
    assert np.abs(walk.ravel() - np.linalg.solve(matrix, wanted)).max() < 0.01
