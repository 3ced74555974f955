"""Which cloth lies where: garments told apart by colour and by how far out they are worn."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, lch
from cartoon_avatar.ai.engines.drawn.person import Reading, blurred

# Of lightness, a, b and the distance from the body's middle (0..100 within a face's height).
# Differences of hue tell cloth from cloth, those of lightness may be folds; garments nest.
_WEIGHTS = np.asarray([0.7, 1.2, 1.2, 0.2], np.float32)
_CENTRES = 7
# Weighted distance below which two colours are folds of one cloth.
_SAME_CLOTH = 24.0
_MOST = 5


def cloth_regions(reading: Reading, mask: np.ndarray) -> list[tuple[np.ndarray, Lab]]:
    """The cloths of ``mask`` with their colours, the largest first."""
    unit = reading.unit
    # What was made up under a shoulder has no colour of its own.
    seen = mask & (reading.clothes_seen | reading.hat)
    inner = reading.grown(seen if seen.any() else mask, -0.012 * unit)
    is_hat = bool((mask & reading.hat).sum() > 0.5 * mask.sum())
    outwards = np.abs(reading.across_at - reading.at(152) @ reading.across) / unit
    outwards = np.zeros_like(outwards) if is_hat else np.clip(outwards, 0, 1) * 100
    soft = np.dstack([reading.soft(reading.lab, 0.012 * unit), np.float32(outwards)]) * _WEIGHTS
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

    regions: list[tuple[np.ndarray, Lab]] = []
    order = np.argsort(-np.bincount(nearest[seen], minlength=len(groups)))
    for index in order:
        region = mask & (nearest == index)
        if regions:
            region &= seen
        narrow = (0.012, 0.006) if is_hat else (0.021, 0.02)
        region = reading.without_small(reading.opened(region, narrow[0] * unit), narrow[1])
        known = region & seen
        if not known.any():
            continue
        colour = np.median(reading.lab[known], axis=0).astype(float)
        if regions and is_hat and lch(colour)[1] < 25 and colour[0] < regions[0][1][0] - 12:
            continue  # a hat's dark side, or hair below it
        regions.append((region, colour))
    return regions


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
