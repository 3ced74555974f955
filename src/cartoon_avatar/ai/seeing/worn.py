"""Hair and what is worn, on a face chart: hat, glasses, mask, beard.

Thresholds were set on portraits that nobody drew for; docs/lab/measurements.md says how often
they are right.
"""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.seeing.face_chart import SHAPE, UNIT_PX, Chart
from cartoon_avatar.ai.seeing.features import Eye
from cartoon_avatar.ai.seeing.measures import colour_in, mean_in, median_in, read
from cartoon_avatar.ai.seeing.subject import (
    Age,
    Covering,
    FacialHair,
    Glasses,
    HairStyle,
    Lab,
    Read,
)


def _crown(chart: Chart) -> np.ndarray:
    return (np.abs(chart.x) < 0.3) & (chart.y > -1.3) & (chart.y < -1.05) & chart.inside


def _sides(chart: Chart) -> np.ndarray:
    aside = np.abs(chart.x)
    return (aside > 0.4) & (aside < 0.75) & (chart.y > -0.6) & (chart.y < -0.15) & chart.inside


def covering(chart: Chart) -> Read[Covering] | None:
    crown = _crown(chart)
    if crown.sum() < 500:
        return None  # the picture ends below it
    covered = mean_in(chart.other + chart.clothes, crown)
    if covered < 0.15:
        return Read("none", 0.95)
    if covered < 0.45:
        return None
    closed = mean_in(chart.other + chart.clothes, _sides(chart)) > 0.5
    return Read("scarf" if closed else "hat", round(min(0.95, covered + 0.1), 2))


def hair(chart: Chart) -> Read[HairStyle] | None:
    crown, there = _crown(chart), chart.hair > 0.5
    on_crown, beside = mean_in(chart.hair, crown), mean_in(chart.hair, _sides(chart))
    below = (np.abs(chart.x) < 1) & (chart.y > 0.05) & (chart.y < 0.6) & chart.inside
    hanging = mean_in(chart.hair, below)
    if hanging > 0.05:
        return Read("long", 0.9 if hanging > 0.1 else 0.6)
    if beside > 0.25:
        return Read("chin", 0.7)
    if mean_in(chart.other + chart.clothes, crown) > 0.45:
        return Read("covered", 0.8)
    if crown.sum() < 500:
        return None
    if on_crown < 0.15 and there.mean() < 0.02:
        skin = mean_in(chart.face_skin + chart.body_skin, crown)
        return Read("bald", 0.85) if skin > 0.4 else None
    if there.any() and np.percentile(chart.y[there], 2) < -1.6:
        return Read("up", 0.6)
    return Read("short", 0.8 if beside < 0.15 else 0.5)


def hair_colour(chart: Chart) -> Read[Lab] | None:
    """Of hair in neither gloss nor deep shade."""
    sure = (chart.hair > 0.7) & chart.inside
    if sure.sum() < 150:
        return None
    light = chart.lab[..., 0]
    low, high = np.percentile(light[sure], [25, 75])
    zone = sure & (light >= low) & (light <= high)
    return colour_in(chart, zone, 0.9 if sure.sum() > 1500 else 0.6)


def glasses(chart: Chart, skin: Read[Lab] | None, sharp: float) -> Read[Glasses] | None:
    """The network sees frames around the eyes and between them, or dark lenses over them."""
    eyes = [eye.outline.mean(axis=0) for eye in chart.features.eyes]
    apart = float(np.hypot(*(eyes[1] - eyes[0]))) / UNIT_PX
    if apart < 0.2:
        return None  # seen from the side
    lens = chart.disc(eyes[0], 0.2 * apart) | chart.disc(eyes[1], 0.2 * apart)
    around = chart.disc(eyes[0], 0.5 * apart) | chart.disc(eyes[1], 0.5 * apart)
    rims = mean_in(chart.other, around & chart.oval & ~lens)
    bridge = mean_in(chart.other, chart.disc((eyes[0] + eyes[1]) / 2, 0.16 * apart))
    if rims < 0.02 and bridge < 0.05:
        return read("none", 0.5 + 0.45 * sharp)
    if rims < 0.05 or bridge < 0.1:
        return None
    dark = (
        mean_in(chart.other, lens) > 0.6
        and skin is not None
        and median_in(chart.lab[..., 0], lens) < 0.65 * skin.value[0]
    )
    return Read("dark" if dark else "clear", round(0.7 + 0.25 * min(1.0, bridge / 0.4), 2))


