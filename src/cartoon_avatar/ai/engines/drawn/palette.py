"""The colours a person is drawn in: skin under even light, hair, and their tones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, from_lch, lch, shifted
from cartoon_avatar.ai.engines.drawn.light import evened, warm_cast
from cartoon_avatar.ai.engines.drawn.person import Reading

INK = np.array([12.0, 5.0, -3.0])
WHITE = np.array([96.0, 0.0, 2.0])


@dataclass(frozen=True, slots=True, eq=False)
class SkinTones:
    base: Lab
    shade: Lab
    deep: Lab
    line: Lab


@dataclass(frozen=True, slots=True, eq=False)
class HairTones:
    base: Lab
    shade: Lab


def skin_tones(reading: Reading) -> SkinTones:
    """Skin keeps its hue within 5° and the order of people's lightness."""
    light, chroma, hue = lch(reading.skin)
    light = evened(light, reading.gain)
    even = reading.subject.even_skin
    if even is not None and even.confidence >= 0.3:
        # Two readings of one thing: a bright face, but nobody's else.
        fair = fairness(reading)
        brighter = 2.5 + fair * (2 + float(np.clip(10 * (reading.gain - 1), 0, 3)))
        light = float(np.clip(light + 2, even.value[0] + 0.5, even.value[0] + brighter))
        light += 0.55 * fair * max(0.0, 68 - even.value[0])
    # Never burnt out, never so dark that shade and line drown.
    light = float(np.clip(light, 31, 86))
    if reading.subject.monochrome:
        light = float(np.clip(light + 3, 45, 85))
        base, shade, deep = (from_lch(light + d, 2, 70) for d in (0, -14, -27))
        return SkinTones(base, shade, deep, from_lch(max(12, light - 55), 2, 60))
    chroma = float(np.clip(chroma * 1.14, 22 + 0.1 * (86 - light), 35))
    # Rosy skin stays rosier than others: green and purple casts are turned back.
    hue += float(np.clip(np.clip(hue, 47, 62) - hue, -7, 7))
    depth = 0.75 + 0.25 * light / 80
    return SkinTones(
        base=from_lch(light, chroma, hue),
        shade=from_lch(light - 10.5 * depth, chroma + 4.5, hue - 3.5),
        deep=from_lch(light - 23 * depth, chroma + 6, hue - 8),
        line=from_lch(max(9, light * 0.32), 18, 36),
    )


def fairness(reading: Reading) -> float:
    """How far the skin's colour says that it is fair, however dim the photo is, 0..1.

    Chroma over lightness stays as it is when light fades, and is greater in dark skin; gloss
    and cool light lower it too. Fair hair grows on fair skin.
    """
    subject = reading.subject
    if subject.skin is None or subject.monochrome:
        return 0.0
    light, chroma, _ = lch(np.array(subject.skin.value))
    chroma -= warm_cast(reading)
    dim = subject.light.value.dim if subject.light is not None else 0.0
    fair = float(np.clip((0.38 + 0.06 * dim - chroma / (light + 16)) / 0.08, 0, 1))
    hair = subject.hair_colour
    if hair is not None and hair.confidence >= 0.5:
        hair_light, hair_chroma, _ = lch(np.array(hair.value))
        if hair_light > 26 and hair_chroma > 19:
            return max(fair, 0.8)
    cool = subject.light is not None and subject.light.value.tint[1] < -2
    return 0.0 if cool else fair


def hair_tones(pixels: np.ndarray, reading: Reading) -> HairTones:
    """``pixels`` are N×3 CIELAB, of hair or a beard."""
    if len(pixels) < 12:
        pixels = np.array([[20.0, 3, 3]] * 12)
    lights = pixels[:, 0]
    # Between cropped hairs the skin shows.
    cropped = reading.area(reading.hair) < 0.18
    black = np.median(lights) < 26 and np.median(np.hypot(pixels[:, 1], pixels[:, 2])) < 9
    band = (15, 50) if cropped else (28, 66) if black else (46, 82)
    low, high = np.percentile(lights, band)
    light, chroma, hue = lch(np.median(pixels[(lights >= low) & (lights <= high)], axis=0))
    # Gloss is the light's, not the hair's.
    light = min(light, float(np.median(lights)) + 6)
    if (chroma > 8 or light < 35) and 68 < hue < 110:
        hue = 68 + (hue - 68) * 0.3  # dark yellow looks olive on flat colour
    gain = reading.gain ** (0.3 if light < 26 else 0.6)
    light = min(80.0, evened(light, gain))
    if cropped and chroma > 8:
        light, hue = light - 5, min(hue, 68)
    else:
        chroma *= 1 + 0.35 * float(np.clip(light / 30, 0, 1))
    if reading.subject.monochrome:
        chroma, hue = 1.5, 60
    elif light < 24 and black:
        # Black hair keeps a colour of its own beside black ink.
        chroma, hue = max(chroma, 5.0), hue if chroma > 5 else 290
    if light < 24 and black:
        light = 9 + 0.36 * light
    base = from_lch(light, chroma, hue)
    return HairTones(base, shifted(base, -8 if light < 30 else -14, 1.03, -4))
