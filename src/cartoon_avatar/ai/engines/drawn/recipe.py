"""The recipe of a drawn avatar: a person as read becomes closed paths, the paths a picture."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass

import cv2
import numpy as np
import resvg_py

from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.engines.drawn.backdrop import chosen_colour, draw_backdrop
from cartoon_avatar.ai.engines.drawn.beard import Beard, beard_tones, draw_beard, read_beard
from cartoon_avatar.ai.engines.drawn.brows import draw_brows
from cartoon_avatar.ai.engines.drawn.clothes import cloth_tone, draw_cloth
from cartoon_avatar.ai.engines.drawn.cover import Cover, draw_cover, read_cover
from cartoon_avatar.ai.engines.drawn.creases import draw_creases
from cartoon_avatar.ai.engines.drawn.eyes import draw_eyes
from cartoon_avatar.ai.engines.drawn.garments import Cloth, cloth_regions
from cartoon_avatar.ai.engines.drawn.glasses import Glasses, draw_glasses, read_glasses
from cartoon_avatar.ai.engines.drawn.hair import CROPPED, draw_hair, read_hair, without_gaps
from cartoon_avatar.ai.engines.drawn.head import (
    draw_ears,
    draw_head,
    head_mask,
)
from cartoon_avatar.ai.engines.drawn.likeness import exaggerated
from cartoon_avatar.ai.engines.drawn.mouth import draw_mouth
from cartoon_avatar.ai.engines.drawn.nose import draw_nose
from cartoon_avatar.ai.engines.drawn.palette import (
    INK,
    greyed,
    hair_tones,
    skin_tones,
)
from cartoon_avatar.ai.engines.drawn.paths import outlines, path_of
from cartoon_avatar.ai.engines.drawn.pen import Pen, dice
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.engines.drawn.poster import poster_of
from cartoon_avatar.ai.engines.drawn.printed import print_of
from cartoon_avatar.ai.engines.drawn.reading import CANVAS, read
from cartoon_avatar.ai.engines.drawn.sheet import Sheet
from cartoon_avatar.ai.engines.drawn.styles import DrawnStyle
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.scene import Scene, once_per_scene
from cartoon_avatar.contract.errors import NoFace

# In a document's first tag.
_SIZE = re.compile(r' width="[^"]*" height="[^"]*"')


def draw(scene: Scene, style: DrawnStyle, seed: int, clock: Clock | None = None) -> Drawing:
    """Draw the scene's first person, as large as its picture. Raises ``NoFace``."""
    clock = clock or Clock()
    sheet, pen = _drawn(scene, style, seed, clock)
    size = max(scene.picture.width, scene.picture.height)
    picture = rendered(sheet.svg(), scene.picture.width, scene.picture.height)
    clock.done("render")
    if not style.transparent:
        picture = Picture(picture.rgb)
    return Drawing(picture, len(scene.faces), pen.outline * size / CANVAS, clock.stages)


def svg(scene: Scene, style: DrawnStyle, seed: int) -> str:
    """The same drawing as an SVG document. Raises ``NoFace``."""
    return _drawn(scene, style, seed, Clock())[0].svg()


def head_svg(scene: Scene, style: DrawnStyle, seed: int) -> str:
    """The head of the same drawing alone, in its place, as an SVG document. Raises ``NoFace``.

    Head are face, ears, hair, beard and what is worn on them; neck and clothes are not.
    """
    return _drawn(scene, style, seed, Clock())[0].head_svg()


