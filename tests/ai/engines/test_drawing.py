from __future__ import annotations

import pytest

from cartoon_avatar.ai.engines.drawing import Cancelled, Clock


def test_every_second_of_a_clock_belongs_to_one_stage() -> None:
    readings_s = iter([10.0, 10.5, 12.5, 13.0])
    clock = Clock(now_s=lambda: next(readings_s))
    for stage in ("faces", "ink", "faces"):
        clock.done(stage)
    assert clock.stages == {"faces": 1.0, "ink": 2.0}


def test_a_clock_reports_what_comes_next_and_how_much_is_done() -> None:
    reported: list[tuple[str, float | None]] = []
    plan = {"decode": 1, "faces": 2, "masks": 3, "ink": 2}
    clock = Clock(plan, lambda *report: reported.append(report))
    # Nobody is there, so no masks are made; and a stage that no plan knows is done too.
    for stage in ("decode", "faces", "read", "ink", "ink"):
        clock.done(stage)
    assert reported == [
        ("decode", 0.0),
        ("faces", 0.125),
        ("masks", 0.375),
        ("masks", 0.375),
        ("ink", 1.0),
        ("ink", 1.0),
    ]


def test_without_a_plan_a_clock_names_what_is_done() -> None:
    reported: list[tuple[str, float | None]] = []
    Clock(report=lambda *report: reported.append(report)).done("ink")
    assert reported == [("ink", None)]


def test_a_cancelled_drawing_ends_with_the_stage_that_it_is_in() -> None:
    def report(stage: str, share: float | None) -> None:
        if stage == "ink":
            raise Cancelled

    clock = Clock({"faces": 1, "ink": 1}, report)
    with pytest.raises(Cancelled):
        clock.done("faces")
