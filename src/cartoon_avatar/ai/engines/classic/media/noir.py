"""Black, one grey and white."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.media.duotone import duotone
from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Medium, Style
from cartoon_avatar.ai.filters.smoothstep import smoothstep

# L below which a pixel is black and above which it is white, away from faces.
_BLACK, _WHITE = 24.0, 56.0
# Dark and light skin, L, and how far above or below its own lightness either turns white.
_SKIN, _WHITE_ABOVE = (48, 80), (7, -13)
# On a face nothing is black that is lighter than this share of its skin.
_BLACK_OF_SKIN = 0.45
# How dark grey is, and how much darker black.
_GREY, _MORE = 0.42, 0.56
# Half the width of the edges of grey and of black, L.
_GREY_EDGE, _BLACK_EDGE = 0.7, 1.5


def paint(sheet: Sheet, style: Style, rng: np.random.Generator) -> np.ndarray:
    """``sheet`` in three tones: H×W×3 uint8 sRGB."""
    how = style.materials
    return duotone(darkness(sheet), how.papers[0], how.inks[0])


# Without colour there is no skin to be held to its own. The light on the rim of the people
# is what tells dark hair from a dark backdrop.
NOIR = Medium(paint, keeps_skin=False, removes_spill=False)


def darkness(sheet: Sheet) -> np.ndarray:
    """H×W float32, 0 white .. 1 black.

    Light skin is white with grey shade, dark skin grey with white light, and between them
    the darker the skin the more of it is grey: the order is kept and no face drowns.
    """
    light, coverage = sheet.drawn.light, sheet.coverage
    black_below, white_above = np.float32(_BLACK), np.float32(_WHITE)
    if sheet.complexions:
        plain = max(skin.light for skin in sheet.complexions)
        face = plain + float(np.interp(plain, _SKIN, _WHITE_ABOVE))
        share = sheet.full.skin if sheet.full.skin is not None else 0
        white_above = white_above + share * np.float32(face - _WHITE)
        black_below = black_below + share * np.float32(min(_BLACK, _BLACK_OF_SKIN * plain) - _BLACK)
    grey = 1 - smoothstep(light - white_above, -_GREY_EDGE, _GREY_EDGE)
    black = 1 - smoothstep(light - black_below, -_BLACK_EDGE, _BLACK_EDGE)
    dark = _GREY * grey + _MORE * black
    return dark + coverage * (0.98 - dark)
