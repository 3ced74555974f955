from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.filters.lookup import through

RAMP = np.linspace(0, 100, 2001, dtype=np.float32)[None]


def test_a_table_is_as_good_as_the_curve_itself() -> None:
    got = through(RAMP, lambda at: at**2, 0, 100)
    assert np.abs(got - RAMP**2).max() < 100 * 0.4


def test_beyond_the_table_its_ends_go_on() -> None:
    ends = through(np.float32([[-50, 150]]), lambda at: 2 * at, 0, 100)
    assert ends[0].tolist() == [0, 200]
