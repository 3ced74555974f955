from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.steps.tones import posterise, smoothstep, through

RAMP = np.linspace(0, 100, 2001, dtype=np.float32)[None]


@pytest.mark.parametrize("levels", [3, 5, 8])
def test_a_gradient_becomes_as_many_flat_steps(levels: int) -> None:
    stepped = np.round(posterise(RAMP, levels, 1.0)[0])
    tones, counts = np.unique(stepped, return_counts=True)
    main = tones[counts > 0.03 * stepped.size]
    assert levels - 1 <= len(main) <= levels + 1
    assert counts[counts > 0.03 * stepped.size].sum() > 0.8 * stepped.size


def test_steps_never_turn_light_and_dark_around() -> None:
    assert (np.diff(posterise(RAMP, 6, 4)[0]) >= 0).all()
    assert np.abs(posterise(RAMP, 6, 4) - RAMP).max() < 100 / 6


def test_a_softer_edge_is_wider() -> None:
    def steepest(softness: float) -> float:
        return float(np.diff(posterise(RAMP, 4, softness)[0][::20]).max())

    assert steepest(1) > 1.5 * steepest(12)


def test_a_table_is_as_good_as_the_curve_itself() -> None:
    got = through(RAMP, lambda at: at**2, 0, 100)
    assert np.abs(got - RAMP**2).max() < 100 * 0.4


def test_a_smooth_step_goes_from_nought_to_one_around_its_middle() -> None:
    step = smoothstep(RAMP, 50, 10)[0]
    assert step[RAMP[0] < 45].max() == 0
    assert step[RAMP[0] > 55].min() == 1
    assert abs(step[1000] - 0.5) < 1e-3
