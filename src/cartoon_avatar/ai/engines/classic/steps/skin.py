"""Skin as a cartoonist paints it: one colour, a shade, sometimes a light."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Complexion, Sheet, Sitters
from cartoon_avatar.ai.engines.classic.style import Style
from cartoon_avatar.ai.filters.box import box_of, box_of_mask, corner_of, doubled
from cartoon_avatar.ai.filters.canvas import blend_into, sized
from cartoon_avatar.ai.filters.lookup import through
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.seeing.features import Features, area, grown

# In L, 0..100: below this lightness a photo hides a face rather than showing dark skin.
_HIDDEN = 40.0
# Where skin passes into shade, highlight and deep shade: L beside the plain skin.
_SHADE, _LIGHT, _DEEP = -8.5, 7.0, -20.0
# Lightness as share of the plain skin's, below which a pixel is none and above which it is.
_DARK, _SKIN = 0.53, 0.63
# How much darker skin is below a chin, as share of the plain skin's lightness.
_DARKER_BELOW = 0.3
# CIELAB distance of colours, |Δa| + |Δb|, up to which a pixel is skin and from which it is not.
_NEAR, _FAR = 26, 42
# CIELAB chroma of skin that a painter would not make richer, and of a photo without colour.
_HEALTHY_CHROMA, _GREY_CHROMA = 21, 7
# The darkest that a shadow on neck and chest may be, as share of the plain skin's lightness.
_NECK_SHADOW = 0.6


def find_complexions(sheet: Sheet, style: Style) -> None:
    """Measure the plain skin of each of the people."""
    half = sheet.half
    if half.skin is not None and half.features is not None:
        lab = cv2.merge([sheet.flat_half, sheet.flat.a, sheet.flat.b])
        sheet.complexions = complexions(lab, half.skin, half.features, half.people)


def tone_skin(sheet: Sheet, style: Style) -> None:
    """Even skin out to a few tones of its own colour; features keep the photo's detail."""
    full, half, how = sheet.full, sheet.half, style.tones
    if full.skin is None or full.features is None or half.skin is None or half.features is None:
        return
    shape, drawn = sheet.shape, sheet.drawn
    # All that happens here is on skin: a face is rarely half of the picture.
    small = box_of_mask(np.maximum(half.skin, half.features))
    box = doubled(small, shape)
    light, smooth, seen = drawn.light[box], sheet.flat.light[box], sheet.lit.light[box]
    a, b = drawn.a[small], drawn.b[small]
    skin, features, small_features = full.skin[box], full.features[box], half.features[small]
    colours = [np.asarray([c.light, c.a, c.b], np.float32) for c in sheet.complexions]
    if len(colours) == 1:
        plain_light, plain_a, plain_b = colours[0]
        plain_small = plain_light
    else:
        plain = nearest(shape, full.people, colours)
        plain_light = sized(plain[..., 0], shape)[box]
        plain_small, plain_a, plain_b = cv2.split(sized(plain, drawn.a.shape)[small])

    size = max(person.height for person in full.people)
    shade = shading(smooth, skin, features, 0.016 * size)
    step = two_tone(shade, plain_light, how.skin_steps, how.skin_depth, how.softness)
    if how.amount < 1:
        step = cv2.addWeighted(step, how.amount, shade, 1 - how.amount, 0)
    # Brows and deep shadow are not skin to be evened out, but for the shadow of a chin.
    faces = [person.oval - corner_of(box) for person in full.people]
    below = 1 - area(light.shape, *faces, soft_px=0.02 * size)
    ratio = smooth / np.maximum(plain_light, 8)
    like = smoothstep(ratio + np.float32(_DARKER_BELOW) * below, _DARK, _SKIN)
    far = np.abs(a - plain_a)
    far += np.abs(b - plain_b)
    like *= sized(1 - smoothstep(far, _NEAR, _FAR), like.shape)
    like *= skin
    blend_into(light, step, like * (1 - features))
    # Shade is a little richer in colour than light. Pale light leaves skin greyer than a
    # painter would: a little of its own colour more.
    chroma = np.sqrt(plain_a * plain_a + plain_b * plain_b)
    richer = np.clip(_HEALTHY_CHROMA / np.maximum(chroma, 1), 1, 1.3)
    healthy = np.float32(np.where(chroma > _GREY_CHROMA, richer, 1))
    ratio = sized(step, a.shape) / np.maximum(plain_small, 8)
    ratio = healthy * through(ratio, lambda share: share**-0.25, 0.5, 1.3)
    # Between the hairs of a brow is skin too.
    like = sized(like, a.shape) * (np.float32(0.75) - np.float32(0.45) * small_features)
    blend_into(a, plain_a * ratio, like)
    blend_into(b, plain_b * ratio, like)
    # The shadow of a chin is a shade of skin too, or it would look like a beard.
    lifted = np.maximum(light, _NECK_SHADOW * plain_light)
    blend_into(light, lifted, skin * below * np.float32(0.8))
    # Features keep the photo's detail, with more contrast.
    detail = np.clip(1.15 * seen - 0.15 * smooth, 0, 100)
    blend_into(light, detail, features * np.float32(0.8))


