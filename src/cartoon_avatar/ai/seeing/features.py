"""Where eyes, brows, nose and mouth are, from the landmarks of the MediaPipe face mesh."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import cv2
import numpy as np

_BOTH = (True, True)
# Indices into the 478 landmarks; right and left are the sitter's.
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# Upper lid from the outer to the inner corner, then lower lid without the corners.
UPPER_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (263, 466, 388, 387, 386, 385, 384, 398, 362),
)
LOWER_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (263, 249, 390, 373, 374, 380, 381, 382, 362),
)
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
OUTER_LIPS = (
    61,
    146,
    91,
    181,
    84,
    17,
    314,
    405,
    321,
    375,
    291,
    409,
    270,
    269,
    267,
    0,
    37,
    39,
    40,
    185,
)
INNER_LIPS = (
    78,
    95,
    88,
    178,
    87,
    14,
    317,
    402,
    318,
    324,
    308,
    415,
    310,
    311,
    312,
    13,
    82,
    81,
    80,
    191,
)
NOSE = (
    168,
    193,
    198,
    209,
    49,
    48,
    64,
    98,
    97,
    2,
    326,
    327,
    294,
    278,
    279,
    429,
    420,
    417,
)
NOSE_BASE = (48, 64, 98, 97, 2, 326, 327, 294, 278, 279, 429, 4, 209, 49)
CHEEKS = (50, 280)
# Up to this opening, as share of its width, an eye is closed.
CLOSED = 0.13


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """An eye's parts, N×2 float32 px; lids run from the outer to the inner corner."""

    upper: np.ndarray
    lower: np.ndarray
    iris: np.ndarray  # its centre
    radius: float  # of the iris, px
    width: float
    opening: float

    @property
    def outline(self) -> np.ndarray:
        return np.concatenate([self.upper, self.lower[-2:0:-1]])

    @property
    def closed(self) -> bool:
        return self.opening <= CLOSED * self.width


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """A face's parts as outlines, N×2 float32 px each.

    What ``shows_eyes`` or ``shows_mouth`` denies is turned away or covered: nothing is drawn
    there.
    """

    landmarks: np.ndarray
    height: float  # chin to hairline, px
    eyes: tuple[Eye, Eye]
    brows: tuple[np.ndarray, np.ndarray]
    lips: np.ndarray
    mouth: np.ndarray  # the opening between the lips
    nose: np.ndarray
    nose_base: np.ndarray
    oval: np.ndarray
    cheeks: np.ndarray
    shows_eyes: tuple[bool, bool] = _BOTH
    shows_mouth: bool = True

    @property
    def shown_eyes(self) -> tuple[Eye, ...]:
        return tuple(compress(self.eyes, self.shows_eyes))

    def moved(self, landmarks: np.ndarray) -> Features:
        """The same face with its ``landmarks`` (478×2) elsewhere."""
        return features_of(landmarks, shows_eyes=self.shows_eyes, shows_mouth=self.shows_mouth)


def features_of(
    landmarks: np.ndarray, *, shows_eyes: tuple[bool, bool] = _BOTH, shows_mouth: bool = True
) -> Features:
    """``landmarks``: 478×2 float32 px."""
    points = np.asarray(landmarks, np.float32)
    eyes = tuple(
        _eye(points[list(up)], points[list(low)], points[list(iris)])
        for up, low, iris in zip(UPPER_LIDS, LOWER_LIDS, IRISES, strict=True)
    )
    return Features(
        landmarks=points,
        height=float(np.linalg.norm(points[152] - points[10])),
        eyes=(eyes[0], eyes[1]),
        brows=(points[list(BROWS[0])], points[list(BROWS[1])]),
        lips=points[list(OUTER_LIPS)],
        mouth=points[list(INNER_LIPS)],
        nose=points[list(NOSE)],
        nose_base=points[list(NOSE_BASE)],
        oval=points[list(OVAL)],
        cheeks=points[list(CHEEKS)],
        shows_eyes=shows_eyes,
        shows_mouth=shows_mouth,
    )


# A head that leans further than this lies, and its body with it, degrees.
_LYING = 60


def quarter_turns_of_body(down: np.ndarray) -> int:
    """How many quarter turns counter-clockwise the picture is away from one in which the body
    stands below a head whose chin is ``down`` (x, y): 0 as long as the head only leans."""
    lean = float(np.degrees(np.arctan2(down[0], down[1])))
    return 0 if abs(lean) < _LYING else round(lean / 90) % 4


def body_axes(down: np.ndarray) -> np.ndarray:
    """The body's right and down as columns, along the picture's sides."""
    turns = quarter_turns_of_body(down)
    below = np.array([(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)][turns])
    return np.array([[below[1], below[0]], [-below[0], below[1]]])


def _eye(upper: np.ndarray, lower: np.ndarray, iris: np.ndarray) -> Eye:
    return Eye(
        upper=upper,
        lower=lower,
        iris=iris[0],
        radius=float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean()),
        width=float(np.linalg.norm(upper[0] - upper[-1])),
        opening=float(np.linalg.norm(upper[4] - lower[4])),
    )


def area(shape: tuple[int, int], *outlines: np.ndarray, soft_px: float = 0) -> np.ndarray:
    """H×W float32, 1 inside any of ``outlines`` (N×2 px), antialiased, blurred by ``soft_px``."""
    mask = np.zeros(shape, np.uint8)
    for outline in outlines:
        # Coordinates with 4 fractional bits.
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    mask = mask.astype(np.float32) * np.float32(1 / 255)
    return cv2.GaussianBlur(mask, (0, 0), soft_px) if soft_px > 0 else mask


def grown(outline: np.ndarray, factor: float, by_px: float = 0) -> np.ndarray:
    """``outline`` scaled about its centre, and moved outwards by ``by_px``."""
    centre = outline.mean(axis=0)
    away = outline - centre
    length = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return (centre + away * factor + away / length * by_px).astype(np.float32)


def smooth_curve(points: np.ndarray, per_segment: int = 6) -> np.ndarray:
    """A Catmull–Rom spline through ``points`` (N×2)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, per_segment, endpoint=False, dtype=np.float32)[:, None]
    pieces = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                   + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )  # fmt: skip
    return np.concatenate([*pieces, points[-1:]]).astype(np.float32)