def frame_colour(chart: Chart, glasses: Read[Glasses] | None) -> Read[Lab] | None:
    if glasses is None or glasses.value == "none":
        return None
    worn = (chart.other > 0.5) & chart.oval & (chart.y > -0.9) & (chart.y < -0.45)
    if worn.sum() < 40:
        return None
    light = chart.lab[..., 0]
    return colour_in(chart, worn & (light <= np.percentile(light[worn], 40)), 0.6)


# Of a surface over an eye, against the skin of the same face: how far off its colour is (CIELAB
# a, b), and the range of its lightness as a share of skin's. Lids are of skin, and lashes, white
# and iris far apart in lightness.
_FOREIGN, _FLAT, _DULL = 24, 0.14, 0.4
# Lids lie in the shade of the brow: what is lighter than skin by this and plain is a pad; what is
# that dark above a lit cheek and plain, a patch.
_LIGHTER, _DARKER, _PLAIN = 1.2, 0.6, 0.08
# What is as near skin's colour and hardly darker is skin; at most half of an open eye is, nine
# tenths of a hand. A patch has a smaller range of lightness than lashes, white and iris have.
_SKIN_NEAR, _SKIN_DARK, _HAND, _PATCH = 9, 0.55, 0.9, 0.6
# L by which the white is lighter than the iris: less is no eye, and far below 0 a reflection.
_NO_IRIS, _REFLECTION = 4, -8
# Of a statue's eyes without irises, as a share of skin's lightness: eyes are darker than that.
_AS_SKIN = 0.8
# Blocks of one colour that make eyes unrecognisable, as a share of the eye: none of a photo's is
# as flat, but where it is black or white, or all of the face is, as in a drawing. A photo of few
# pixels is blocks by itself.
_FLAT_BLOCKS, _FLAT_FACE, _DETAIL = 0.05, 0.3, 0.9
# The share of an eye or a mouth that bars hide, from which on it is not drawn.
_BARRED = 0.6
# Grey pictures have less colour than this.
_COLOURLESS = 6
_CHEEKS = (50, 117, 101, 36), (280, 346, 330, 266)


def eyes_covered(
    chart: Chart, skin: Read[Lab] | None, glasses: Read[Glasses] | None, sharp: float
) -> Read[tuple[bool, bool]] | None:
    """Of each eye, whether something is before it: a lens, a patch, a mask, a strand of hair."""
    barred = [
        mean_in(chart.barred, chart.zone(eye.outline)) > _BARRED for eye in chart.features.eyes
    ]
    found = _eyes_covered(chart, skin, glasses, sharp)
    if not any(barred):
        return found
    left, right = found.value if found is not None else (False, False)
    return Read((left or barred[0], right or barred[1]), 0.8)


