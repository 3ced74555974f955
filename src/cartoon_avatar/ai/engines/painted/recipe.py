"""The recipe: a scene becomes a painted portrait, a line a step.

Lengths are in units of the main face's height, chin to hairline, so that a drawing looks
the same at any size. The same scene, style and seed give the same pixels in every process.
"""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.engines.painted.sheet import Sheet, sheet_of
from cartoon_avatar.ai.engines.painted.steps import lines
from cartoon_avatar.ai.engines.painted.steps.backdrop import painted_backdrop, recolour
from cartoon_avatar.ai.engines.painted.steps.brows_and_nose import draw_brows, draw_nose
from cartoon_avatar.ai.engines.painted.steps.contours import draw_folds, draw_jaw
from cartoon_avatar.ai.engines.painted.steps.eyes import draw_eyes
from cartoon_avatar.ai.engines.painted.steps.grade import graded
from cartoon_avatar.ai.engines.painted.steps.hair import painted_hair
from cartoon_avatar.ai.engines.painted.steps.mouth import draw_mouth
from cartoon_avatar.ai.engines.painted.steps.relight import (
    Complexion,
    complexions,
    lit_area,
    plain_skin,
    relit,
)
from cartoon_avatar.ai.engines.painted.steps.skin import (
    beard,
    contrast_of,
    nearest_complexion,
    painted_skin,
    without_creases,
)
from cartoon_avatar.ai.engines.painted.steps.texture import calmed, texture_of
from cartoon_avatar.ai.engines.painted.styles import PaintedStyle
from cartoon_avatar.ai.filters.abstraction import coherent, shocked, smoothed
from cartoon_avatar.ai.filters.blur import blurred, blurred_within
from cartoon_avatar.ai.filters.canvas import rgb_of, sized
from cartoon_avatar.ai.filters.flow import along, tangent_field
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.filters.strokes import box_around
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.features import Features, area, grown
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.ai.seeing.subject import Subject

# Long side of the copy that is abstracted, px: finer shapes would be texture.
_ABSTRACTED_PX = 768
# The most that creases are filled, 0..1.
_CREASES = 0.4


def draw(scene: Scene, style: PaintedStyle, seed: int) -> Drawing:
    """Paint ``scene`` in ``style``; ``seed`` chooses among the style's variations."""
    clock = Clock()
    how = style.vary(seed)
    sheet = sheet_of(scene, how.features.eye_size, how.features.slimming)
    size = sheet.face_px
    shape = sheet.person.shape
    clock.done("caricature")

    spared = np.maximum(sheet.features, sheet.hair)
    plain = [plain_skin(shape, one, sheet.skin, spared) for one in sheet.people]
    lab = relit(sheet.lab, sheet.subjects, plain, lit_area(sheet.person, size))
    skins = complexions(lab, plain)
    photo = lab.copy()
    for person in sheet.people:
        without_creases(lab, person, _CREASES)
    clock.done("light")

    small = _small(lab)
    scale = small.shape[0] / shape[0]
    texture = sized(_cloth(sheet), small.shape) * texture_of(small, scale * size)
    small = calmed(small, texture, scale * size)
    middle, _ = coherent(small, reach_px=2.6, tensor_px=2.2, rounds=2, amount=0.75, edge_px=1.5)
    flat = smoothed(rgb_of(middle), middle, 0.035 * size, 24)
    clock.done("shapes")

    painted = painted_backdrop(lab, sheet.person, size, how.backdrops[0])
    near = _dilated(sheet.person, 0.03 * size)
    _cover(painted, sized(flat, shape), near)
    clock.done("backdrop")

    hair = sized(sheet.hair, small.shape)
    locks = painted_hair(small, middle, hair, scale * size, how.tones.hair, _hair_length(sheet))
    # Short hair is an opaque mass, not a veil over skin.
    mass = smoothstep(sheet.hair, 0.15, 0.65)
    _cover(painted, sized(locks, shape), mass * (1 - sheet.features))
    clock.done("hair")

    middle = sized(middle, shape)
    tone = None
    skin = sheet.skin * (1 - sheet.hair)
    if sheet.people:
        tone = nearest_complexion(shape, sheet.people, skins)
        beards = _beards(lab, sheet)
        skin = _without_shadows(skin, middle, tone) * (1 - beards)
        smooth = painted_skin(
            middle,
            skin * (1 - sheet.features),
            tone,
            sheet.people,
            how.tones,
            how.features.blush,
            sheet.grey,
        )
        _cover(painted, smooth, skin * (1 - sheet.features))
        _keep_features(painted, lab, smooth, beards, sheet, how.features.nose)
    clock.done("skin")

    recolour(painted, sheet.person, size, how.backdrops[0])
    painted = _crisp(painted)
    clock.done("edges")
    response = lines.edges(small, scale * size, how.lines.width)
    faces = _drawn_area(shape, sheet.people)
    covered = lines.coverage(sized(response, shape), sheet, faces, sized(texture, shape), how.lines)
    painted = lines.drawn(painted, covered, how.lines.darkness)
    clock.done("lines")
    for person, subject, own in zip(sheet.people, sheet.subjects, skins, strict=True):
        _draw_face(painted, photo, person, subject, own, skin, sheet.hair, how)
    clock.done("features")
    goal = None if tone is None else tone[..., 0]
    rgb = graded(
        painted, sheet.person, sheet.skin * (1 - sheet.hair), plain, goal, how.grade, sheet.grey
    )
    clock.done("grade")
    ink_px = how.lines.width * size / 380
    return Drawing(Picture(rgb, scene.picture.alpha), len(scene.faces), 2 * ink_px, clock.stages)


