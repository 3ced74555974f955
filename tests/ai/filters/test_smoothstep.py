from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.filters.smoothstep import smoothstep

RAMP = np.linspace(0, 100, 2001, dtype=np.float32)[None]


def test_it_goes_from_nought_to_one_between_its_ends() -> None:
    step = smoothstep(RAMP, 45, 55)[0]
    assert step[RAMP[0] < 45].max() == 0
    assert step[RAMP[0] > 55].min() == 1
    assert step[1000] == pytest.approx(0.5, abs=1e-3)
    assert (np.diff(step) >= 0).all()
    assert step.dtype == np.float32


def test_it_begins_and_ends_without_a_bend() -> None:
    slope = np.diff(smoothstep(RAMP, 20, 80)[0])
    assert slope[RAMP[0, :-1] < 22].max() < 0.2 * slope.max()
    assert slope[RAMP[0, :-1] > 78].max() < 0.2 * slope.max()


@pytest.mark.parametrize("type_", [np.float32, np.float64])
def test_numbers_are_left_as_they_were(type_: type) -> None:
    values = np.array([0.0, 1.0, 2.0], type_)
    assert smoothstep(values, 0, 2).dtype == type_
    assert values.tolist() == [0, 1, 2]
    assert float(smoothstep(type_(1.0), 0, 2)) == 0.5


def test_without_a_width_it_is_a_threshold() -> None:
    assert smoothstep(np.float32([0.4, 0.6]), 0.5, 0.5).tolist() == [0, 1]
