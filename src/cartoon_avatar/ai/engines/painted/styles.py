"""The painted styles, as data: one recipe, other eyes, tones, lines, backdrops and light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Features:
    """How faces are drawn. Sizes are factors of the photo's own."""

    eye_size: float = 1.16
    #: The lower face becomes narrower by this share.
    slimming: float = 0.03
    #: Width of the upper lid's line, as share of the eye's width.
    lid: float = 0.155
    #: How far the iris is told by colour instead of darkness, 0..1.
    iris: float = 0.5
    blush: float = 1.0


@dataclass(frozen=True, slots=True)
class Tones:
    """How light becomes steps. ``skin`` and ``hair`` are 0 smooth .. 1 clear steps."""

    skin: float = 0.6
    hair: float = 0.65
    #: Width of the border between two steps of skin, in L.
    softness: float = 4.0


@dataclass(frozen=True, slots=True)
class Lines:
    #: Width of a line in px where a face is 380 px high.
    width: float = 2.0
    strength: float = 1.0
    #: Lightness of a line as share of what it lies on.
    darkness: float = 0.2
    #: Strength of lines in the backdrop, as share of those in people.
    in_backdrop: float = 0.35


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What is behind the people. ``tint`` is CIELAB a, b; amounts are 0..1."""

    #: How far the scene gives way to broad patches.
    calm: float = 0.35
    lift: float = 0.0
    tint: tuple[float, float] = (0.0, 0.0)
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Grade:
    contrast: float = 1.25
    vibrance: float = 0.32
    #: CIELAB a, b added to lights and to darks.
    lights: tuple[float, float] = (0.6, 1.6)
    darks: tuple[float, float] = (-0.3, -2.0)
    glow: float = 0.1
    #: How much lighter mid-tones outside of skin become, in L.
    lift: float = 0.0


@dataclass(frozen=True, slots=True)
class PaintedStyle:
    """A painted style. ``vary`` gives the same painter's other drawings."""

    name: str
    title: str
    sentence: str
    features: Features = Features()
    tones: Tones = Tones()
    lines: Lines = Lines()
    backdrops: tuple[Backdrop, ...] = (Backdrop(),)
    grade: Grade = Grade()
    kind: Literal["painted"] = "painted"

    def vary(self, seed: int) -> PaintedStyle:
        """This style with the line, light and backdrop of drawing number ``seed``."""
        number = abs(int(seed))
        rng = np.random.default_rng(number)
        # Neighbouring seeds take neighbouring backdrops: two drawings in a row never share one.
        backdrop = self.backdrops[number % len(self.backdrops)]
        warm, turn = rng.uniform(-1, 1), rng.uniform(-1, 1)
        lights, darks = self.grade.lights, self.grade.darks
        return replace(
            self,
            backdrops=(backdrop,),
            features=replace(
                self.features, eye_size=1 + (self.features.eye_size - 1) * rng.uniform(0.85, 1.15)
            ),
            lines=replace(self.lines, width=self.lines.width * rng.uniform(0.9, 1.15)),
            grade=replace(
                self.grade,
                vibrance=self.grade.vibrance * rng.uniform(0.85, 1.25),
                lights=(lights[0] + 0.4 * turn, lights[1] + 1.2 * warm),
                darks=(darks[0] + 0.8 * turn, darks[1] - 1.2 * warm),
            ),
        )


STYLES = (
    PaintedStyle(
        name="painted",
        title="Painted",
        sentence="You and your scene, painted like a frame of an animated film.",
        backdrops=(
            Backdrop(),
            Backdrop(calm=0.5, tint=(4, 16), amount=0.22),
            Backdrop(calm=0.5, tint=(-6, -16), amount=0.22),
            Backdrop(calm=0.45, tint=(-10, 10), amount=0.2),
            Backdrop(calm=0.45, tint=(12, -6), amount=0.2),
        ),
    ),
)
