"""Two inks on paper, as a screen print: every colour becomes a step between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, hex_of, lab_of_hex, mixed
from cartoon_avatar.ai.engines.drawn.palette import SkinTones

_PAPER = lab_of_hex("#fbf4e6")
_STEPS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Inks:
    """``shares`` say for ``lights`` (L) how far from the dark ink (0) over the bright one (0.5)
    to bare paper (1) they are printed."""

    dark: Lab
    bright: Lab
    lights: tuple[float, ...]
    shares: tuple[float, ...]

    def __call__(self, colour: Lab) -> str:
        share = round(float(np.interp(colour[0], self.lights, self.shares)) * _STEPS) / _STEPS
        if share < 0.5:
            return hex_of(mixed(self.dark, self.bright, 2 * share))
        return hex_of(mixed(self.bright, _PAPER, 2 * share - 1))

    @property
    def bright_alone(self) -> Lab:
        """A grey that is printed as the bright ink."""
        return np.array([np.interp(4.5 / _STEPS, self.shares, self.lights), 0, 0], float)


def inks_for(pair: tuple[str, str], skin: SkinTones) -> Inks:
    """The dark and the bright ink of ``pair`` (hex), the face printed lightest.

    Who is darker stays a little darker.
    """
    base = 0.72 + 0.15 * float(np.clip((skin.base[0] - 35) / 45, 0, 1))
    return Inks(
        lab_of_hex(pair[0]),
        lab_of_hex(pair[1]),
        (12.0, float(skin.shade[0]), float(skin.base[0]), 97.0),
        (0.0, base - 0.24, base, 1.0),
    )