def _draw_face(
    painted: np.ndarray,
    photo: np.ndarray,
    person: Features,
    subject: Subject,
    skin: Complexion,
    skin_area: np.ndarray,
    hair: np.ndarray,
    how: PaintedStyle,
) -> None:
    tone = np.asarray([skin.light, skin.a, skin.b], np.float32)
    draw_folds(painted, photo, person, tone)
    draw_jaw(painted, person, skin_area, tone)
    if person.shows_mouth:
        draw_mouth(painted, photo, person, tone)
        draw_nose(painted, person, tone)
    if not person.shows_eyes:
        return
    draw_brows(painted, person, hair)
    draw_eyes(painted, photo, person, subject, tone, how.features)


def _cloth(sheet: Sheet) -> np.ndarray:
    """H×W 0..1: the person but for hair, skin and what is close to a face."""
    cloth = sheet.person * (1 - sheet.hair) * (1 - sheet.skin)
    for person in sheet.people:
        # Hats above keep their pattern, glasses and beards their detail.
        x, y = person.landmarks[152]
        rows = np.arange(cloth.shape[0], dtype=np.float32)[:, None]
        columns = np.arange(cloth.shape[1], dtype=np.float32)
        over = 1 - smoothstep((rows - y) * np.float32(1 / person.height), -0.2, 0.05)
        over = over * (np.abs(columns - x) < 1.1 * person.height)
        cloth *= 1 - over
    return cloth


def _hair_length(sheet: Sheet) -> float:
    """How long the locks of the first person are, 0 cropped .. 1 long."""
    if not sheet.subjects or sheet.subjects[0].hair is None:
        return 0.8
    return {"bald": 0.2, "short": 0.35, "covered": 0.5}.get(sheet.subjects[0].hair.value, 1.0)


def _small(lab: np.ndarray) -> np.ndarray:
    height, width = lab.shape[:2]
    scale = min(1.0, _ABSTRACTED_PX / max(height, width))
    return sized(lab, (max(1, round(height * scale)), max(1, round(width * scale))))


def _cover(painted: np.ndarray, layer: np.ndarray, share: np.ndarray) -> None:
    """Lay ``layer`` over ``painted`` (H×W×3 both) by ``share`` (H×W, 0..1), in place."""
    way = layer - painted
    way *= share[..., None]
    painted += way


