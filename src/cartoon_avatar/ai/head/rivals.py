"""Whose hair it is, where several heads meet."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.random_walker import random_walk
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.matting import BODY_SKIN, FACE_SKIN, HAIR

# Width and height of the copy on which heads are parted, px.
_SIDE_PX = 192
# A skull is 1 wide all around: another's that lies further away does not meet it. Well inside of it
# all is its own, if it is nearer to it by so much; where two are as near, within ``_EVEN``, nobody
# knows.
_MEETS, _CORE, _NEARER, _EVEN = 1.5, 0.6, 0.3, 0.25
# Hair that hangs lower than this is not on top of a head, in face heights below the chin.
_BROWS = -0.7
# Where hair that is worn long hangs beside a face: as multiples of a skull, and in face heights
# below the chin. Of fewer pixels there nothing is known.
_BESIDE_FACE, _CHEEKS, _FEW = (0.75, 1.15), (-0.5, -0.1), 60
# How much of it is hair where nothing is known, and how little is as good as none.
_UNKNOWN, _SHORT = 0.5, 0.05
# How far towards the other head a head is surely seen, in face heights: the more, the further they
# are apart, and within these bounds. Beyond, the other may be before it, and its face and skull are
# but guessed.
_APART, _LEAST, _MOST = 1.1, -0.4, 0.3
# Where no more than another's hair can be before a face, as multiple of its skull.
_BESIDE, _CLEAR = 1.1, 1.2
# Hair and skin as far around a skull, and higher above the chin, show the colours of a head.
_AROUND, _ABOVE = 1.3, -0.1
# How alike colours are that count as one (square roots, 0..1), how much another class counts as one
# of them, how many are compared, and how much they say at most, as the logarithm of odds.
_ALIKE, _CLASS, _COMPARED, _SURE = 0.05, 0.15, 300, 2.0
_LEAST_OFTEN = 1e-3
_AT_ONCE = 1024
# Further from a skull than this, and higher above the chin, hair may be anyone's.
_BEYOND, _UPRIGHT = (1.05, 1.25), (-1.1, -0.9)
# How deep a notch between two heads is that parts them, and above which height it counts, in face
# heights; how far beside it what is as likely lies, and how much that says at most, as the
# logarithm of odds; in how many stations it is looked for.
_NOTCH, _ABOVE_BROWS, _BOTH, _SURE_NOTCH, _STATIONS = (0.04, 0.12), (-0.9, -0.7), 0.12, 3.0, 40
# How much place and colour count against what is alike, and how little is walked over edges.
_TRUST, _EDGE = 5e-4, 300.0
# Who owns a pixel is known no better than this, in face heights; and narrower is no hair of one's.
_BLUR, _SPUR = 0.02, 0.08


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    """A head, measured in a square: S×S each."""

    ruler: Ruler
    down: np.ndarray
    from_skull: np.ndarray
    #: How far beside the middle of the skull, to the right and down, in face heights: S×S×2.
    place: np.ndarray
    face: np.ndarray

    @classmethod
    def of(cls, face: Face, square: Square) -> _Person:
        ruler = Ruler.of(face)
        across, down = ruler.measure(square, _SIDE_PX)
        pitch = square.side / _SIDE_PX
        centres = (np.arange(_SIDE_PX) + 0.5) * pitch
        x, y = ruler.middle_of_skull
        place = np.dstack(np.meshgrid(square.left + centres - x, square.top + centres - y))
        return cls(
            ruler,
            down,
            ruler.from_skull(across, down),
            (place / ruler.height).astype(np.float32),
            ruler.face_area(square, _SIDE_PX) > 0.5,
        )

    def free_of(self, other: _Person) -> np.ndarray:
        """Where ``other`` cannot be before this head, whoever stands in front: S×S bool."""
        towards = (other.ruler.middle_of_skull - self.ruler.middle_of_skull) / self.ruler.height
        apart = max(float(np.hypot(*towards)), 1e-3)
        reach = np.clip(apart - _APART, _LEAST, _MOST)
        return self.place @ (towards / apart).astype(np.float32) < reach


def share_of(
    face: Face,
    faces: list[Face],
    square: Square,
    rgb: np.ndarray,
    classes: np.ndarray | None = None,
) -> np.ndarray:
    """P×P float32: 1 where a pixel belongs to ``face`` rather than to any other.

    Each head is walked to from over what is alike, in colour and in what the networks take it for
    (``classes``, P×P×6 or more), from the side of it that no other head can hide. Nobody needs to
    know who stands before whom: a face that is half covered by another's hair ends at the hair,
    and hair that hangs between two faces goes to the one that wears it long on its free side.
    """
    px = rgb.shape[0]
    own = _Person.of(face, square)
    others = [_Person.of(other, square) for other in faces if other is not face]
    others = [other for other in others if other.from_skull.min() < _MEETS]
    if not others:
        return np.ones((px, px), np.float32)

    kinds = _kinds(classes)
    everyone = [own, *others]
    worn: list[float | None] = [_hair_beside(one, everyone, kinds) for one in everyone]
    # Of a head that others hide on both sides nothing is known: its neighbours' short hair does
    # not make its own long.
    if worn[0] is None:
        worn = [None] * len(everyone)
    sure, known = zip(
        *(
            _seen(one, everyone, kinds, by_length=hair is not None)
            for one, hair in zip(everyone, worn, strict=True)
        ),
        strict=True,
    )
    seeds = np.full(own.down.shape, -1, np.int32)
    seeds[np.any(sure[1:], axis=0)] = 0
    seeds[sure[0]] = 1
    small = cv2.resize(rgb, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    nearest = np.min([other.from_skull for other in others], axis=0)
    # What stands up from the skull is in doubt the other's: a piece of another's hair is uglier
    # than a piece of the own one lost.
    risen = smoothstep(own.from_skull, *_BEYOND) * (1 - smoothstep(own.down, *_UPRIGHT))
    # How near hair hangs says the less, the more its length says.
    longer = _longer(everyone, worn, kinds)
    # Everybody's colours count where they are nearest.
    whose = np.argmin([other.from_skull for other in others], axis=0)
    beyond, parted = _notches(own, others, whose, kinds)
    nearer = (1 - np.abs(longer) / _SURE) * (nearest - own.from_skull) / _EVEN - risen
    odds = nearer + parted * (beyond - nearer) + longer
    looks = _looks(small, kinds)
    mine = _density(looks, known[0], np.ones_like(known[0])).reshape(whose.shape)
    rival = np.empty_like(mine)
    for number, where in enumerate(known[1:]):
        there = whose == number
        rival[there] = _density(looks, where, there)
    odds += np.clip(np.log(mine / rival), -_SURE, _SURE)
    prior = (1 / (1 + np.exp(-odds))).astype(np.float32)
    walk = random_walk(small, seeds, prior, trust=_TRUST, edge=_EDGE, kinds=_CLASS * kinds)
    grown = (cv2.resize(walk, (px, px)) > 0.5).astype(np.uint8)
    unit_px = own.ruler.height * px / square.side
    grown = cv2.morphologyEx(grown, cv2.MORPH_OPEN, disc(_SPUR * unit_px))
    return cv2.GaussianBlur(grown.astype(np.float32), (0, 0), max(1.0, _BLUR * unit_px))


def _kinds(classes: np.ndarray | None) -> np.ndarray:
    """S×S×3 float32: hair, skin of a face, other skin; empty (S×S×0) where no network sees them."""
    if classes is None:
        return np.zeros((_SIDE_PX, _SIDE_PX, 0), np.float32)
    planes = np.ascontiguousarray(classes[..., [HAIR, FACE_SKIN, BODY_SKIN]], np.float32)
    return cv2.resize(planes, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)


def _seen(
    one: _Person, everyone: list[_Person], kinds: np.ndarray, *, by_length: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Where ``one`` is surely, and where its colours are seen: each S×S bool. ``by_length``: hair
    that hangs between two faces is surely nobody's, as its length will say whose it is."""
    others = [other for other in everyone if other is not one]
    free = _free(one, everyone)
    nearest = np.min([other.from_skull for other in others], axis=0)
    near = one.from_skull < nearest
    core = (one.from_skull < _CORE) & (one.from_skull < nearest - _NEARER)
    if not kinds.shape[2]:
        sure = near & (one.face | core) & (free | (nearest > _BESIDE))
        return sure, sure
    hair, face, body = cv2.split(kinds)
    if by_length:
        near &= ~((hair > 0.5) & (one.down > _BROWS) & ~free)
    # Hair before the half of a face that is turned to another's is likely the other's.
    bare = one.face & (face > 0.5) & (nearest > _BESIDE)
    sure = near & (bare | (free & (one.face | core)) | (core & ~one.face & (nearest > _CLEAR)))
    around = near & (free | (nearest > _CLEAR)) & (one.from_skull < _AROUND) & (one.down < _ABOVE)
    likely = hair + face + 0.5 * body
    return sure, (sure & (likely > 0.5)) | (around & (likely > 0.7))


