"""A person's bold painting and what is where in it, for shapes to be traced from."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import cv2
import numpy as np

from cartoon_avatar.ai.engines import painted
from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.drawn.colours import Lab, lab_of
from cartoon_avatar.ai.engines.drawn.doubts import without_blurred, without_doubt
from cartoon_avatar.ai.engines.drawn.palette import SkinTones, skin_tones
from cartoon_avatar.ai.engines.drawn.paths import outlines, path_of, polygon
from cartoon_avatar.ai.engines.drawn.person import Reading, blurred
from cartoon_avatar.ai.engines.drawn.reading import read
from cartoon_avatar.ai.engines.drawn.tracing import some
from cartoon_avatar.ai.filters.guided_filter import guided_filter
from cartoon_avatar.ai.seeing.features import features_of
from cartoon_avatar.ai.seeing.scene import Scene, once_per_scene, shrunk

# How high a face is in the painting that is traced, px, if the long side's limits allow; finer with
# a scene, where nothing is bold. Outlines are finer than its pixels.
_FACE_PX, _PAINTED_PX = 228, (512, 768)
_FINE_FACE_PX, _SCENE_PX = 290, (640, 896)
# Below this, squared face heights, hair is cropped.
_CROPPED = 0.17
# How far the border between hair and face is moved to where strands end, face heights.
_STRAND = 0.035
# How far beside the mesh a cheek goes on, face heights.
_CHEEK = 0.2
# How much of the face by the neck is the neck's, face heights.
_JAW = 0.008
# From which share of strange cloth on a body only what is near its middle colour is its own, and
# how near, in CIELAB with less weight on lightness; a collar by the neck, face heights, stays.
_CROWDED, _OWN, _COLLAR = 0.25, 20.0, 0.12
# Of the lower face: cloth over less of it is a collar.
_COLLAR_SHARE = 0.15
# What is narrower than twice this at the outline of a body is somebody else's, face heights.
_SCRAP = 0.06
# Half the least width of somebody else, face heights, and their smallest area, squared.
_RIM, _SPOT = 0.04, 0.02
# Faces of less than this share of the person's height are not drawn for themselves.
_SMALL = 0.4
# Holes in a face below this are lights on it, squared face heights.
_SHINE = 0.03
# From how many squared face heights of others on, one piece with a person, they are drawn too, and
# half the least width of what is drawn of them.
_COMPANY, _THIN = 0.12, 0.02

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A painting and what is where in it. Masks are H×W bool on the reading's grid."""

    reading: Reading
    lab: np.ndarray  # H×W×3 float32 CIELAB, on pixels of its own
    skin: SkinTones
    neck: np.ndarray
    clothes: np.ndarray
    face: np.ndarray
    hair: np.ndarray
    hat: np.ndarray
    rest: np.ndarray  # gaps between the others: a scrap of collar, a strap
    cloth_seen: np.ndarray  # where clothes and hat have the colours of the painting
    others: np.ndarray  # everybody else
    crowded: bool  # whether ``rest`` has who is beside, too
    beside: tuple[Reading, ...]  # other faces; what lies where is the ``reading``'s of the first
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` gives, made once for all styles of one person that share the ``key``."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def in_light(self, lab: np.ndarray) -> Portrait:
        """The same person in other colours, H×W×3 CIELAB."""
        return replace(self, lab=lab, _made={})

    @property
    def head(self) -> np.ndarray:
        return self.face | self.hair | self.hat

    @property
    def body(self) -> np.ndarray:
        return self.neck | self.clothes | self.rest

    @property
    def everything(self) -> np.ndarray:
        return self.head | self.body

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        return self.face, self.hair, self.hat, self.neck, self.clothes

    @property
    def scale(self) -> float:
        """Pixels of ``lab`` a unit."""
        return self.lab.shape[1] / self.reading.width

    @property
    def face_colour(self) -> Lab | None:
        """The median of the painted face; None where hair or a hat hides it."""
        face = self.on_pixels(self.face & self.reading.oval & ~self.reading.hair) > 0.5
        return np.median(some(self.lab[face]), axis=0) if face.any() else None

    def on_pixels(self, mask: np.ndarray) -> np.ndarray:
        """``mask`` on the painting's pixels, H×W float32."""
        return cv2.resize(mask.astype(np.float32), self.lab.shape[1::-1])

    def box(self, mask: np.ndarray) -> tuple[slice, slice]:
        """Rows and columns of the painting's pixels around ``mask``, of which there must be some.

        Outlines drawn about it lie inside.
        """
        margin = round(0.03 * self.reading.unit * self.scale) + 4
        box = []
        for axis, size in zip((1, 0), self.lab.shape[:2], strict=True):
            found = np.flatnonzero(mask.any(axis=axis)) * size / mask.shape[1 - axis]
            box.append(slice(max(0, int(found[0]) - margin), int(found[-1]) + 2 + margin))
        return box[0], box[1]

    def ground(self, box: tuple[slice, slice]) -> str:
        """Path data of all of ``box``: below tones in a clip, it has no edge of its own to show."""
        (top, bottom), (left, right) = ((one.start, one.stop) for one in box)
        corners = [(left, top), (left, bottom), (right, bottom), (right, top)]
        return polygon(np.array(corners) / self.scale)

    def edge(self, mask: np.ndarray) -> str:
        """Path data of the outline of ``mask`` within the person."""
        return self.outline(mask & self.everything)

    def outline(self, mask: np.ndarray) -> str:
        """Path data of the outline of ``mask``."""
        unit = self.reading.unit
        least = 0.0005 * unit**2
        curves = outlines(
            mask,
            self.reading.scale,
            blur_px=1.2,
            smooth=0.008 * unit,
            least=least,
        )
        return path_of(curves, fine=1.3)

    def silhouette(self, mask: np.ndarray) -> str:
        """Path data of the calm outline of the largest piece of ``mask``."""
        reading, unit = self.reading, self.reading.unit
        mask = reading.largest(reading.closed(mask, 0.012 * unit))
        curves = outlines(
            mask, reading.scale, blur_px=1.5, smooth=0.012 * unit, least=0.06 * unit**2
        )
        return path_of(curves, fine=1.2)


@once_per_scene
def portrait_of(scene: Scene, clock: Clock) -> Portrait:
    """Of a bold painting."""
    return _portrait_of(scene, painted.BOLD, _FACE_PX, _PAINTED_PX, clock)


@once_per_scene
def portrait_in_scene(scene: Scene, clock: Clock) -> Portrait:
    """Of a painting with its scene."""
    return _portrait_of(scene, painted.STORY, _FINE_FACE_PX, _SCENE_PX, clock)


def _portrait_of(
    scene: Scene,
    style: painted.PaintedStyle,
    face_px: int,
    limits_px: tuple[int, int],
    clock: Clock,
) -> Portrait:
    share = features_of(scene.people[0].landmarks).height / max(scene.picture.rgb.shape)
    long_side = round(float(np.clip(face_px / max(share, 1e-3), *limits_px)))
    small = shrunk(without_blurred(scene), long_side)
    painting = without_doubt(painted.traceable(small, style, clock))
    reading = read(painting)
    # A bald skull rises high above the face.
    near = reading.grown(reading.oval, 0.45 * reading.unit)
    hair, hat = reading.hair & ~reading.hat, reading.hat
    if reading.area(hair) < _CROPPED:
        # A thin strand over a bald head is what lies behind it.
        hair = reading.opened(hair, 0.014 * reading.unit)
    hair = reading.without_small(_to_strands(painting, reading, hair), 0.004)
    oval = _oval_seen(painting, reading)
    clothes = reading.filled(reading.clothes, 0.004) & ~hair & ~hat & ~oval
    face = (reading.face & near) | oval | (reading.worn_on_face > 0.3)
    face &= ~hair & ~hat
    below = reading.skin_below & ~face & ~hair & ~clothes
    # Of a head that is turned away, cheek and lobe lie beside the mesh.
    beside = below & (reading.down_at < reading.at(14) @ reading.down)
    beside &= reading.grown(reading.oval, _CHEEK * reading.unit)
    face, below = face | beside, below & ~beside
    neck = reading.without_small(below, 0.01)
    # A cheek wider than the mesh knows.
    face |= below & ~neck & reading.grown(reading.oval, 0.1 * reading.unit)
    # A painted jaw has a dark line, below which the neck is not to show.
    jaw = face & reading.grown(neck, _JAW * reading.unit)
    face, neck = face & ~jaw, neck | jaw
    parts = face | hair | hat | neck | clothes
    rest = reading.person & ~parts & reading.closed(parts, 0.06 * reading.unit)
    whole = _without_scraps(reading, parts | rest, clothes | rest)
    whole &= reading.frame
    cloth_seen = _cloth_seen(painting, reading, clothes) | _cloth_seen(painting, reading, hat)
    seen = whole & (_person(painting, whole.shape) | face)
    company = _company(painting, reading, seen)
    if crowded := bool(company.any()):
        # Nothing is made up of a body that others hide: they are drawn instead.
        clothes &= cloth_seen
        face |= reading.filled(face, _SHINE) & ~(hair | hat | neck | clothes)
        whole = seen | company
        rest = whole & ~(face | hair | hat | neck | clothes)
    clock.done("read")
    return Portrait(
        reading=reading,
        # The pixels' own steps would be traced.
        lab=cv2.GaussianBlur(lab_of(painting.picture.rgb), (0, 0), 0.45),
        skin=skin_tones(reading),
        neck=neck & whole,
        clothes=clothes & whole,
        face=face & whole,
        hair=hair & whole,
        hat=hat & whole,
        rest=rest & whole,
        cloth_seen=cloth_seen,
        others=_others(painting, reading, whole),
        crowded=crowded,
        beside=_beside(painting, reading),
    )


def _oval_seen(scene: Scene, reading: Reading) -> np.ndarray:
    """The face's oval without what of the mesh lies beside the person or on a collar."""
    person = _person(scene, reading.oval.shape)
    beside = reading.oval & ~person
    oval = reading.oval & ~_collar(scene, reading)
    # Masks that leave out more of a face are wrong.
    return oval & person if beside.sum() < 0.08 * reading.oval.sum() else oval


def _collar(scene: Scene, reading: Reading) -> np.ndarray:
    """Cloth before the lower face; more of it is a mask that is worn there."""
    lower = reading.oval & (reading.down_at > reading.at(2) @ reading.down)
    if scene.masks is None:
        return np.zeros_like(lower)
    cloth = cv2.resize(scene.masks.clothes, lower.shape[::-1], interpolation=cv2.INTER_AREA)
    collar = lower & (cloth > 0.5)
    return collar if collar.sum() < _COLLAR_SHARE * lower.sum() else np.zeros_like(lower)


def _person(scene: Scene, shape: tuple[int, int]) -> np.ndarray:
    if scene.masks is None:
        return np.ones(shape, bool)
    return cv2.resize(scene.masks.person, shape[::-1], interpolation=cv2.INTER_AREA) > 0.5


def _others(scene: Scene, reading: Reading, whole: np.ndarray) -> np.ndarray:
    """Where people are beside the ``whole`` of the person."""
    if scene.masks is None:
        return np.zeros_like(whole)
    beside = _person(scene, whole.shape) & ~whole
    # Around the person lies a rim that masks do not agree on.
    return reading.without_small(beside & reading.opened(beside, _RIM * reading.unit), _SPOT)


def _beside(scene: Scene, reading: Reading) -> tuple[Reading, ...]:
    """Those beside the person whose faces are not much smaller."""
    found = []
    for face, subject in zip(scene.people[1:], scene.subjects[1:], strict=True):
        features = features_of(face.landmarks * np.float32(reading.width / scene.picture.width))
        if features.height > _SMALL * reading.unit:
            eyes = np.subtract(*(eye.outline.mean(axis=0) for eye in features.eyes[::-1]))
            across = eyes / max(1e-6, float(np.hypot(*eyes)))
            found.append(
                replace(
                    reading,
                    subject=subject,
                    features=features,
                    unit=features.height,
                    across=across,
                    down=np.array([-across[1], across[0]]),
                )
            )
    return tuple(found)


def _company(scene: Scene, reading: Reading, whole: np.ndarray) -> np.ndarray:
    """The ``whole`` person and all who are one piece with them; nobody where nobody is."""
    everybody = whole | reading.opened(_person(scene, whole.shape), _THIN * reading.unit)
    together = next((one for one in reading.pieces(everybody, 0.0) if (one & whole).any()), whole)
    beside = together & ~reading.grown(whole, _RIM * reading.unit)
    return together if reading.area(beside) > _COMPANY else np.zeros_like(whole)


def _to_strands(painting: Scene, reading: Reading, hair: np.ndarray) -> np.ndarray:
    """``hair`` whose border on the face follows the strands that the painting shows."""
    size = hair.shape[::-1]
    rgb = cv2.resize(painting.picture.rgb, size, interpolation=cv2.INTER_AREA)
    reach = _STRAND * reading.unit
    soft = guided_filter(rgb, hair.astype(np.float32), reach * reading.scale, 1e-3)
    border = reading.grown(hair, reach) & reading.grown(reading.face | reading.oval, reach)
    return np.where(border & (hair | reading.face | reading.oval), soft > 0.5, hair)


def _without_scraps(reading: Reading, whole: np.ndarray, body: np.ndarray) -> np.ndarray:
    """``whole`` without what is narrow beside the ``body``, and what is apart from the face."""
    narrow = body & ~reading.opened(whole, _SCRAP * reading.unit)
    pieces = reading.pieces(whole & ~narrow, 0.0)
    return next((piece for piece in pieces if (piece & reading.oval).any()), whole)


def _cloth_seen(scene: Scene, reading: Reading, mask: np.ndarray) -> np.ndarray:
    """Where a cloth's ``mask`` is that cloth in the photo, too.

    Where a shoulder is made up, or somebody's arm lies on it, the colours are no cloth's.
    """
    cloth = reading.clothes_seen | reading.hat
    strange = reading.opened(mask & ~cloth, 0.02 * reading.unit)
    seen = mask & cloth & ~reading.grown(strange, 0.03 * reading.unit)
    seen &= _person(scene, mask.shape)
    if seen.any() and strange.sum() > _CROWDED * mask.sum():
        # Of what shows between arms much is theirs, too.
        apart = reading.lab - np.median(reading.lab[seen], axis=0)
        own = np.hypot(0.8 * apart[..., 0], np.hypot(apart[..., 1], apart[..., 2])) < _OWN
        neck = reading.largest(reading.skin_below)
        own |= reading.grown(neck, _COLLAR * reading.unit)
        large = reading.without_small(reading.opened(seen & own, 0.02 * reading.unit), 0.08)
        seen = large if large.any() else seen
    return seen


def beyond(lab: np.ndarray, mask: np.ndarray, reach_px: float) -> np.ndarray:
    """``lab`` with the colours of ``mask`` going on outside of it."""
    covered = mask.astype(np.uint8)
    # What goes on is soft: half the pixels tell as much.
    size = max(1, mask.shape[1] // 2), max(1, mask.shape[0] // 2)
    inside = cv2.resize(cv2.copyTo(lab, covered), size, interpolation=cv2.INTER_LINEAR)
    weight = cv2.resize(covered.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)

    def mean(sigma: float) -> np.ndarray:
        return blurred(inside, sigma) / np.maximum(blurred(weight, sigma), 1e-3)[..., None]

    # Far away it is the colour of all of it.
    around = np.median(some(lab[mask]), axis=0) if mask.any() else np.zeros(3)
    for reach in (4 * reach_px, 0.5 * reach_px):
        near = np.clip(5 * blurred(weight, reach), 0, 1)[..., None]
        around = near * mean(reach) + (1 - near) * around
    around = cv2.resize(around.astype(np.float32), lab.shape[1::-1])
    return cv2.copyTo(lab, covered, around)
