"""Ink lines."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.classic.sheet import Sheet
from cartoon_avatar.ai.engines.classic.style import Ink, Style
from cartoon_avatar.ai.filters.box import box_of, corner_of, doubled
from cartoon_avatar.ai.filters.canvas import blend_into, sharply_enlarged, sized
from cartoon_avatar.ai.filters.flow import Flow, along
from cartoon_avatar.ai.filters.smoothstep import eased, smoothstep
from cartoon_avatar.ai.seeing.features import area

# px of the half size: a thinner line would fall between the pixels.
_THINNEST_PX = 0.62
# At 1024 px: how far a line is averaged along the flow, and how near lines crowd each other.
_CALM_PX, _CROWD_PX = 4, 8
# Width of a pen as share of a face's height, and the thinnest at 1024 px.
_FINE, _FINEST_PX = 0.0042, 0.5
# How sure a pixel is plain skin that is asked for its lines, and the fewest such pixels.
_PLAIN, _FEWEST = 0.6, 50
# The threshold on skin is at least so many times that of the rest.
_SKIN_CALM = 1.25
# Where the grown person mask ends the lines before a made-up backdrop.
_OUTSIDE, _INSIDE = 0.15, 0.55


def draw_lines(sheet: Sheet, style: Style) -> None:
    """Find lines at half size, where their response is smooth, and cut them out at full size."""
    how = style.ink
    if how is None:
        sheet.coverage = np.zeros(sheet.shape, np.float32)
        return
    light_half = cv2.extractChannel(sheet.lit_half, 0)
    response_half = edges(
        light_half,
        sheet.flow,
        width_px=max(0.25 * sheet.line_px, _THINNEST_PX),
        calm_px=_CALM_PX * sheet.unit_px,
    )
    response = sharply_enlarged(response_half, sheet.shape)
    _finer_on_small_faces(sheet, response)
    threshold = _threshold(sheet, how, response_half)
    coverage = lines(response, sized(threshold, sheet.shape), how.softness)
    if how.blacks:
        solid = blacks(sheet.flat.light, how.blacks)
        if sheet.full.skin is not None:
            solid *= 1 - sheet.full.skin
        np.maximum(coverage, solid, out=coverage)
    if sheet.half.person is not None and not style.keeps_scene:
        _end_at_the_person(sheet, how, coverage, sheet.half.person)
    coverage = without_specks(coverage, (how.speck * sheet.unit_px) ** 2)
    coverage *= np.float32(how.strength)
    sheet.coverage = coverage


def _finer_on_small_faces(sheet: Sheet, response: np.ndarray) -> None:
    """Draw small faces with a finer pen in ``response`` (H×W float32), in place."""
    half_shape = sheet.lit_half.shape[:2]
    for person, person_half in zip(sheet.full.people, sheet.half.people, strict=True):
        fine_px = max(_FINE * person.height, _FINEST_PX * sheet.unit_px)
        if fine_px < 0.4 * sheet.line_px:
            near = box_of(half_shape, person_half.oval, 0.25 * person_half.height)
            box = doubled(near, sheet.shape)
            here = sheet.lit.light[box]
            along_here = sheet.flow.cropped(near).resized(here.shape[1], here.shape[0])
            finer = edges(here, along_here, width_px=fine_px, calm_px=3 * fine_px)
            oval = person.oval - corner_of(box)
            share = area(finer.shape, oval, soft_px=0.04 * person.height)
            blend_into(response[box], 1.15 * finer, share)


def _threshold(sheet: Sheet, how: Ink, response: np.ndarray) -> np.ndarray:
    """What ``response`` (h×w float32) has to pass to be ink, h×w float32."""
    half = sheet.half
    threshold = np.full(response.shape, how.threshold, np.float32)
    if half.person is not None:
        threshold *= 1 + np.float32(how.in_backdrop - 1) * (1 - half.person)
    if half.skin is not None and half.features is not None:
        plain_skin = half.skin * (1 - half.features)
        on_skin = response[plain_skin > _PLAIN]
        # The older the skin, the more lines it offers: only its strongest are drawn.
        limit = float(np.quantile(on_skin, 1 - how.in_face)) if on_skin.size > _FEWEST else 0.0
        limit = max(limit, _SKIN_CALM * how.threshold)
        threshold += plain_skin * (limit - threshold)
    crowded = crowding(lines(response, threshold, how.softness), _CROWD_PX * sheet.unit_px)
    if half.hair is not None:
        crowded *= 1 - half.hair
    if half.features is not None:
        crowded *= 1 - half.features
    threshold *= 1 + crowded
    return threshold


def _end_at_the_person(sheet: Sheet, how: Ink, coverage: np.ndarray, person: np.ndarray) -> None:
    """Leave no line of ``coverage`` (H×W) beyond ``person`` (h×w), and draw its outline."""
    grown = cv2.dilate(person, np.ones((3, 3), np.uint8), iterations=max(1, round(sheet.unit_px)))
    coverage *= sized(smoothstep(grown, _OUTSIDE, _INSIDE), sheet.shape)
    if how.outline:
        rim = outline(person, 0.25 * how.outline * sheet.line_px, sheet.shape)
        np.maximum(coverage, rim, out=coverage)


def edges(light: np.ndarray, flow: Flow, *, width_px: float, calm_px: float) -> np.ndarray:
    """How far each pixel is the dark side of an edge: H×W float32, in units of L, 0 and up.

    Flow-based difference of Gaussians (Kang et al. 2007; Winnemöller et al. 2012): the
    response across edges, averaged over ``calm_px`` along them, which joins broken lines
    and dissolves specks. ``light`` is H×W float32, L 0..100.
    """
    fine = cv2.GaussianBlur(light, (0, 0), width_px)
    coarse = cv2.GaussianBlur(light, (0, 0), 1.6 * width_px)
    return np.maximum(along(coarse - fine, flow, calm_px), 0)


def lines(response: np.ndarray, threshold: np.ndarray | float, softness: float) -> np.ndarray:
    """Ink coverage, H×W float32 0..1, where ``response`` passes ``threshold``."""
    t = response - threshold
    t *= np.float32(1 / softness)
    t += np.float32(0.5)
    np.clip(t, 0, 1, out=t)
    return eased(t)


def blacks(light: np.ndarray, below: float) -> np.ndarray:
    """Coverage of solid blacks, H×W float32 0..1: light (L) darker than ``below``."""
    return 1 - smoothstep(light, below - 1.5, below + 1.5)


def without_specks(coverage: np.ndarray, area_px: float) -> np.ndarray:
    """``coverage`` without strokes of less than ``area_px``."""
    height, width = coverage.shape
    half = sized(coverage, (max(1, height // 2), max(1, width // 2)))
    strokes = (half > 0.25).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    specks = (4 * stats[:, cv2.CC_STAT_AREA] < area_px).astype(np.uint8)
    specks[0] = 0
    gone = cv2.resize(specks[labels], (width, height), interpolation=cv2.INTER_NEAREST)
    return coverage * (1 - gone)


def crowding(coverage: np.ndarray, reach_px: float) -> np.ndarray:
    """How crowded with short lines a place is, H×W float32, 0 none .. 2 knitwear.

    Texture offers a line every few pixels; an artist draws the strongest of them.
    """
    height, width = coverage.shape
    size = (max(1, width // 8), max(1, height // 8))
    share = cv2.resize(coverage, size, interpolation=cv2.INTER_AREA)
    share = cv2.GaussianBlur(share, (0, 0), max(0.5, reach_px / 8))
    share = np.clip((share - 0.13) * np.float32(2 / 0.17), 0, 2)
    return cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)


def outline(mask: np.ndarray, width_px: float, shape: tuple[int, int]) -> np.ndarray:
    """A line along the border of ``mask`` (h×w 0..1), ``width_px`` wide there.

    Float32 0..1, of ``shape``.
    """
    rim = sized(cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.84 * width_px)), shape)
    # Fades out where the mask does not know, instead of drawing a guess.
    # pyrefly: ignore[no-matching-overload] (OpenCV's stubs know nothing of a number in place of an array)
    rim = cv2.absdiff(rim, 0.5)
    rim *= np.float32(-3.8)
    rim += np.float32(1.35)
    return np.clip(rim, 0, 1, out=rim)
