"""The looks of the one geometry, as data."""

from __future__ import annotations

from dataclasses import dataclass

_BRIGHT = (
    "#ffc53a", "#ff8a62", "#27a5a8", "#62c6dd", "#5b8def", "#a5d86e",
    "#ff9fb2", "#9c86e8", "#3fb98a", "#ffd64f",
)  # fmt: skip
_PALE = (
    "#f6e7d0", "#dcecef", "#e6e0f2", "#dfeeda", "#fbe0dc", "#d5e3f5", "#fbeec2", "#c9d8d6",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tones:
    """How a part is traced: lengths in face heights, areas in squared ones."""

    step: float  # between two tones, L
    least: float  # the smallest shape
    smooth: float  # how far outlines are smoothed
    soft: float = 0.0  # the blur before: hard steps of folds and weave look like camouflage
    #: In scenes: how far from the usual lightness on tones are twice as coarse, L.
    fine: float = 100.0


@dataclass(frozen=True, slots=True)
class DrawnStyle:
    """Line widths are shares of the face's height.

    ``inks`` are pairs of a dark and a bright ink, hex, of which a seed takes one.
    """

    name: str
    title: str
    sentence: str
    outline: float = 0.0
    inked: bool = False  # with ink lines everywhere, not only about jaw and neck
    rim: float = 0.0  # a white rim about the person
    transparent: bool = False
    #: How what is behind the person is traced; None for a made-up backdrop.
    scene: Tones | None = None
    skin: Tones = Tones(step=1.2, least=0.0003, smooth=0.005)
    hair: Tones = Tones(step=3.0, least=0.00012, smooth=0.004)
    cloth: Tones = Tones(step=4.0, least=0.0006, smooth=0.007, soft=0.005)
    company: Tones = Tones(step=2.5, least=0.0003, smooth=0.005)
    #: How far skin goes to its colour under even light, 0..1.
    even: float = 0.5
    #: The power that lightness (0..1) is raised to, and the factor of chroma.
    light: float = 0.985
    vivid: float = 1.0
    inks: tuple[tuple[str, str], ...] = ()
    backdrops: tuple[str, ...] = _BRIGHT
    grounds: tuple[str, ...] = ("disc", "arch", "rays", "blob", "halves")  # shapes behind


STYLES: tuple[DrawnStyle, ...] = (
    DrawnStyle(
        "ink",
        "Ink",
        "A portrait in few colours under ink lines, as in a comic book.",
        outline=0.02,
        inked=True,
        skin=Tones(step=2.4, least=0.0003, smooth=0.008, soft=0.006),
        hair=Tones(step=8.0, least=0.00012, smooth=0.006),
        cloth=Tones(step=9.0, least=0.0006, smooth=0.007, soft=0.006),
        company=Tones(step=6.0, least=0.0004, smooth=0.007, soft=0.005),
        light=0.97,
        vivid=1.12,
        grounds=("rays", "rays", "burst", "dots"),
    ),
    DrawnStyle(
        "poster",
        "Poster",
        "A portrait in many clean tones under a firm outline, on a bright backdrop.",
        outline=0.014,
        grounds=("disc", "blob", "arch"),
    ),
    DrawnStyle(
        "storybook",
        "Storybook",
        "You and your scene in clean tones under fine lines, as in a picture book.",
        outline=0.008,
        skin=Tones(step=1.0, least=0.0001, smooth=0.003, fine=20.0),
        hair=Tones(step=1.8, least=0.00018, smooth=0.0035, fine=26.0),
        scene=Tones(step=1.2, least=0.0015, smooth=0.006, soft=0.004),
        even=0.0,
        light=1.0,
        vivid=1.03,
    ),
    DrawnStyle(
        "flat",
        "Flat",
        "Clean tones without a line on a pale ground, as in a magazine.",
        backdrops=_PALE,
        grounds=("disc", "blob", "arch", "halves"),
    ),
    DrawnStyle(
        "duotone",
        "Duotone",
        "Two inks on cream paper, like a screen print.",
        outline=0.014,
        inks=(
            ("#1d1a4f", "#f0605f"),
            ("#14213d", "#e8863a"),
            ("#0c2340", "#2fa89f"),
            ("#2b0f3f", "#ea5f98"),
            ("#1a1f5c", "#4f8fe8"),
            ("#3a1020", "#e4574f"),
        ),
        grounds=("disc", "blob", "arch", "halves"),
    ),
    DrawnStyle(
        "sticker",
        "Sticker",
        "Cut out with a white rim, on nothing: for chats.",
        outline=0.02,
        rim=0.075,
        transparent=True,
    ),
)
