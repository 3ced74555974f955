"""What every engine gives back, and the clock of its stages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cartoon_avatar.ai.pictures import Picture

# Goes up with every change that alters pixels, in any engine.
ENGINE_VERSION = 11

# px, of any drawing.
LONGEST_SIDE_PX = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A finished cartoon. ``ink_px`` is its line width, ``stages`` the seconds per stage."""

    picture: Picture
    faces: int
    ink_px: float
    stages: dict[str, float] = field(default_factory=dict)


class Clock:
    """Seconds per stage of a drawing; a stage that comes again is added up."""

    def __init__(self, now_s: Callable[[], float] = time.perf_counter) -> None:
        self.stages: dict[str, float] = {}
        self._now_s = now_s
        self._since_s = now_s()

    def done(self, stage: str) -> None:
        """``stage`` lasted from the end of the one before until now."""
        now_s = self._now_s()
        self.stages[stage] = self.stages.get(stage, 0.0) + now_s - self._since_s
        self._since_s = now_s