def keep_skin_tone(sheet: Sheet, style: Style) -> None:
    """Undo lightening of skin beyond what ``bleached`` allows."""
    full, half = sheet.full, sheet.half
    if not style.medium.keeps_skin or full.features is None:
        return
    for own, plain in zip(skin_of_each(full), _plain_skin_of_each(half), strict=True):
        excess = bleached(sheet.drawn.light, plain, light_of(sheet.seen.light, plain))
        if excess:
            share = own * (1 - np.float32(0.5) * full.features)
            sheet.drawn.light -= np.float32(excess) * share


def skin_of_each(sitters: Sitters) -> list[np.ndarray]:
    """The skin of each of the people, H×W float32 0..1: what lies between two is shared out."""
    if sitters.skin is None:
        return []
    if len(sitters.people) < 2:
        return [sitters.skin]
    one_of = list(np.eye(len(sitters.people)))
    shares = cv2.split(nearest(sitters.skin.shape, sitters.people, one_of))
    return [sitters.skin * sized(share, sitters.skin.shape) for share in shares]


def _plain_skin_of_each(sitters: Sitters) -> Iterator[np.ndarray]:
    """What of each face is plain skin, H×W float32 0..1: no hand, no arm, no other's cheek."""
    if sitters.skin is None or sitters.features is None:
        return
    for person in sitters.people:
        inside = area(sitters.skin.shape, grown(person.oval, 0.9))
        inside *= sitters.skin
        inside *= 1 - sitters.features
        yield inside


def complexions(
    lab: np.ndarray, skin: np.ndarray, features: np.ndarray, people: list[Features]
) -> list[Complexion]:
    """The complexion of each of ``people`` in ``lab`` (H×W×3 float32)."""
    found = []
    for person in people:
        box = box_of(skin.shape, person.oval, 0)
        step = max(1, int(person.height / 100))
        view = (slice(box[0].start, box[0].stop, step), slice(box[1].start, box[1].stop, step))
        inside = area(skin[box].shape, grown(person.oval, 0.85) - corner_of(box))[::step, ::step]
        chosen = lab[view][(skin[view] * inside * (1 - features[view])) > 0.5]
        if len(chosen) < 8:
            chosen = lab[view].reshape(-1, 3)
        if len(chosen) == 0:
            chosen = lab[:1, :1].reshape(-1, 3)
        # Without the darkest sixth, so that shadow does not pass for the skin itself.
        chosen = chosen[chosen[:, 0] >= np.percentile(chosen[:, 0], 15)]
        found.append(Complexion(*(float(v) for v in np.median(chosen, axis=0))))
    return found


