"""Exposure and white balance, judged by the face and not by the picture."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.filters.canvas import Canvas, rgb_of, sized
from cartoon_avatar.ai.filters.lookup import through

# Between these the median lightness of a face's skin is left alone. Outside it is corrected
# part of the way only, by a rising curve, so that the order from dark to light skin is kept.
_DARK, _BRIGHT = 64.0, 84.0
# CIELAB chroma of skin in neutral light stays below this; more comes from the lamp.
_SKIN_CHROMA = 33.0


def light_scene(sheet: Sheet, style: Style) -> None:
    """Expose the photo for its faces."""
    sheet.lit = expose(sheet.seen, sheet.half.skin, style.colour.local_contrast)
    sheet.lit_half = sheet.lit.small_lab()
    sheet.lit_half_rgb = rgb_of(sheet.lit_half)


def expose(seen: Canvas, skin: np.ndarray | None, local_contrast: float) -> Canvas:
    """``seen`` lit so that faces and dark corners can be drawn.

    ``skin`` is h×w float32, 0..1, the faces' skin at the size of the colours, or None
    without a face. A gamma curve brings badly exposed skin towards ordinary light, warm
    lamp light is taken back, and contrast-limited adaptive equalisation (Zuiderveld 1994)
    is blended in by ``local_contrast``, 0..1.
    """
    light, a, b = seen.light, seen.a, seen.b
    level = _median(sized(light, a.shape), skin)
    if skin is None:
        # Without a face only a picture that is dark all over is lifted.
        target = level + 0.4 * max(0.0, 38.0 - level)
    else:
        target = level + 0.3 * max(0.0, _DARK - level) - 0.4 * max(0.0, level - _BRIGHT)
    if abs(target - level) > 0.5 and 1.0 < level < 99.0:
        gamma = float(np.clip(np.log(target / 100) / np.log(level / 100), 0.55, 1.6))
        # Light that has just been seen has 256 levels.
        light = through(light, lambda at: 100 * (at / 100) ** gamma, 0, 100)

    if local_contrast > 0:
        # cv2's equaliser works on 8 bits; on smooth light its steps would show, so only
        # its change is taken, smoothed.
        size = (max(1, light.shape[1] // 4), max(1, light.shape[0] // 4))
        small = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
        before = np.clip(small * 2.55, 0, 255).astype(np.uint8)
        after = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4)).apply(before)
        change = (after.astype(np.float32) - before) / 2.55
        change = cv2.GaussianBlur(change, (0, 0), max(1.0, max(small.shape) / 90))
        change *= np.float32(local_contrast)
        if skin is not None:
            change *= 1 - np.float32(0.8) * sized(skin, change.shape)
        light = light + sized(change, light.shape)
        np.clip(light, 0, 100, out=light)

    if skin is not None:
        less_a, less_b = _warmth(a, b, skin)
        a, b = a - np.float32(less_a), b - np.float32(less_b)
    return Canvas(light, a, b)


def _warmth(a: np.ndarray, b: np.ndarray, skin: np.ndarray) -> tuple[float, float]:
    """How much a, b of the lamp to take away: warmth along the skin's own hue, or blue."""
    red, yellow = _median(a, skin), _median(b, skin)
    chroma = float(np.hypot(red, yellow))
    share = 0.75 * max(0.0, chroma - _SKIN_CHROMA) / max(chroma, 1.0)
    # Skin of any tone is at least as yellow as this beside its red, unless the light is blue.
    # In a grey photo there is nothing to be balanced.
    pink = 0.6 * max(0.0, 0.58 * red - yellow) if chroma > 6 else 0.0
    return share * red, share * yellow - min(pink, 4.0)


def _median(values: np.ndarray, weight: np.ndarray | None) -> float:
    values = values[::2, ::2]
    if weight is not None:
        chosen = values[weight[::2, ::2] > 0.5]
        if chosen.size:
            return float(np.median(chosen))
    return float(np.median(values))
