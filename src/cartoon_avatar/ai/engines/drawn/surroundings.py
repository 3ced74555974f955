"""What is around a person, traced from the painting: the scene, and who else is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from PIL import Image

from cartoon_avatar.ai.engines.drawn.colours import lab_of
from cartoon_avatar.ai.engines.drawn.parts import draw_part, uneven
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.portrait import Portrait, beyond
from cartoon_avatar.ai.engines.drawn.raster import rendered
from cartoon_avatar.ai.engines.drawn.styles import Tones
from cartoon_avatar.ai.engines.drawn.tracing import Glaze
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import cover

Tint = tuple[float, float]

# How much warmer or cooler a scene becomes, CIELAB a and b; not what is darker or lighter than
# these lightnesses, which would be stained.
_TINTS: tuple[Tint, ...] = ((0.0, 0.0), (1.0, 4.0), (-1.0, -4.0), (1.5, 1.5), (-1.5, -1.5))
_UNTINTED, _UNTINTED_LIGHT = (12, 40), (82, 96)
# Between these lightnesses what is nearly black comes to have a hue of its own, which is noise;
# below it has that of what is around it and nearly as dark, over so many face heights.
_BLACK, _DARK_STILL, _BLACK_WIDE = (0.5, 5.0), (10.0, 20.0), 0.08
# Hues that are told apart, the blur before and that of where each is, face heights.
_HUES, _BLUR, _SOFT = 5, 0.012, 0.008
# From which difference on a place is no longer plain, CIELAB, and how far around it is looked at,
# face heights.
_PLAIN, _PLAIN_WIDE = (1.5, 5.0), 0.09
# Up to how far from a plain wall's colour what is around people is the wall, CIELAB, and how soft
# their border is, face heights.
_HALO, _SEAM = (7.0, 14.0), 0.004
# How near two hues are one, CIELAB a and b.
_ALIKE = 8.0
# Between these lightnesses a colour comes to have a hue; darker ones take their neighbours'.
_HUELESS, _HUED = 5, 40
# The smallest area of a hue, squared face heights, and half its least width; what is smaller
# belongs to the hue around it.
_LEAST, _THIN, _AROUND = 0.003, 0.008, 0.04
# Hues that shapes lack are drawn as glazes (viewers round thinner layers away): how large what is
# compared is, px, the smallest layer, squared face heights, and how soft they are.
_GLAZE = Glaze(step=1.2, opacity=0.05, layers=8, first=0.5)
_GLAZED_PX, _GLAZE_LEAST, _GLAZE_SOFT = 320, 0.001, 0.018
# How far around people the scene is not tinted: masks miss light in hair.
_NEAR = 0.06
# How far from a face's hue all is of it, and none, CIELAB; on face and neck twice as far.
_SKIN = 8.0, 13.0
# What is of a hue that more than this share of the face has is skin.
_FACE = 0.1
# How far around people their outlines are, face heights.
_OUTLINE = 0.026
# How far inside of their outline people have their own colours, face heights.
_SPILL = 0.03


def tint_of(pen: Pen) -> Tint:
    """One of the tints, by chance."""
    return _TINTS[int(pen.random.integers(len(_TINTS)))]


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """What is traced: ``lab``, all that the painting shows, H×W×3 CIELAB; ``people``, where they
    and their outlines are, on the reading's grid; and the ``scene`` as it goes on behind them, of
    half the size, unless they are drawn alone."""

    lab: np.ndarray
    people: np.ndarray
    scene: np.ndarray | None = None


def colours_of(portrait: Portrait, tint: Tint, *, people_alone: bool) -> Colours:
    """The painting's colours, warmer or cooler away from people."""
    lab, people = _tinted(portrait, tint), _with_outlines(portrait)
    if people_alone:
        return Colours(lab, people)
    # What is behind is soft, too.
    half = halved(lab)
    half_px = half.shape[1] / portrait.reading.width * portrait.reading.unit
    # Nobody's dark hair is to spread into it.
    bare = cv2.resize(people.astype(np.float32), half.shape[1::-1]) == 0
    scene = beyond(half, bare, _OUTLINE * half_px) if bare.any() else half
    scene, plain = _even_where_plain(scene, half_px)
    full = cv2.resize(scene, lab.shape[1::-1])
    wall = _wall_beside(portrait, lab, full, cv2.resize(plain, lab.shape[1::-1]))
    cover(lab, full, wall)
    bare = cv2.resize(wall, people.shape[::-1], interpolation=cv2.INTER_AREA) > 0.99
    return Colours(lab, people & ~bare, scene)


