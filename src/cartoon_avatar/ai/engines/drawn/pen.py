"""What every part draws with: the sheet, the person as read, their colours, the line widths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.engines.drawn.palette import HairTones, SkinTones
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.sheet import Sheet


@dataclass(slots=True, eq=False)
class Pen:
    """``outline`` is the width of lines about shapes, units."""

    sheet: Sheet
    reading: Reading
    skin: SkinTones
    hair: HairTones
    ink: Lab
    outline: float
    random: np.random.Generator


def dice(seed: int, reading: Reading) -> np.random.Generator:
    """The chances of drawing number ``seed``.

    The person takes part: two people drawn with one seed differ in more than face.
    """
    return np.random.default_rng(
        [seed, *np.round(reading.landmarks[::60].ravel()).astype(int) & 255]
    )
