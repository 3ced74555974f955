"""Which cloth lies where: garments told apart by colour and by how far out they are worn."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, lch
from cartoon_avatar.ai.engines.drawn.patterns import patterned
from cartoon_avatar.ai.engines.drawn.person import Reading, blurred

# Of lightness, a, b and the distance from the body's middle (0..100 within a face's height).
# Differences of hue tell cloth from cloth, those of lightness may be folds; garments nest.
_WEIGHTS = np.asarray([0.7, 1.2, 1.2, 0.2], np.float32)
_CENTRES = 7
# Weighted distance below which two colours are folds of one cloth.
_SAME_CLOTH = 13.0
_MOST = 7
# No fold takes the median of a cloth further than this, its lightness weighing 0.7.
_FOLDED = 18.0


@dataclass(frozen=True, slots=True, eq=False)
class Cloth:
    mask: np.ndarray  # H×W bool on the reading's grid
    colour: Lab
    patterned: bool


def cloth_regions(reading: Reading, mask: np.ndarray) -> list[Cloth]:
    """The cloths of ``mask`` with their colours, the largest first."""
    unit = reading.unit
    # What was made up under a shoulder has no colour of its own.
    seen = mask & (reading.clothes_seen | reading.hat)
    inner = reading.grown(seen if seen.any() else mask, -0.012 * unit)
    is_hat = bool((mask & reading.hat).sum() > 0.5 * mask.sum())
    outwards = np.abs(reading.across_at - reading.at(152) @ reading.across) / unit
    outwards = np.zeros_like(outwards) if is_hat else np.clip(outwards, 0, 1) * 100
    pattern = patterned(reading, seen)
    plain = _without_pattern(reading, pattern)
    soft = np.dstack([plain, np.float32(outwards)]) * _WEIGHTS
    pixels = soft[inner] if inner.sum() > 200 else soft[mask]
    if len(pixels) < 40:
        return []
    samples = np.ascontiguousarray(pixels[:: max(1, len(pixels) // 4000)], np.float32)
    cv2.setRNGSeed(3)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    # pyrefly: ignore[no-matching-overload] (OpenCV's stubs know nothing of labels that are None)
    _, labels, centres = cv2.kmeans(
        samples, min(_CENTRES, len(samples)), None, criteria, 2, cv2.KMEANS_PP_CENTERS
    )
    groups = _grouped(centres, np.bincount(labels.ravel(), minlength=len(centres)))

    half = cv2.resize(soft, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    sigma_px = 0.0125 * unit * reading.scale
    size = mask.shape[1::-1]
    nearness = []
    for group in groups:
        away = [np.linalg.norm(half - centres[index], axis=-1) for index in group]
        nearness.append(cv2.resize(blurred(-np.minimum.reduce(away), sigma_px), size))
    nearest = np.stack(nearness).argmax(axis=0)
    nearest = _one_garment(reading, seen, nearest, len(groups))
    nearest = _without_folds(reading, seen, nearest, len(groups), 26.0 if is_hat else _FOLDED)

    regions: list[Cloth] = []
    order = np.argsort(-np.bincount(nearest[seen], minlength=len(groups)))
    for index in order:
        region = mask & (nearest == index)
        if regions:
            region &= seen
        # What stands apart clearly is real where it is narrow: a collar, a band.
        clear = is_hat or (regions and _distance(reading, region & seen, regions[0].mask) > 25)
        narrow = (0.01, 0.006 if is_hat else 0.012) if clear else (0.021, 0.02)
        region = reading.without_small(reading.opened(region, narrow[0] * unit), narrow[1])
        known = region & seen
        if not known.any():
            continue
        colour = np.median(reading.lab[known], axis=0).astype(float)
        if regions and is_hat and lch(colour)[1] < 25 and colour[0] < regions[0].colour[0] - 12:
            continue  # a hat's dark side, or hair below it
        if regions and not is_hat:
            for piece in reading.pieces(region, 0):
                if _not_worn(reading, mask, piece, colour, main=regions[0].colour):
                    region = region & ~piece
            if not region.any():
                continue
        is_pattern = bool((known & pattern).sum() > 0.45 * known.sum())
        # Edges and folds of a collar fill what is small as a pattern does.
        by_neck = reading.grown(reading.oval | reading.skin_below, 0.12 * unit)
        if not is_hat and reading.area(region) < 0.15 and (region & by_neck).any():
            is_pattern = False
        regions.append(Cloth(region, colour, is_pattern))
    return regions if is_hat else _whole(reading, mask, regions)


def _whole(reading: Reading, mask: np.ndarray, regions: list[Cloth]) -> list[Cloth]:
    """``regions`` with what none of them claims: it belongs to what lies around most of it.

    So does a narrow seam of a colour between two: where they meet, the photo mixes them.
    """
    unit = reading.unit
    masks = [cloth.mask.copy() for cloth in regions]
    main = regions[0].colour if regions else np.zeros(3)
    free = mask & ~np.logical_or.reduce(masks) if masks else mask
    for number, cloth in enumerate(regions[1:], 1):
        for other in regions[1:]:
            apart = other.colour - main
            share = (cloth.colour - main) @ apart / max(1.0, float(apart @ apart))
            between = np.linalg.norm(cloth.colour - main - share * apart) < 16
            if other is not cloth and between and 0.15 < share < 0.85:
                thin = masks[number] & ~reading.opened(masks[number], 0.03 * unit)
                thin &= reading.grown(other.mask, 0.06 * unit)
                masks[number] &= ~thin
                free |= thin
    for number, cloth in enumerate(regions[1:], 1):
        # A collar's other leaf, where the light made it look like the jacket.
        near = reading.grown(reading.skin_below | reading.oval, 0.25 * unit) & masks[0]
        if not (reading.grown(masks[number], 0.03 * unit) & reading.skin_below).any():
            continue
        weights = np.asarray([0.5, 1.2, 1.2])
        if np.linalg.norm((cloth.colour - main) * weights) < 14:
            continue
        ours, others = (
            np.linalg.norm((reading.lab - colour) * weights, axis=2)
            for colour in (cloth.colour, main)
        )
        leaf = reading.opened(near & (ours < 0.8 * others), 0.014 * unit)
        for piece in reading.pieces(leaf, 0.004):
            if (reading.grown(piece, 0.03 * unit) & (masks[number] | reading.skin_below)).any():
                masks[number] |= piece
                masks[0] &= ~piece
    _mirror_collar(reading, regions, masks)
    for piece in reading.pieces(free, 0.0):
        rim = reading.grown(piece, 0.02 * unit) & ~piece
        shares = [int((rim & other).sum()) for other in masks]
        if not any(shares):
            continue
        nearest = int(np.argmax(shares))
        # What is seen at the neck under an outer garment is worn beneath it.
        inner = [share if number else share // 3 for number, share in enumerate(shares)]
        if (rim & (reading.skin_below | reading.oval)).any() and any(inner):
            nearest = int(np.argmax(inner))
        if nearest and reading.area(piece) < 0.1:
            masks[nearest] |= piece
    return [
        Cloth(whole, cloth.colour, cloth.patterned)
        for whole, cloth in zip(masks, regions, strict=True)
        if whole.any()
    ]


def _mirror_collar(reading: Reading, regions: list[Cloth], masks: list[np.ndarray]) -> None:
    """A light shirt seen on one side of the neck under a darker jacket is worn on both.

    Changes ``masks``, those of ``regions``.
    """
    unit, across, chin = reading.unit, reading.across, reading.at(152)
    pose = reading.subject.pose
    light = [
        number
        for number, cloth in enumerate(regions[1:], 1)
        if cloth.colour[0] > regions[0].colour[0] + 3
        and np.linalg.norm((cloth.colour - regions[0].colour) * (0.5, 1, 1)) > 12
        and (reading.grown(masks[number], 0.03 * unit) & reading.skin_below).any()
    ]
    if not light or pose is None or abs(pose.value.yaw) > 15:
        return
    aside = reading.across_at - chin @ across
    by_neck = reading.grown(reading.skin_below | reading.oval, 0.4 * unit)
    by_neck &= np.abs(aside) < 0.45 * unit
    shirt = np.logical_or.reduce([masks[number] for number in light]) & by_neck
    left, right = int((shirt & (aside < 0)).sum()), int((shirt & (aside > 0)).sum())
    # Bare on that side, and not only turned or hidden by hair.
    bare = min(left, right) < 0.3 * max(left, right)
    bare &= not (reading.hair & (reading.down_at > chin @ reading.down) & by_neck).any()
    if not bare or not 0.05 < reading.area(shirt) < 0.3:
        return
    # Reflected in the line through the chin, down the body.
    turn = np.eye(2) - 2 * np.outer(across, across)
    centre = chin * reading.scale - 0.5
    matrix = np.column_stack([turn, centre - turn @ centre]).astype(np.float32)
    size = shirt.shape[1::-1]
    for number in light:
        other = cv2.warpAffine((masks[number] & by_neck).astype(np.float32), matrix, size) > 0.5
        other &= masks[0] & ~reading.skin_below
        at_neck = reading.grown(reading.skin_below, 0.08 * unit)
        pieces = [p for p in reading.pieces(other, 0.004) if (p & at_neck).any()]
        other = np.logical_or.reduce(pieces) if pieces else np.zeros_like(other)
        masks[number] |= other
        masks[0] &= ~other


def _not_worn(
    reading: Reading, mask: np.ndarray, region: np.ndarray, colour: Lab, *, main: Lab
) -> bool:
    """Whether the piece ``region`` is a hand before the chest, the shadow in a collar or a
    stranger's sleeve at the rim. ``main`` is the colour of the largest cloth."""
    unit = reading.unit
    skin = np.array([reading.skin_lightness, *reading.skin[1:]])
    away = np.linalg.norm((colour - skin) * (0.5, 1, 1))
    if away < (9 if reading.alone else 16) and reading.area(region) < 0.4:
        return True
    by_skin = reading.grown(reading.oval | reading.skin_below, 0.06 * unit)
    near = (region & by_skin).sum() > 0.25 * region.sum()
    if near and reading.area(region) < 0.03 and colour[0] < main[0] - 8:
        return True
    # The end of a tie whose knot is not told from the shirt.
    rows = np.flatnonzero(region.any(axis=1))
    if reading.area(region) < 0.03 and not near and rows[-1] > len(region) - 4:
        around = reading.grown(region, 0.05 * unit) & mask & ~region
        lights = reading.lab[around, 0]
        if lights.size and np.median(lights) < min(main[0] + 15, colour[0] - 25):
            return True
    aside = np.abs(reading.across_at - reading.at(152) @ reading.across) > 0.45 * unit
    # The frame's edge is no rim.
    rim = mask & ~reading.grown(mask | ~_in_frame(mask), -0.02 * unit)
    vivid = float(np.linalg.norm((colour - main) * (0.5, 1, 1))) > 30
    outside = (region & aside).sum() > 0.95 * region.sum()
    if not reading.alone:
        return bool(outside or not (region & by_skin).any())
    at_rim = (region & rim).sum() > 0.04 * region.sum()
    return bool(outside and at_rim and reading.area(region) < (0.03 if vivid else 0.15))


