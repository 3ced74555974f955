"""What a person looks like, read once from a scene: colours, light, hair, beard, glasses.

Everything has a confidence, and what is not read is None: engines draw nothing from a guess.
Thresholds were set on portraits that nobody drew for; docs/ai-service.md says how often they
are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np

from cartoon_avatar.ai.seeing.detector import Face
from cartoon_avatar.ai.seeing.face_chart import SHAPE, UNIT_PX, Chart, chart_of
from cartoon_avatar.ai.seeing.features import Eye
from cartoon_avatar.ai.seeing.matting import Masks

Lab = tuple[float, float, float]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Read(Generic[Value]):
    """A value and how sure it is, 0..1."""

    value: Value
    confidence: float


@dataclass(frozen=True, slots=True)
class Light:
    """How a face is lit. ``towards`` points to the light, right and down in the face.

    ``contrast`` is the difference in L between the lit and the other side of the face, ``dim``
    0 in good light and 1 in the dark, ``tint`` CIELAB a, b of what is white under it.
    """

    towards: tuple[float, float]
    contrast: float
    dim: float
    tint: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """Of the head, degrees: ``yaw`` is positive where it looks right in the picture, ``pitch``
    where it looks up, ``roll`` where it leans clockwise. Yaw and pitch are rough."""

    yaw: float
    pitch: float
    roll: float


HairStyle = Literal["bald", "short", "chin", "long", "up", "covered"]
FacialHair = Literal["none", "stubble", "moustache", "beard"]
Glasses = Literal["none", "clear", "dark"]
Covering = Literal["none", "hat", "scarf"]
Age = Literal["adult", "older"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as read from a scene; colours are CIELAB, L 0..100.

    ``skin`` is as the photo shows it, ``even_skin`` as it is in even light. Under what covers
    eyes or mouth no features are to be drawn. Teeth, mouth and eyes are of what is not covered.
    """

    confirmed: bool
    pose: Read[Pose] | None
    monochrome: bool
    skin: Read[Lab] | None
    even_skin: Read[Lab] | None
    light: Read[Light] | None
    hair: Read[HairStyle] | None
    hair_colour: Read[Lab] | None
    facial_hair: Read[FacialHair] | None
    glasses: Read[Glasses] | None
    frame_colour: Read[Lab] | None
    covering: Read[Covering] | None
    eyes_covered: Read[bool] | None
    mouth_covered: Read[bool] | None
    eyes_open: Read[tuple[bool, bool]] | None
    iris_colour: Read[Lab] | None
    brow_colour: Read[Lab] | None
    mouth_open: Read[float] | None
    teeth: Read[bool] | None
    smile: Read[float] | None
    age: Read[Age] | None

    @property
    def shows_eyes(self) -> bool:
        return self.confirmed and not (self.eyes_covered and self.eyes_covered.value)

    @property
    def shows_mouth(self) -> bool:
        return self.confirmed and not (self.mouth_covered and self.mouth_covered.value)


