"""A person as read, and what can be asked of them on the grid."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab
from cartoon_avatar.ai.seeing.features import Features
from cartoon_avatar.ai.seeing.subject import Subject


@dataclass(slots=True)
class Reading:
    """One person. Masks are H×W bool on the grid, ``lab`` is H×W×3 float32 there."""

    width: float
    height: float
    scale: float
    subject: Subject
    features: Features
    unit: float  # chin to hairline, units
    across: np.ndarray  # unit vector from the sitter's right eye to the left one
    down: np.ndarray  # unit vector from brow to chin
    lab: np.ndarray
    person: np.ndarray
    face: np.ndarray
    skin_below: np.ndarray
    hair: np.ndarray
    hat: np.ndarray
    clothes: np.ndarray  # made up where a shoulder was hidden
    clothes_seen: np.ndarray
    worn_on_face: np.ndarray  # float 0..1: what on the face is neither skin nor hair
    oval: np.ndarray
    frame: np.ndarray  # what a round photo shows; of others it is all
    down_at: np.ndarray  # H×W: each pixel's place along ``down``, units
    across_at: np.ndarray
    skin: Lab = field(default_factory=lambda: np.array([70.0, 12, 18]))
    skin_lightness: float = 70.0  # as photographed
    gain: float = 1.0  # by which the light is evened, as a factor of luminance
    light_side: int = 1  # 1: light comes from the picture's left
    alone: bool = True  # nobody else's arms and hair are near

    @property
    def profile(self) -> bool:
        """From the side, where the mesh's points lie well but its outline does not."""
        return not self.subject.confirmed

    def hides_eye(self, index: int) -> bool:
        """Whether something is before it, surely."""
        read = self.subject.eyes_covered
        return read is not None and read.value[index] and read.confidence > 0.6

    @property
    def hides_mouth(self) -> bool:
        read = self.subject.mouth_covered
        return read is not None and read.value and read.confidence > 0.6

    @property
    def landmarks(self) -> np.ndarray:
        return self.features.landmarks

    def at(self, index: int) -> np.ndarray:
        return self.features.landmarks[index].astype(float)

    def points(self, *indices: int) -> np.ndarray:
        return self.features.landmarks[list(indices)].astype(float)

    def inside(self, outline: np.ndarray) -> np.ndarray:
        """The grid's pixels inside ``outline`` (units)."""
        mask = np.zeros(self.person.shape, np.uint8)
        points = (np.asarray(outline) * self.scale - 0.5) * 16
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        return mask > 127

    def disc(self, centre: np.ndarray, radius: float) -> np.ndarray:
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        return self.inside(centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1))

    def grown(self, mask: np.ndarray, by: float) -> np.ndarray:
        """``mask`` grown (or shrunk, below 0) by ``by`` units."""
        return _grown(mask, by * self.scale)

    def opened(self, mask: np.ndarray, by: float) -> np.ndarray:
        """``mask`` without what is narrower than twice ``by`` units."""
        return self.grown(self.grown(mask, -by), by) & mask

    def closed(self, mask: np.ndarray, by: float) -> np.ndarray:
        return self.grown(self.grown(mask, by), -by) | mask

    def soft(self, values: np.ndarray, by: float) -> np.ndarray:
        """``values`` under a Gaussian of ``by`` units, the frame's pixels going on."""
        return blurred(values.astype(np.float32), max(0.6, by * self.scale))

    def moved(self, mask: np.ndarray, by: np.ndarray) -> np.ndarray:
        x, y = by * self.scale
        turn = np.asarray([[1, 0, x], [0, 1, y]], np.float32)
        size = mask.shape[1::-1]
        moved = cv2.warpAffine(mask.astype(np.float32), turn, size, borderMode=cv2.BORDER_REPLICATE)
        return moved > 0.5

    def area(self, mask: np.ndarray) -> float:
        """Of ``mask``, in squares of the face's height."""
        return float(mask.sum()) / (self.unit * self.scale) ** 2

    def pieces(self, mask: np.ndarray, least: float) -> list[np.ndarray]:
        """The connected pieces of ``mask`` of at least ``least`` squared face heights."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        limit = least * (self.unit * self.scale) ** 2
        order = sorted(range(1, count), key=lambda i: -stats[i, cv2.CC_STAT_AREA])
        return [labels == i for i in order if stats[i, cv2.CC_STAT_AREA] >= limit]

    def without_small(self, mask: np.ndarray, least: float) -> np.ndarray:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        keep = stats[:, cv2.CC_STAT_AREA] >= least * (self.unit * self.scale) ** 2
        keep[0] = False
        return keep[labels]

    def largest(self, mask: np.ndarray) -> np.ndarray:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        if len(stats) < 2:
            return mask
        return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())

    def median_colour(self, mask: np.ndarray) -> Lab | None:
        return np.median(self.lab[mask], axis=0) if mask.any() else None

    def filled(self, mask: np.ndarray, least: float) -> np.ndarray:
        """``mask`` with its holes below ``least`` closed."""
        return ~self.without_small(~mask, least)


def blurred(values: np.ndarray, sigma_px: float) -> np.ndarray:
    """``values`` (H×W or H×W×3 float32) under a Gaussian; a broad one works on a small copy."""
    shrink = int(sigma_px / 2.5)
    border = cv2.BORDER_REPLICATE
    if shrink < 2:
        return cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=border)
    height, width = values.shape[:2]
    size = (max(1, width // shrink), max(1, height // shrink))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px * size[0] / width, borderType=border)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _grown(mask: np.ndarray, px: float) -> np.ndarray:
    """``mask`` (H×W bool) grown (below 0: shrunk) by ``px``."""
    found = np.zeros_like(mask)
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    margin = 2 + max(0, int(px))
    box = np.s_[
        max(0, top - margin) : top + height + margin, max(0, left - margin) : left + width + margin
    ]
    here = mask[box]
    if not width:
        return found
    if px >= 0:
        found[box] = cv2.distanceTransform((~here).astype(np.uint8), cv2.DIST_L2, 3) <= px
    else:
        found[box] = cv2.distanceTransform(here.astype(np.uint8), cv2.DIST_L2, 3) > -px
    return found
