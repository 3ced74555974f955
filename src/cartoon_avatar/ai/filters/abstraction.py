"""A photo's detail gathered into brush-like shapes with crisp edges."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.flow import Flow, along, tangent_field

# How far the shock filter looks for the colour of a side, px.
_SHOCK_REACH_PX = 0.9
# Lightness curvature (L per px²) at which the shock filter works fully.
_FULL_CURVATURE = 1.7


def coherent(
    lab: np.ndarray,
    *,
    reach_px: float,
    tensor_px: float,
    rounds: int,
    amount: float,
    edge_px: float,
) -> tuple[np.ndarray, Flow]:
    """``lab`` (H×W×3 float32 CIELAB) smoothed along its edges and sharpened across them.

    Coherence-enhancing filtering (Weickert 2003; Kyprianidis and Kang 2011). ``reach_px`` is
    the smoothing's length, ``tensor_px`` the structure tensor's scale, ``edge_px`` the scale at
    which a pixel is assigned to the dark or the light side; ``amount`` is 0..1. Also returns
    the flow of the last round.
    """
    flow = tangent_field(lab, tensor_px)
    for step in range(rounds):
        if step:
            flow = tangent_field(lab, tensor_px)
        lab = shocked(along(lab, flow, reach_px), flow, edge_px=edge_px, amount=amount, steps=2)
    return along(lab, flow, max(1.0, reach_px / 3)), flow


def shocked(
    values: np.ndarray, flow: Flow, *, edge_px: float, amount: float, steps: int
) -> np.ndarray:
    """``values`` (H×W×3 float32 CIELAB, or its light alone) with each pixel moved to the side of
    the edge it belongs to.

    A shock filter across the flow (Osher and Rudin 1990): dark sides become darker, light ones
    lighter, so soft edges become crisp.
    """
    smooth = cv2.GaussianBlur(_light_of(values), (0, 0), edge_px)
    curvature = flow.across(smooth, edge_px)
    curvature += flow.across(smooth, -edge_px)
    curvature -= 2 * smooth
    strength = np.minimum(np.abs(curvature) * np.float32(1 / _FULL_CURVATURE), 1)
    strength *= np.float32(amount * _SHOCK_REACH_PX)
    # In a valley to the darker neighbour, on a ridge to the lighter one.
    wanted = np.copysign(np.float32(1), -curvature)
    for _ in range(steps):
        light = _light_of(values)
        ahead, behind = (
            flow.across(light, reach_px) * wanted
            for reach_px in (_SHOCK_REACH_PX, -_SHOCK_REACH_PX)
        )
        distance = strength * (np.maximum(ahead, behind) > light * wanted)
        values = flow.across(values, np.copysign(distance, ahead - behind))
    return values


def _light_of(values: np.ndarray) -> np.ndarray:
    return values if values.ndim == 2 else cv2.extractChannel(values, 0)


def kuwahara(lab: np.ndarray, radius_px: float, sharpness: float = 8.0) -> np.ndarray:
    """``lab`` (H×W×3 float32) as flat patches with clear borders.

    The generalised Kuwahara filter (Papari et al. 2007): of eight soft sectors around a pixel
    the calmest count most.
    """
    reach = int(np.ceil(radius_px))
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    bell = np.exp(-(across**2 + down**2) / (2 * (radius_px / 2) ** 2))
    angle = np.arctan2(down, across)
    squares = lab * lab
    total = np.zeros_like(lab)
    weights = np.zeros(lab.shape[:2], np.float32)
    # NumPy takes thirty times as long to add up three channels.
    all_channels = np.ones((1, 3), np.float32)
    for sector in range(8):
        apart = np.abs(np.angle(np.exp(1j * (angle - sector * np.pi / 4))))
        kernel = bell * (0.5 + 0.5 * np.cos(np.minimum(2 * apart, np.pi)))
        kernel[reach, reach] = bell[reach, reach] / 4
        kernel = (kernel / kernel.sum()).astype(np.float32)
        mean = cv2.filter2D(lab, -1, kernel, borderType=cv2.BORDER_REFLECT)
        spread = cv2.filter2D(squares, -1, kernel, borderType=cv2.BORDER_REFLECT) - mean * mean
        unrest = cv2.transform(np.maximum(spread, 0), all_channels)
        # 6 is the variance (L² + a² + b²) at which a sector counts half.
        calm = 1 / (1 + (unrest * np.float32(1 / 6)) ** (sharpness / 2))
        total += cv2.merge([calm] * 3) * mean
        weights += calm
    return total / cv2.merge([weights] * 3)


def smoothed(
    guide: np.ndarray, lab: np.ndarray, reach_px: float, contrast: float, passes: int = 2
) -> np.ndarray:
    """``lab`` (H×W or H×W×3 float32) smoothed where ``guide`` (H×W×3 or H×W uint8) has no edge.

    The domain transform, recursive form (Gastal and Oliveira 2011); ``contrast`` is in the
    guide's units.
    """
    return cv2.ximgproc.dtFilter(
        guide,
        np.ascontiguousarray(lab),
        reach_px,
        contrast,
        mode=cv2.ximgproc.DTF_RF,
        numIters=passes,
    )