def draw_scene(
    pen: Pen,
    portrait: Portrait,
    colours: Colours,
    behind: Tones | None,
    people: Tones,
    skin: Tones,
) -> None:
    """All that the painting shows over all of the sheet, in the tones for what is ``behind``, and
    over it the ``people``, finer, most of all their ``skin``; without tones for what is behind,
    these alone.

    A tone of lightness is of one colour, so that each hue is traced by itself. No mask tells parts
    apart: hair ends where its strands do, and a hand before the chest is a hand.
    """
    reading, near = portrait.reading, colours.people
    trace = partial(draw_part, pen, around=True)
    if behind and colours.scene is not None:
        scene = portrait.in_light(colours.scene)
        for number, mask in enumerate(areas_of_hues(reading, scene.lab)):
            trace(scene, mask if number else np.ones_like(mask), mask, behind)
    before = portrait.in_light(colours.lab)
    for mask in areas_of_hues(reading, _of_one_skin(portrait, halved(before.lab)), near):
        of_face = bool((mask & near & portrait.face).sum() > _FACE * portrait.face.sum())
        trace(before, mask & near, mask & near, skin if of_face else people)


def _even_where_plain(lab: np.ndarray, unit_px: float) -> tuple[np.ndarray, np.ndarray]:
    """``lab`` (H×W×3) without the faint clouds of a plain wall or sky, whose tones would show as
    torn paper, and how plain it is (H×W, 0..1)."""
    broad = blurred(lab, _PLAIN_WIDE * unit_px)
    apart = blurred(np.linalg.norm(lab - broad, axis=2), _PLAIN_WIDE * unit_px / 2)
    plain = 1 - smoothstep(apart, *_PLAIN)
    return lab + plain[..., None] * (broad - lab), plain


def _wall_beside(
    portrait: Portrait, lab: np.ndarray, scene: np.ndarray, plain: np.ndarray
) -> np.ndarray:
    """What of ``lab`` (H×W×3) is just the plain wall beside people, H×W, 0..1, if in the paler ring
    that photos and paintings have around them; ``scene`` (H×W×3) is without people, as ``plain``
    (H×W) as it says."""
    reading = portrait.reading
    people = portrait.everything | portrait.others
    inside = portrait.on_pixels(reading.soft(people, _SEAM * reading.unit))
    alike = 1 - smoothstep(np.linalg.norm(lab - scene, axis=2), *_HALO)
    return plain * alike * (1 - smoothstep(inside, 0.5, 0.9))


def _tinted(portrait: Portrait, tint: Tint) -> np.ndarray:
    """The painting's colours, H×W×3 CIELAB, warmer or cooler away from people, black without a
    hue of its own."""
    lab, reading = portrait.lab.copy(), portrait.reading
    away = ~reading.grown(portrait.everything | portrait.others, _NEAR * reading.unit)
    away = portrait.on_pixels(reading.soft(away, _NEAR * reading.unit / 2))
    light = lab[..., 0]
    away = away * smoothstep(light, *_UNTINTED) * (1 - smoothstep(light, *_UNTINTED_LIGHT))
    # Not that of skin or of a wall.
    dark = smoothstep(light, *_BLACK) * (1 - smoothstep(light, *_DARK_STILL)) + np.float32(1e-3)
    around = blurred_within(lab[..., 1:], dark, _BLACK_WIDE * reading.unit * portrait.scale)
    lab[..., 1:] = around + smoothstep(light, *_BLACK)[..., None] * (lab[..., 1:] - around)
    lab[..., 1:] += away[..., None] * np.array(tint, np.float32)
    return lab


def _with_outlines(portrait: Portrait) -> np.ndarray:
    """Where people and their outlines are, on the reading's grid."""
    reading = portrait.reading
    return reading.grown(portrait.everything | portrait.others, _OUTLINE * reading.unit)


def glaze(
    pen: Pen, portrait: Portrait, colours: Colours, start: int, *, people_alone: bool
) -> None:
    """Thin layers of the hues that ``colours`` have and the shapes from number ``start`` on lack: a
    blush, a warm light. Shapes may show ``people_alone``."""
    reading, lab = portrait.reading, colours.lab
    share = _GLAZED_PX / max(lab.shape[:2])
    size = max(1, round(share * lab.shape[1])), max(1, round(share * lab.shape[0]))
    wanted = cv2.resize(lab, size, interpolation=cv2.INTER_AREA)
    units = pen.sheet.width, pen.sheet.height
    drawn = lab_of(rendered(pen.sheet.shapes[start:], units, size, opaque=True).rgb)
    scale, smooth = size[0] / reading.width, _GLAZE_SOFT * reading.unit
    lacking = wanted - drawn
    if people_alone:
        lacking *= cv2.resize(colours.people.astype(np.float32), size)[..., None]
    lacking *= 1 - uneven(wanted[..., 0], smooth * scale)[..., None]
    lacking = blurred(lacking, smooth * scale)
    least = _GLAZE_LEAST * reading.unit**2
    for channel in (1, 2):
        plane = np.ascontiguousarray(lacking[..., channel])
        for path, colour in _GLAZE.traced(wanted, plane, channel, least, smooth, scale):
            pen.sheet.fill(path, colour, opacity=_GLAZE.opacity)


