"""The style's contrast and colour; skin keeps its hue and its place between dark and light."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.steps.palette import loud
from cartoon_avatar.ai.engines.classic.steps.skin import skin_of_each
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.filters.canvas import blend_into, sized

# L that contrast turns about where there is no skin.
_MIDDLE = 55.0
# Lightness of skin, L, up to which pastel lift is held back altogether and from which it is not.
_LIFT_NOT, _LIFT_ALL = 40, 80
# CIELAB chroma at which a colour is as vivid as it gets.
_VIVID = 110
# How much of the vividness, and of a palette's inks, hair is spared; 0..1.
_HAIR_STAYS, _HAIR_SPARED = 0.55, 0.75


def grade(sheet: Sheet, style: Style) -> None:
    """Give the drawing the style's contrast, lift, vividness, hue turn and palette."""
    _contrast(sheet, style)
    # A backdrop's colours are chosen, not photographed: neither graded nor turned.
    subject = None if style.keeps_scene else sheet.half.person
    _vividness(sheet, style, subject)
    if style.colour.turn_deg:
        _turn(sheet, style.colour.turn_deg, subject)
    if style.colour.palette:
        _few_inks(sheet, style, subject)


def _contrast(sheet: Sheet, style: Style) -> None:
    how, light, skins = style.colour, sheet.drawn.light, sheet.complexions
    # About the skin's own lightness, so that contrast moves everything but faces.
    pivot = float(np.mean([skin.light for skin in skins])) if skins else _MIDDLE
    light *= np.float32(how.contrast)
    light += np.float32(pivot * (1 - how.contrast))
    if how.lift:
        lift = np.float32(how.lift)
        for skin, own in zip(skins, skin_of_each(sheet.full), strict=True):
            # Pastel is not bleach: the darker the skin, the less of it.
            place = (skin.light - _LIFT_NOT) / (_LIFT_ALL - _LIFT_NOT)
            lift = lift - np.float32(how.lift * (1 - float(np.clip(place, 0, 1)))) * own
        light += lift * (100 - light)
    np.clip(light, 0, 100, out=light)


def _vividness(sheet: Sheet, style: Style, subject: np.ndarray | None) -> None:
    how, half = style.colour, sheet.half
    # Saturates softly: what is vivid already is left almost alone.
    gain = cv2.magnitude(sheet.drawn.a, sheet.drawn.b)
    gain *= np.float32(-1 / _VIVID)
    gain += 1
    np.clip(gain, 0, 1, out=gain)
    more = np.float32(how.vividness - 1)
    if half.skin is not None:
        more = half.skin * np.float32(how.skin_vividness - how.vividness) + more
    if half.hair is not None:
        more = more - np.float32(_HAIR_STAYS * (how.vividness - 1)) * half.hair
    gain *= more
    if subject is not None:
        gain *= subject
    gain += 1
    sheet.drawn.a *= gain
    sheet.drawn.b *= gain


def _turn(sheet: Sheet, turn_deg: float, subject: np.ndarray | None) -> None:
    """Turn the hue of all but skin and hair."""
    half, a, b = sheet.half, sheet.drawn.a, sheet.drawn.b
    turn = np.deg2rad(turn_deg)
    share = 1 - half.skin if half.skin is not None else np.float32(1)
    if half.hair is not None:
        share = np.clip(share - half.hair, 0, 1)
    if subject is not None:
        share = share * subject
    turned_a = np.float32(np.cos(turn)) * a - np.float32(np.sin(turn)) * b
    turned_b = np.float32(np.sin(turn)) * a + np.float32(np.cos(turn)) * b
    blend_into(a, turned_a, share)
    blend_into(b, turned_b, share)


def _few_inks(sheet: Sheet, style: Style, subject: np.ndarray | None) -> None:
    """Turn clear colours to the inks of the palette, but for skin and most of the hair."""
    half, drawn = sheet.half, sheet.drawn
    spare = half.skin
    if spare is not None and half.hair is not None:
        spare = np.clip(spare + np.float32(_HAIR_SPARED) * half.hair, 0, 1)
    if spare is not None and subject is not None:
        spare = np.clip(spare + 1 - subject, 0, 1)
    light = sized(drawn.light, drawn.a.shape)
    drawn.a, drawn.b = loud(light, drawn.a, drawn.b, style.colour.palette, spare)
