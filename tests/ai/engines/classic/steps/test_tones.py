from __future__ import annotations

import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.steps.tones import posterise

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