def _in_frame(mask: np.ndarray) -> np.ndarray:
    inner = np.zeros_like(mask)
    inner[2:-2, 2:-2] = True
    return inner


def _without_pattern(reading: Reading, pattern: np.ndarray) -> np.ndarray:
    """The photo's colours (H×W×3 CIELAB), one where ``pattern`` has many."""
    soft = reading.soft(reading.lab, 0.012 * reading.unit)
    if not pattern.any():
        return soft
    sigma_px = 0.06 * reading.unit * reading.scale
    weight = pattern.astype(np.float32)
    mean = blurred(reading.lab * weight[..., None], sigma_px)
    mean /= np.maximum(blurred(weight, sigma_px), 0.02)[..., None]
    return np.where(pattern[..., None], mean, soft)


def _without_folds(
    reading: Reading, seen: np.ndarray, nearest: np.ndarray, count: int, folded: float
) -> np.ndarray:
    """Cloth ends at an edge, the shade of a fold fades: regions that fade are one."""
    masks = {index: seen & (nearest == index) for index in range(count)}
    masks = {index: mask for index, mask in masks.items() if mask.any()}
    rims = {index: _rim(reading, mask) for index, mask in masks.items()}
    while (pair := _fading(reading, masks, rims, folded)) is not None:
        small, large = pair
        nearest = np.where(nearest == small, large, nearest)
        masks[large] = masks[large] | masks.pop(small)
        rims[large] = _rim(reading, masks[large])
    return nearest