def subject_of(rgb: np.ndarray, masks: Masks | None, face: Face, *, first: bool = True) -> Subject:
    """Read the person with ``face`` in ``rgb`` (H×W×3 uint8).

    ``first``: it is the one whose pixels are ``masks.mine``.
    """
    chart = chart_of(rgb, masks, face, first=first)
    seen = masks is not None and masks.trusted and masks.hair.any()
    # A face of few pixels tells little; one that the mesh denies tells nothing of its features.
    sharp = float(np.clip((chart.detail - 0.15) / 0.5, 0, 1))
    detail = sharp if face.confirmed else 0.0
    bare = _bare_skin(chart)
    monochrome = _monochrome(chart)
    skin = _colour(chart, bare, 0.9 if bare.sum() > 400 else 0.4)
    glasses = _glasses(chart, skin, sharp) if seen else None
    hidden = _eyes_covered(chart, skin, glasses, sharp) if seen else None
    mouth_hidden = _mouth_covered(chart) if seen else None
    eyes_shown = detail if hidden is None or not hidden.value else 0.0
    if glasses is not None and glasses.value == "clear":
        eyes_shown *= 0.6
    mouth_shown = detail if mouth_hidden is None or not mouth_hidden.value else 0.0
    white = _white_of_eyes(chart) if eyes_shown > 0.3 else None
    hair = _hair(chart) if seen else None
    hair_colour = _hair_colour(chart) if seen else None
    facial_hair = _facial_hair(chart, monochrome, mouth_shown) if seen else None
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
        frame_colour=_frame_colour(chart, glasses),
        covering=_covering(chart) if seen else None,
        eyes_covered=hidden,
        mouth_covered=mouth_hidden,
        eyes_open=_eyes_open(chart, eyes_shown),
        iris_colour=_iris_colour(chart, eyes_shown),
        brow_colour=_brow_colour(chart, skin, eyes_shown),
        mouth_open=_read(_mouth_gap(chart), mouth_shown),
        teeth=_teeth(chart, skin, mouth_shown),
        smile=_read(_smile(chart), 0.8 * mouth_shown),
        age=_age(chart, hair_colour, monochrome, detail),
    )


def _read(value: Value, confidence: float) -> Read[Value] | None:
    return Read(value, round(float(confidence), 2)) if confidence > 0.05 else None


def _mean(plane: np.ndarray, zone: np.ndarray) -> float:
    return float(plane[zone].mean()) if zone.any() else 0.0


def _median(plane: np.ndarray, zone: np.ndarray) -> float:
    return float(np.median(plane[zone])) if zone.any() else 0.0


def _lab(chart: Chart, zone: np.ndarray) -> Lab:
    light, a, b = np.median(chart.lab[zone], axis=0)
    return round(float(light), 1), round(float(a), 1), round(float(b), 1)


def _colour(chart: Chart, zone: np.ndarray, confidence: float) -> Read[Lab] | None:
    return Read(_lab(chart, zone), confidence) if zone.sum() >= 20 else None


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
    return _read(pose, 0.8 if face.confirmed else 0.3)


def _white_of_eyes(chart: Chart) -> Lab | None:
    """CIELAB of the white of the eyes, where enough of it is seen."""
    whites = []
    for eye in chart.features.eyes:
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


# Lightness of the white of an eye in good light, and how much darker (in luminance) even light
# skin is: where the white seems darker than that, the lids shade it and it tells nothing.
_WHITE = 74.0
_SKIN_OF_WHITE = 0.75


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
    """A plane laid through the lightness of bare skin says where the light comes from."""
    if bare.sum() < 400 or skin is None:
        return None
    x, y, light = chart.x[bare], chart.y[bare], chart.lab[..., 0][bare]
    # Gloss and moles are no light.
    low, high = np.percentile(light, [10, 90])
    kept = (light >= low) & (light <= high)
    across = np.column_stack([x[kept], y[kept], np.ones(kept.sum())])
    (right, down, _), *_ = np.linalg.lstsq(across, light[kept], rcond=None)
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


def _crown(chart: Chart) -> np.ndarray:
    return (np.abs(chart.x) < 0.3) & (chart.y > -1.3) & (chart.y < -1.05) & chart.inside


def _sides(chart: Chart) -> np.ndarray:
    aside = np.abs(chart.x)
    return (aside > 0.4) & (aside < 0.75) & (chart.y > -0.6) & (chart.y < -0.15) & chart.inside


def _covering(chart: Chart) -> Read[Covering] | None:
    crown = _crown(chart)
    if crown.sum() < 500:
        return None  # the picture ends below it
    covered = _mean(chart.other + chart.clothes, crown)
    if covered < 0.15:
        return Read("none", 0.95)
    if covered < 0.45:
        return None
    closed = _mean(chart.other + chart.clothes, _sides(chart)) > 0.5
    return Read("scarf" if closed else "hat", round(min(0.95, covered + 0.1), 2))


