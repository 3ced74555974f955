from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.filters.flow import Flow, along, tangent_field


def _stripes(angle: float, side: int = 96) -> np.ndarray:
    """Stripes whose lines run at ``angle``, as H×W×3 CIELAB."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    light = 50 + 30 * np.sin((x * -np.sin(angle) + y * np.cos(angle)) / 3)
    return np.dstack([light, 0 * light, 0 * light]).astype(np.float32)


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 135])
def test_the_flow_runs_along_lines_and_never_across(degrees: int) -> None:
    angle = np.deg2rad(degrees)
    flow = tangent_field(_stripes(angle), 2)
    along_line = np.abs(flow.x * np.cos(angle) + flow.y * np.sin(angle))
    assert along_line[10:-10, 10:-10].min() > 0.98
    assert flow.coherence[10:-10, 10:-10].min() > 0.8


def test_edges_of_colour_alone_have_a_flow_too() -> None:
    lab = np.zeros((40, 40, 3), np.float32)
    lab[..., 0] = 50
    lab[:, 20:, 1] = 40
    flow = tangent_field(lab, 2)
    assert abs(flow.y[20, 20]) > 0.99


def test_a_resized_flow_keeps_its_direction() -> None:
    flow = tangent_field(_stripes(np.deg2rad(60)), 2).resized(192, 192)
    assert flow.x.shape == (192, 192)
    along_line = np.abs(flow.x * 0.5 + flow.y * np.sin(np.pi / 3))
    assert along_line[20:-20, 20:-20].min() > 0.97


def test_averaging_along_stripes_keeps_them_and_removes_noise() -> None:
    stripes = _stripes(np.deg2rad(30))
    noisy = stripes[..., 0] + np.random.default_rng(0).normal(0, 8, stripes.shape[:2])
    calm = along(noisy.astype(np.float32), tangent_field(stripes, 2), 6)
    inner = np.s_[15:-15, 15:-15]
    assert np.abs(calm - stripes[..., 0])[inner].mean() < 2.5
    assert calm[inner].std() > 0.9 * stripes[..., 0][inner].std()


def test_the_sign_of_the_tangent_does_not_matter() -> None:
    flow = tangent_field(_stripes(0.4), 2)
    turned = Flow(-flow.x, -flow.y, flow.coherence)
    picture = np.random.default_rng(1).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    assert np.array_equal(along(picture, flow, 4), along(picture, turned, 4))


def test_a_longer_reach_smooths_more() -> None:
    noise = np.random.default_rng(2).normal(0, 1, (96, 96)).astype(np.float32)
    flow = tangent_field(_stripes(0.0), 2)
    deviations = [along(noise, flow, reach).std() for reach in (0, 1, 4, 10)]
    assert deviations == sorted(deviations, reverse=True)
