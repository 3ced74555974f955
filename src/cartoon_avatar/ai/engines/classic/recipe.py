"""The recipe: a photo becomes a drawing, a line a step.

``draw(photo, style, seed, eyes, long_side=1024) -> Drawing`` is the whole interface, with
``STYLES`` and ``style_named`` from ``styles``. The same photo, style, seed and
``ENGINE_VERSION`` give the same pixels in every process.

A drawing has no grain of its own, so it is not bound to the photo's size: its long side
is ``long_side``, except that a photo is enlarged at most four times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.steps import (
    backdrop,
    character,
    hair,
    media,
    palette,
    skin,
    tones,
)
from cartoon_avatar.ai.engines.classic.steps import ink as pen
from cartoon_avatar.ai.engines.classic.steps.flatten import flatten
from cartoon_avatar.ai.engines.classic.steps.light import expose
from cartoon_avatar.ai.engines.classic.styles import STYLES, Style, Tones, style_named
from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.filters.canvas import (
    Canvas,
    canvas_of,
    lab_of,
    planes_of,
    rgb_of,
    sharply_enlarged,
    shrunk,
    sized,
)
from cartoon_avatar.ai.filters.flow import Flow, tangent_field
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face, FaceFinder
from cartoon_avatar.ai.seeing.features import Features, area, features_of, grown
from cartoon_avatar.ai.seeing.figure import whole_figure, without_islands
from cartoon_avatar.ai.seeing.matting import MaskFinder, Masks

__all__ = ["ENGINE_VERSION", "STYLES", "Eyes", "draw", "style_named"]

# Goes up with every change that alters pixels.
ENGINE_VERSION = 7

LONGEST_SIDE_PX = 2048
# Of a line of weight 1, as share of the long side.
LINE_WIDTH = 2.5 / 1024
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
class _Where:
    """Who is in a picture and where: masks are H×W float32 0..1, or None without people."""

    people: list[Features] = field(default_factory=list)
    person: np.ndarray | None = None
    hair: np.ndarray | None = None
    skin: np.ndarray | None = None
    features: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Sitting:
    """The same people twice: ``full`` goes with light, ``half`` with colour."""

    full: _Where
    half: _Where
    skins: list[skin.Complexion] = field(default_factory=list)

    @property
    def people(self) -> list[Features]:
        return self.full.people


def draw(photo: Picture, style: Style, seed: int, eyes: Eyes, long_side: int = 1024) -> Drawing:
    """Draw ``photo`` in ``style``; ``seed`` chooses among the style's variations."""
    clock = Clock()
    wish = style.vary(seed)
    picture = _sized(photo, long_side)
    if picture.alpha is not None:
        whole = backdrop.without_holes(picture.rgb, picture.alpha)
        picture = Picture(whole, picture.alpha)
    height, width = picture.rgb.shape[:2]
    unit = max(height, width) / 1024  # px; what is 1 px wide in a picture of 1024

    faces = eyes.find_faces(Picture(picture.rgb))
    clock.done("faces")
    people = [features_of(face.landmarks) for face in faces]
    masks = _masks(picture, faces, eyes) if eyes.find_masks and faces else None
    clock.done("masks")
    rgb, people = character.enlarge_eyes(picture.rgb, people, wish.character.eye_size)
    # Half of a line: what its edges are found with.
    ink_px = LINE_WIDTH / 2 * max(height, width) * (wish.ink.weight if wish.ink else 1)
    composed = _composed(wish, rgb, _sitting(people, masks, (height, width)), ink_px, unit, clock)
    finished = _finished(wish, *composed, unit, seed)
    clock.done("medium")
    return Drawing(Picture(finished, picture.alpha), len(faces), 2 * ink_px, clock.stages)