def _hair(chart: Chart) -> Read[HairStyle] | None:
    crown, there = _crown(chart), chart.hair > 0.5
    on_crown, beside = _mean(chart.hair, crown), _mean(chart.hair, _sides(chart))
    below = (np.abs(chart.x) < 1) & (chart.y > 0.05) & (chart.y < 0.6) & chart.inside
    hanging = _mean(chart.hair, below)
    if hanging > 0.05:
        return Read("long", 0.9 if hanging > 0.1 else 0.6)
    if beside > 0.25:
        return Read("chin", 0.7)
    if _mean(chart.other + chart.clothes, crown) > 0.45:
        return Read("covered", 0.8)
    if crown.sum() < 500:
        return None
    if on_crown < 0.15 and there.mean() < 0.02:
        skin = _mean(chart.face_skin + chart.body_skin, crown)
        return Read("bald", 0.85) if skin > 0.4 else None
    if there.any() and np.percentile(chart.y[there], 2) < -1.6:
        return Read("up", 0.6)
    return Read("short", 0.8 if beside < 0.15 else 0.5)


def _hair_colour(chart: Chart) -> Read[Lab] | None:
    """Of hair in neither gloss nor deep shade."""
    sure = (chart.hair > 0.7) & chart.inside
    if sure.sum() < 150:
        return None
    light = chart.lab[..., 0]
    low, high = np.percentile(light[sure], [25, 75])
    zone = sure & (light >= low) & (light <= high)
    return _colour(chart, zone, 0.9 if sure.sum() > 1500 else 0.6)


def _glasses(chart: Chart, skin: Read[Lab] | None, sharp: float) -> Read[Glasses] | None:
    """The network sees frames around the eyes and between them, or dark lenses over them."""
    eyes = [eye.outline.mean(axis=0) for eye in chart.features.eyes]
    apart = float(np.hypot(*(eyes[1] - eyes[0]))) / UNIT_PX
    if apart < 0.2:
        return None  # seen from the side
    lens = chart.disc(eyes[0], 0.2 * apart) | chart.disc(eyes[1], 0.2 * apart)
    around = chart.disc(eyes[0], 0.5 * apart) | chart.disc(eyes[1], 0.5 * apart)
    rims = _mean(chart.other, around & chart.oval & ~lens)
    bridge = _mean(chart.other, chart.disc((eyes[0] + eyes[1]) / 2, 0.16 * apart))
    if rims < 0.02 and bridge < 0.05:
        return _read("none", 0.5 + 0.45 * sharp)
    if rims < 0.05 or bridge < 0.1:
        return None
    dark = (
        _mean(chart.other, lens) > 0.6
        and skin is not None
        and _median(chart.lab[..., 0], lens) < 0.65 * skin.value[0]
    )
    return Read("dark" if dark else "clear", round(0.7 + 0.25 * min(1.0, bridge / 0.4), 2))


def _frame_colour(chart: Chart, glasses: Read[Glasses] | None) -> Read[Lab] | None:
    if glasses is None or glasses.value == "none":
        return None
    worn = (chart.other > 0.5) & chart.oval & (chart.y > -0.9) & (chart.y < -0.45)
    if worn.sum() < 40:
        return None
    light = chart.lab[..., 0]
    return _colour(chart, worn & (light <= np.percentile(light[worn], 40)), 0.6)


def _eyes_covered(
    chart: Chart, skin: Read[Lab] | None, glasses: Read[Glasses] | None, sharp: float
) -> Read[bool] | None:
    eyes = [chart.zone(eye.outline, factor=1.2) for eye in chart.features.eyes]
    hidden = min(_mean(chart.other + chart.clothes + chart.hair, eye) for eye in eyes)
    if glasses is not None and glasses.value == "dark":
        return Read(True, glasses.confidence)
    if hidden > 0.6:
        return Read(True, round(hidden, 2))
    if skin is not None and sharp > 0.4 and all(_blank(chart, eye, skin) for eye in eyes):
        return Read(True, 0.8)
    return Read(False, 0.9) if hidden < 0.3 else None