def _free(one: _Person, everyone: list[_Person]) -> np.ndarray:
    """Where nobody else can be before ``one``: S×S bool."""
    return np.all([one.free_of(other) for other in everyone if other is not one], axis=0)


def _longer(everyone: list[_Person], worn: list[float | None], kinds: np.ndarray) -> np.ndarray:
    """How much likelier hair that hangs between two faces is the first one's than another's, since
    hair is as long on both sides of a head: the logarithm of odds, S×S float32, 0 elsewhere.

    ``worn``: how much hair each wears beside its face, 0..1, where that is known.
    """
    if worn[0] is None:
        return np.zeros(everyone[0].down.shape, np.float32)
    mine, *theirs = np.array([_UNKNOWN if hair is None else hair for hair in worn], np.float32)
    longer = np.log((mine + _SHORT) / (np.array(theirs) + _SHORT)).clip(-_SURE, _SURE)
    near = np.stack([one.from_skull for one in everyone])
    # Below the brows of the nearest head, on a side that another hides.
    hangs = np.stack([(one.down > _BROWS) & ~_free(one, everyone) for one in everyone])
    hangs = np.take_along_axis(hangs, near.argmin(axis=0)[None], axis=0)[0]
    return np.asarray(kinds[..., 0] * hangs * longer[near[1:].argmin(axis=0)])


