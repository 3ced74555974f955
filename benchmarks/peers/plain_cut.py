"""The head cut of the trial that set our figures, made again from its description.

One class map of a square around the head and one of its middle, averaged; head over head
and rest, then the person, each along the photo's edges; nothing else of what `head_cut`
does. It shows what the trial's figures mean in our measure: its own are known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.guided_filter import guided_filter
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import (
    BACKGROUND,
    FACE_SKIN,
    HAIR,
    OTHER,
)
from cartoon_avatar.ai.seeing.model_files import PERSON_CLASSES, fetch, models_folder
from cartoon_avatar.ai.seeing.models import Models, Network

OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
CHIN, FOREHEAD = 152, 10

assert PERSON_CLASSES.change is not None
# The class network at the size that it was published for.
PUBLISHED = replace(
    PERSON_CLASSES,
    name="selfie_multiclass_256x256.tflite",
    sha256=PERSON_CLASSES.change.published_sha256,
    change=None,
)


@dataclass(frozen=True)
class Variant:
    """A row of the trial's table, with what it found: IoU mean and worst, F, band error."""

    name: str
    stated: tuple[float, float, float, float]
    side_px: int = 768
    closer_look: bool = True
    step: tuple[float, float] = (0.3, 0.7)


VARIANTS = (
    Variant("as recommended", (0.979, 0.974, 0.838, 0.080)),
    Variant("at 512 px", (0.978, 0.973, 0.832, 0.084), side_px=512),
    Variant("one look", (0.975, 0.956, 0.818, 0.090), closer_look=False),
    Variant("step 0.2 to 0.6", (0.980, 0.967, 0.858, 0.074), step=(0.2, 0.6)),
)


class PlainCut:
    def __init__(self, models: Models, threads: int) -> None:
        self._find_faces = open_face_finder(models)
        fetch(models_folder(), [PUBLISHED])
        self._classes = Network(models_folder() / PUBLISHED.name, threads)

    def alpha(self, photo: Picture, how: Variant) -> np.ndarray:
        """The most prominent head's alpha in the whole of ``photo``, H×W float32 0..1."""
        face = self._find_faces(photo)[0]
        left, top, wide, high = face.box
        reach = max(high, 1.2 * wide)
        side = round(2.7 * reach)
        x = round(left + wide / 2 - 1.35 * reach)
        y = round(top + high / 2 - 1.47 * reach)
        beyond = max(0, -x, -y, x + side - photo.width, y + side - photo.height)
        border = (beyond,) * 4
        padded = cv2.copyMakeBorder(photo.rgb, *border, cv2.BORDER_REPLICATE)
        rgb = padded[y + beyond : y + beyond + side, x + beyond : x + beyond + side]
        smaller = how.side_px < side
        shape = (how.side_px, how.side_px)
        rgb = cv2.resize(rgb, shape, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
        points = (face.landmarks - [x, y]) * (how.side_px / side)

        alpha = cv2.resize(self._cut(rgb, points, how), (side, side))
        placed = cv2.copyMakeBorder(np.zeros_like(photo.rgb[..., 0], np.float32), *border, 0)
        placed[y + beyond : y + beyond + side, x + beyond : x + beyond + side] = alpha
        return placed[beyond : beyond + photo.height, beyond : beyond + photo.width]

    def _cut(self, rgb: np.ndarray, points: np.ndarray, how: Variant) -> np.ndarray:
        side_px = how.side_px
        classes = self._look(rgb)
        if how.closer_look:
            near = round(side_px * 2 / 2.7)
            middle = slice((side_px - near) // 2, (side_px - near) // 2 + near)
            from_rim = np.minimum(np.arange(near) + 0.5, np.arange(near)[::-1] + 0.5)
            ramp = np.clip(from_rim / (0.12 * near), 0, 1)
            weight = np.minimum.outer(ramp, ramp)[..., None]
            closer = self._look(rgb[middle, middle])
            classes[middle, middle] += weight * closer
            classes[middle, middle] /= 1 + weight

        down = points[CHIN] - points[FOREHEAD]
        height = float(np.hypot(*down))
        rows, columns = np.mgrid[:side_px, :side_px]
        below_chin = (np.dstack([columns, rows]) - points[CHIN]) @ (down / height**2)
        above = 1 - smoothstep(below_chin, -0.05, 0.05)
        oval = np.zeros(rgb.shape[:2], np.uint8)
        cv2.fillPoly(oval, [np.round(points[OVAL]).astype(np.int32)], 1)
        oval = cv2.erode(oval, disc(0.02 * height)) > 0
        head = classes[..., HAIR] + classes[..., FACE_SKIN] + classes[..., OTHER] * above
        head = np.where(oval, 1, head).astype(np.float32)
        rest = np.where(oval, 0, 1 - classes[..., BACKGROUND] - head).astype(np.float32)

        soft_head, soft_rest = (
            cv2.GaussianBlur(part, (0, 0), side_px / 400) for part in (head, rest)
        )
        share = soft_head / (soft_head + soft_rest + 1e-4)
        share = smoothstep(guided_filter(rgb, share, side_px / 140, 3e-4), *how.step)
        person = guided_filter(rgb, np.minimum(1, head + rest), side_px / 110, 1e-4)
        alpha = smoothstep(np.clip(person, 0, 1) * share, 0.06, 0.94)
        _, pieces = cv2.connectedComponents((alpha > 0.06).astype(np.uint8))
        own = np.unique(pieces[oval])
        return (alpha * np.isin(pieces, own[own > 0])).astype(np.float32)

    def _look(self, rgb: np.ndarray) -> np.ndarray:
        """Six class probabilities of ``rgb`` (H×W×3 uint8), H×W×6 float32."""
        light = np.percentile(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 60) / 255
        gamma = np.clip(np.log(0.5) / np.log(np.clip(light, 0.01, 0.99)), 0.35, 1)
        lifted = ((rgb / 255) ** gamma).astype(np.float32)
        shown = cv2.resize(lifted, self._classes.size, interpolation=cv2.INTER_AREA)
        logits = self._classes(shown)[0]
        likely = np.exp(logits - logits.max(axis=2, keepdims=True))
        likely /= likely.sum(axis=2, keepdims=True)
        return cv2.resize(likely, rgb.shape[1::-1])
