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
class DrawnStyle:
    """Line widths are shares of the face's height; 0 draws no lines but the face's own.

    ``inks`` are pairs of a dark and a bright ink, hex, of which a seed takes one.
    """

    name: str
    title: str
    sentence: str
    outline: float = 0.0
    inner: float = 0.0
    fine: float = 0.013
    rim: float = 0.0  # a white rim about the person
    transparent: bool = False
    toned: bool = False  # in the tones of the person's painting
    inks: tuple[tuple[str, str], ...] = ()
    backdrops: tuple[str, ...] = _BRIGHT
    grounds: tuple[str, ...] = ("disc", "arch", "rays", "blob", "halves")  # shapes behind

    @property
    def traced(self) -> bool:
        """Whether its shapes are those of the person's painting."""
        return self.toned or bool(self.inks)


STYLES: tuple[DrawnStyle, ...] = (
    DrawnStyle(
        "ink",
        "Ink",
        "A portrait in flat colours under firm ink lines, on a bright backdrop.",
        outline=0.017,
        inner=0.013,
        fine=0.014,
        grounds=("rays", "rays", "burst", "dots"),
    ),
    DrawnStyle(
        "poster",
        "Poster",
        "A portrait in many clean tones under a firm outline, on a bright backdrop.",
        outline=0.014,
        toned=True,
        grounds=("disc", "blob", "arch"),
    ),
    DrawnStyle(
        "flat",
        "Flat",
        "Clean tones without a line on a pale ground, as in a magazine.",
        toned=True,
        backdrops=_PALE,
        grounds=("disc", "blob", "arch", "halves"),
    ),
    DrawnStyle(
        "duotone",
        "Duotone",
        "Two inks on cream paper, like a screen print.",
        fine=0.015,
        inks=(
            ("#1b1a4b", "#ff6f5e"),
            ("#12324f", "#f5a623"),
            ("#3a0f47", "#ff8fab"),
            ("#0d3b3a", "#35b597"),
            ("#241a66", "#4aa8e0"),
            ("#4a1022", "#e6536a"),
        ),
    ),
    DrawnStyle(
        "sticker",
        "Sticker",
        "Cut out with a white rim, on nothing: for chats.",
        outline=0.02,
        rim=0.075,
        transparent=True,
        toned=True,
    ),
)