def _eyes_covered(
    chart: Chart, skin: Read[Lab] | None, glasses: Read[Glasses] | None, sharp: float
) -> Read[tuple[bool, bool]] | None:
    if glasses is not None and glasses.value == "dark":
        return Read((True, True), glasses.confidence)
    zones = [chart.zone(eye.outline, factor=1.2) for eye in chart.features.eyes]
    hidden = [mean_in(chart.other + chart.clothes + chart.hair, zone) for zone in zones]
    if min(hidden) > 0.6:
        return Read((True, True), round(min(hidden), 2))
    if skin is not None and sharp > 0.4:
        # Of eyes that look aside the mesh may miss the iris: only lenses show what is none.
        lenses = glasses is None or glasses.value != "none"
        reflecting = lenses and all(
            _iris_contrast(chart, eye) < _REFLECTION for eye in chart.features.eyes
        )
        if reflecting or all(_blank(chart, zone, skin) for zone in zones):
            return Read((True, True), 0.8)
        if all(_is_sculpted(chart, eye, skin) for eye in chart.features.eyes):
            return Read((True, True), 0.7)
        # One alone: deep shade on one side of a face may be taken for hair, and is dark and flat.
        left, right = (
            (share > 0.75 and _light_range(chart, zone) < _PATCH * skin.value[0])
            or _is_foreign(chart, index, zone, skin)
            or _is_hand(chart, chart.features.eyes[index], skin)
            or _is_mosaic(chart, chart.features.eyes[index])
            for index, (share, zone) in enumerate(zip(hidden, zones, strict=True))
        )
        if left or right:
            return Read((left, right), 0.8)
    return Read((False, False), 0.9) if min(hidden) < 0.3 else None


def _light_range(chart: Chart, zone: np.ndarray) -> float:
    low, high = np.percentile(chart.lab[..., 0][zone], [8, 92])
    return float(high - low)


def _iris_contrast(chart: Chart, eye: Eye) -> float:
    """By how much (L) the white of an eye is lighter than its iris."""
    light, radius = chart.lab[..., 0], eye.radius / UNIT_PX
    white = chart.zone(eye.outline, factor=0.95) & ~chart.disc(eye.iris, 1.2 * radius)
    iris = chart.zone(eye.outline, factor=1.1) & chart.disc(eye.iris, 0.8 * radius)
    return median_in(light, white) - median_in(light, iris)


def _is_hand(chart: Chart, eye: Eye, skin: Read[Lab]) -> bool:
    """Whether there is nothing but skin where an open eye would be."""
    if eye.closed or np.hypot(*skin.value[1:]) < _COLOURLESS:
        return False
    away = chart.lab[..., 1:] - np.asarray(skin.value[1:])
    near = np.hypot(away[..., 0], away[..., 1]) < _SKIN_NEAR
    alike = near & (chart.lab[..., 0] > _SKIN_DARK * skin.value[0])
    zone = chart.zone(eye.outline, factor=1.1)
    return mean_in(alike, zone) > _HAND and _iris_contrast(chart, eye) < _NO_IRIS


def _is_sculpted(chart: Chart, eye: Eye, skin: Read[Lab]) -> bool:
    """Whether an open eye is all of the colour that the face has, as a statue's."""
    light = median_in(chart.lab[..., 0], chart.zone(eye.outline))
    alike = light > _AS_SKIN * skin.value[0]
    return alike and not eye.closed and abs(_iris_contrast(chart, eye)) < _NO_IRIS


def _is_mosaic(chart: Chart, eye: Eye) -> bool:
    """Whether there are blocks of one colour before an eye, on a face that is no drawing."""
    if chart.detail < _DETAIL:
        return False
    light, around = chart.lab[..., 0], np.ones((3, 3), np.uint8)
    flat = cv2.dilate(light, around) - cv2.erode(light, around) < 1
    flat &= (light > 5) & (light < 97)
    eyes = chart.zone(*(each.outline for each in chart.features.eyes), factor=3)
    face = mean_in(flat, chart.oval & chart.inside & ~eyes)
    return face < _FLAT_FACE and mean_in(flat, chart.zone(eye.outline, factor=1.2)) > _FLAT_BLOCKS


def _blank(chart: Chart, eye: np.ndarray, skin: Read[Lab]) -> bool:
    """Whether a dark surface is where lids, white and iris would be, or one without any of them."""
    if eye.sum() < 20:
        return False
    there = _light_range(chart, eye)
    dark = median_in(chart.lab[..., 0], eye) < 0.6 * skin.value[0]
    return there < _FLAT * skin.value[0] or (there < 9 and dark)