def _composed(
    wish: Style, rgb: np.ndarray, sitting: _Sitting, ink_px: float, unit: float, clock: Clock
) -> tuple[Canvas, np.ndarray, Flow, _Sitting]:
    """What is to be put on paper: colours, ink coverage (H×W 0..1), flow and people."""
    shape = rgb.shape[:2]
    seen = canvas_of(rgb)
    # Without colour there is no skin to be held to its own.
    held = wish.medium.kind not in ("noir", "pencil")
    plain_skin = list(_plain_skin_of_each(sitting.half)) if held else []
    seen_lights = [skin.light_of(seen.light, plain) for plain in plain_skin]
    lit = expose(seen, sitting.half.skin, wish.colour.local_contrast)
    clock.done("light")

    small = lit.small_lab()
    small_light = cv2.extractChannel(small, 0)
    flow = tangent_field(small, 2.2 * unit)
    clock.done("flow")

    small_rgb = rgb_of(small)
    shapes = flatten(
        small_rgb,
        flow,
        reach_px=20 * unit,
        contrast=wish.shapes.contrast,
        strands_px=wish.shapes.strands * unit,
    )
    planes = planes_of(shapes)
    flat = Canvas(sharply_enlarged(planes[0], shape), *planes[1:])
    sitting = _with_complexions(sitting, cv2.merge(planes))
    clock.done("shapes")

    hair_light = cv2.addWeighted(small_light, 0.5, planes[0], 0.5, 0)
    drawn = _toned(wish, flat, lit.light, hair_light, flow, sitting, unit)
    clock.done("tones")
    _put_behind(wish, drawn, small_rgb, sitting, unit)
    own_skin = _skin_of_each(sitting.full)
    _grade(wish, drawn, sitting, own_skin)
    if held:
        for own, plain, light in zip(own_skin, plain_skin, seen_lights, strict=True):
            if excess := skin.bleached(drawn.light, plain, light):
                share = own * (1 - np.float32(0.5) * sitting.full.features)
                drawn.light -= np.float32(excess) * share
    clock.done("backdrop")

    coverage = _inked(wish, lit.light, small_light, flat.light, flow, sitting, ink_px, unit)
    clock.done("ink")
    drawn = drawn.full()
    if sitting.people:
        _characterise(wish, drawn, coverage, lit, sitting)
    clock.done("character")
    return drawn, coverage, flow, sitting


def _masks(picture: Picture, faces: list[Face], eyes: Eyes) -> Masks | None:
    """Masks of a small copy: they end under lines and on soft borders, not in hairs."""
    # Alpha stays behind: the picture has been continued under it.
    small = Picture(shrunk(picture.rgb, _MASKS_PX))
    scale = small.width / picture.width
    moved = [
        replace(
            face,
            box=tuple(length * scale for length in face.box),
            landmarks=face.landmarks * np.float32(scale),
        )
        for face in faces
    ]
    masks = eyes.find_masks(small, moved)
    if masks is None:
        return None
    people = [features_of(face.landmarks) for face in moved]
    person = without_islands(whole_figure(masks.person, small.rgb, people), people)
    return Masks(person, np.minimum(masks.hair, person), np.minimum(masks.skin, person))


