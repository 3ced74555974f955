"""Room above tall hats, bows and hair, which the usual square of a portrait would cut."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face, quarter_turns
from cartoon_avatar.ai.seeing.framing import cut_share, in_crop, moved_into, resampled
from cartoon_avatar.ai.seeing.looks import face_axes
from cartoon_avatar.ai.seeing.matting import MaskFinder, Masks
from cartoon_avatar.contract.boxes import Box

_FOREHEAD = 10
# So far beside the forehead, in face heights, hats and hair stand on a head, and so wide is what
# of them is missed.
_ASIDE, _WIDE = 0.8, 0.15
# How far a square moves up before it grows, and how far where it cannot; how large it becomes at
# most, and how much room it leaves above: in usual sides.
_UP, _LARGEST, _ROOM = (0.1, 0.2), 1.3, 0.05
# How far above the usual square the top is looked for, in its sides, and on how many pixels.
_ABOVE, _LOOK_PX = 0.6, 512


def is_cut_above(masks: Masks, face: Face) -> bool:
    """Whether what the first person, whose face is ``face``, wears goes on past the upper rim."""
    return masks.trusted and quarter_turns(face) == 0 and _top(_worn(masks), face) == 0


def with_head_room(
    photo: Picture,
    within: Box,
    usual: Box,
    face: Face,
    others: Sequence[Face],
    find_masks: MaskFinder,
) -> Box:
    """``usual``, the square around ``face`` ``within`` a box of ``photo``, moved up and made larger
    for what that person wears: not so much that the face becomes small, nor so that it cuts faces
    of ``others``.
    """
    side = usual.width
    top = max(within.top, usual.top - round(_ABOVE * side))
    if quarter_turns(face) or top == usual.top:
        return usual
    tall = Box(usual.left, top, side, usual.top + side - top)
    scale = min(1.0, _LOOK_PX / tall.height)
    seen = resampled(photo, tall, round(scale * tall.height))
    people = [in_crop(one, tall, seen.width / side) for one in (face, *others)]
    masks = find_masks(seen, people)
    if masks is None or not masks.trusted:
        return usual
    highest = tall.top + _top(_worn(masks), people[0]) * side / seen.width - _ROOM * side
    missing = usual.top - max(within.top, highest)
    if missing <= 0:
        return usual
    largest = max(side, min(_LARGEST * side, within.width))
    up = min(missing, max(_UP[0] * side, min(missing - (largest - side), _UP[1] * side)))
    bottom = usual.top + side - up
    grown = round(min(side + missing - up, largest))
    left, top = round(usual.left + (side - grown) / 2), round(bottom - grown)
    box = moved_into(Box(left, top, grown, grown), within)
    face_px = face_axes(face)[1]
    spared = cut_share(box, others, face_px) <= cut_share(usual, others, face_px)
    return box if spared else usual


def _worn(masks: Masks) -> np.ndarray:
    """What of the first person may stand on a head: no raised arm."""
    return masks.mine - masks.body_skin


def _top(worn: np.ndarray, face: Face) -> int:
    """The highest row of what stands on the forehead of ``face``, 0 at the rim."""
    unit_px = face_axes(face)[1]
    x, y = face.landmarks[_FOREHEAD]
    height, width = worn.shape
    rows = int(np.clip(y, 1, height))
    left, right = (int(np.clip(x + side * _ASIDE * unit_px, 0, width)) for side in (-1, 1))
    stands = (worn[:rows, left:right] > 0.5).astype(np.uint8)
    if not stands.size:
        return rows
    _, pieces = cv2.connectedComponents(stands, connectivity=4)
    middle = int(np.clip(x - left, 0, stands.shape[1] - 1))
    own = pieces == pieces[-1, middle]
    wide = (own & (stands > 0)).sum(axis=1) > _WIDE * unit_px
    return int(np.argmax(wide)) if wide.any() else rows
