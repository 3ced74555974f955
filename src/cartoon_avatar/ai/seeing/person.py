"""Reads a person once from a scene: skin, light, pose, eyes and mouth, and what is worn."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.seeing import worn
from cartoon_avatar.ai.seeing.detector import Face
from cartoon_avatar.ai.seeing.face_chart import SHAPE, UNIT_PX, Chart, chart_of
from cartoon_avatar.ai.seeing.features import CLOSED, Eye
from cartoon_avatar.ai.seeing.matting import Masks
from cartoon_avatar.ai.seeing.measures import colour_in, lab_in, mean_in, read
from cartoon_avatar.ai.seeing.subject import Lab, Light, Pose, Read, Subject


def subject_of(
    rgb: np.ndarray,
    masks: Masks | None,
    face: Face,
    *,
    first: bool = True,
    barred: np.ndarray | None = None,
) -> Subject:
    """Read the person with ``face`` in ``rgb`` (H×W×3 uint8).

    ``first``: it is the one whose pixels are ``masks.mine``. ``barred`` (H×W bool): where bars
    before the person were painted over in ``rgb``.
    """
    chart = chart_of(rgb, masks, face, first=first, barred=barred)
    seen = masks is not None and masks.trusted and masks.hair.any()
    # Few pixels lower the confidence; where the mesh sees no face, features are not read at all.
    sharp = float(np.clip((chart.detail - 0.15) / 0.5, 0, 1))
    detail = sharp if face.confirmed else 0.0
    bare = _bare_skin(chart)
    monochrome = _monochrome(chart)
    skin = colour_in(chart, bare, 0.9 if bare.sum() > 400 else 0.4)
    glasses = worn.glasses(chart, skin, sharp) if seen else None
    hidden = worn.eyes_covered(chart, skin, glasses, sharp) if seen else None
    covered = worn.mouth_covered if seen else worn.mouth_is_unlike_lids
    mouth_hidden = covered(chart, skin, sharp)
    eyes_shown = detail if hidden is None or not all(hidden.value) else 0.0
    if glasses is not None and glasses.value == "clear":
        eyes_shown *= 0.6
    mouth_shown = detail if mouth_hidden is None or not mouth_hidden.value else 0.0
    eyes = _free_eyes(chart, hidden)
    white = _white_of_eyes(chart, eyes) if eyes_shown > 0.3 else None
    hair = worn.hair(chart) if seen else None
    hair_colour = worn.hair_colour(chart) if seen else None
    facial_hair = worn.facial_hair(chart, monochrome, mouth_shown) if seen else None
    return Subject(
        confirmed=face.confirmed,
        pose=_pose(chart, face),
        monochrome=monochrome,
        skin=skin,
        even_skin=_in_even_light(skin, white),
        light=_light(chart, bare, skin, white),
        hair=hair,
        hair_colour=hair_colour,
        facial_hair=facial_hair,
        glasses=glasses,
        frame_colour=worn.frame_colour(chart, glasses),
        covering=worn.covering(chart) if seen else None,
        eyes_covered=hidden,
        mouth_covered=mouth_hidden,
        eyes_open=_eyes_open(chart, eyes_shown),
        iris_colour=_iris_colour(chart, eyes, eyes_shown, white),
        brow_colour=_brow_colour(chart, skin, eyes_shown),
        mouth_open=read(_mouth_gap(chart), mouth_shown),
        teeth=_teeth(chart, skin, mouth_shown),
        smile=read(_smile(chart), 0.8 * mouth_shown),
        age=worn.age(hair_colour, skin, monochrome, detail),
    )


def _monochrome(chart: Chart) -> bool:
    shown = chart.lab[chart.inside]
    return bool(shown.size) and float(np.percentile(np.hypot(*shown[:, 1:].T), 95)) < 6


def _bare_skin(chart: Chart) -> np.ndarray:
    """H×W bool: the upper face without eyes, brows, glasses and hair."""
    features = chart.features
    drawn = chart.zone(*(eye.outline for eye in features.eyes), factor=1.8)
    drawn |= chart.zone(*(cv2.convexHull(brow)[:, 0] for brow in features.brows), factor=1.3)
    face = chart.oval & (chart.face_skin > 0.6) & chart.inside & (chart.y < -0.2)
    return cv2.erode((face & ~drawn).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def _pose(chart: Chart, face: Face) -> Read[Pose] | None:
    """From where the nose stands between the cheeks, and between eyes and mouth."""
    left, right, nose = (float(chart.point(at)[0]) for at in (234, 454, 1))
    across = (nose - left) / max(1.0, right - left)
    eyes = np.mean([eye.outline.mean(axis=0)[1] for eye in chart.features.eyes])
    lips = float(chart.point(13)[1])
    down = (float(chart.point(1)[1]) - eyes) / max(1.0, lips - eyes)
    axis = face.landmarks[152] - face.landmarks[10]
    pose = Pose(
        yaw=round(float(np.clip((across - 0.5) * 90, -90, 90))),
        pitch=round(float(np.clip((0.66 - down) * 120, -60, 60))),
        roll=round(float(np.degrees(np.arctan2(-axis[0], axis[1])))),
    )
    return read(pose, 0.8 if face.confirmed else 0.3)


def _free_eyes(chart: Chart, hidden: Read[tuple[bool, bool]] | None) -> list[Eye]:
    covered = (False, False) if hidden is None else hidden.value
    return [
        eye for eye, is_hidden in zip(chart.features.eyes, covered, strict=True) if not is_hidden
    ]


def _white_of_eyes(chart: Chart, eyes: list[Eye]) -> Lab | None:
    """CIELAB of the white of the ``eyes``, where enough of it is seen."""
    whites = []
    for eye in eyes:
        if eye.opening < 0.2 * eye.width:
            continue
        zone = chart.zone(eye.outline, factor=0.85) & chart.inside & (chart.other < 0.3)
        zone &= ~chart.disc(eye.iris, 1.15 * eye.radius / UNIT_PX)
        if zone.sum() >= 10:
            pixels = chart.lab[zone]
            bright = pixels[pixels[:, 0] >= np.percentile(pixels[:, 0], 75)]
            whites.append(np.median(bright, axis=0))
    if not whites:
        return None
    lightness, a, b = max(whites, key=lambda white: white[0])
    return float(lightness), float(a), float(b)


# L of the white of an eye in good light, and the luminance of light skin as a share of the white's:
# where the white seems darker than that, the lids shade it and it tells nothing.
_WHITE, _SKIN_OF_WHITE = 74.0, 0.75


def _in_even_light(skin: Read[Lab] | None, white: Lab | None) -> Read[Lab] | None:
    """A dim photo darkens skin and white alike; dark skin leaves the white white."""
    if skin is None:
        return None
    light, a, b = skin.value
    if white is None:
        return Read(skin.value, 0.3)
    brightest = max(_luminance(white[0]), _luminance(light) / _SKIN_OF_WHITE)
    gain = float(np.clip(_luminance(_WHITE) / brightest, 1, 2.5))
    even = 116 * np.cbrt(min(1.0, gain * _luminance(light))) - 16
    # The white is never quite seen: narrow eyes shade it.
    even = light + 0.7 * (float(even) - light)
    richer = (even / max(light, 1)) ** 0.5
    return Read(
        (round(even, 1), round(a * richer, 1), round(b * richer, 1)),
        round(0.8 - 0.3 * float(np.clip(gain - 1, 0, 1)), 2),
    )


def _luminance(light: float) -> float:
    return max(1e-3, ((light + 16) / 116) ** 3)


def _light(
    chart: Chart, bare: np.ndarray, skin: Read[Lab] | None, white: Lab | None
) -> Read[Light] | None:
    """The direction of the light, from a plane fitted to the lightness of bare skin."""
    if bare.sum() < 400 or skin is None:
        return None
    x, y, light = chart.x[bare], chart.y[bare], chart.lab[..., 0][bare]
    # Gloss and moles are no light.
    low, high = np.percentile(light, [10, 90])
    kept = (light >= low) & (light <= high)
    design = np.column_stack([x[kept], y[kept], np.ones(kept.sum())])
    (right, down, _), *_ = np.linalg.lstsq(design, light[kept], rcond=None)
    strength = float(np.hypot(right, down))
    dim = 0.0
    if white is not None:
        brightest = max(_luminance(white[0]), _luminance(skin.value[0]) / _SKIN_OF_WHITE)
        dim = float(np.clip(1 - brightest / _luminance(_WHITE), 0, 1))
    tint = (0.0, 0.0) if white is None else (round(white[1], 1), round(white[2], 1))
    towards = (float(right) / max(1e-6, strength), float(down) / max(1e-6, strength))
    value = Light(
        towards=(round(towards[0], 2), round(towards[1], 2)),
        contrast=round(0.8 * strength, 1),
        dim=round(dim, 2),
        tint=tint,
    )
    return Read(value, round(0.4 if white is None else 0.7, 2))


def _eyes_open(chart: Chart, shown: float) -> Read[tuple[bool, bool]] | None:
    shares = [eye.opening / max(1e-3, eye.width) for eye in chart.features.eyes]
    doubt = min(abs(share - CLOSED) for share in shares)
    left, right = (share > CLOSED for share in shares)
    return read((bool(left), bool(right)), shown * float(np.clip(0.4 + 10 * doubt, 0, 0.95)))


# Lids and veins redden what is seen of an iris: its least red half tells a grey, blue or green one,
# which in light as warm as the white of the eye shows has less a* than this, or less chroma while
# it is lighter than this share of the white. How much of that light is taken away, and how far at
# most, CIELAB; darker than this share of the white, an iris is brown; no iris has less a*.
_COOL, _GREY, _WARMTH, _WARMTH_MOST = -1.0, (8.0, 0.5), 0.6, 8.0
_DARK, _LEAST_RED = 0.25, -5.0


def _iris_colour(
    chart: Chart, eyes: list[Eye], shown: float, white: Lab | None
) -> Read[Lab] | None:
    """Between pupil and rim, below the shadow of the lid; ``white`` is that of the eyes."""

    def ring(eye: Eye) -> np.ndarray:
        radius = eye.radius / UNIT_PX
        zone = chart.disc(eye.iris, 0.85 * radius) & ~chart.disc(eye.iris, 0.42 * radius)
        row = np.arange(SHAPE[0])[:, None]
        return zone & chart.zone(eye.outline, factor=0.9) & (row > eye.iris[1] - 0.3 * eye.radius)

    rings = [ring(eye) for eye in eyes]
    zone = np.logical_or.reduce([np.zeros(SHAPE, bool), *rings]) & chart.inside
    if shown < 0.3 or zone.sum() < 12:
        return None
    # Glints are no colour.
    bright, red = chart.lab[..., 0], chart.lab[..., 1]
    zone &= bright < np.percentile(bright[zone], 85)
    if zone.sum() < 20:
        return None
    confidence = round(0.7 * shown, 2)
    light, *_ = lab_in(chart, zone)
    _, a, b = lab_in(chart, zone & (red <= np.median(red[zone])))
    share = 1.0
    if white is not None:
        warmth = _WARMTH * np.maximum(np.array(white[1:]) - 1, 0)
        warmth *= min(1.0, _WARMTH_MOST / max(float(np.hypot(*warmth)), 1e-6))
        a, b, share = a - float(warmth[0]), b - float(warmth[1]), light / max(white[0], 1.0)
    grey = white is not None and np.hypot(a, b) < _GREY[0] and share > _GREY[1]
    if grey or (a < _COOL and share > _DARK):
        return read((light, round(max(a, _LEAST_RED), 1), round(b, 1)), confidence)
    return read(lab_in(chart, zone), confidence)


def _brow_colour(chart: Chart, skin: Read[Lab] | None, shown: float) -> Read[Lab] | None:
    zone = chart.zone(*(cv2.convexHull(brow)[:, 0] for brow in chart.features.brows))
    zone &= (chart.other < 0.3) & (chart.hair < 0.5) & chart.inside
    if shown < 0.3 or zone.sum() < 60 or skin is None:
        return None
    light = chart.lab[..., 0]
    darkest = zone & (light <= np.percentile(light[zone], 35))
    found = lab_in(chart, darkest)
    clear = float(np.clip((skin.value[0] - found[0]) / 15, 0, 1))
    return read(found, 0.85 * shown * clear)


def _mouth_gap(chart: Chart) -> float:
    """How far the mouth is open, as share of its width."""
    gap = np.hypot(*(chart.point(13) - chart.point(14)))
    return round(float(gap / max(1.0, np.hypot(*(chart.point(61) - chart.point(291))))), 2)


def _teeth(chart: Chart, skin: Read[Lab] | None, shown: float) -> Read[bool] | None:
    mouth = chart.zone(chart.features.mouth) & chart.inside
    if skin is None or shown < 0.2:
        return None
    gap = _mouth_gap(chart)
    if gap < 0.05 or mouth.sum() < 60:
        return read(False, 0.9 * shown)
    light, chroma = chart.lab[..., 0], np.hypot(chart.lab[..., 1], chart.lab[..., 2])
    own = float(np.hypot(*skin.value[1:]))
    white = mean_in((light > 0.8 * skin.value[0]) & (chroma < 0.75 * own + 2), mouth)
    if white < 0.12:
        return None
    sure = np.clip(0.5 + 2 * (white - 0.12), 0, 0.95) * np.clip(gap / 0.14, 0.5, 1)
    return read(True, shown * float(sure))


def _smile(chart: Chart) -> float:
    """How far the corners of the mouth lie above the middle of the lips, in mouth widths."""
    corners = (chart.point(61) + chart.point(291)) / 2
    middle = (chart.point(13) + chart.point(14)) / 2
    width = max(1.0, float(np.hypot(*(chart.point(61) - chart.point(291)))))
    return round(float(middle[1] - corners[1]) / width, 2)
