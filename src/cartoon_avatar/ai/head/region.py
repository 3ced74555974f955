"""The head without classes: the person where a head would be, and what looks like it."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.view import View
from cartoon_avatar.ai.seeing.matting import person_map
from cartoon_avatar.ai.seeing.models import Models


def head_by_region(view: View, models: Models) -> tuple[np.ndarray, np.ndarray]:
    """Head and rest without classes: the person where a head would be, and what looks like it."""
    rgb, oval, mine, down = view.rgb, view.oval, view.mine, view.down
    aside, from_skull = view.sideways, view.from_skull
    region = np.maximum(1 - smoothstep(from_skull, 0.92, 1.08), oval)
    region = np.maximum(
        region,
        (1 - smoothstep(np.hypot(aside / 0.95, (down + 0.75) / 0.95), 0.9, 1.1))
        * (1 - smoothstep(down, -0.15, 0.0)),
    )
    # Below the ears only the face itself: no neck, no shoulders.
    jaw = 1 - smoothstep(down, -0.3, -0.05) * smoothstep(np.abs(aside), 0.3, 0.45)
    region *= np.maximum(oval, jaw * (1 - smoothstep(down, -0.08, 0.02)))
    if models.person is None:
        person = region
    else:
        person = cv2.resize(person_map(models.person, rgb), rgb.shape[1::-1])
    guess = person * region * mine
    labels = np.where(guess > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[(person < 0.1) & (region < 0.9) | (region < 0.05) | (mine < 0.2)] = cv2.GC_BGD
    # Hair and hats have other colours than the face, from which GrabCut would take them off.
    crown = (from_skull < 0.78) & (down < -0.35) & (person > 0.4)
    labels[(oval > 0.5) | crown] = cv2.GC_FGD
    if (labels == cv2.GC_BGD).any() and (labels == cv2.GC_FGD).any():
        background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
        # GrabCut's clustering draws from OpenCV's generator: the same picture, the same cut.
        cv2.setRNGSeed(0)
        # pyrefly: ignore[no-matching-overload] (OpenCV's stubs know nothing of a rectangle that is None)
        cv2.grabCut(
            np.ascontiguousarray(rgb), labels, None, background, foreground, 3,
            cv2.GC_INIT_WITH_MASK,
        )  # fmt: skip
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    head = cv2.GaussianBlur(np.maximum(found * region, oval), (0, 0), 1.0)
    return head, np.clip(person - head, 0, 1)
