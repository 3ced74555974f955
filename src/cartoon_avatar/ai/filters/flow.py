"""The direction everything is drawn in: along edges, never across them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# The shortest step along a tangent, px.
_STEP_PX = 1.25
# How much L, a and b tell of an edge.
_WEIGHTS = 1.0, 0.3, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """A tangent field on a picture.

    ``x``, ``y`` are H×W float32, a unit vector along the edge (its sign means nothing);
    ``coherence`` is H×W float32, 0 where no direction dominates .. 1 on a clear edge.
    """

    x: np.ndarray
    y: np.ndarray
    coherence: np.ndarray

    def ahead(self, values: np.ndarray, distance_px: np.ndarray | float) -> np.ndarray:
        """``values`` (H×W or H×W×C) at ``distance_px`` along the tangent of each pixel."""
        return _beside(values, self.x, self.y, distance_px)

    def across(self, values: np.ndarray, distance_px: np.ndarray | float) -> np.ndarray:
        """The same across the edge."""
        return _beside(values, -self.y, self.x, distance_px)

    def cropped(self, box: tuple[slice, slice]) -> Flow:
        return Flow(self.x[box], self.y[box], self.coherence[box])

    def resized(self, width: int, height: int) -> Flow:
        """The same field on a picture of another size."""
        # The sign of a tangent flips freely between neighbours; its double angle does not.
        size = (width, height)
        cos2 = cv2.resize(self.x * self.x - self.y * self.y, size, interpolation=cv2.INTER_LINEAR)
        sin2 = cv2.resize(2 * self.x * self.y, size, interpolation=cv2.INTER_LINEAR)
        x, y = _half_angle(cos2, sin2)
        return Flow(x, y, cv2.resize(self.coherence, size, interpolation=cv2.INTER_LINEAR))


def tangent_field(lab: np.ndarray, sigma_px: float) -> Flow:
    """The edge tangent field of ``lab`` (H×W×3 float32, CIELAB).

    Smoothed structure tensor of all three channels (Di Zenzo 1986; Brox et al. 2006), as
    used for line drawing by Kyprianidis and Döllner 2008 in place of the iterated field of
    Kang et al. 2007. Each pixel weighs by its squared gradient, so strong edges steer
    their flat surroundings.
    """
    e, g, f = (np.zeros(lab.shape[:2], np.float32) for _ in range(3))
    # Channel by channel: a third of the memory.
    for channel, weight in enumerate(_WEIGHTS):
        plane = cv2.extractChannel(lab, channel)
        gx = cv2.Scharr(plane, cv2.CV_32F, 1, 0, scale=weight**0.5 / 32)
        gy = cv2.Scharr(plane, cv2.CV_32F, 0, 1, scale=weight**0.5 / 32)
        cv2.accumulateProduct(gx, gx, e)
        cv2.accumulateProduct(gy, gy, g)
        cv2.accumulateProduct(gx, gy, f)
    e, g, f = (cv2.GaussianBlur(plane, (0, 0), sigma_px) for plane in (e, g, f))
    # The gradient's double angle is (e - g, 2f); the tangent's is its opposite.
    cos2, sin2 = g - e, -2 * f
    strength = cv2.magnitude(cos2, sin2)
    floor = 1e-6 + 1e-3 * float(strength.max())
    x, y = _half_angle(cos2, sin2)
    return Flow(x, y, strength / (e + g + floor))


def along(values: np.ndarray, flow: Flow, reach_px: float) -> np.ndarray:
    """``values`` (H×W or H×W×C, float32 or uint8) averaged along the flow.

    Line integral convolution (Cabral and Leedom 1993) with a bell-shaped kernel whose
    standard deviation is about ``reach_px`` (0.9, 2, 4, 8 … px, the nearest of them). It
    is done à trous: each pass averages a pixel with its two neighbours on the tangent at
    twice the distance of the last pass, so a handful of lookups does the work of a long
    walk, and the tangent's sign cancels.
    """
    if min(values.shape[:2]) < 2 or reach_px < 0.45:
        return values
    # Passes at 1, 2, 4 … steps of weight ¼ ½ ¼ have a deviation of 0.7, 1.6, 3.2 … steps.
    passes = max(1, 1 + round(float(np.log2(reach_px / (0.72 * _STEP_PX)))))
    for n in range(passes):
        there = flow.ahead(values, _STEP_PX * 2**n)
        back = flow.ahead(values, -_STEP_PX * 2**n)
        cv2.addWeighted(there, 0.5, back, 0.5, 0, dst=there)
        values = cv2.addWeighted(there, 0.5, values, 0.5, 0, dst=there)
    return values


def _beside(
    values: np.ndarray, x: np.ndarray, y: np.ndarray, distance_px: np.ndarray | float
) -> np.ndarray:
    """``values`` at ``distance_px`` from each pixel in the direction ``x``, ``y``."""
    maps = _maps(x, y, np.asarray(distance_px, np.float32))
    return cv2.remap(values, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _maps(x: np.ndarray, y: np.ndarray, distance_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where what lies at ``distance_px`` in the direction ``x``, ``y`` is, for ``cv2.remap``."""
    height, width = x.shape
    there_x, there_y = x * distance_px, y * distance_px
    there_x += np.arange(width, dtype=np.float32)
    there_y += np.arange(height, dtype=np.float32)[:, None]
    # Fixed point is quicker, and OpenCV looks no closer at a pixel than 1/32.
    return cv2.convertMaps(there_x, there_y, cv2.CV_16SC2)


def _half_angle(cos2: np.ndarray, sin2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    angle = cv2.phase(cos2, sin2) * np.float32(0.5)
    return cv2.polarToCart(np.ones_like(angle), angle)
