from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.guided_filter import guided_filter


def _by_definition(
    guide: np.ndarray, picture: np.ndarray, radius_px: int, eps: float
) -> np.ndarray:
    """Equations 19 to 21 of He, Sun & Tang 2010, ``guide`` as 0..1."""

    def mean(array: np.ndarray) -> np.ndarray:
        return cv2.blur(array, (2 * radius_px + 1,) * 2, borderType=cv2.BORDER_REFLECT)

    colours = guide / 255
    centre, level = mean(colours), mean(picture)
    spread = np.empty((*picture.shape, 3, 3))
    for one in range(3):
        for other in range(3):
            spread[..., one, other] = mean(colours[..., one] * colours[..., other])
    spread -= centre[..., :, None] * centre[..., None, :]
    shared = mean(colours * picture[..., None]) - centre * level[..., None]
    slope = np.linalg.solve(spread + eps * np.eye(3), shared[..., None])[..., 0]
    offset = level - (slope * centre).sum(axis=2)
    return (mean(slope) * colours).sum(axis=2) + mean(offset)


def _scene() -> tuple[np.ndarray, np.ndarray]:
    """A faint edge in noise, and a soft mask that is 3 px beside it."""
    guide = np.random.default_rng(0).normal(110, 2, (64, 64, 3))
    guide[:, 32:] += 20
    mask = cv2.GaussianBlur((np.arange(64) > 34).astype(np.float32)[None].repeat(64, 0), (0, 0), 3)
    return guide.astype(np.uint8), mask


def test_it_is_the_filter_of_its_paper() -> None:
    guide, mask = _scene()
    for eps in (1e-4, 1e-3, 1e-2):
        found = guided_filter(guide, mask, 5, eps)
        assert np.abs(found - _by_definition(guide, mask, 5, eps)).max() < 1e-3


def test_a_soft_mask_takes_the_edge_of_its_guide() -> None:
    guide, mask = _scene()
    step = guided_filter(guide, mask, 8, 1e-3)[20:44].mean(axis=0)
    assert np.diff(step).argmax() == 31
    assert np.diff(step).max() > 2 * np.diff(mask[32]).max()