def nearest(shape: tuple[int, int], people: list[Features], values: list[np.ndarray]) -> np.ndarray:
    """``values`` (one 1-D array per person) spread over a picture of ``shape``, each near its face.

    H/16×W/16×C float32, smooth enough to be enlarged: weights fall with the distance in face
    heights.
    """
    height, width = max(1, shape[0] // 16), max(1, shape[1] // 16)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    total = np.zeros((height, width, len(values[0])), np.float32)
    weights = np.full((height, width, 1), 1e-12, np.float32)
    for person, value in zip(people, values, strict=True):
        centre = person.oval.mean(axis=0) / 16
        away = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (person.height / 16 + 1e-3) ** 2
        weight = (1 / (0.05 + away) ** 3)[..., None]
        total += weight * np.asarray(value, np.float32)
        weights += weight
    return total / weights


def shading(
    light: np.ndarray, skin: np.ndarray, features: np.ndarray, sigma_px: float
) -> np.ndarray:
    """The large light and shade on the skin, H×W float32 L, blind to all else."""
    scale = min(1.0, max(0.25, 1.5 / max(sigma_px, 1e-3)))
    size = (max(1, round(light.shape[1] * scale)), max(1, round(light.shape[0] * scale)))
    weight = cv2.resize(skin * (1 - features), size, interpolation=cv2.INTER_AREA) ** 2 + 1e-4
    value = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    sigma = sigma_px * scale
    smooth = cv2.GaussianBlur(value * weight, (0, 0), sigma) / cv2.GaussianBlur(
        weight, (0, 0), sigma
    )
    height, width = light.shape
    # pyrefly: ignore[no-matching-overload] (NumPy's stubs make a quotient of any number type)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_CUBIC)


def two_tone(
    shade: np.ndarray, base: np.ndarray | float, steps: int, depth: float, softness: float
) -> np.ndarray:
    """Skin lightness in ``steps`` (1..4) clean steps around ``base``: H×W float32 L.

    ``shade`` is what ``shading`` gave. Steps are shallower on dark skin, where the eye
    sees the same ratio of light in fewer units of L.
    """
    scale = 0.45 + 0.55 * np.asarray(base, np.float32) / 65
    away = (shade - base) / scale

    def curve(at: np.ndarray) -> np.ndarray:
        out = np.zeros_like(at)
        if steps >= 2:
            out -= 11 * (1 - _edge(at, _SHADE * depth, softness))
        if steps >= 3:
            out += 7 * _edge(at, _LIGHT * depth, softness)
        if steps >= 4:
            out -= 10 * (1 - _edge(at, _DEEP * depth, softness))
        return depth * out

    return through(away, curve, -32, 32) * scale + base


def _edge(values: np.ndarray, middle: float, width: float) -> np.ndarray:
    return smoothstep(values, middle - width / 2, middle + width / 2)


def light_of(light: np.ndarray, plain: np.ndarray) -> float:
    """Mean lightness of ``light`` (H×W float32 L) under ``plain`` (0..1, of any size)."""
    few = light[::4, ::4]
    weight = sized(plain, few.shape)
    return float((few * weight).sum() / max(float(weight.sum()), 1e-6))


def bleached(light: np.ndarray, plain: np.ndarray, seen: float) -> float:
    """By how much (L) drawing has lightened skin beyond what is allowed; 0 if it has not.

    ``light`` and ``plain`` are those of ``light_of``, ``seen`` what it gave for the photo
    there. A few units are allowed, fewer the darker the skin, because the eye sees ratios; more
    only where the photo is so dark that it hides the face. Beyond that it would be another person's
    skin. What is allowed never turns the order from dark to light around.
    """
    allowed = float(np.clip(0.12 * (seen - 50), 0.5, 2.5)) + 0.5 * max(0.0, _HIDDEN - seen)
    return max(0.0, light_of(light, plain) - seen - allowed)
