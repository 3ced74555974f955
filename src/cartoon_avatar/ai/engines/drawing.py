"""What every engine gives back, and the clock of its stages, which reports them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cartoon_avatar.ai.pictures import Picture

# Goes up with every change that alters pixels, in any engine.
ENGINE_VERSION = 42

# px, of any drawing.
LONGEST_SIDE_PX = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A finished cartoon. ``ink_px`` is its line width, ``stages`` the seconds per stage."""

    picture: Picture
    faces: int
    ink_px: float
    stages: dict[str, float] = field(default_factory=dict)


class Cancelled(Exception):
    """The drawing was cancelled; raised at the end of a stage."""


# Called with the stage that begins and the share of the work done, 0 to 1; None if unknown.
# May raise ``Cancelled``.
Report = Callable[[str, float | None], None]


def unwatched(stage: str, share: float | None) -> None:
    """A ``Report`` that does nothing."""


class Clock:
    """Seconds per stage of a drawing, reported as they go by; one that comes again is added up.

    ``plan`` has the stages to come, in order, and how long each takes in relation to the others.
    """

    def __init__(
        self,
        plan: Mapping[str, float] | None = None,
        report: Report = unwatched,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.stages: dict[str, float] = {}
        self._now_s = now_s
        self._report = report
        self._ahead = dict(plan or {})
        self._whole = sum(self._ahead.values())
        if self._ahead:
            report(next(iter(self._ahead)), 0.0)
        self._since_s = now_s()

    def done(self, stage: str) -> None:
        """``stage`` lasted from the end of the one before until now. Raises ``Cancelled``."""
        now_s = self._now_s()
        self.stages[stage] = self.stages.get(stage, 0.0) + now_s - self._since_s
        self._since_s = now_s
        if stage in self._ahead:
            # Those before it are over too, done or left out.
            while next(iter(self._ahead)) != stage:
                del self._ahead[next(iter(self._ahead))]
            del self._ahead[stage]
        share = 1 - sum(self._ahead.values()) / self._whole if self._whole else None
        self._report(next(iter(self._ahead), stage), share)