def _blank(chart: Chart, eye: np.ndarray, skin: Read[Lab]) -> bool:
    """Whether a dark surface is where lids, white and iris would be."""
    if eye.sum() < 20:
        return False
    light = chart.lab[..., 0][eye]
    low, high = np.percentile(light, [8, 92])
    return bool(high - low < 9 and np.median(light) < 0.6 * skin.value[0])


def _mouth_covered(chart: Chart) -> Read[bool] | None:
    zone = chart.zone(chart.features.lips, factor=1.3)
    hidden = _mean(chart.other + chart.clothes + chart.body_skin, zone)
    if hidden > 0.5:
        return Read(True, round(hidden, 2))
    return Read(False, 0.9) if hidden < 0.2 else None


def _eyes_open(chart: Chart, shown: float) -> Read[tuple[bool, bool]] | None:
    shares = [eye.opening / max(1e-3, eye.width) for eye in chart.features.eyes]
    doubt = min(abs(share - 0.13) for share in shares)
    left, right = (share > 0.13 for share in shares)
    return _read((bool(left), bool(right)), shown * float(np.clip(0.4 + 10 * doubt, 0, 0.95)))


def _iris_colour(chart: Chart, shown: float) -> Read[Lab] | None:
    """Between pupil and rim, below the shadow of the lid."""

    def ring(eye: Eye) -> np.ndarray:
        radius = eye.radius / UNIT_PX
        zone = chart.disc(eye.iris, 0.85 * radius) & ~chart.disc(eye.iris, 0.42 * radius)
        row = np.arange(SHAPE[0])[:, None]
        return zone & chart.zone(eye.outline, factor=0.9) & (row > eye.iris[1] - 0.3 * eye.radius)

    zone = ring(chart.features.eyes[0]) | ring(chart.features.eyes[1])
    zone &= chart.inside
    if shown < 0.3 or zone.sum() < 12:
        return None
    # Glints are no colour.
    light = chart.lab[..., 0]
    zone &= light < np.percentile(light[zone], 85)
    return _colour(chart, zone, round(0.7 * shown, 2)) if zone.sum() >= 20 else None


def _brow_colour(chart: Chart, skin: Read[Lab] | None, shown: float) -> Read[Lab] | None:
    zone = chart.zone(*(cv2.convexHull(brow)[:, 0] for brow in chart.features.brows))
    zone &= (chart.other < 0.3) & (chart.hair < 0.5) & chart.inside
    if shown < 0.3 or zone.sum() < 60 or skin is None:
        return None
    light = chart.lab[..., 0]
    darkest = zone & (light <= np.percentile(light[zone], 35))
    found = _lab(chart, darkest)
    clear = float(np.clip((skin.value[0] - found[0]) / 15, 0, 1))
    return _read(found, 0.85 * shown * clear)


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
        return _read(False, 0.9 * shown)
    light, chroma = chart.lab[..., 0], np.hypot(chart.lab[..., 1], chart.lab[..., 2])
    own = float(np.hypot(*skin.value[1:]))
    white = _mean((light > 0.8 * skin.value[0]) & (chroma < 0.75 * own + 2), mouth)
    if white < 0.12:
        return None
    sure = np.clip(0.5 + 2 * (white - 0.12), 0, 0.95) * np.clip(gap / 0.14, 0.5, 1)
    return _read(True, shown * float(sure))


def _smile(chart: Chart) -> float:
    """How far the corners of the mouth lie above the middle of the lips, in mouth widths."""
    corners = (chart.point(61) + chart.point(291)) / 2
    middle = (chart.point(13) + chart.point(14)) / 2
    width = max(1.0, float(np.hypot(*(chart.point(61) - chart.point(291)))))
    return round(float(middle[1] - corners[1]) / width, 2)


