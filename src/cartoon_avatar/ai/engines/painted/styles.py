"""The painted styles, as data: one recipe, other eyes, tones, lines, backdrops and light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Features:
    """How faces are drawn. Sizes are factors of the photo's own."""

    eye_size: float = 1.28
    #: The lower face becomes narrower by this share.
    slimming: float = 0.065
    #: Width of the upper lid's line, as share of the eye's width.
    lid: float = 0.155
    #: How far the iris is found by its colour instead of its darkness, 0..1.
    iris: float = 0.75
    blush: float = 1.6
    #: Radius of the iris, as factor of the usual.
    iris_size: float = 1.0
    #: How much of the photo's nose is kept, 0..1.
    nose: float = 1.0


@dataclass(frozen=True, slots=True)
class Tones:
    """How light becomes steps. ``skin`` and ``hair`` are 0 smooth .. 1 clear steps."""

    skin: float = 0.6
    hair: float = 0.65
    #: Width of the border between two steps of skin, in L.
    softness: float = 4.0
    #: Strength of the light step of skin, 0..1.
    highlight: float = 1.0
    #: How far forms are simplified before they are stepped, as share of the face's height.
    breadth: float = 0.0


@dataclass(frozen=True, slots=True)
class Lines:
    #: Width of a line in px where a face is 380 px high.
    width: float = 2.0
    strength: float = 1.0
    #: Lightness of a line as share of what it lies on.
    darkness: float = 0.2
    #: Strength of lines in the backdrop, as share of those in people.
    in_backdrop: float = 0.6


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What is behind the people. ``tint`` is CIELAB a, b; amounts are 0..1."""

    #: How far the scene gives way to broad patches.
    calm: float = 0.25
    lift: float = 0.0
    tint: tuple[float, float] = (0.0, 0.0)
    amount: float = 0.0
    #: How much lighter the dark around a figure becomes.
    air: float = 0.5


@dataclass(frozen=True, slots=True)
class Grade:
    contrast: float = 1.25
    vibrance: float = 0.42
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
    #: None where nobody sees what is behind the people.
    backdrops: tuple[Backdrop, ...] = (Backdrop(),)
    grade: Grade = Grade()
    #: Long side of the copy on which broad shapes are painted: finer ones would be texture.
    broad_px: int = 704
    #: Nothing but faces and skin is needed: hair, cloth and scene are not painted.
    skin_alone: bool = False

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
    PaintedStyle(
        name="airy",
        title="Airy",
        sentence="Bright and fresh: soft light, pastel air behind you.",
        features=Features(eye_size=1.3, lid=0.135, iris=0.8, blush=1.5),
        tones=Tones(skin=0.45, hair=0.5, softness=4.5),
        lines=Lines(width=1.7, strength=0.8, darkness=0.42, in_backdrop=0.1),
        backdrops=(
            Backdrop(calm=0.85, lift=0.62, tint=(-4, -14), amount=0.6),
            Backdrop(calm=0.85, lift=0.62, tint=(12, 4), amount=0.6),
            Backdrop(calm=0.85, lift=0.62, tint=(-12, 12), amount=0.6),
            Backdrop(calm=0.85, lift=0.62, tint=(2, 18), amount=0.6),
            Backdrop(calm=0.85, lift=0.6, tint=(10, -14), amount=0.6),
        ),
        grade=Grade(
            contrast=0.4, vibrance=0.3, lights=(0.5, 0.5), darks=(1.0, -4.0), glow=0.3, lift=9.0
        ),
    ),
    PaintedStyle(
        name="golden",
        title="Golden hour",
        sentence="Warm evening light, deep shadows, a glow around you.",
        features=Features(lid=0.155, iris=0.6, blush=1.1),
        tones=Tones(skin=0.8, hair=0.8, softness=3.4),
        lines=Lines(width=2.1, strength=1.0, darkness=0.18, in_backdrop=0.2),
        backdrops=(
            Backdrop(calm=0.75, lift=0.1, tint=(24, 46), amount=0.6),
            Backdrop(calm=0.75, lift=0.05, tint=(34, 22), amount=0.55),
            Backdrop(calm=0.75, lift=0.08, tint=(12, 52), amount=0.55),
            Backdrop(calm=0.75, lift=0.0, tint=(20, -24), amount=0.55),
        ),
        grade=Grade(
            contrast=1.5, vibrance=0.35, lights=(4.0, 15.0), darks=(5.0, -9.0), glow=0.35, lift=-3.0
        ),
    ),
    PaintedStyle(
        name="anime",
        title="Anime",
        sentence="Large bright eyes, two clear tones, hair in shining locks.",
        features=Features(
            eye_size=1.42, slimming=0.08, lid=0.18, iris=1.0, blush=2.0, iris_size=1.18, nose=0.35
        ),
        tones=Tones(skin=0.85, hair=0.95, softness=1.6, highlight=0.0, breadth=0.05),
        lines=Lines(width=2.0, strength=1.0, darkness=0.22, in_backdrop=0.15),
        backdrops=(
            Backdrop(calm=0.7, lift=0.35, tint=(-8, -26), amount=0.5),
            Backdrop(calm=0.7, lift=0.35, tint=(16, -10), amount=0.5),
            Backdrop(calm=0.7, lift=0.35, tint=(-14, 10), amount=0.5),
            Backdrop(calm=0.7, lift=0.35, tint=(10, 26), amount=0.5),
        ),
        grade=Grade(
            contrast=0.9, vibrance=0.55, lights=(0.0, 1.0), darks=(3.0, -8.0), glow=0.22, lift=4.0
        ),
    ),
)

# For other engines to draw over: no lines, no light and colour of its own.
PLAIN = PaintedStyle(
    name="plain",
    title="",
    sentence="",
    features=Features(eye_size=1.0, slimming=0.0),
    lines=Lines(strength=0.0),
    grade=Grade(contrast=0.3, vibrance=0.1, lights=(0, 0), darks=(0, 0), glow=0.0),
    broad_px=544,
)

# The same where only skin and eyes are used.
PLAIN_SKIN = replace(PLAIN, backdrops=(), skin_alone=True, broad_px=704)

# For another engine to trace: bold lines, clear tones, full colours.
BOLD = PaintedStyle(
    name="bold",
    title="",
    sentence="",
    features=Features(eye_size=1.17, slimming=0.05, lid=0.105, blush=0.8),
    tones=Tones(skin=0.8, hair=0.85, softness=2.5, highlight=0.4, breadth=0.02),
    lines=Lines(width=2.8, darkness=0.12),
    backdrops=(),
    broad_px=576,
    grade=Grade(contrast=1.35, vibrance=0.62, glow=0.0),
)

# As ``painted``, for another engine to trace.
STORY = PaintedStyle(
    name="story",
    title="",
    sentence="",
    features=Features(eye_size=1.32, slimming=0.08, lid=0.15, iris=0.8),
    tones=Tones(hair=0.4),
    lines=Lines(width=3.0, darkness=0.12, in_backdrop=0.6),
    broad_px=640,
)
