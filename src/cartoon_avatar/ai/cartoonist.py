"""The recipe: a photo becomes a drawing, a line a step.

``draw(photo, style, seed, eyes, long_side=1024) -> Drawing`` is the whole interface, with
``STYLES`` and ``style_named`` from ``styles``. The same photo, style, seed and
``ENGINE_VERSION`` give the same pixels in every process.

A drawing has no grain of its own, so it is not bound to the photo's size: its long side
is ``long_side``, except that a photo is enlarged at most four times.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from cartoon_avatar.ai.faces import Face, FaceFinder
from cartoon_avatar.ai.matting import MaskFinder, Masks
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.steps import backdrop, character, hair, media, palette, skin, tones
from cartoon_avatar.ai.steps import ink as pen
from cartoon_avatar.ai.steps.features import Features, area, features_of
from cartoon_avatar.ai.steps.figure import whole_figure
from cartoon_avatar.ai.steps.flatten import flatten
from cartoon_avatar.ai.steps.flow import Flow, tangent_field
from cartoon_avatar.ai.steps.light import expose
from cartoon_avatar.ai.styles import STYLES, Ink, Style, style_named

__all__ = ["ENGINE_VERSION", "STYLES", "Drawing", "Eyes", "draw", "style_named"]

# Goes up with every change that alters pixels.
ENGINE_VERSION = 3

LONGEST_SIDE_PX = 2048
_ENLARGE_AT_MOST = 4.0
_MASKS_PX = 384


def _no_faces(picture: Picture) -> list[Face]:
    return []


@dataclass(frozen=True, slots=True)
class Eyes:
    """What the cartoonist sees with. Without models: nobody, and the picture as a whole."""

    find_faces: FaceFinder = _no_faces
    find_masks: MaskFinder | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A finished cartoon. ``ink_px`` is its line width, ``stages`` the seconds per stage."""

    picture: Picture
    faces: int
    ink_px: float
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Sitting:
    """Who is in a picture and where: masks are H×W float32 0..1, or None without people."""

    people: list[Features]
    person: np.ndarray | None
    hair: np.ndarray | None
    skin: np.ndarray | None
    features: np.ndarray | None
    skins: list[skin.Complexion] = field(default_factory=list)


