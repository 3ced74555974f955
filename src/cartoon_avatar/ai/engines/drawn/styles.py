"""The looks of the one geometry, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DrawnStyle:
    """Line widths are shares of the face's height; 0 draws no lines but the face's own.

    ``duotones`` are pairs of a dark and a light ink, hex, of which a seed takes one.
    """

    name: str
    title: str
    description: str
    outline: float = 0.0
    inner: float = 0.0
    fine: float = 0.013
    rim: float = 0.0  # a white rim about the person
    transparent: bool = False
    duotones: tuple[tuple[str, str], ...] = ()


STYLES: tuple[DrawnStyle, ...] = (
    DrawnStyle(
        "ink",
        "Ink",
        "A portrait in flat colours under firm ink lines, on a bright backdrop.",
        outline=0.017,
        inner=0.013,
        fine=0.014,
    ),
    DrawnStyle(
        "flat",
        "Flat",
        "Shapes without lines, as on a modern poster.",
    ),
    DrawnStyle(
        "duotone",
        "Duotone",
        "Two inks and what they mix to, like a screen print.",
        duotones=(
            ("#1d1147", "#ff9e7a"),
            ("#10314f", "#ffd36e"),
            ("#3b0d3f", "#ffb3c7"),
            ("#0c3b3a", "#c9f2a5"),
            ("#2a1a5e", "#7ee0e6"),
        ),
    ),
    DrawnStyle(
        "sticker",
        "Sticker",
        "Cut out with a white rim, on nothing: for chats.",
        outline=0.02,
        inner=0.014,
        fine=0.015,
        rim=0.075,
        transparent=True,
    ),
)