def _is_foreign(chart: Chart, index: int, zone: np.ndarray, skin: Read[Lab]) -> bool:
    """Whether a surface of another colour than skin's is where lids would be."""
    eye = chart.features.eyes[index]
    middle = eye.outline.mean(axis=0)
    lids = chart.disc(middle, 0.6 * eye.width / UNIT_PX) & ~chart.zone(eye.outline, factor=1.1)
    if zone.sum() < 20 or lids.sum() < 20:
        return False
    away = chart.lab[..., 1:] - np.asarray(skin.value[1:])
    foreign = median_in(np.hypot(away[..., 0], away[..., 1]), lids)
    there = _light_range(chart, zone) / skin.value[0]
    light = median_in(chart.lab[..., 0], lids) / skin.value[0]
    unlit = light < _DARKER and _cheek_is_lit(chart, index, skin)
    plain = there < _PLAIN and (light > _LIGHTER or unlit)
    return plain or (foreign > _FOREIGN and there < _DULL)


def _cheek_is_lit(chart: Chart, index: int, skin: Read[Lab]) -> bool:
    cheek = np.logical_or.reduce([chart.disc(chart.point(at), 0.05) for at in _CHEEKS[index]])
    return median_in(chart.lab[..., 0], cheek & chart.inside) > 0.75 * skin.value[0]


# Of what is before a mouth, against skin (CIELAB): lips are no less red than it, and no colour is
# as far off but that of lipstick.
_NOT_RED, _OFF_SKIN = -8, 22
# What is plain where lips would be: the range of its lightness as a share of skin's, or L, and of
# its redness; that of folds and knitting as shares of skin's and of the eyes'. Those of lips and
# what is between them are 0.4 and 9 on portraits of any size, less in a haze, as the eyes' are.
_PLAIN_LIPS, _PLAIN_L, _PLAIN_RED = 0.1, 5, 6
_FOLDS, _OF_EYES = 0.18, 0.3
# L of skin of which nothing is seen.
_SKIN = 60.0


def mouth_covered(chart: Chart, skin: Read[Lab] | None, sharp: float) -> Read[bool] | None:
    """Whether something is before the mouth: a mask, a hand, a microphone."""
    if mean_in(chart.barred, chart.zone(chart.features.lips)) > _BARRED:
        return Read(True, 0.8)
    zone = chart.zone(chart.features.lips, factor=1.3)
    hidden = mean_in(chart.other + chart.clothes + chart.body_skin, zone)
    if hidden > 0.4:
        return Read(True, round(hidden, 2))
    if mean_in(chart.body_skin, zone) > 0.25:
        return Read(True, 0.7)  # a hand: no lips are ever taken for another part of the body
    if plain := mouth_is_plain(chart, skin, sharp):
        return plain
    if skin is not None and sharp > 0.4 and np.hypot(*skin.value[1:]) > _COLOURLESS:
        lips = chart.zone(chart.features.lips, factor=1.1)
        away = chart.lab[..., 1:] - np.asarray(skin.value[1:])
        off = median_in(np.hypot(away[..., 0], away[..., 1]), lips)
        if median_in(away[..., 0], lips) < _NOT_RED and off > _OFF_SKIN:
            return Read(True, 0.7)
    return Read(False, 0.9) if hidden < 0.2 else None


def mouth_is_plain(chart: Chart, skin: Read[Lab] | None, sharp: float) -> Read[bool] | None:
    """Whether there is one surface where lips would be, as of cloth over them or the back of a
    hand. The networks may take it for the skin of a small face, or see no face at all."""
    lips = chart.zone(chart.features.lips, factor=1.15) & chart.inside
    if sharp <= 0.4 or not lips.any():
        return None
    if np.ptp(np.percentile(chart.lab[..., 1][lips], [4, 96])) > _PLAIN_RED:
        return None
    light = _SKIN if skin is None else skin.value[0]
    eyes = max(
        _light_range(chart, chart.zone(eye.outline, factor=1.2)) for eye in chart.features.eyes
    )
    folds = min(_FOLDS * light, _OF_EYES * eyes)
    there = float(np.ptp(np.percentile(chart.lab[..., 0][lips], [4, 96])))
    return Read(True, 0.7) if there < max(_PLAIN_LIPS * light, _PLAIN_L, folds) else None


