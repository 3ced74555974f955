"""Whose hair it is, where several heads meet."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.random_walker import random_walk
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.seeing.faces import Face

# Width and height of the copy on which heads are parted, px.
_SIDE_PX = 192
# A skull is 1 wide all around: well inside it, and nearer to it than to another by so much, all is
# its own; where two are as near, within ``_EVEN``, nobody knows.
_CORE, _NEARER, _EVEN = 0.6, 0.3, 0.35
# Further from a skull than this, and higher above the chin, hair may be anyone's.
_BEYOND, _UPRIGHT = (1.05, 1.25), (-1.1, -0.9)
# How much that counts against colours, and how little is walked over their edges.
_TRUST, _EDGE = 5e-4, 300.0
# Who owns a pixel is known no better than this, in face heights; and narrower is no hair of one's.
_BLUR, _SPUR = 0.02, 0.08


def share_of(face: Face, faces: list[Face], square: Square, rgb: np.ndarray) -> np.ndarray:
    """P×P float32: 1 where a pixel belongs to ``face`` rather than to any other.

    Each head is walked to from over what is alike, so that hair which hangs down beside another's
    face stays with the head that it grows on, and hair that touches another's is parted from it
    where their lights differ.
    """
    px = rgb.shape[0]
    rulers = [Ruler.of(other) for other in faces if other is not face]
    away = [ruler.from_skull(*ruler.measure(square, _SIDE_PX)) for ruler in rulers]
    near = [at for at in range(len(rulers)) if away[at].min() < 1.5]
    if not near:
        return np.ones((px, px), np.float32)

    own_ruler = Ruler.of(face)
    own = own_ruler.from_skull(*own_ruler.measure(square, _SIDE_PX))
    nearest = np.min([away[at] for at in near], axis=0)
    seeds = np.full(own.shape, -1, np.int32)
    seeds[(own < _CORE) & (own < nearest - _NEARER)] = 1
    seeds[(nearest < _CORE) & (nearest < own - _NEARER)] = 0
    for at in near:
        seeds[rulers[at].face_area(square, _SIDE_PX) > 0.5] = 0
    seeds[own_ruler.face_area(square, _SIDE_PX) > 0.5] = 1

    small = cv2.resize(rgb, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    # What stands up from the skull is in doubt the other's: a piece of another's hair is uglier
    # than a piece of the own one lost.
    _, down = own_ruler.measure(square, _SIDE_PX)
    risen = smoothstep(own, *_BEYOND) * (1 - smoothstep(down, *_UPRIGHT))
    prior = smoothstep(nearest - own - _EVEN * risen, -_EVEN, _EVEN)
    walk = random_walk(small, seeds, prior, trust=_TRUST, edge=_EDGE)
    grown = (cv2.resize(walk, (px, px)) > 0.5).astype(np.uint8)
    unit_px = own_ruler.height * px / square.side
    grown = cv2.morphologyEx(grown, cv2.MORPH_OPEN, disc(_SPUR * unit_px))
    share = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), max(1.0, _BLUR * unit_px))
    return np.maximum(share, own_ruler.face_area(square, px))