def _dilated(mask: np.ndarray, by_px: float) -> np.ndarray:
    small = sized(mask, (max(1, mask.shape[0] // 4), max(1, mask.shape[1] // 4)))
    reach = 2 * max(0, int(by_px / 4)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    grown_mask = cv2.dilate((small > 0.35).astype(np.float32), kernel)
    return blurred(sized(grown_mask, mask.shape), 0.4 * by_px)


def _without_shadows(skin: np.ndarray, middle: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """``skin`` (H×W 0..1) without what is too dark or too grey to be skin."""
    contrast = contrast_of(tone[..., 0])
    below = (tone[..., 0] - cv2.GaussianBlur(middle[..., 0], (0, 0), 2)) / contrast
    # Grey hair is as light as skin, but has no colour.
    chroma = cv2.magnitude(middle[..., 1], middle[..., 2])
    common = cv2.magnitude(tone[..., 1], tone[..., 2])
    lost = 1 - cv2.GaussianBlur(chroma, (0, 0), 2) / np.maximum(common, 1)
    grey = smoothstep(lost, 0.45, 0.75) * smoothstep(common, 14, 20)
    return skin * (1 - smoothstep(below, 20, 36)) * (1 - grey)


def _beards(lab: np.ndarray, sheet: Sheet) -> np.ndarray:
    found = np.zeros(sheet.person.shape, np.float32)
    for person, subject in zip(sheet.people, sheet.subjects, strict=True):
        if subject.facial_hair is None or subject.facial_hair.value != "none":
            np.maximum(found, beard(lab, person), out=found)
    return found


def _keep_features(
    painted: np.ndarray,
    lab: np.ndarray,
    smooth: np.ndarray,
    beards: np.ndarray,
    sheet: Sheet,
    nose: float,
) -> None:
    """Keep the photo's detail in eyes, brows, nose, mouth and beard over the skin, in place."""
    size = sheet.face_px
    for person in sheet.people:
        box = box_around(lab.shape, person.oval, 0.1 * person.height)
        if box is None:
            continue
        own = sheet.features[box]
        if nose < 1:
            offset = np.asarray([box[1].start, box[0].start], np.float32)
            outline = grown(person.nose_base, 1.1) - offset
            own = own * (1 - (1 - nose) * area(own.shape, outline, soft_px=0.01 * size))
        fine, _ = coherent(
            lab[box], reach_px=2.0, tensor_px=2.0, rounds=1, amount=0.55, edge_px=1.4
        )
        hairs = fine.copy()
        hairs[..., 0] += 0.5 * (fine[..., 0] - blurred(fine[..., 0], 0.02 * size))
        # Stubble is a soft tone, not hairs.
        below = smooth[box][..., 0] - blurred(fine[..., 0], 0.02 * size)
        long = smoothstep(below, 3, 9)[..., None]
        hairs = blurred(fine, 0.014 * size) * (1 - long) + hairs * long
        _cover(painted[box], hairs, beards[box] * (1 - own))
        apart = fine[..., 0] - smooth[box][..., 0]
        wide = np.minimum(blurred(apart, 0.035 * size), 0)
        detail = apart - wide
        # Dark detail is drawn firmer, light detail softer.
        dark = detail * (1 + 0.35 * smoothstep(-detail, 2, 10))
        strong = fine.copy()
        strong[..., 0] = (
            smooth[box][..., 0] + 0.5 * wide + np.where(detail < 0, dark, 0.65 * detail)
        )
        np.clip(strong[..., 0], 3, 100, out=strong[..., 0])
        # Its colours move as far as those of the skin around it.
        weight = sheet.skin[box] * (1 - own) + np.float32(1e-3)
        moved = blurred_within(smooth[box][..., 1:] - fine[..., 1:], weight, 0.05 * size)
        strong[..., 1:] += moved
        _cover(painted[box], strong, own)


def _crisp(painted: np.ndarray) -> np.ndarray:
    flow = tangent_field(painted, 2.5)
    return shocked(along(painted, flow, 2.0), flow, edge_px=1.6, amount=0.8, steps=2)


def _drawn_area(shape: tuple[int, int], people: list[Features]) -> np.ndarray:
    """H×W 0..1: the inside of faces, where the lines are drawn by hand."""
    covered = np.zeros(shape, np.float32)
    for person in people:
        soft = 0.02 * person.height
        np.maximum(covered, area(shape, grown(person.oval, 0.9), soft_px=soft), out=covered)
    return covered