def _sitting(people: list[Features], masks: Masks | None, shape: tuple[int, int]) -> _Sitting:
    if not people:
        return _Sitting(_Where(), _Where())
    features = skin.feature_area(shape, people)
    skins = masks.skin if masks is not None else None
    if skins is None or not skins.any():
        skins = area(shape, *(p.oval for p in people), soft_px=max(shape) / 400)

    def at(size: tuple[int, int]) -> _Where:
        scale = np.float32([size[1] / shape[1], size[0] / shape[0]])
        return _Where(
            people if size == shape else [features_of(p.landmarks * scale) for p in people],
            sized(masks.person, size) if masks is not None else None,
            sized(masks.hair, size) if masks is not None else None,
            sized(skins, size),
            sized(features, size),
        )

    return _Sitting(at(shape), at((max(1, shape[0] // 2), max(1, shape[1] // 2))))


def _skin_of_each(where: _Where) -> list[np.ndarray]:
    """The skin of each of the people, H×W float32 0..1: what lies between two is shared out."""
    if len(where.people) < 2:
        return [where.skin] * len(where.people)
    one_of = list(np.eye(len(where.people)))
    nearest = skin.nearest(where.skin.shape, where.people, one_of)
    return [where.skin * sized(share, where.skin.shape) for share in cv2.split(nearest)]


def _plain_skin_of_each(where: _Where) -> Iterator[np.ndarray]:
    """What of each face is plain skin, H×W float32 0..1: no hand, no arm, no other's cheek."""
    for person in where.people:
        inside = area(where.skin.shape, grown(person.oval, 0.9))
        inside *= where.skin
        inside *= 1 - where.features
        yield inside


def _with_complexions(sitting: _Sitting, lab: np.ndarray) -> _Sitting:
    """``lab`` (h×w×3 float32) is as large as the colours."""
    half = sitting.half
    if half.skin is None:
        return sitting
    found = skin.complexions(lab, half.skin, half.features, half.people)
    return replace(sitting, skins=found)


def _toned(
    wish: Style,
    flat: Canvas,
    lit_light: np.ndarray,
    hair_light: np.ndarray,
    flow: Flow,
    sitting: _Sitting,
    unit: float,
) -> Canvas:
    """The colours of the drawing: steps of light, plain skin.

    ``hair_light``, h×w float32, is the light that strands are found in.
    """
    how = wish.tones
    full, half = sitting.full, sitting.half
    smooth, a, b = flat.light, flat.a.copy(), flat.b.copy()
    light = tones.posterise(smooth, how.levels, how.softness)
    if how.amount < 1:
        light = cv2.addWeighted(light, how.amount, smooth, 1 - how.amount, 0)

    if full.hair is not None and how.hair:
        small = skin.box_of_mask(half.hair)
        box = _doubled(small, smooth.shape)
        own = half.hair[small]
        locks = hair.strands(
            hair_light[small], own, flow.cropped(small), smooth[box].shape,
            length_px=0.5 * how.hair * unit, band=how.hair_band,
        )  # fmt: skip
        if locks is not None:
            _towards(light[box], locks, full.hair[box] * np.float32(0.35 + 0.6 * how.amount))
            for plane in (a[small], b[small]):
                _towards(plane, hair.plain_colour(plane, own), own * np.float32(0.45))

    if full.skin is not None:
        _tone_skin(how, Canvas(light, a, b), smooth, lit_light, sitting)
    return Canvas(light, a, b)


def _tone_skin(
    how: Tones, drawn: Canvas, smooth: np.ndarray, seen: np.ndarray, sitting: _Sitting
) -> None:
    """Even out skin in ``drawn``, in place; ``smooth`` and ``seen`` are flat and lit light."""
    full, half = sitting.full, sitting.half
    # All that happens here is on skin: a face is rarely half of the picture.
    small = skin.box_of_mask(np.maximum(half.skin, half.features))
    box = _doubled(small, smooth.shape)
    light, smooth, seen = drawn.light[box], smooth[box], seen[box]
    a, b = drawn.a[small], drawn.b[small]
    complexions = [np.float32([c.light, c.a, c.b]) for c in sitting.skins]
    if len(complexions) == 1:
        plain_light, plain_a, plain_b = complexions[0]
        plain_small = plain_light
    else:
        plain = skin.nearest(drawn.light.shape, sitting.people, complexions)
        plain_light = sized(plain[..., 0], drawn.light.shape)[box]
        plain_small, plain_a, plain_b = cv2.split(sized(plain, drawn.a.shape)[small])

    size = max(p.height for p in sitting.people)
    shade = skin.shading(smooth, full.skin[box], full.features[box], 0.016 * size)
    step = skin.two_tone(shade, plain_light, how.skin_steps, how.skin_depth, how.softness)
    if how.amount < 1:
        step = cv2.addWeighted(step, how.amount, shade, 1 - how.amount, 0)
    # Beard, brows and deep shadow are not skin to be evened out.
    like = tones.smoothstep(smooth / np.maximum(plain_light, 8), 0.58, 0.1)
    far = np.abs(a - plain_a)
    far += np.abs(b - plain_b)
    like *= sized(1 - tones.smoothstep(far, 34, 16), like.shape)
    like *= full.skin[box]
    _towards(light, step, like * (1 - full.features[box]))
    # Shade is a little richer in colour than light. Pale light leaves skin greyer than a
    # painter would: a little of its own colour more.
    chroma = np.sqrt(plain_a * plain_a + plain_b * plain_b)
    healthy = np.float32(np.where(chroma > 7, np.clip(21 / np.maximum(chroma, 1), 1, 1.3), 1))
    ratio = sized(step, a.shape) / np.maximum(plain_small, 8)
    ratio = healthy * tones.through(ratio, _richer, 0.5, 1.3)
    # Between the hairs of a brow is skin too.
    like = sized(like, a.shape) * (np.float32(0.75) - np.float32(0.45) * half.features[small])
    _towards(a, plain_a * ratio, like)
    _towards(b, plain_b * ratio, like)
    # The shadow of a chin is a shade of skin too, or it would look like a beard.
    offset = np.float32([box[1].start, box[0].start])
    faces = [person.oval - offset for person in sitting.people]
    below = full.skin[box] * (1 - area(light.shape, *faces, soft_px=0.02 * size))
    _towards(light, np.maximum(light, 0.6 * plain_light), below * np.float32(0.8))
    # Features keep the photo's detail, with more contrast.
    detail = np.clip(1.15 * seen - 0.15 * smooth, 0, 100)
    _towards(light, detail, full.features[box] * np.float32(0.8))


def _richer(share: np.ndarray) -> np.ndarray:
    return share**-0.25


def _doubled(box: tuple[slice, slice], shape: tuple[int, int]) -> tuple[slice, slice]:
    """What ``box`` of a picture half as large as ``shape`` shows, in the larger one."""
    return tuple(
        slice(2 * part.start, length if 2 * part.stop + 2 > length else 2 * part.stop)
        for part, length in zip(box, shape, strict=True)
    )


def _towards(values: np.ndarray, goal: np.ndarray | float, share: np.ndarray) -> None:
    """Move ``values`` by ``share`` (0..1) of the way to ``goal``, in place."""
    way = goal - values
    way *= share
    values += way


def _put_behind(
    wish: Style, drawn: Canvas, small_rgb: np.ndarray, sitting: _Sitting, unit: float
) -> None:
    """Put another scene behind the people in ``drawn``, in place.

    ``small_rgb`` is the lit photo at the size of the colours, h×w×3 uint8.
    """
    if sitting.full.person is None:
        return
    # A drawn outline is crisp: the matte's soft rim would show the photo's own backdrop.
    away = 1 - tones.smoothstep(sitting.full.person, 0.55, 0.5)
    away_small = sized(away, drawn.a.shape)
    if wish.keeps_scene:
        how = wish.tones
        scene = backdrop.scene_without(
            small_rgb, sitting.half.person, wish.shapes.backdrop_contrast
        )
        light, a, b = planes_of(scene)
        light = sharply_enlarged(light, drawn.light.shape)
        stepped = tones.posterise(light, how.levels, 3 * how.softness)
        share = 0.6 * how.amount
        _towards(drawn.light, cv2.addWeighted(stepped, share, light, 1 - share, 0), away)
        _towards(drawn.a, sized(a, drawn.a.shape), away_small)
        _towards(drawn.b, sized(b, drawn.b.shape), away_small)
        return
    # In black and white that light is what tells dark hair from a dark backdrop.
    if wish.medium.kind != "noir":
        backdrop.without_spill(drawn, sitting.half.person, 7 * unit)
    back = wish.backdrops[0]
    face = sitting.people[0]
    second = backdrop.pattern(
        back.kind,
        drawn.light.shape,
        centre=tuple(face.oval.mean(axis=0)),
        radius_px=max(1.25 * face.height, 0.3 * min(drawn.light.shape)),
        cell_px=14 * unit,
        turn=float(np.deg2rad(wish.medium.angle_deg)),
    )
    second_small = sized(second, drawn.a.shape)
    colours = lab_of(np.array([[back.colour, back.second]], np.uint8))[0]
    for plane, share, behind, one, other in zip(
        (drawn.light, drawn.a, drawn.b),
        (second, second_small, second_small),
        (away, away_small, away_small),
        *colours,
        strict=True,
    ):
        _towards(plane, share * np.float32(other - one) + np.float32(one), behind)


def _grade(wish: Style, drawn: Canvas, sitting: _Sitting, own_skin: list[np.ndarray]) -> None:
    """Give ``drawn`` the style's contrast and colour, in place; skin keeps its hue."""
    how = wish.colour
    half = sitting.half
    # About the skin's own lightness, so that contrast moves everything but faces.
    pivot = float(np.mean([c.light for c in sitting.skins])) if sitting.skins else 55.0
    light, a, b = drawn.light, drawn.a, drawn.b
    light *= np.float32(how.contrast)
    light += np.float32(pivot * (1 - how.contrast))
    if how.lift:
        lift = np.float32(how.lift)
        for complexion, own in zip(sitting.skins, own_skin, strict=True):
            # Pastel is not bleach: the darker the skin, the less of it.
            held = 1 - float(np.clip((complexion.light - 40) / 40, 0, 1))
            lift = lift - np.float32(how.lift * held) * own
        light += lift * (100 - light)
    np.clip(light, 0, 100, out=light)

    # A backdrop's colours are chosen, not photographed: neither graded nor turned.
    subject = None if wish.keeps_scene else half.person
    # Saturates softly: what is vivid already is left almost alone.
    room = cv2.magnitude(a, b)
    room *= np.float32(-1 / 110)
    room += 1
    np.clip(room, 0, 1, out=room)
    more = np.float32(how.vividness - 1)
    if half.skin is not None:
        more = half.skin * np.float32(how.skin_vividness - how.vividness) + more
    if half.hair is not None:
        more = more - np.float32(0.55 * (how.vividness - 1)) * half.hair
    room *= more
    if subject is not None:
        room *= subject
    room += 1
    a *= room
    b *= room
    if how.turn_deg:
        turn = np.deg2rad(how.turn_deg)
        share = 1 - half.skin if half.skin is not None else np.float32(1)
        if half.hair is not None:
            share = np.clip(share - half.hair, 0, 1)
        if subject is not None:
            share = share * subject
        turned_a = np.float32(np.cos(turn)) * a - np.float32(np.sin(turn)) * b
        turned_b = np.float32(np.sin(turn)) * a + np.float32(np.cos(turn)) * b
        _towards(a, turned_a, share)
        _towards(b, turned_b, share)
    if how.palette:
        spare = half.skin
        if spare is not None and half.hair is not None:
            spare = np.clip(spare + np.float32(0.75) * half.hair, 0, 1)
        if subject is not None:
            spare = np.clip(spare + 1 - subject, 0, 1)
        drawn.a, drawn.b = palette.loud(sized(light, a.shape), a, b, how.palette, spare)


def _inked(
    wish: Style,
    lit_light: np.ndarray,
    small_light: np.ndarray,
    flat_light: np.ndarray,
    flow: Flow,
    sitting: _Sitting,
    ink_px: float,
    unit: float,
) -> np.ndarray:
    """Ink coverage, H×W float32 0..1.

    A line is found at half size, where its response is smooth, and cut out at full size.
    """
    how = wish.ink
    full, half = sitting.full, sitting.half
    shape, small = lit_light.shape, small_light.shape
    if how is None:
        return np.zeros(shape, np.float32)
    # Thinner than this a line would fall between the pixels of the half size.
    width_px = max(0.5 * ink_px, 0.62)
    response_small = pen.edges(small_light, flow, width_px=width_px, calm_px=4 * unit)
    response = sharply_enlarged(response_small, shape)
    for person, person_small in zip(full.people, half.people, strict=True):
        # A small face gets a finer pen.
        fine_px = max(0.0042 * person.height, 0.5 * unit)
        if fine_px < 0.8 * ink_px:
            near = skin.box_of(small, person_small.oval, 0.25 * person_small.height)
            box = _doubled(near, shape)
            here = lit_light[box]
            along = flow.cropped(near).resized(here.shape[1], here.shape[0])
            finer = pen.edges(here, along, width_px=fine_px, calm_px=3 * fine_px)
            offset = np.float32([box[1].start, box[0].start])
            share = area(finer.shape, person.oval - offset, soft_px=0.04 * person.height)
            _towards(response[box], 1.15 * finer, share)

    threshold = np.full(small, how.threshold, np.float32)
    if half.person is not None:
        threshold *= 1 + np.float32(how.in_backdrop - 1) * (1 - half.person)
    if half.skin is not None:
        plain_skin = half.skin * (1 - half.features)
        on_skin = response_small[plain_skin > 0.6]
        # The older the skin, the more lines it offers: only its strongest are drawn.
        limit = float(np.quantile(on_skin, 1 - how.in_face)) if on_skin.size > 50 else 0.0
        limit = max(limit, 1.25 * how.threshold)
        threshold += plain_skin * (limit - threshold)
    crowded = pen.crowding(pen.lines(response_small, threshold, how.softness), 8 * unit)
    if half.hair is not None:
        crowded *= 1 - half.hair
    if half.features is not None:
        crowded *= 1 - half.features
    threshold *= 1 + crowded
    coverage = pen.lines(response, sized(threshold, shape), how.softness)
    if how.blacks:
        blacks = pen.blacks(flat_light, how.blacks)
        if full.skin is not None:
            blacks *= 1 - full.skin
        np.maximum(coverage, blacks, out=coverage)
    if half.person is not None and not wish.keeps_scene:
        inside = cv2.dilate(half.person, np.ones((3, 3), np.uint8), iterations=max(1, round(unit)))
        coverage *= sized(tones.smoothstep(inside, 0.35, 0.4), shape)
        if how.outline:
            rim = pen.outline(half.person, 0.5 * how.outline * ink_px, shape)
            np.maximum(coverage, rim, out=coverage)
    coverage = pen.without_specks(coverage, (how.speck * unit) ** 2)
    coverage *= np.float32(how.strength)
    return coverage


def _finished(
    wish: Style,
    drawn: Canvas,
    coverage: np.ndarray,
    flow: Flow,
    sitting: _Sitting,
    unit: float,
    seed: int,
) -> np.ndarray:
    """Put colours and lines (H×W 0..1) on paper: H×W×3 uint8, sRGB."""
    where = sitting.full
    how = wish.medium
    rng = np.random.default_rng(abs(int(seed)))
    angle = float(np.deg2rad(how.angle_deg))
    tint = wish.ink.tint if wish.ink else 0.0
    if how.kind == "pencil":
        light = drawn.light
        if where.person is not None:
            # The scene is only hinted at, or left out.
            rest = 0.45 if wish.backdrops[0].kind == "scene" else 0.0
            around = cv2.blur(where.person, (int(40 * unit) | 1,) * 2)
            seen = np.clip(where.person + (rest + 0.5 * around) * (1 - where.person), 0, 1)
            light = 100 - (100 - light) * seen
            coverage = coverage * seen
        dark = media.pencilled(light, coverage, flow, unit=unit, angle=angle, rng=rng)
        return palette.duotone(dark, how.papers[0], how.inks[0])
    if how.kind == "noir":
        dark = _noir(drawn.light, coverage, where, sitting.skins)
        return palette.duotone(dark, how.papers[0], how.inks[0])
    if how.kind == "watercolour":
        fade = None
        if where.person is not None:
            fade = backdrop.vignette(where.person, unit)
        return media.painted_wet(media.printed(drawn, coverage, tint), where.skin, fade, unit, rng)
    rgb = media.printed(drawn, coverage, tint)
    if how.dots:
        screen = 1 - coverage
        if where.person is not None:
            screen *= where.person
        if where.features is not None:
            screen *= 1 - where.features
        rgb = media.dotted(rgb, screen, how.dots * unit, angle)
    if how.glow:
        rgb = media.glowing(rgb, how.glow, unit)
    if how.kind == "oil":
        quiet = where.features
        if quiet is not None:
            quiet = np.maximum(quiet, np.float32(0.75) * where.skin)
        rgb = media.oiled(rgb, flow, unit, quiet, rng)
    return rgb


def _noir(
    light: np.ndarray, coverage: np.ndarray, where: _Where, skins: list[skin.Complexion]
) -> np.ndarray:
    """Black, one grey, white: H×W float32, 0 white .. 1 black.

    Light skin is white with grey shade, dark skin grey with white light, and between them
    the darker the skin the more of it is grey: the order is kept and no face drowns.
    """
    black_below, white_above = np.float32(24), np.float32(56)
    if skins:
        plain = max(c.light for c in skins)
        face = plain + float(np.interp(plain, (48, 80), (7, -13)))
        share = where.skin if where.skin is not None else 0
        white_above = white_above + share * np.float32(face - 56)
        black_below = black_below + share * np.float32(min(24, 0.45 * plain) - 24)
    grey = 1 - tones.smoothstep(light - white_above, 0.0, 1.4)
    black = 1 - tones.smoothstep(light - black_below, 0.0, 3.0)
    dark = 0.42 * grey + 0.56 * black
    return dark + coverage * (0.98 - dark)


def _characterise(
    wish: Style, drawn: Canvas, coverage: np.ndarray, lit: Canvas, sitting: _Sitting
) -> None:
    """Paint eyes, mouths and cheeks into ``drawn`` and ``coverage`` (H×W), in place."""
    how, people = wish.character, sitting.people
    points = np.concatenate([person.landmarks for person in sitting.half.people])
    margin = 0.1 * max(person.height for person in sitting.half.people)
    small = skin.box_of(lit.a.shape, points, margin)
    box = _doubled(small, coverage.shape)
    near = [features_of(p.landmarks - np.float32([box[1].start, box[0].start])) for p in people]
    here, lines = drawn.cropped(box, box).lab(), coverage[box]
    seen = lit.cropped(box, small).lab()
    character.paint_eyes(here, seen, near, how.whites, how.irises)
    character.paint_mouth(here, seen, near, sitting.skins, how.lips, how.teeth)
    character.blush(here, near, sitting.full.skin[box], how.cheeks)
    drawn.light[box], drawn.a[box], drawn.b[box] = cv2.split(here)
    lines *= 1 - np.maximum(
        character.eye_area(lines.shape, near) * np.float32(how.irises),
        character.mouth_area(lines.shape, near) * np.float32(how.teeth),
    )
    if how.lids:
        strength = np.float32(0.9 * wish.ink.strength if wish.ink else 1)
        lids = character.lid_lines(lines.shape, near, how.lids)
        np.maximum(lines, lids * strength, out=lines)


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
