"""What a cartoonist does to a face: larger, clearer eyes, clean teeth, warm lips."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Complexion, Sheet
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.filters.box import box_of, corner_of, doubled
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.seeing.features import Eye, Features, area, grown, smooth_curve

# An eye narrower than this is left as the photo has it, px, and so is one that is closed.
_SMALL_EYE_PX = 9
# A face lower than this keeps the photo's mouth, px.
_SMALL_FACE_PX = 30
# An eye shows its white and its iris if they differ by this much, L.
_CLEAR_EYE = 9
# The opening of a mouth that is not shut, and of one that shows teeth, as share of the face.
_OPEN, _TEETH = 0.012, 0.03


def enlarge_eyes(
    rgb: np.ndarray, people: list[Features], amount: float
) -> tuple[np.ndarray, list[Features]]:
    """``rgb`` (H×W×3 uint8) with eyes ``amount`` larger (0.12: 12 %), and where they are now.

    A smooth local magnification about each iris that leaves everything beyond two thirds
    of an eye's width from the lids in place.
    """
    if amount <= 0 or not people:
        return rgb, people
    rgb = rgb.copy()
    moved = []
    for person in people:
        points = person.landmarks.copy()
        for eye in person.shown_eyes:
            centre = eye.outline.mean(axis=0)
            # Not beyond the nose's ridge, where the other eye's circle begins.
            radius = min(1.15 * eye.width, 0.48 * _between(person))
            if radius < 2:
                continue
            _magnify(rgb, centre, radius, amount)
            points = _magnified(points, centre, radius, amount)
        moved.append(person.moved(points))
    return rgb, moved


def paint_face(sheet: Sheet, style: Style) -> None:
    """Paint eyes, mouths and cheeks, and take the ink out of them.

    From here on colours are as large as the light.
    """
    sheet.drawn = drawn = sheet.drawn.full()
    full, half, how = sheet.full, sheet.half, style.character
    if not full.people or full.skin is None:
        return
    points = np.concatenate([person.landmarks for person in half.people])
    margin = 0.1 * max(person.height for person in half.people)
    small = box_of(sheet.lit.a.shape, points, margin)
    box = doubled(small, sheet.shape)
    near = [person.moved(person.landmarks - corner_of(box)) for person in full.people]
    here, ink = drawn.cropped(box, box).lab(), sheet.coverage[box]
    seen = sheet.lit.cropped(box, small).lab()
    paint_eyes(here, seen, near, how.whites, how.irises)
    paint_mouth(here, seen, near, sheet.complexions, how.lips, how.teeth)
    blush(here, near, full.skin[box], how.cheeks)
    drawn.light[box], drawn.a[box], drawn.b[box] = cv2.split(here)
    ink *= 1 - np.maximum(
        eye_area(ink.shape, near) * np.float32(how.irises),
        mouth_area(ink.shape, near) * np.float32(how.teeth),
    )
    if how.lids:
        strength = np.float32(0.9 * style.ink.strength if style.ink else 1)
        np.maximum(ink, lid_lines(ink.shape, near, how.lids) * strength, out=ink)


def _between(person: Features) -> float:
    left, right = (eye.outline.mean(axis=0) for eye in person.eyes)
    return float(np.linalg.norm(left - right))


def _magnify(rgb: np.ndarray, centre: np.ndarray, radius: float, amount: float) -> None:
    rows, columns = box_of(rgb.shape[:2], centre[None], radius)
    x, y = np.meshgrid(
        np.arange(columns.start, columns.stop, dtype=np.float32) - centre[0],
        np.arange(rows.start, rows.stop, dtype=np.float32) - centre[1],
    )
    pull = _source_scale(np.sqrt(x * x + y * y), radius, amount)
    rgb[rows, columns] = cv2.remap(
        rgb,
        (centre[0] + x * pull).astype(np.float32),
        (centre[1] + y * pull).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _magnified(points: np.ndarray, centre: np.ndarray, radius: float, amount: float) -> np.ndarray:
    away = points - centre
    length = np.linalg.norm(away, axis=1)
    target = length.copy()
    for _ in range(8):  # solves target * scale(target) = length
        target = length / _source_scale(target, radius, amount)
    return (centre + away * (target / np.maximum(length, 1e-6))[:, None]).astype(np.float32)


def _source_scale(distance: np.ndarray, radius: float, amount: float) -> np.ndarray:
    inside = np.clip(1 - (distance / radius) ** 2, 0, 1) ** 2
    return 1 - (1 - 1 / (1 + amount)) * inside


def paint_eyes(
    lab: np.ndarray, photo: np.ndarray, people: list[Features], whites: float, irises: float
) -> None:
    """Whiten whites, clear irises and set a catchlight, in ``lab`` (H×W×3 float32), in place.

    ``photo`` is the lit photo in the same space, where the colours are taken from. Eyes
    that are shut, hidden behind dark glasses or only a few pixels wide are left alone.
    """
    for person in people:
        for eye in person.shown_eyes:
            if eye.width < _SMALL_EYE_PX or eye.closed:
                continue
            box = box_of(lab.shape[:2], eye.outline, 0.2 * eye.width)
            offset = corner_of(box)
            _paint_eye(lab[box], photo[box], eye, offset, whites, irises)


def _paint_eye(
    lab: np.ndarray, photo: np.ndarray, eye: Eye, offset: np.ndarray, whites: float, irises: float
) -> None:
    shape = lab.shape[:2]
    outline = np.concatenate([smooth_curve(eye.upper), smooth_curve(eye.lower)[::-1]]) - offset
    opening = area(shape, outline, soft_px=max(0.02 * eye.width, 0.3))
    centre = eye.iris - offset
    radius = max(eye.radius, 0.19 * eye.width)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    away = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / radius
    edge = 1.2 / radius
    disc = 1 - smoothstep(away, 1 - edge, 1 + edge)

    light = photo[..., 0]
    white_area = opening * (1 - disc)
    iris_area = opening * disc
    seen_white, seen_iris = light[white_area > 0.6], light[iris_area > 0.6]
    if seen_white.size < 6 or seen_iris.size < 6:
        return
    white, iris = float(np.percentile(seen_white, 70)), float(np.median(seen_iris))
    if white - iris < _CLEAR_EYE:  # no eye to be seen: dark glasses, or a lid
        return

    # Whites: even, a little lighter than seen, never paper white; shade under the lid.
    goal = min(max(white + 7, 62), 93)
    lid = np.clip((y - (eye.upper[:, 1].min() - offset[1])) / max(eye.opening, 1), 0, 1)
    goal = goal * (0.80 + 0.20 * smoothstep(lid, 0.0, 0.5))
    keep = 1 - np.float32(whites) * white_area
    lab[..., 0] = lab[..., 0] * keep + goal * (1 - keep)
    lab[..., 1:] *= (1 - 0.8 * (1 - keep))[..., None]

    # Irises: their own colour, clearer; a dark rim, a pupil, light from below.
    ring = (iris_area > 0.6) & (away > 0.45) & (away < 0.9)
    own = (
        np.median(photo[ring], axis=0)
        if ring.sum() > 4
        else np.median(photo[iris_area > 0.6], axis=0)
    )
    base = float(np.clip(own[0], 18, 52))
    down = np.clip((y - centre[1]) / radius, -1, 1)
    tone = base + 12 * down * (1 - smoothstep(away, 0.6, 1.0))
    tone = tone * (1 - 0.55 * smoothstep(away, 0.76, 0.96))
    pupil = 1 - smoothstep(away, 0.42 - 1.05 * edge, 0.42 + 1.05 * edge)
    tone = tone * (1 - 0.85 * pupil) + 6 * 0.85 * pupil
    tone = tone * (0.62 + 0.38 * smoothstep(lid, 0.02, 0.42))
    share = np.float32(irises) * iris_area
    lab[..., 0] += share * (tone - lab[..., 0])
    colour = own[1:] * np.float32(1.35)
    lab[..., 1:] += (share * (1 - 0.7 * pupil))[..., None] * (colour - lab[..., 1:])

    # One catchlight, up and to the side the light of most portraits comes from.
    spot = centre + np.asarray([-0.34, -0.36], np.float32) * radius
    glint = np.sqrt((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / radius
    glint = 1 - smoothstep(glint, 0.27 - 1.2 * edge, 0.27 + 1.2 * edge)
    glint = glint * np.float32(irises) * (opening > 0.35)
    lab[..., 0] += glint * (97 - lab[..., 0])
    lab[..., 1:] *= (1 - glint)[..., None]


def lid_lines(shape: tuple[int, int], people: list[Features], weight: float) -> np.ndarray:
    """Ink along the upper lids, thickest above the iris' outer side: H×W float32 0..1."""
    ink = np.zeros(shape, np.uint8)
    for person in people:
        for eye in person.shown_eyes:
            if eye.width < _SMALL_EYE_PX:
                continue
            curve = smooth_curve(eye.upper)
            across = eye.lower[4] - eye.upper[4]
            up = -across / max(float(np.linalg.norm(across)), 1e-3)
            t = np.linspace(0, 1, len(curve), dtype=np.float32)  # outer to inner corner
            # Shut eyes have one strong line, the lid itself.
            thick = (
                weight
                * eye.width
                * 0.085
                * (np.clip(np.sin(np.pi * t**0.75), 0, 1) ** 0.7 * (1 - 0.35 * t))
            )
            stroke = np.concatenate(
                [curve + up * thick[:, None] * 0.75, (curve - up * thick[:, None] * 0.25)[::-1]]
            )
            cv2.fillPoly(ink, [np.round(stroke * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return ink.astype(np.float32) * np.float32(1 / 255)


def paint_mouth(
    lab: np.ndarray,
    photo: np.ndarray,
    people: list[Features],
    skins: list[Complexion],
    lips: float,
    teeth: float,
) -> None:
    """Even, warm lips and one clean row of teeth, in ``lab`` (H×W×3 float32), in place."""
    for person, skin in zip(people, skins, strict=True):
        if person.height < _SMALL_FACE_PX or not person.shows_mouth:
            continue
        box = box_of(lab.shape[:2], person.lips, 0.03 * person.height)
        offset = corner_of(box)
        here, seen = lab[box], photo[box]
        soft = max(0.006 * person.height, 0.4)
        open_px = float(np.linalg.norm(person.landmarks[13] - person.landmarks[14]))
        mouth = np.zeros(here.shape[:2], np.float32)
        if open_px > _OPEN * person.height:
            mouth = area(mouth.shape, person.mouth - offset, soft_px=soft * 0.6)
        lip = area(mouth.shape, person.lips - offset, soft_px=soft) * (1 - mouth)

        if lips > 0 and (lip > 0.6).sum() > 8:
            own = np.median(seen[lip > 0.6], axis=0)
            # Redder along the way from skin to lip, whatever the skin.
            colour = own[1:] + np.float32(lips) * np.asarray([9, 3], np.float32)
            share = 0.65 * lip
            here[..., 1:] += share[..., None] * (colour - here[..., 1:])
            here[..., 0] -= np.float32(6 * lips) * lip

        if teeth > 0 and open_px > _TEETH * person.height and (mouth > 0.6).sum() > 12:
            smooth = cv2.GaussianBlur(seen, (0, 0), max(0.012 * person.height, 0.8))
            inside = mouth > 0.6
            bright = float(np.percentile(smooth[..., 0][inside], 85))
            dark = float(np.percentile(smooth[..., 0][inside], 5))
            if bright < 0.62 * skin.light:  # an open mouth without teeth
                continue
            cut = bright - max(0.42 * (bright - dark), 10)
            # Paler than the skin around, or the corner of a smile turns white.
            chroma = float(np.clip(0.8 * np.hypot(skin.a, skin.b), 9, 27))
            pale = 1 - smoothstep(
                np.hypot(smooth[..., 1], smooth[..., 2]), chroma - 3.5, chroma + 3.5
            )
            tooth = mouth * smoothstep(smooth[..., 0], cut - 3, cut + 3) * pale * np.float32(teeth)
            goal = min(max(bright + 6, 70), 95)
            here[..., 0] += tooth * (goal - here[..., 0])
            here[..., 1:] *= (1 - 0.75 * tooth)[..., None]


def blush(lab: np.ndarray, people: list[Features], skin: np.ndarray, amount: float) -> None:
    """Two soft warm spots on the cheeks, in ``lab`` (H×W×3 float32), in place."""
    if amount <= 0:
        return
    for person in people:
        for cheek in person.cheeks:
            sigma = 0.085 * person.height
            box = box_of(lab.shape[:2], cheek[None], 2.6 * sigma)
            y, x = np.mgrid[box].astype(np.float32)
            spot = np.exp(-((x - cheek[0]) ** 2 + (y - cheek[1]) ** 2) / (2 * sigma**2))
            spot = spot * skin[box] * np.float32(amount)
            lab[box][..., 1] += 16 * spot
            lab[box][..., 2] += 3 * spot


def mouth_area(shape: tuple[int, int], people: list[Features]) -> np.ndarray:
    """H×W float32 0..1, the inside of open mouths, where lines between teeth are unwanted."""
    return area(
        shape,
        *(
            grown(person.mouth, 0.94)
            for person in people
            if person.shows_mouth and person.height >= _SMALL_FACE_PX
        ),
    )


def eye_area(shape: tuple[int, int], people: list[Features]) -> np.ndarray:
    """H×W float32 0..1, the inside of the lids."""
    return area(shape, *(grown(eye.outline, 0.9) for person in people for eye in person.shown_eyes))
