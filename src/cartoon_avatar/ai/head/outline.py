"""The line around a sticker."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.head.contour import closed
from cartoon_avatar.ai.pictures import Picture

# Distances are measured on a copy so many times as large: between its pixels a line is smooth.
_FINER = 2
# How far, in outlines, slits between locks are closed: a line that follows them is frayed.
_CLOSED = 1.5


def outlined(picture: Picture, width_px: float, colour: tuple[int, int, int]) -> Picture:
    """``picture``, whose alpha is not None, on a plate of ``colour`` that stands out by
    ``width_px`` all around. The picture has to leave so much room at its sides."""
    assert picture.alpha is not None
    if width_px <= 0:
        return picture
    height, width = picture.alpha.shape
    finer = cv2.resize(
        picture.alpha, (_FINER * width, _FINER * height), interpolation=cv2.INTER_CUBIC
    )
    reach = _FINER * width_px
    # Padded, or what touches a side would be closed against it.
    pad = round(2 * _CLOSED * reach) + 2
    solid = cv2.copyMakeBorder((finer > 127).astype(np.uint8), *(pad,) * 4, cv2.BORDER_CONSTANT)
    plain = closed(solid, _CLOSED * reach)
    # Nothing of what lies behind shows through a sticker.
    outer, _ = cv2.findContours(plain, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(plain, outer, -1, 1, cv2.FILLED)
    away = cv2.distanceTransform(1 - plain, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    away = cv2.GaussianBlur(away[pad:-pad, pad:-pad], (0, 0), _FINER)
    plate = np.clip((reach - away) / _FINER + 0.5, 0, 1)
    plate = cv2.resize(plate, (width, height), interpolation=cv2.INTER_AREA)

    alpha = picture.alpha.astype(np.float32) / 255
    whole = alpha + plate * (1 - alpha)
    paint = picture.rgb * alpha[..., None]
    paint += (plate * (1 - alpha))[..., None] * np.array(colour, np.float32)
    rgb = np.rint(paint / np.maximum(whole, 1e-4)[..., None])
    opacity = np.rint(255 * whole).astype(np.uint8)
    rgb = np.clip(rgb, 0, 255).astype(np.uint8)
    rgb[opacity == 0] = 0
    return Picture(rgb, opacity)