def _rim(reading: Reading, mask: np.ndarray) -> np.ndarray:
    """What lies around ``mask``, past the blur of its edge."""
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    unit_px = reading.unit * reading.scale
    return (away > 0.01 * unit_px) & (away <= 0.035 * unit_px)


def _fading(
    reading: Reading, masks: dict[int, np.ndarray], rims: dict[int, np.ndarray], folded: float
) -> tuple[int, int] | None:
    """The smallest of ``masks`` that fades into a larger one, and that one."""
    by_size = sorted(masks, key=lambda index: int(masks[index].sum()))
    least = 0.004 * (reading.unit * reading.scale) ** 2
    for place, small in enumerate(by_size):
        for large in reversed(by_size[place + 1 :]):
            inside, outside = masks[small] & rims[large], masks[large] & rims[small]
            if min(inside.sum(), outside.sum()) < least:
                continue
            whole = _distance(reading, masks[small], masks[large])
            if whole >= folded:
                continue
            step = _distance(reading, inside, outside)
            if step < 9 or step < 0.5 * whole:
                return small, large
    return None


def _distance(reading: Reading, one: np.ndarray, other: np.ndarray) -> float:
    if not one.any() or not other.any():
        return 0.0
    apart = np.median(reading.lab[one], axis=0) - np.median(reading.lab[other], axis=0)
    return float(np.linalg.norm(apart * (0.7, 1.0, 1.0)))


