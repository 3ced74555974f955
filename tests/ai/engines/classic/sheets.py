"""A small sheet that the tests of steps and media draw on."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Complexion, Sheet, Sitters, open_sheet
from cartoon_avatar.ai.filters.canvas import Canvas

SIDE = 64


def blank_sheet(light: float, skin: Complexion | None = None) -> Sheet:
    """Grey of ``light`` (L) without ink, 64×64; its left half ``skin`` where there is one."""
    sheet = open_sheet(np.full((SIDE, SIDE, 3), 128, np.uint8), [], None, line_px=2)
    small = SIDE // 2
    a, b = np.zeros((small, small), np.float32), np.zeros((small, small), np.float32)
    lights = np.full((SIDE, SIDE), light, np.float32)
    if skin is not None:
        left = np.zeros((SIDE, SIDE), np.float32)
        left[:, : SIDE // 2] = 1
        lights[left > 0] = skin.light
        half = left[::2, ::2]
        a[half > 0], b[half > 0] = skin.a, skin.b
        nothing = np.zeros_like(left)
        sheet.full = Sitters(person=nothing + 1, hair=nothing, skin=left, features=nothing)
        sheet.half = Sitters(
            person=half * 0 + 1, hair=half * 0, skin=half.copy(), features=half * 0
        )
        sheet.complexions = [skin]
    sheet.drawn = Canvas(lights, a, b)
    sheet.coverage = np.zeros((SIDE, SIDE), np.float32)
    return sheet
