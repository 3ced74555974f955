from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.head.colour_edge import colour_edge, like_background

COLUMNS = np.arange(120)
RED, GREEN = np.float32([0.7, 0.2, 0.2]), np.float32([0.2, 0.7, 0.3])


def split_at(column: int) -> np.ndarray:
    """Red left of ``column``, green right of it: 80×120×3."""
    return np.tile(np.where((column > COLUMNS)[:, None], RED, GREEN), (80, 1, 1))


def mask_to(column: int) -> np.ndarray:
    return np.tile((column > COLUMNS).astype(np.float32), (80, 1))


def test_an_edge_moves_to_where_the_colours_change() -> None:
    found = colour_edge(split_at(60), mask_to(64), 8)
    assert np.abs(found - mask_to(60)).mean() < 0.01


def test_between_equal_colours_the_edge_stays() -> None:
    plain = np.full((80, 120, 3), 0.5, np.float32)
    assert np.abs(colour_edge(plain, mask_to(64), 8) - mask_to(64)).max() < 0.01


def test_far_from_the_edge_nothing_changes() -> None:
    found = colour_edge(split_at(20), mask_to(64), 8)
    assert np.array_equal(found[:, :50], mask_to(64)[:, :50])


def test_paint_of_the_backdrop_inside_the_edge_is_told() -> None:
    alike = like_background(split_at(60), mask_to(64), 6)
    assert alike[:, 61:64].min() > 0.8
    assert alike[:, :56].max() < 0.2
