from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.steps.ink import (
    blacks,
    crowding,
    edges,
    lines,
    outline,
    without_specks,
)
from cartoon_avatar.ai.filters.flow import tangent_field


def _edge() -> np.ndarray:
    lab = np.zeros((80, 80, 3), np.float32)
    lab[..., 0] = 80
    lab[:, :40, 0] = 30
    return lab


def _response(lab: np.ndarray, width_px: float) -> np.ndarray:
    light = np.ascontiguousarray(lab[..., 0])
    return edges(light, tangent_field(lab, 2), width_px=width_px, calm_px=5)


def test_ink_lies_on_the_dark_side_of_an_edge_and_nowhere_else() -> None:
    ink = lines(_response(_edge(), 1.3), 0.8, 0.6)
    assert ink[20:60, 37:40].max(axis=1).min() > 0.9
    assert ink[:, 44:].max() == 0
    assert ink[:, :30].max() == 0


def test_a_wider_pen_draws_a_wider_line() -> None:
    thin, wide = (lines(_response(_edge(), w), 0.8, 0.6)[40].sum() for w in (1.0, 2.5))
    assert wide > 1.5 * thin


def test_lines_run_through_noise_without_breaking() -> None:
    lab = _edge()
    lab[..., 0] += np.random.default_rng(0).normal(0, 3, lab.shape[:2])
    ink = lines(_response(lab, 1.3), 1.5, 0.6)
    assert ink[10:70, 35:41].max(axis=1).min() > 0.8


def test_specks_go_and_strokes_stay() -> None:
    coverage = np.zeros((60, 60), np.float32)
    coverage[10:12, 10:12] = 1
    coverage[30:32, 5:55] = 1
    kept = without_specks(coverage, 25)
    assert kept[:20].max() == 0
    assert np.array_equal(kept[25:], coverage[25:])


def test_blacks_are_what_is_darker_than_their_limit() -> None:
    light = np.float32([[5, 12, 20, 60]])
    assert np.array_equal(blacks(light, 15)[0], [1, 1, 0, 0])


def test_an_outline_runs_on_the_border_of_a_mask_only() -> None:
    mask = np.zeros((60, 60), np.float32)
    mask[20:40, 20:40] = 1
    rim = outline(mask, 2.5, mask.shape)
    assert rim[30, 19:22].max() > 0.7
    assert rim[30, 30] == 0
    assert rim[5, 5] == 0


def test_an_outline_is_as_wide_as_asked() -> None:
    mask = np.zeros((60, 60), np.float32)
    mask[:, 30:] = 1
    for width_px in (2, 4, 7):
        assert outline(mask, width_px, mask.shape)[30].sum() == pytest.approx(width_px, abs=0.5)


def test_texture_is_crowded_and_a_single_line_is_not() -> None:
    coverage = np.zeros((160, 160), np.float32)
    coverage[:, 30:32] = 1
    coverage[:, 100::3] = 1
    crowded = crowding(coverage, 8)
    assert crowded[80, 31] == 0
    assert crowded[80, 130] > 1
