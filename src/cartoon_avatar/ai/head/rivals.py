"""Whose hair it is, where several heads meet."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.seeing.faces import Face


def share_of(face: Face, faces: list[Face], square: Square, rgb: np.ndarray) -> np.ndarray:
    """P×P float32: 1 where a pixel belongs to ``face`` rather than to any other.

    Each head grows from its skull over what is alike (watershed; Meyer 1992), so that hair
    which hangs down beside another's face stays with the head that it grows on.
    """
    px = rgb.shape[0]

    def distance(ruler: Ruler) -> np.ndarray:
        return ruler.from_skull(*ruler.measure(square, px))

    ruler = Ruler.of(face)
    own = distance(ruler)
    oval = ruler.face_area(square, px)
    rivals = [Ruler.of(other) for other in faces if other is not face]
    away = [distance(rival) for rival in rivals]
    near = [at for at in range(len(rivals)) if away[at].min() < 1.5]
    if not near:
        return np.ones_like(own)

    nearest = np.min([away[at] for at in near], axis=0)
    # Around each skull, which ends at 1, all is its own; in doubt the other's, since a piece
    # of another's hair is uglier than a piece of the own one lost.
    seeds = np.zeros(own.shape, np.int32)
    seeds[(own < 1.1) & (own < nearest - 0.3)] = 1
    seeds[(nearest < 1.25) & (nearest < own - 0.1)] = 2
    for at in near:
        seeds[rivals[at].face_area(square, px) > 0.5] = 2
    seeds[oval > 0.5] = 1
    cv2.watershed(cv2.medianBlur(rgb, 5), seeds)
    # Hair hangs down into another's reach; none grows up into it.
    _, down = ruler.measure(square, px)
    slack = 0.65 * smoothstep(down, -0.9, -0.5) - 0.2
    grown = ((seeds == 1) & (nearest > own - slack)).astype(np.uint8)
    grown = cv2.morphologyEx(grown, cv2.MORPH_OPEN, disc(0.08 * ruler.height * px / square.side))
    share = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 1.5)
    return np.maximum(share, oval)