_CHEEKS = (50, 117, 101, 36), (280, 346, 330, 266)
_UPPER_LIP = [57, 186, 92, 165, 97, 2, 326, 391, 322, 410, 287, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61]  # fmt: skip  # noqa: E501


def _facial_hair(chart: Chart, monochrome: bool, shown: float) -> Read[FacialHair] | None:
    """ΔL + 3·Δa* from the bare cheek tells hair from shadow, and grain tells it from both."""
    if shown < 0.3:
        return None
    light = chart.lab[..., 0]
    smooth = cv2.GaussianBlur(light, (0, 0), 0.012 * UNIT_PX)
    red = cv2.GaussianBlur(chart.lab[..., 1], (0, 0), 0.012 * UNIT_PX)
    hairy = smooth if monochrome else smooth + 3 * red
    grain = np.abs(light - smooth)
    # Each side of a face has its own light.
    bare = []
    for landmarks in _CHEEKS:
        zone = np.zeros(SHAPE, bool)
        for at in landmarks:
            zone |= chart.disc(chart.point(at), 0.035)
        bare.append(zone & (chart.other < 0.4) & chart.inside)
    if min(zone.sum() for zone in bare) < 20:
        return None
    middle = float(chart.point(1)[0]) / UNIT_PX
    left = chart.x - chart.x[0, 0] < middle
    reference = np.where(left, _median(hairy, bare[0]), _median(hairy, bare[1]))
    darker = cv2.GaussianBlur(reference.astype(np.float32), (0, 0), 0.1 * UNIT_PX) - hairy

    lips = chart.zone(chart.features.lips, factor=1.06)
    lower = cv2.erode(chart.oval.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    lower &= ~lips & chart.inside
    row, column = np.arange(SHAPE[0])[:, None], np.arange(SHAPE[1])[None]
    lip = chart.zone(chart.features.landmarks[_UPPER_LIP]) & ~lips & chart.inside
    chin = lower & (row > chart.point(17)[1] + 4) & (np.abs(chart.x) < 0.16) & (chart.y < -0.02)
    jaw = lower & (row > chart.point(61)[1])
    jaws = jaw & (column < chart.point(61)[0] - 5), jaw & (column > chart.point(291)[0] + 5)
    if min(lip.sum(), chin.sum()) < 60:
        return None

    on_lip, on_chin = _median(darker, lip), _median(darker, chin)
    tip = max(_median(darker, chin & (chart.x < 0)), _median(darker, chin & (chart.x >= 0)))
    rough, calm = _mean(grain, chin), _mean(grain, chart.zone(chart.features.oval) & bare[0])
    hair_below = _mean(chart.hair, lower & (chart.y > -0.25))
    if on_lip > 30 and tip < 0.35 * on_lip and _mean(grain, lip) > 2.5:
        return _read("moustache", 0.8 * shown)
    if (on_lip > 18 and tip > 7 and rough > 1.4) or hair_below > 0.35:
        strong = min(1.0, (on_lip - 15) / 30 + tip / 40)
        return _read("beard", shown * float(np.clip(0.55 + 0.4 * strong, 0.5, 0.95)))
    sides = min(_median(darker, side) for side in jaws)
    if sides > 15 and min(on_lip, on_chin) > 6 and _mean(grain, jaw) > max(1.4, 2 * calm):
        return _read("stubble", 0.6 * shown)
    if on_lip < 16 or (rough < 1.2 and on_lip < 30):
        return _read("none", 0.9 * shown if on_lip < 12 else 0.6 * shown)
    return None


def _age(
    chart: Chart, hair_colour: Read[Lab] | None, monochrome: bool, detail: float
) -> Read[Age] | None:
    """Only what grey hair over lined skin says; proportions do not tell a child for sure."""
    if hair_colour is None or monochrome or detail < 0.5 or hair_colour.confidence < 0.9:
        return None
    light, a, b = hair_colour.value
    if light > 52 and np.hypot(a, b) < 9:
        return Read("older", 0.5)
    return None