def _grouped(centres: np.ndarray, counts: np.ndarray) -> list[list[int]]:
    """Centres that are folds of one cloth, by complete linkage."""
    groups = [[index] for index in range(len(centres)) if counts[index]]

    def apart(one: list[int], other: list[int]) -> float:
        return max(float(np.linalg.norm(centres[i] - centres[j])) for i in one for j in other)

    while len(groups) > 1:
        distance, i, j = min(
            (apart(groups[i], groups[j]), i, j) for i in range(len(groups)) for j in range(i)
        )
        if distance > _SAME_CLOTH and len(groups) <= _MOST:
            break
        groups[j] += groups.pop(i)
    return groups


def _one_garment(reading: Reading, seen: np.ndarray, nearest: np.ndarray, count: int) -> np.ndarray:
    """A lit and an unlit half of the body wear one garment."""
    right = reading.across_at > reading.at(152) @ reading.across
    masks = [seen & (nearest == index) for index in range(count)]
    sizes = [int(mask.sum()) for mask in masks]
    sides = [(mask & right).sum() / max(1, size) for mask, size in zip(masks, sizes, strict=True)]
    colours = [
        np.median(reading.lab[mask], axis=0) if mask.any() else np.zeros(3) for mask in masks
    ]
    for index in sorted(range(count), key=lambda index: -sizes[index]):
        for other in range(count):
            opposed = (
                max(sides[index], sides[other]) > 0.8 and min(sides[index], sides[other]) < 0.35
            )
            large = min(sizes[index], sizes[other]) > 0.2 * max(sizes)
            alike = np.hypot(*(colours[index] - colours[other])[1:]) < 26
            if index != other and opposed and large and alike:
                nearest = np.where(nearest == other, index, nearest)
                sizes[index], sizes[other] = sizes[index] + sizes[other], 0
    return nearest
