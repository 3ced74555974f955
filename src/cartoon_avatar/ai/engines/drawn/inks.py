"""Two inks on paper: every lightness becomes a step between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, hex_of, lab_of_hex, mixed

_PAPER = "#fff6e9"
# The lightness, L, that is printed in the dark ink, in both, in the bright one, in a tint of it,
# and that stays bare paper.
_LIGHTS = 8.0, 32.0, 54.0, 77.0, 97.0
# How much of the bright ink is in both, and how much of the paper shows through its tint.
_OVERPRINT, _TINT = 0.42, 0.58


@dataclass(frozen=True, slots=True, eq=False)
class Inks:
    dark: Lab
    bright: Lab
    paper: Lab

    @classmethod
    def of(cls, pair: tuple[str, str]) -> Inks:
        """A dark and a bright ink, hex."""
        return cls(lab_of_hex(pair[0]), lab_of_hex(pair[1]), lab_of_hex(_PAPER))

    def printed(self, colour: str) -> str:
        """What is printed for ``colour``, by its lightness alone; hex both."""
        light = lab_of_hex(colour)[0]
        stops = np.array([
            self.dark,
            mixed(self.dark, self.bright, _OVERPRINT),
            self.bright,
            mixed(self.bright, self.paper, _TINT),
            self.paper,
        ])  # fmt: skip
        return hex_of(np.array([np.interp(light, _LIGHTS, channel) for channel in stops.T]))
