from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.media.watercolour import painted_wet, vignette

SIDE = 120
NOTHING = np.zeros((SIDE, SIDE), np.float32)


def test_watercolour_is_calm_on_skin_and_runs_out_into_paper() -> None:
    rgb = np.full((SIDE, SIDE, 3), (178, 128, 102), np.uint8)
    loose = painted_wet(rgb, None, None, 1, np.random.default_rng(0))
    calm = painted_wet(rgb, np.ones((SIDE, SIDE), np.float32), None, 1, np.random.default_rng(0))
    assert calm.std(axis=(0, 1)).mean() < 0.75 * loose.std(axis=(0, 1)).mean()
    bare = painted_wet(rgb, None, NOTHING, 1, np.random.default_rng(0))
    assert bare.min() > 217


def test_a_wash_covers_the_person_and_fades_away_from_it() -> None:
    person = np.zeros((200, 200), np.float32)
    person[80:120, 80:120] = 1
    fade = vignette(person, 0.3)
    assert fade[100, 100] == 1
    assert fade[100, 124] > fade[100, 140] >= fade[5, 5]
    assert fade[5, 5] < 0.05