def draw(photo: Picture, style: Style, seed: int, eyes: Eyes, long_side: int = 1024) -> Drawing:
    """Draw ``photo`` in ``style``; ``seed`` chooses among the style's variations."""
    clock = _Clock()
    wish = style.vary(seed)
    picture = _sized(photo, long_side)
    if picture.alpha is not None:
        whole = backdrop.without_holes(picture.rgb, picture.alpha)
        picture = Picture(whole, picture.alpha)
    height, width = picture.rgb.shape[:2]
    unit = max(height, width) / 1024  # px; what is 1 px wide in a picture of 1024

    faces = eyes.find_faces(Picture(picture.rgb))
    clock.done("faces")
    masks = _masks(picture, faces, eyes) if eyes.find_masks and faces else None
    clock.done("masks")
    people = [features_of(face.landmarks) for face in faces]
    rgb, people = character.enlarge_eyes(picture.rgb, people, wish.character.eye_size)
    sitting = _sitting(people, masks, rgb)

    lab = _lab(rgb)
    seen_light = None
    if sitting.skin is not None:
        seen_light = skin.light_of(cv2.extractChannel(lab, 0), sitting.skin, sitting.features)
    lab = expose(lab, sitting.skin, wish.colour.local_contrast)
    clock.done("light")

    half = cv2.resize(lab, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    flow_half = tangent_field(half, 2.2 * unit)
    flow = flow_half.resized(width, height)
    clock.done("flow")

    half_rgb = _rgb(half)
    flat = flatten(
        half_rgb,
        flow_half,
        reach_px=20 * unit,
        contrast=wish.shapes.contrast,
        strands_px=wish.shapes.strands * unit,
    )
    flat = _enlarged(_lab(flat), width, height)
    sitting = _with_complexions(sitting, flat)
    clock.done("shapes")

    drawn = _toned(wish, flat, lab, flow_half, sitting, unit)
    clock.done("tones")
    behind = None
    if wish.keeps_scene and sitting.person is not None:
        behind = backdrop.scene_without(half_rgb, sitting.person, wish.shapes.backdrop_contrast)
        behind = _enlarged(_lab(behind), width, height)
    drawn = _put_behind(wish, drawn, behind, sitting, unit)
    drawn = _graded(wish, drawn, sitting)
    if seen_light is not None and wish.medium.kind not in ("noir", "pencil"):
        light = cv2.extractChannel(drawn, 0)
        skin.hold(light, sitting.skin, sitting.features, seen_light)
        drawn = cv2.insertChannel(light, drawn, 0)
    clock.done("backdrop")
    traits = wish.character
    character.paint_eyes(drawn, lab, people, traits.whites, traits.irises)
    character.paint_mouth(drawn, lab, people, sitting.skins, traits.lips, traits.teeth)
    if sitting.skin is not None:
        character.blush(drawn, people, sitting.skin, traits.cheeks)
    clock.done("character")

    ink_px = 1.25 * unit * (wish.ink.weight if wish.ink else 1)
    coverage = _inked(wish, lab, flat, flow, sitting, ink_px, unit) if wish.ink else None
    if wish.ink is None and people:
        coverage = character.lid_lines((height, width), people, traits.lids)
    clock.done("ink")
    finished = _finished(wish, drawn, coverage, flow, sitting, unit, seed)
    clock.done("medium")
    return Drawing(Picture(finished, picture.alpha), len(faces), 2 * ink_px, clock.stages)


def _masks(picture: Picture, faces: list[Face], eyes: Eyes) -> Masks | None:
    """Masks found on a small copy: they end under lines and on soft borders, not in hairs."""
    scale = _MASKS_PX / max(picture.width, picture.height)
    if scale >= 1:
        return eyes.find_masks(Picture(picture.rgb), faces)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = Picture(cv2.resize(picture.rgb, size, interpolation=cv2.INTER_AREA))
    moved = [
        replace(
            face,
            box=tuple(length * scale for length in face.box),
            landmarks=face.landmarks * np.float32(scale),
        )
        for face in faces
    ]
    # Alpha stays behind: the picture has been continued under it.
    masks = eyes.find_masks(small, moved)
    if masks is None:
        return None
    full = (picture.width, picture.height)
    return Masks(
        **{
            part: cv2.resize(getattr(masks, part), full, interpolation=cv2.INTER_LINEAR)
            for part in ("person", "hair", "face_skin", "body_skin", "clothes")
        }
    )


def _sitting(people: list[Features], masks: Masks | None, rgb: np.ndarray) -> _Sitting:
    shape = rgb.shape[:2]
    if not people:
        return _Sitting([], None, None, None, None)
    skin_mask = masks.skin if masks is not None else None
    if skin_mask is None or not skin_mask.any():
        skin_mask = area(shape, *(p.oval for p in people), soft_px=max(shape) / 400)
    return _Sitting(
        people,
        whole_figure(masks.person, rgb, people) if masks is not None else None,
        masks.hair if masks is not None else None,
        skin_mask,
        skin.feature_area(shape, people),
    )


def _with_complexions(sitting: _Sitting, lab: np.ndarray) -> _Sitting:
    if sitting.skin is None:
        return sitting
    found = skin.complexions(lab, sitting.skin, sitting.features, sitting.people)
    return replace(sitting, skins=found)


def _toned(
    wish: Style, flat: np.ndarray, lab: np.ndarray, flow: Flow, sitting: _Sitting, unit: float
) -> np.ndarray:
    """The colours of the drawing, H×W×3 float32 CIELAB: steps of light, plain skin."""
    how = wish.tones
    smooth, a, b = cv2.split(flat)
    light = tones.posterise(smooth, how.levels, how.softness)
    if how.amount < 1:
        light = cv2.addWeighted(light, how.amount, smooth, 1 - how.amount, 0)
    seen = cv2.extractChannel(lab, 0)

    if sitting.hair is not None and how.hair:
        source = cv2.addWeighted(seen, 0.5, smooth, 0.5, 0)
        locks = hair.strands(
            source, sitting.hair, flow, length_px=how.hair * unit, band=how.hair_band
        )
        if locks is not None:
            _towards(light, locks, sitting.hair * np.float32(0.35 + 0.6 * how.amount))
            plain = hair.plain_colour(flat, sitting.hair)
            share = sitting.hair * np.float32(0.45)
            _towards(a, np.float32(plain[0]), share)
            _towards(b, np.float32(plain[1]), share)

    if sitting.skin is not None:
        # All that follows happens on skin: a face is rarely half of the picture.
        box = skin.box_of_mask(np.maximum(sitting.skin, sitting.features))
        l_, a_, b_, smooth_ = light[box], a[box], b[box], smooth[box]
        complexions = [np.float32([c.light, c.a, c.b]) for c in sitting.skins]
        if len(complexions) == 1:
            plain_light, plain_a, plain_b = complexions[0]
        else:
            field = skin.nearest(light.shape, sitting.people, complexions)[box]
            plain_light, plain_a, plain_b = cv2.split(field)
        size = max(p.height for p in sitting.people)
        shade = skin.shading(smooth_, sitting.skin[box], sitting.features[box], 0.016 * size)
        step = skin.two_tone(shade, plain_light, how.skin_steps, how.skin_depth, how.softness)
        if how.amount < 1:
            step = cv2.addWeighted(step, how.amount, shade, 1 - how.amount, 0)
        # Beard, brows and deep shadow are not skin to be evened out.
        like = tones.smoothstep(smooth_ / np.maximum(plain_light, 8), 0.58, 0.2)
        far = np.abs(a_ - plain_a)
        far += np.abs(b_ - plain_b)
        like *= 1 - tones.smoothstep(far, 34, 16)
        like *= sitting.skin[box] * (1 - sitting.features[box])
        _towards(l_, step, like)
        # Shade is a little richer in colour than light.
        # Pale light leaves skin greyer than a painter would: a little of its own colour more.
        chroma = np.sqrt(plain_a * plain_a + plain_b * plain_b)
        healthy = np.where(chroma > 7, np.clip(21 / np.maximum(chroma, 1), 1, 1.3), 1)
        plain_a, plain_b = (
            plain_a * np.asarray(healthy, np.float32),
            plain_b * np.asarray(healthy, np.float32),
        )
        ratio = tones.through(step / np.maximum(plain_light, 8), _richer, 0.5, 1.3)
        like *= np.float32(0.75)
        _towards(a_, plain_a * ratio, like)
        _towards(b_, plain_b * ratio, like)
        # Features keep the photo's detail, with more contrast.
        detail = np.clip(1.15 * seen[box] - 0.15 * smooth_, 0, 100)
        _towards(l_, detail, sitting.features[box] * np.float32(0.8))
    return cv2.merge([light, a, b])


def _richer(share: np.ndarray) -> np.ndarray:
    return share**-0.25


def _towards(values: np.ndarray, goal: np.ndarray | float, share: np.ndarray) -> None:
    """Move ``values`` by ``share`` (0..1) of the way to ``goal``, in place."""
    way = goal - values
    way *= share
    values += way


def _put_behind(
    wish: Style, drawn: np.ndarray, behind: np.ndarray | None, sitting: _Sitting, unit: float
) -> np.ndarray:
    """``drawn`` with another scene behind the people; both H×W×3 float32 CIELAB."""
    back = wish.backdrops[0]
    if sitting.person is None:
        return drawn
    how = wish.tones
    planes = cv2.split(drawn)
    # A drawn outline is crisp: the matte's soft rim would show the photo's own backdrop.
    away = 1 - tones.smoothstep(sitting.person, 0.55, 0.5)
    if behind is not None:
        scene = cv2.split(behind)
        stepped = tones.posterise(scene[0], how.levels, 3 * how.softness)
        share = 0.6 * how.amount
        scene = (cv2.addWeighted(stepped, share, scene[0], 1 - share, 0), *scene[1:])
        for plane, other in zip(planes, scene, strict=True):
            _towards(plane, other, away)
        return cv2.merge(planes)
    face = sitting.people[0]
    second = backdrop.pattern(
        back.kind,
        drawn.shape[:2],
        centre=tuple(face.oval.mean(axis=0)),
        radius_px=max(1.25 * face.height, 0.3 * min(drawn.shape[:2])),
        cell_px=14 * unit,
        turn=float(np.deg2rad(wish.medium.angle_deg)),
    )
    colours = _lab(np.array([[back.colour, back.second]], np.uint8))[0]
    for plane, one, other in zip(planes, *colours, strict=True):
        _towards(plane, second * np.float32(other - one) + np.float32(one), away)
    return cv2.merge(planes)


def _graded(wish: Style, drawn: np.ndarray, sitting: _Sitting) -> np.ndarray:
    """``drawn`` (H×W×3 float32 CIELAB) with the style's contrast and colour; skin keeps its hue."""
    how = wish.colour
    light, a, b = cv2.split(drawn)
    # About the skin's own lightness, so that contrast moves everything but faces.
    pivot = float(np.mean([c.light for c in sitting.skins])) if sitting.skins else 55.0
    light *= np.float32(how.contrast)
    light += np.float32(pivot * (1 - how.contrast))
    if how.lift:
        lift = np.float32(how.lift)
        if sitting.skin is not None:
            # Pastel is not bleach: the darker the skin, the less of it.
            held = 1 - float(np.clip((pivot - 40) / 40, 0, 1))
            lift = lift * (1 - np.float32(held) * sitting.skin)
        light += lift * (100 - light)
    np.clip(light, 0, 100, out=light)

    # A backdrop's colours are chosen, not photographed: neither graded nor turned.
    subject = None if wish.keeps_scene else sitting.person
    # Saturates softly: what is vivid already is left almost alone.
    room = cv2.magnitude(a, b)
    room *= np.float32(-1 / 110)
    room += 1
    np.clip(room, 0, 1, out=room)
    more = np.float32(how.vividness - 1)
    if sitting.skin is not None:
        more = sitting.skin * np.float32(how.skin_vividness - how.vividness) + more
    if sitting.hair is not None:
        more = more - np.float32(0.55 * (how.vividness - 1)) * sitting.hair
    room *= more
    if subject is not None:
        room *= subject
    room += 1
    a *= room
    b *= room
    if how.turn_deg:
        turn = np.deg2rad(how.turn_deg)
        share = 1 - sitting.skin if sitting.skin is not None else np.float32(1)
        if sitting.hair is not None:
            share = np.clip(share - sitting.hair, 0, 1)
        if subject is not None:
            share = share * subject
        turned_a = np.float32(np.cos(turn)) * a - np.float32(np.sin(turn)) * b
        turned_b = np.float32(np.sin(turn)) * a + np.float32(np.cos(turn)) * b
        _towards(a, turned_a, share)
        _towards(b, turned_b, share)
    if how.palette:
        spare = sitting.skin
        if spare is not None and sitting.hair is not None:
            spare = np.clip(spare + np.float32(0.75) * sitting.hair, 0, 1)
        if subject is not None:
            spare = np.clip(spare + 1 - subject, 0, 1)
        a, b = palette.loud(light, a, b, how.palette, spare)
    return cv2.merge([light, a, b])


def _finished(
    wish: Style,
    drawn: np.ndarray,
    coverage: np.ndarray | None,
    flow: Flow,
    sitting: _Sitting,
    unit: float,
    seed: int,
) -> np.ndarray:
    """Put colours and lines on paper: H×W×3 uint8."""
    how = wish.medium
    rng = np.random.default_rng(abs(int(seed)))
    angle = float(np.deg2rad(how.angle_deg))
    if how.kind == "pencil":
        light = drawn[..., 0]
        if sitting.person is not None:
            # The scene is only hinted at, or left out.
            rest = 0.45 if wish.backdrops[0].kind == "scene" else 0.0
            around = cv2.blur(sitting.person, (int(40 * unit) | 1,) * 2)
            seen = np.clip(sitting.person + (rest + 0.5 * around) * (1 - sitting.person), 0, 1)
            light = 100 - (100 - light) * seen
            coverage = coverage * seen
        dark = media.pencilled(light, coverage, flow, unit=unit, angle=angle, rng=rng)
        return _to_bytes(palette.duotone(dark, how.papers[0], how.inks[0]))
    if how.kind == "noir":
        dark = _noir(drawn, coverage, sitting)
        return _to_bytes(palette.duotone(dark, how.papers[0], how.inks[0]))
    if how.kind == "watercolour":
        tint = wish.ink.tint if wish.ink else 0.0
        lines = media.printed(drawn, coverage, tint)
        fade = None
        if sitting.person is not None:
            fade = backdrop.vignette(sitting.person, unit)
        return _to_bytes(media.painted_wet(lines, sitting.skin, fade, unit, rng))
    rgb = media.printed(drawn, coverage, wish.ink.tint if wish.ink else 0.0)
    if how.dots:
        where = np.ones(rgb.shape[:2], np.float32)
        if sitting.person is not None:
            where = sitting.person.copy()
        if sitting.features is not None:
            where *= 1 - sitting.features
        if coverage is not None:
            where *= 1 - coverage
        rgb = media.dotted(rgb, where, how.dots * unit, angle)
    if how.glow:
        rgb = media.glowing(rgb, how.glow, unit)
    if how.kind == "oil":
        quiet = sitting.features
        if quiet is not None:
            quiet = np.maximum(quiet, np.float32(0.45) * sitting.skin)
        rgb = media.oiled(rgb, flow, unit, quiet, rng)
    return _to_bytes(rgb)


def _noir(drawn: np.ndarray, coverage: np.ndarray, sitting: _Sitting) -> np.ndarray:
    """Black, one grey, white: H×W float32, 0 white .. 1 black.

    Light skin is white with grey shade, dark skin grey with white light, and between them
    the darker the skin the more of it is grey: the order is kept and no face drowns.
    """
    light = drawn[..., 0]
    black_below, white_above = np.float32(24), np.float32(56)
    if sitting.skins:
        plain = max(c.light for c in sitting.skins)
        face = plain + float(np.interp(plain, (48, 80), (7, -13)))
        share = sitting.skin if sitting.skin is not None else 0
        white_above = white_above + share * np.float32(face - 56)
        black_below = black_below + share * np.float32(min(24, 0.45 * plain) - 24)
    grey = 1 - tones.smoothstep(light - white_above, 0.0, 3.0)
    black = 1 - tones.smoothstep(light - black_below, 0.0, 3.0)
    dark = 0.42 * grey + 0.56 * black
    return dark + coverage * (0.98 - dark)


def _to_bytes(rgb: np.ndarray) -> np.ndarray:
    return np.clip(rgb * 255 + np.float32(0.5), 0, 255).astype(np.uint8)


def _inked(
    wish: Style,
    lab: np.ndarray,
    flat: np.ndarray,
    flow: Flow,
    sitting: _Sitting,
    ink_px: float,
    unit: float,
) -> np.ndarray:
    """Ink coverage, H×W float32 0..1."""
    how: Ink = wish.ink
    shape = lab.shape[:2]
    light = cv2.extractChannel(lab, 0)
    response = pen.edges(light, flow, width_px=ink_px, calm_px=5 * unit)
    for person in sitting.people:
        # A small face gets a finer pen.
        fine_px = max(0.0042 * person.height, 0.5 * unit)
        if fine_px < 0.8 * ink_px:
            box = skin.box_of(shape, person.oval, 0.25 * person.height)
            near = flow.cropped(box)
            finer = pen.edges(light[box], near, width_px=fine_px, calm_px=3 * fine_px)
            offset = np.float32([box[1].start, box[0].start])
            share = area(finer.shape, person.oval - offset, soft_px=0.04 * person.height)
            response[box] += share * (1.15 * finer - response[box])

    threshold = np.full(shape, how.threshold, np.float32)
    if sitting.person is not None:
        threshold *= 1 + np.float32(how.in_backdrop - 1) * (1 - sitting.person)
    if sitting.skin is not None:
        plain_skin = sitting.skin * (1 - sitting.features)
        on_skin = response[::3, ::3][plain_skin[::3, ::3] > 0.6]
        # The older the skin, the more lines it offers: only its strongest are drawn.
        limit = float(np.quantile(on_skin, 1 - how.in_face)) if on_skin.size > 50 else 0.0
        limit = max(limit, 1.25 * how.threshold)
        threshold += plain_skin * (limit - threshold)
    coverage = pen.lines(response, threshold, how.softness)
    crowded = pen.crowding(coverage, 16 * unit)
    if sitting.hair is not None:
        crowded *= 1 - sitting.hair
    if sitting.features is not None:
        crowded *= 1 - sitting.features
    threshold *= 1 + crowded
    coverage = pen.lines(response, threshold, how.softness)
    if how.blacks:
        blacks = pen.blacks(cv2.extractChannel(flat, 0), how.blacks)
        if sitting.skin is not None:
            blacks *= 1 - sitting.skin
        coverage = np.maximum(coverage, blacks)
    if sitting.person is not None and not wish.keeps_scene:
        inside = cv2.dilate(
            sitting.person, np.ones((3, 3), np.uint8), iterations=max(1, round(unit))
        )
        coverage *= tones.smoothstep(inside, 0.35, 0.4)
        if how.outline:
            rim = pen.outline(sitting.person, how.outline * ink_px)
            coverage = np.maximum(coverage, rim)
    coverage = pen.without_specks(coverage, (how.speck * unit) ** 2)
    if sitting.people:
        quiet = np.maximum(
            character.eye_area(shape, sitting.people) * np.float32(wish.character.irises),
            character.mouth_area(shape, sitting.people) * np.float32(wish.character.teeth),
        )
        coverage *= 1 - quiet
        if wish.character.lids:
            lids = character.lid_lines(shape, sitting.people, wish.character.lids)
            coverage = np.maximum(coverage, lids * np.float32(0.9))
    return coverage * np.float32(how.strength)


def _sized(photo: Picture, long_side: int) -> Picture:
    long_side = min(long_side, LONGEST_SIDE_PX)
    scale = min(long_side / max(photo.width, photo.height), _ENLARGE_AT_MOST)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    if size == (photo.width, photo.height):
        return photo
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    alpha = photo.alpha
    if alpha is not None:
        alpha = cv2.resize(alpha, size, interpolation=how)
    return Picture(cv2.resize(photo.rgb, size, interpolation=how), alpha)


def _lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB float32 (L 0..100) of sRGB uint8."""
    return cv2.cvtColor(rgb.astype(np.float32) * np.float32(1 / 255), cv2.COLOR_RGB2LAB)


def _enlarged(lab: np.ndarray, width: int, height: int) -> np.ndarray:
    light, a, b = cv2.split(lab)
    # Only lightness has edges sharp enough to need the dearer interpolation.
    light = cv2.resize(light, (width, height), interpolation=cv2.INTER_CUBIC)
    a, b = (cv2.resize(c, (width, height), interpolation=cv2.INTER_LINEAR) for c in (a, b))
    return cv2.merge([light, a, b])


def _rgb(lab: np.ndarray) -> np.ndarray:
    """sRGB uint8 of CIELAB float32."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.clip(rgb * 255 + np.float32(0.5), 0, 255).astype(np.uint8)


class _Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._since = time.perf_counter()

    def done(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self._since
        self._since = now
