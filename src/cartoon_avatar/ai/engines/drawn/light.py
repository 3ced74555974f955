"""The light on a face: skin without gloss, and how far it must be evened."""

from __future__ import annotations

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, lch, lightness, luminance
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.seeing.features import grown


def read_light(reading: Reading) -> None:
    """Skin colour and light: how bright, from which side."""
    unit, features, lab = reading.unit, reading.features, reading.lab
    soft = reading.soft(lab, 0.008 * unit)
    bare = reading.oval & reading.face & (reading.worn_on_face < 0.3)
    avoid = np.zeros_like(bare)
    for eye in features.eyes:
        avoid |= reading.inside(grown(eye.outline, 1.8))
    for brow in features.brows:
        avoid |= reading.inside(grown(brow, 1.5))
    upper = reading.down_at < reading.at(13) @ reading.down
    zone = reading.grown(bare, -0.03 * unit) & ~avoid & upper
    for wider in (bare & ~avoid, bare, reading.oval):
        if zone.sum() >= 60:
            break
        zone = wider
    if not zone.any():
        return
    pixels = soft[zone]
    reading.skin_lightness = float(np.median(pixels[:, 0]))
    white, openness = _white_of_eyes(reading)
    reading.skin = _diffuse(pixels, white)
    light = reading.subject.light
    reading.skin[1:] *= 1 - warm_cast(reading) / max(1.0, float(np.hypot(*reading.skin[1:])))
    if light is not None and light.value.tint[1] < 0 and not reading.subject.monochrome:
        # Cool light greys skin; a healthy white of the eye is a little warm.
        a, b = light.value.tint
        reading.skin[1:] += 0.6 * np.array([np.clip(3 - a, -6, 6), 5 - b])

    cheeks = []
    for indices in ((50, 117, 187, 205), (280, 346, 411, 425)):
        on = np.zeros_like(bare)
        for index in indices:
            on |= reading.disc(reading.at(index), 0.05 * unit)
        on &= bare
        cheeks.append(float(np.median(soft[on][:, 0])) if on.any() else reading.skin_lightness)
    reading.light_side = 1 if cheeks[0] >= cheeks[1] else -1
    reading.gain = _gain(reading, white, openness)


def warm_cast(reading: Reading) -> float:
    """The chroma that yellow light adds to skin, by the white of the eyes; 0 where it does not."""
    light = reading.subject.light
    if light is None or light.confidence < 0.5 or reading.subject.monochrome:
        return 0.0
    return 0.7 * float(np.clip(light.value.tint[1] - 10, 0, 20))


def _diffuse(pixels: np.ndarray, white: float | None) -> Lab:
    """The colour of N×3 skin pixels without gloss, which is lighter and greyer than the skin.

    Gloss hides skin that is clearly darker than the ``white`` of the eyes (L).
    """

    def band(low: float, high: float) -> Lab:
        limits = np.percentile(pixels[:, 0], [low, high])
        within = (pixels[:, 0] >= limits[0]) & (pixels[:, 0] <= limits[1])
        return np.median(pixels[within], axis=0).astype(float)

    bright, middle = band(80, 95), band(45, 75)
    deeper = band(18, 50)
    deeper[0] = max(deeper[0], float(np.median(pixels[:, 0])) - 5)
    glossy = np.hypot(*bright[1:]) < 0.8 * np.hypot(*middle[1:])
    if white is None:
        # Hard light and gloss spread the lights of a face.
        spread = float(np.ptp(np.percentile(pixels[:, 0], [20, 85])))
        return deeper if glossy or spread > 20 else band(35, 65)
    darker = luminance(middle[0]) / luminance(white)
    if darker < 0.68 and (glossy or darker < 0.66):
        return deeper
    return band(45, 80)


def _white_of_eyes(reading: Reading) -> tuple[float | None, float]:
    """Lightness of the white of the eyes, if it is seen, and how open the eyes are."""
    whites: list[float] = []
    openness = 0.0
    for index, eye in enumerate(reading.features.eyes):
        if reading.hides_eye(index):
            continue
        white = reading.inside(grown(eye.outline, 0.85))
        white &= ~reading.disc(eye.iris, eye.radius * 1.15)
        if white.sum() >= 6:
            whites.append(float(np.percentile(reading.lab[white][:, 0], 85)))
        openness = max(openness, eye.opening / max(1e-6, eye.width))
    white = max(whites, default=0.0)
    # Darker than any white can be: lashes, or a dark lens.
    return (white if white > 0.6 * reading.skin_lightness else None), openness


def _gain(reading: Reading, white: float | None, openness: float) -> float:
    """By how much luminance must rise so that the white of the eye is as in good light.

    A dim photo darkens skin and white alike; dark skin leaves the white white.
    """
    light = reading.skin_lightness
    # What is nearly white in the picture tells how far it is underexposed.
    brightest = float(np.percentile(reading.lab[..., 0], 98))
    exposure = 1.0
    if 78 < brightest < 90:
        exposure = (luminance(91) / luminance(brightest)) ** 0.8
    if white is None or white >= 76:
        return exposure
    ratio = luminance(light) / luminance(white)
    wanted = np.clip(ratio * 1.14, 0.12, 1.12) * luminance(76)
    gain = float(np.clip(wanted / luminance(light), 1.0, 3.2))
    # Narrow eyes show no white, yellow skin under warm light has yellow whites.
    hue = lch(reading.skin)[2]
    trust = max(
        np.clip((54 - hue) / 6, 0, 1) * np.clip((openness - 0.18) / 0.12, 0, 1),
        np.clip((61 - hue) / 4, 0, 1) * np.clip((openness - 0.27) / 0.06, 0, 1),
    )
    if (reading.worn_on_face[reading.oval] > 0.5).mean() > 0.01:
        trust *= 0.35
    if hue > 42:
        trust *= float(np.clip((ratio - 0.6) / 0.2, 0, 1))
    trust *= float(np.clip((76 - white) / 14, 0, 1)) if ratio < 0.75 else 1.0
    gain = max(exposure, gain ** float(0.7 * trust))
    most = luminance(min(80.0, light + 12)) / luminance(light)
    return float(np.clip(gain, 1.0, max(1.0, most)))


def evened(light: float, gain: float) -> float:
    """The lightness that ``light`` has under even light."""
    return lightness(luminance(light) * gain)