def _notches(
    own: _Person, others: list[_Person], whose: np.ndarray, kinds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How far on the own side of the notch that two heads' outline has from above each pixel lies,
    as the logarithm of odds, and how far that counts: hair above the brows, under a notch.

    ``whose`` (S×S) is which of ``others`` is nearest.
    """
    beyond = np.zeros(whose.shape, np.float32)
    counts = np.zeros(whose.shape, np.float32)
    if not kinds.shape[2]:
        return beyond, counts
    heads = kinds[..., 0] + kinds[..., 1] > 0.5
    for number, other in enumerate(others):
        way = (other.ruler.middle_of_skull - own.ruler.middle_of_skull) / own.ruler.height
        apart = max(float(np.hypot(*way)), 1e-3)
        along = own.place @ (way / apart**2).astype(np.float32)
        up = np.array([way[1], -way[0]]) / apart
        high = own.place @ (up if up[1] < 0 else -up).astype(np.float32)
        tops = np.full(_STATIONS, -9.0, np.float32)
        station = np.floor(along * _STATIONS).astype(np.int32)
        between = heads & (station >= 0) & (station < _STATIONS)
        np.maximum.at(tops, station[between], high[between])
        # Only between the middles of both: beside them an outline falls.
        lowest = int(tops.argmin())
        deep = min(tops[:lowest].max(initial=-9), tops[lowest + 1 :].max(initial=-9)) - tops[lowest]
        sure = float(smoothstep(np.float32(deep), *_NOTCH)) if tops[lowest] > -9 else 0.0
        here = whose == number
        at = (lowest + 0.5) / _STATIONS
        beyond[here] = ((at - along) * (apart / _BOTH))[here].clip(-_SURE_NOTCH, _SURE_NOTCH)
        above = np.maximum(own.down, other.down)
        counts[here] = (sure * kinds[..., 0] * (1 - smoothstep(above, *_ABOVE_BROWS)))[here]
    return beyond, counts


def _hair_beside(one: _Person, everyone: list[_Person], kinds: np.ndarray) -> float | None:
    """How much hair there is beside the face of ``one`` where nobody else can be, 0..1; None where
    too little of that is seen."""
    if not kinds.shape[2]:
        return None
    inner, outer = _BESIDE_FACE
    upper, lower = _CHEEKS
    beside = (one.from_skull > inner) & (one.from_skull < outer)
    beside &= _free(one, everyone) & (one.down > upper) & (one.down < lower)
    return float(kinds[..., 0][beside].mean()) if beside.sum() >= _FEW else None


def _looks(rgb: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """What each pixel is like, in units of what counts as one: S×S×C float32."""
    smooth = cv2.bilateralFilter(rgb, 5, 25, 3)
    colours = np.dstack([np.sqrt(smooth.astype(np.float32) * np.float32(1 / 255)), _CLASS * kinds])
    return colours / np.float32(np.sqrt(2) * _ALIKE)


def _density(looks: np.ndarray, where: np.ndarray, there: np.ndarray) -> np.ndarray:
    """How often what the pixels ``there`` are like (S×S bool) is found ``where`` (S×S bool) it is
    looked for: a float32 each (Parzen 1962)."""
    asked = looks[there]
    if not where.any():
        return np.full(len(asked), _LEAST_OFTEN, np.float32)
    some = looks[where]
    some = some[:: -(-len(some) // _COMPARED)]
    often = np.empty(len(asked), np.float32)
    squares = (some**2).sum(axis=1)
    # A few at a time stay in the cache.
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        away = (part**2).sum(axis=1)[:, None] + squares
        away = cv2.gemm(part, some, -2, away, 1, flags=cv2.GEMM_2_T)
        np.maximum(away, 0, out=away)
        np.negative(away, out=away)
        often[start : start + _AT_ONCE] = np.exp(away, out=away).mean(axis=1)
    return often + np.float32(_LEAST_OFTEN)
