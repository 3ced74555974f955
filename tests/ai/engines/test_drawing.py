from __future__ import annotations

from cartoon_avatar.ai.engines.drawing import Clock


def test_every_second_of_a_clock_belongs_to_one_stage() -> None:
    readings_s = iter([10.0, 10.5, 12.5, 13.0])
    clock = Clock(lambda: next(readings_s))
    for stage in ("faces", "ink", "faces"):
        clock.done(stage)
    assert clock.stages == {"faces": 1.0, "ink": 2.0}