def rendered(document: str, width: int, height: int) -> Picture:
    """``document``, which names its width and height, as a picture of ``width`` × ``height`` px.

    It is transparent where nothing is drawn.
    """
    # Told the size as an argument, resvg keeps the ratio of a document rounded to whole units: of
    # a long one, a pixel is missing.
    sized = _SIZE.sub(
        f' width="{width}" height="{height}" preserveAspectRatio="none"', document, count=1
    )
    data = resvg_py.svg_to_bytes(svg_string=sized, skip_system_fonts=True)
    bgra = cv2.imdecode(np.frombuffer(bytes(data), np.uint8), cv2.IMREAD_UNCHANGED)
    assert bgra is not None  # the renderer's PNG is whole
    rgba = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA)
    return Picture(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What every style draws from."""

    reading: Reading
    beard: Beard
    glasses: Glasses | None
    clothes: list[Cloth]
    hat: list[Cloth]
    cover: Cover | None


@once_per_scene
def _seen(scene: Scene, clock: Clock) -> _Seen:
    reading = read(scene)
    clothes, hat, glasses = reading.clothes, reading.hat, read_glasses(reading)
    cover = read_cover(reading, dark_glasses=glasses is not None and glasses.dark)
    if cover is not None:
        if reading.hides_eye(0) or reading.hides_eye(1):
            glasses = None  # the rims of goggles
        reading.worn_on_face = np.maximum(reading.worn_on_face, cover.mask)
    seen = _Seen(
        reading,
        read_beard(reading),
        glasses,
        cloth_regions(reading, clothes),
        cloth_regions(reading, hat) if hat.any() else [],
        cover,
    )
    clock.done("read")
    return seen


def _drawn(scene: Scene, style: DrawnStyle, seed: int, clock: Clock) -> tuple[Sheet, Pen]:
    if not scene.people:
        raise NoFace(
            "This style draws people, and no face was found in the picture. Try a picture in which"
            " a face is well seen, or another style."
        )
    if style.inks:
        return print_of(scene, style, seed, clock)
    if style.toned:
        return poster_of(scene, style, seed, clock)
    seen = _seen(scene, clock)
    reading, beard, glasses, regions = seen.reading, seen.beard, seen.glasses, seen.clothes
    random = dice(seed, reading)
    unit = reading.unit
    weight = unit * float(random.uniform(0.9, 1.12))
    skin = skin_tones(reading)
    sheet = Sheet(reading.width, reading.height)
    head = head_mask(reading)
    hair_mask = reading.without_small(reading.hair & ~beard.mask, 0.008)
    hair_mask = without_gaps(reading, hair_mask, head)
    tones = hair_tones(reading.lab[hair_mask], reading)
    pen = Pen(
        sheet=sheet,
        reading=exaggerated(reading),
        skin=skin,
        hair=tones,
        ink=INK,
        outline=style.outline * weight,
        inner=style.inner * weight,
        fine=style.fine * weight,
        random=random,
    )
    coloured = not reading.subject.monochrome
    if coloured and reading.area(hair_mask) < CROPPED and beard.mask.any():
        pen.hair = tones = greyed(tones, beard_tones(pen, beard))
    hair = read_hair(pen, hair_mask)
    clothes, hat = reading.clothes, reading.hat
    beside = [tones.base, tones.base, pen.skin.base]
    beside += [cloth_tone(reading, cloth.colour) for cloth in regions[:2]]
    draw_backdrop(pen, chosen_colour(pen, style.backdrops, beside), style.grounds)
    with sheet.drawing("body"):
        covered = head | hair_mask | beard.mask | clothes | hat | reading.skin_below
        beside = reading.person & (reading.down_at < reading.at(152) @ reading.down)
        covered |= beside & reading.grown(head | hair_mask | hat, 0.06 * unit)
        if hair is not None:
            covered |= hair.silhouette
        _draw_silhouette(pen, covered)
        _draw_neck(pen, clothes)
        draw_cloth(pen, clothes, regions)
    with sheet.drawing("head"):
        draw_ears(pen)
        hidden = beard.mask | (reading.worn_on_face > 0.3)
        face = draw_head(pen, head, hidden)
        if not reading.profile:
            draw_nose(pen)
            draw_creases(pen, hidden | beard.stubble)
        draw_beard(pen, beard)
        with sheet.clipped(face) if reading.profile else nullcontext():
            if not reading.hides_mouth:
                draw_mouth(pen, bearded=beard.there)
            draw_eyes(pen)
            draw_brows(pen)
        if seen.cover is not None:
            draw_cover(pen, seen.cover)
        if hair is not None:
            draw_hair(pen, hair, tones)
        if hat.any():
            draw_cloth(pen, hat, seen.hat)
        if glasses is not None:
            draw_glasses(pen, glasses)
    clock.done("shapes")
    return sheet, pen


def _draw_silhouette(pen: Pen, mask: np.ndarray) -> None:
    """The firm outer line, behind the person."""
    reading, unit = pen.reading, pen.reading.unit
    mask = reading.closed(mask, 0.012 * unit)
    d = path_of(
        outlines(mask, reading.scale, blur_px=1.5, smooth=0.02 * unit, least=0.06 * unit**2)
    )
    # What no part claims, between ear and hair, is dark as the hair's depth.
    depth = pen.hair.shade if reading.area(reading.hair) > 0.1 else pen.skin.shade
    pen.sheet.fill(d, depth, line=pen.ink, line_width=2.0 * pen.outline)


def _draw_neck(pen: Pen, clothes: np.ndarray) -> None:
    """Neck and what else of the skin is seen below the face, going on under cloth and jaw."""
    reading, unit = pen.reading, pen.reading.unit
    down, across = reading.down, reading.across
    column = np.concatenate(
        [reading.points(172, 397), reading.points(397, 172) + down * 0.2 * unit]
    )
    neck = reading.inside(column) & (reading.person | reading.oval)
    skin = reading.without_small(reading.skin_below, 0.01) | neck
    skin |= reading.grown(skin, 0.05 * unit) & clothes
    skin = reading.filled(skin, 0.02)  # a necklace, a single lock
    d = path_of(outlines(skin, reading.scale, blur_px=2, smooth=0.03 * unit, least=0.004 * unit**2))
    pen.sheet.fill(d, pen.skin.base, line=pen.ink, line_width=pen.outline)
    if d:
        fallen = reading.moved(
            reading.oval, down * 0.13 * unit + across * reading.light_side * 0.03 * unit
        )
        fallen |= reading.grown(reading.oval, 0.03 * unit)
        curves = outlines(fallen & skin, reading.scale, blur_px=2.5, smooth=0.03 * unit, least=200)
        pen.sheet.fill(path_of(curves), pen.skin.shade)
