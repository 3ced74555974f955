"""What the networks see in a square: the classes of several looks, made one."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.seeing.matting import (
    BACKGROUND,
    CLOTHES,
    FACE_SKIN,
    class_map,
    person_map,
)
from cartoon_avatar.ai.seeing.models import Models

# After the six classes of the network: what only the plain person model sees.
UNNAMED = 6
# What the class network must make of the face oval to be believed: on photos nearly all of
# it is face, fringe, glasses or hand; on drawings it does not understand, background or cloth.
TRUSTED = 0.4
# The side of a closer look, as share of the first square.
_CLOSER = 2.0 / 2.7
# A head that leans by more is shown upright, radians.
_LEANS = 0.15


def trust(classes: np.ndarray | None, oval: np.ndarray) -> float:
    if classes is None:
        return 0.0
    share = classes[oval > 0.5].mean(axis=0) if (oval > 0.5).any() else np.zeros(7)
    return float(min(1 - share[BACKGROUND] - share[CLOTHES], 2 * share[FACE_SKIN]))


def fused_classes(
    models: Models, rgb: np.ndarray, roll: float, growth: float, looks: dict[float, np.ndarray]
) -> np.ndarray | None:
    """P×P×7 probabilities: a look at the whole square, and closer ones at its middle.

    The seventh class is what only the plain person model sees: hoods, wide hats. ``looks``
    keeps what was seen, by how far it reached: squares grow around one middle.
    """
    if models.person_classes is None:
        return None
    size = rgb.shape[0]
    centre = size / 2
    total = np.zeros((size, size, 8), np.float32)
    shares = [1.0, _CLOSER] if growth == 1.0 else [1.0, 1.0 / growth, _CLOSER / growth]
    # Leaning heads are shown upright: the networks know few others.
    roll = roll if abs(roll) > _LEANS else 0.0
    look_px = models.person_classes.size[0]
    ramp = np.clip(4 - 8 * np.abs((np.arange(look_px) + 0.5) / look_px - 0.5), 0, 1)
    for share in shares:
        pitch = size * share / look_px
        turn = pitch * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        # Pixel centres lie at halves.
        to_square = np.column_stack([turn, centre - turn @ np.full(2, (look_px - 1) / 2) - 0.5])
        reach = round(share * growth, 3)
        if reach not in looks:
            crop = cv2.warpAffine(
                rgb, to_square, (look_px, look_px),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            looks[reach] = _look(models, crop)
            # The closest look decides the edge: there the mirror image counts as much.
            if reach < 1:
                mirrored = _look(models, np.ascontiguousarray(crop[:, ::-1]))[:, ::-1]
                looks[reach] = (looks[reach] + mirrored) / 2
        # The widest look also counts where no closer one does.
        weight = np.minimum.outer(ramp, ramp) + (0.02 if share == 1.0 else 0)
        weight = weight.astype(np.float32)[..., None]
        border = cv2.BORDER_REPLICATE if share == 1.0 else cv2.BORDER_CONSTANT
        weighted = np.dstack([looks[reach] * weight, weight])
        # OpenCV warps at most four channels at a time.
        for channels in (slice(0, 4), slice(4, 8)):
            total[..., channels] += cv2.warpAffine(
                weighted[..., channels], to_square, (size, size), borderMode=border
            )
    total /= np.maximum(total[..., 7:], 1e-6)
    classes, person = total[..., :6], total[..., 6]
    unnamed = np.maximum(person - (1 - classes[..., BACKGROUND]), 0)
    classes[..., BACKGROUND] -= unnamed
    return np.dstack([classes, unnamed])


def _look(models: Models, rgb: np.ndarray) -> np.ndarray:
    """Six classes and the person, each 0..1, as the networks see ``rgb``: Q×Q×7 float32."""
    assert models.person_classes is not None
    classes = class_map(models.person_classes, rgb)
    person = 1 - classes[..., BACKGROUND]
    if models.person is not None:
        plain = cv2.resize(person_map(models.person, rgb), person.shape)
        person = np.maximum(person, plain)
    return np.dstack([classes, person])