def mouth_is_unlike_lids(chart: Chart, skin: Read[Lab] | None, sharp: float) -> Read[bool] | None:
    """The same of a face in which the networks see no skin: cloth with holes for the eyes is of
    another colour than the lids."""
    if plain := mouth_is_plain(chart, skin, sharp):
        return plain
    lips = chart.zone(chart.features.lips, factor=1.15) & chart.inside
    eyes = [eye.outline for eye in chart.features.eyes]
    lids = chart.zone(*eyes, factor=1.4) & ~chart.zone(*eyes, factor=1.1) & chart.inside
    if sharp <= 0.4 or min(lips.sum(), lids.sum()) < 20:
        return None
    away = np.median(chart.lab[lips], axis=0)[1:] - np.median(chart.lab[lids], axis=0)[1:]
    return Read(True, 0.6) if away[0] < _NOT_RED and np.hypot(*away) > _OFF_SKIN else None


_UPPER_LIP = [57, 186, 92, 165, 97, 2, 326, 391, 322, 410, 287, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61]  # fmt: skip  # noqa: E501


def facial_hair(chart: Chart, monochrome: bool, shown: float) -> Read[FacialHair] | None:
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
    reference = np.where(left, median_in(hairy, bare[0]), median_in(hairy, bare[1]))
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

    on_lip, on_chin = median_in(darker, lip), median_in(darker, chin)
    tip = max(median_in(darker, chin & (chart.x < 0)), median_in(darker, chin & (chart.x >= 0)))
    rough, calm = mean_in(grain, chin), mean_in(grain, chart.zone(chart.features.oval) & bare[0])
    hair_below = mean_in(chart.hair, lower & (chart.y > -0.25))
    if on_lip > 30 and tip < 0.35 * on_lip and mean_in(grain, lip) > 2.5:
        return read("moustache", 0.8 * shown)
    # Without colour a shadow is as dark as hair: only the grain tells.
    grained = rough > (2.4 if monochrome else 1.4)
    if (on_lip > 18 and tip > 7 and grained) or hair_below > 0.35:
        strong = min(1.0, (on_lip - 15) / 30 + tip / 40)
        return read("beard", shown * float(np.clip(0.55 + 0.4 * strong, 0.5, 0.95)))
    sides = min(median_in(darker, side) for side in jaws)
    if sides > 15 and min(on_lip, on_chin) > 6 and mean_in(grain, jaw) > max(1.4, 2 * calm):
        return read("stubble", 0.6 * shown)
    if not monochrome and rough > max(2.2, 2 * calm) and min(on_lip, on_chin) > 6:
        return read("beard", 0.6 * shown)  # short and sparse, but every hair is seen
    if on_lip < 16 or (rough < 1.2 and on_lip < 30):
        return read("none", 0.9 * shown if on_lip < 12 else 0.6 * shown)
    return None


def age(
    hair_colour: Read[Lab] | None,
    skin: Read[Lab] | None,
    monochrome: bool,
    detail: float,
) -> Read[Age] | None:
    """Read only from grey hair; proportions do not identify a child reliably."""
    if hair_colour is None or monochrome or detail < 0.5 or hair_colour.confidence < 0.9:
        return None
    light, a, b = hair_colour.value
    # In warm light grey is warm, and skin more so.
    rich = 0.0 if skin is None else float(np.hypot(*skin.value[1:]))
    if light > 52 and np.hypot(a, b) < max(9.0, 0.4 * rich):
        return Read("older", 0.5)
    return None