def _of_one_skin(portrait: Portrait, lab: np.ndarray) -> np.ndarray:
    """``lab`` (H×W×3) in which what is nearly of the face's hue is just of it: a border between
    two hues of skin would look like a mask."""
    usual = portrait.face_colour
    if usual is None:
        return lab
    apart = np.linalg.norm(lab[..., 1:] - usual[1:].astype(np.float32), axis=2)
    reading, size = portrait.reading, lab.shape[1::-1]
    soft_by = 0.015 * reading.unit
    bare, hair = (
        cv2.resize(reading.soft(mask, soft_by).astype(np.float32), size)
        for mask in (portrait.face | portrait.neck, portrait.hair)
    )
    near = 1 - smoothstep(apart / (1 + bare), *_SKIN)
    near *= 1 - hair
    hues = lab[..., 1:] + near[..., None] * (usual[1:].astype(np.float32) - lab[..., 1:])
    return np.concatenate([lab[..., :1], hues], axis=2)


def draw_company(pen: Pen, portrait: Portrait, tones: Tones) -> None:
    """Who is one piece with the person, hue by hue."""
    reading, everybody = portrait.reading, portrait.everything
    # At their rim people have the colours of what is behind them.
    inside = reading.grown(everybody, -_SPILL * reading.unit)
    reach_px = _SPILL * reading.unit * portrait.scale
    portrait = portrait.in_light(beyond(portrait.lab, portrait.on_pixels(inside) > 0.5, reach_px))
    rest = reading.grown(portrait.rest, _OUTLINE * reading.unit)
    with pen.sheet.clipped(portrait.outline(everybody)):
        for mask in areas_of_hues(reading, _of_one_skin(portrait, halved(portrait.lab))):
            if (mask & rest).any():
                draw_part(pen, portrait, mask & rest, mask & rest, tones, around=True)


def halved(lab: np.ndarray) -> np.ndarray:
    """``lab`` (H×W×3) at half the size, which tells areas of hues apart as well."""
    return cv2.resize(lab, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def areas_of_hues(
    reading: Reading, lab: np.ndarray, within: np.ndarray | None = None
) -> list[np.ndarray]:
    """Where ``lab`` (H×W×3 CIELAB) is of about one hue, H×W bool on the grid, largest first.

    Every pixel is of one of them. Only hues ``within`` a part of the grid are told apart.
    """
    unit_px = reading.unit * lab.shape[1] / reading.width
    weight = smoothstep(lab[..., :1], _HUELESS, _HUED) + np.float32(0.02)
    hues = blurred(lab[..., 1:] * weight, _BLUR * unit_px)
    hues /= blurred(weight[..., 0], _BLUR * unit_px)[..., None]
    if within is not None:
        here = cv2.resize(within.astype(np.uint8), lab.shape[1::-1]) > 0
        if here.any():
            hues[~here] = np.median(hues[here], axis=0)
    # Half units of a* and b* are told apart.
    coded = np.concatenate([np.zeros_like(weight), 128 + 2 * hues], axis=2)
    numbers = Image.fromarray(np.clip(coded, 0, 255).astype(np.uint8)).quantize(
        _HUES, method=Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE
    )
    number = _of_few_hues(np.asarray(numbers), hues)
    size = reading.person.shape[::-1]
    shares = [
        cv2.resize(blurred((number == one).astype(np.float32), _SOFT * unit_px), size)
        for one in range(int(number.max()) + 1)
    ]
    likeliest = np.argmax(shares, axis=0)
    areas = [
        reading.without_small(reading.opened(likeliest == one, _THIN * reading.unit), _LEAST)
        for one in range(len(shares))
    ]
    areas = [area for area in areas if area.any()] or [np.ones_like(reading.person)]
    around = np.argmax([reading.soft(area, _AROUND * reading.unit) for area in areas], axis=0)
    none = ~np.logical_or.reduce(areas)
    areas = [area | (none & (around == one)) for one, area in enumerate(areas)]
    return sorted(areas, key=lambda area: -int(area.sum()))


def _of_few_hues(number: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """``number`` (H×W) of each pixel's hue, where ``hues`` (H×W×2) that are alike have one: a
    border between them would show on a plain wall."""
    counts = np.bincount(number.ravel())
    kept: dict[int, np.ndarray] = {}
    same = np.zeros(len(counts), np.uint8)
    for one in np.argsort(-counts):
        if counts[one]:
            mean = hues[number == one].mean(axis=0)
            near = [k for k, other in kept.items() if np.hypot(*(mean - other)) < _ALIKE]
            same[one] = kept_as = near[0] if near else int(one)
            kept.setdefault(kept_as, mean)
    return same[number]
