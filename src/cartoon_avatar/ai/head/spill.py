"""The light of the backdrop, taken off the rim of hair that it shines through."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.smoothstep import smoothstep

# In face heights: how deep such light stands, and how far around a pixel one looks for the colours
# of the hair and of the backdrop.
_DEEP, _NEAR_HAIR, _NEAR_BACKDROP = 0.3, 0.35, 0.25
# How far the backdrop's hue is from the hair's, CIELAB a and b, from where on its light is seen
# and where it is surely seen.
_APART = 8.0, 20.0
# How vivid a backdrop is whose light colours anything, in the same units.
_VIVID = 6.0, 14.0
# How far hues in a drawing may be from the photo's, and by how much more vivid than the
# hair spilt light is, in the same units.
_TRUE, _FADES = (10.0, 18.0), (0.0, 5.0)
# Of the way from the hair's hue to the backdrop's so much is the hair's own variety.
_OWN = 2.0
# Hair that is less vivid than this is warm where there is light on it, whatever hue its shadows
# have: CIELAB a and b, at least.
_DULL, _WARM = (16.0, 10.0), (2.0, 9.0)
# Less than this is left as it is, in the same units.
_UNSEEN = 0.3
# Everything is measured on a copy so many times as small.
_SHRINK = 4


def without_spill(
    rgb: np.ndarray,
    alpha: np.ndarray,
    hair: np.ndarray,
    behind: np.ndarray,
    backdrop: np.ndarray,
    unit_px: float,
) -> np.ndarray:
    """``rgb`` (H×W×3 float32 0..1) with the hue of what lies behind taken off the rim of hair.

    Light from behind keeps its lightness and takes the hair's own hue, as spill does in keying.
    ``alpha``, ``hair``, ``backdrop``: H×W float32 0..1; ``behind`` (H×W×3 uint8) is the photo;
    ``unit_px`` is the height of the face.
    """
    size = rgb.shape[1::-1]
    small = max(1, size[0] // _SHRINK), max(1, size[1] // _SHRINK)
    unit = unit_px / _SHRINK
    few = cv2.resize(behind, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    lab, outer = (
        cv2.cvtColor(plane, cv2.COLOR_RGB2LAB)
        for plane in (
            cv2.resize(rgb, small, interpolation=cv2.INTER_AREA),
            few * np.float32(1 / 255),
        )
    )
    opaque, own, free = (
        cv2.resize(plane, small, interpolation=cv2.INTER_AREA) for plane in (alpha, hair, backdrop)
    )
    depth = cv2.distanceTransform((opaque > 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    depth /= np.float32(unit)
    inner = own * smoothstep(depth, 0.4 * _DEEP, _DEEP)
    hue, known = _mean_near(lab[..., 1:], inner, _NEAR_HAIR * unit)
    true, _ = _mean_near(outer[..., 1:], inner, _NEAR_HAIR * unit)
    free = free * (opaque < 0.02)
    dull = smoothstep(-np.hypot(*cv2.split(hue)), -_DULL[0], -_DULL[1])[..., None]
    hue += dull * np.maximum(np.array(_WARM, np.float32) - hue, 0)
    light, seen = _mean_near(outer[..., 1:], free, _NEAR_BACKDROP * unit)
    way = light - hue
    length = np.hypot(way[..., 0], way[..., 1])
    share = smoothstep(length, *_APART) * smoothstep(np.hypot(*cv2.split(light)), *_VIVID)
    # The rim of hair is softly seen.
    share *= np.minimum(1, 2 * own) * (1 - smoothstep(depth, 0.5 * _DEEP, _DEEP)) * known * seen
    # In colours of a style's own, light is not the photo's.
    off = cv2.GaussianBlur(lab[..., 1:] - outer[..., 1:], (0, 0), 1.5)
    for apart in (0.6 * off, hue - true):
        share *= 1 - smoothstep(np.hypot(*cv2.split(apart)), *_TRUE)
    # Where it is not in the photo, it is not the backdrop's in the drawing.
    spilt = ((outer[..., 1:] - true) * way).sum(axis=2) / np.maximum(length, 1e-3)
    share *= smoothstep(cv2.GaussianBlur(spilt, (0, 0), 1.5), 0.0, 2 * _OWN)
    if not share.any():
        return rgb
    way *= (share / np.maximum(length, 1e-3))[..., None]
    hue, way = cv2.resize(hue, size), cv2.resize(way, size)
    full = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    own = full[..., 1:] - hue
    # ``way`` is as long as its share.
    over = (own * way).sum(axis=2) - _OWN * np.hypot(way[..., 0], way[..., 1])
    # Nothing becomes more vivid.
    vivid = np.hypot(full[..., 1], full[..., 2]) - np.hypot(hue[..., 0], hue[..., 1])
    over = np.maximum(over, 0) * smoothstep(vivid, *_FADES)
    left = 1 - over / np.maximum(np.hypot(own[..., 0], own[..., 1]), 1e-3)
    full[..., 1:] = hue + own * left[..., None]
    changed = np.clip(cv2.cvtColor(full, cv2.COLOR_LAB2RGB), 0, 1)
    return np.where((over > _UNSEEN)[..., None], changed, rgb)


def _mean_near(
    planes: np.ndarray, where: np.ndarray, reach_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of ``planes`` (H×W×2) ``where`` (H×W, 0..1) near each pixel, and whether there is
    any, 0..1."""
    sigma = max(1.0, reach_px / 2)
    weighted = cv2.GaussianBlur(np.dstack([planes * where[..., None], where]), (0, 0), sigma)
    amount = weighted[..., 2]
    return weighted[..., :2] / np.maximum(amount, 1e-4)[..., None], smoothstep(amount, 0.005, 0.02)
