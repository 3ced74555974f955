"""Person and head masks: which pixels are hair, skin, clothes, and which are nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import shrunk, sized
from cartoon_avatar.ai.filters.guided_filter import guided_filter
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.class_map import (
    BACKGROUND,
    BODY_SKIN,
    CLOTHES,
    FACE_SKIN,
    HAIR,
    OTHER,
    class_map,
    person_map,
)
from cartoon_avatar.ai.seeing.detector import Face
from cartoon_avatar.ai.seeing.features import OVAL, area, features_of, grown
from cartoon_avatar.ai.seeing.figure import whole_figure, without_islands
from cartoon_avatar.ai.seeing.looks import class_planes, face_axes
from cartoon_avatar.ai.seeing.models import Models
from cartoon_avatar.ai.seeing.separation import share_of_first, without_prints

__all__ = [
    "BACKGROUND",
    "BODY_SKIN",
    "CLOTHES",
    "FACE_SKIN",
    "HAIR",
    "OTHER",
    "MaskFinder",
    "Masks",
    "class_map",
    "open_mask_finder",
    "person_map",
]


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """What belongs to the people in a picture: H×W float32 each, 0..1.

    ``hair``, ``face_skin``, ``body_skin``, ``clothes`` and ``other`` (hats, glasses, what is
    held) add up to ``person``; ``skin`` is that of face and body. ``mine`` is what of ``person``
    belongs to the first of the people. ``trusted``: the network sees a face where the first
    one was found; where it is false, the masks must not decide what is left of the scene.
    """

    person: np.ndarray
    hair: np.ndarray
    skin: np.ndarray
    face_skin: np.ndarray
    body_skin: np.ndarray
    clothes: np.ndarray
    other: np.ndarray
    mine: np.ndarray
    trusted: bool = True

    def each(self, change: Callable[[np.ndarray], np.ndarray]) -> Masks:
        """The masks after ``change`` of every one."""
        planes = [one.name for one in fields(self) if one.name != "trusted"]
        return replace(self, **{name: change(getattr(self, name)) for name in planes})


# The masks of a picture whose faces are known; None where no model can tell.
MaskFinder = Callable[[Picture, list[Face]], Masks | None]

# Long side of the copy on which classes are put together, px. Finer the networks do not see;
# only where faces are small in the picture would more be gained.
_SEEN_PX, _SEEN_FINELY_PX = 512, 1024
_SMALL_FACE_PX = 60
# What must be seen of the first face to believe the rest.
_TRUSTED = 0.4
# Of a face that the network does not see: widths of lines before it that are looked through, in
# face heights, and how much larger the picture is made by mirroring it about its rim, times.
_LINES, _WIDE_LINES = 0.03, 0.09
_AFAR = 1.7
# Long side of a picture in which nothing is before a face that is not seen but too few pixels, px.
_TINY_PX = 256


def open_mask_finder(models: Models) -> MaskFinder:
    """A finder on ``models``, which it may not share with another thread.

    Faces may lie partly outside the picture. Without the class model the person comes from the
    plainer selfie model and the masks of hair, skin, clothes and others are empty.
    """

    def find(picture: Picture, faces: list[Face]) -> Masks | None:
        if models.person_classes is None and models.person is None:
            return None
        rgb = _filled(picture)
        scale = min(1.0, _SEEN_PX / max(rgb.shape))
        if faces and face_axes(faces[0])[1] * scale < _SMALL_FACE_PX:
            scale = min(1.0, _SEEN_FINELY_PX / max(rgb.shape))
        small = shrunk(rgb, round(scale * max(rgb.shape)))
        if models.person_classes is None:
            assert models.person is not None
            near = _moved(faces, small, rgb)
            person = cv2.resize(person_map(models.person, small), small.shape[1::-1])
            person = _whole(_with_faces(person, near), small, near)
            person = _alone(sized(_refined(person, small), rgb.shape), faces, picture)
            nothing = np.zeros(person.shape, np.float32)
            mine = person * share_of_first(person, rgb, faces)
            hair = skin = face_skin = body_skin = clothes = other = nothing
            return Masks(person, hair, skin, face_skin, body_skin, clothes, other, mine)

        near = _moved(without_prints(faces), small, rgb)
        planes = class_planes(models, small, near)
        trust = _trust(planes, near)
        for look in _OTHER_LOOKS if trust < _TRUSTED else ():
            other = look(models, small, near[:1])
            if (found := _trust(other, near)) >= max(_TRUSTED, trust):
                # Everybody is looked at again only where it helps the first.
                planes = other if len(near) == 1 else look(models, small, near)
                trust = found
                break
        if trust < _TRUSTED and max(rgb.shape) < _TINY_PX:
            _name_by_place(planes, near[0])
        ovals = _ovals(planes.shape[:2], near)
        planes[..., FACE_SKIN] += ovals * planes[..., BACKGROUND]
        planes[..., BACKGROUND] *= 1 - ovals
        # What shape and colour alone give to the person is dark or plain cloth.
        person = 1 - planes[..., BACKGROUND]
        lost = np.maximum(0, _whole(person, small, near) - person)
        planes[..., BACKGROUND] -= lost
        planes[..., CLOTHES] += lost
        return _masks(picture, rgb, planes, faces, trust >= _TRUSTED)

    return find


def _masks(
    picture: Picture, rgb: np.ndarray, planes: np.ndarray, faces: list[Face], trusted: bool
) -> Masks:
    """``planes`` (h×w×6, of a smaller copy) as masks of the picture, on its edges."""
    behind = _refined(sized(planes[..., BACKGROUND], rgb.shape), rgb)
    person = _with_faces(smoothstep(1 - behind, 0.15, 0.85), faces)
    person = _alone(person, faces, picture)
    # Within a person half the detail is enough. Each pixel is nearly always of one kind: what
    # is likelier takes more than its share.
    half = shrunk(rgb, max(rgb.shape) // 2 or 1)
    # OpenCV shrinks at most four channels at a time.
    kinds = np.dstack([sized(kind, half.shape) for kind in cv2.split(planes)[1:]])
    kinds = _refined(kinds, half)
    kinds = np.square(np.maximum(kinds, 0, out=kinds), out=kinds)
    # Where no class is seen it is cloth.
    kinds[..., CLOTHES - 1] += 1e-4
    kinds /= kinds.sum(axis=2, keepdims=True)
    hair, body_skin, face_skin, clothes, other = (
        sized(kind, rgb.shape) * person for kind in cv2.split(kinds)
    )
    mine = person * share_of_first(person, rgb, faces)
    skin = face_skin + body_skin
    return Masks(person, hair, skin, face_skin, body_skin, clothes, other, mine, trusted)


def _behind_lines(width: float, models: Models, rgb: np.ndarray, faces: list[Face]) -> np.ndarray:
    """The class planes without what is narrower than ``width``: bars, wires, printed lines."""
    width_px = round(width * face_axes(faces[0])[1]) | 1
    return class_planes(models, cv2.medianBlur(rgb, width_px), faces)


def _from_afar(models: Models, rgb: np.ndarray, faces: list[Face]) -> np.ndarray:
    """The class planes of a face that fills the picture and has few pixels: shown smaller, with
    more around it, it looks to the network as others do."""
    height, width = rgb.shape[:2]
    rim = round((_AFAR - 1) / 2 * max(height, width))
    # Mirrored once at most.
    down, across = min(rim, height - 1), min(rim, width - 1)
    wide = cv2.copyMakeBorder(rgb, down, down, across, across, cv2.BORDER_REFLECT_101)
    offset = np.array([across, down], np.float32)
    moved = [replace(face, landmarks=face.landmarks + offset) for face in faces]
    return class_planes(models, wide, moved)[down : down + height, across : across + width].copy()


_OTHER_LOOKS: tuple[Callable[[Models, np.ndarray, list[Face]], np.ndarray], ...] = (
    partial(_behind_lines, _LINES),
    partial(_behind_lines, _WIDE_LINES),
    _from_afar,
)


def _name_by_place(planes: np.ndarray, face: Face) -> None:
    """Name what is person about a ``face`` that the network does not see, in place: skin inside
    its oval, hair about it, a neck below. It is all one cloth else."""
    axes, unit = face_axes(face)
    rows, columns = np.indices(planes.shape[:2], np.float32)
    away = np.stack([columns, rows], axis=2) - face.landmarks[152]
    across, down = np.moveaxis(away @ axes.astype(np.float32) / np.float32(unit), 2, 0)
    oval = area(planes.shape[:2], features_of(face.landmarks).oval)
    beside = (np.abs(across) < 0.9) & (down > -1.7)
    zones = (
        (FACE_SKIN, oval),
        (HAIR, (1 - oval) * (beside & (down < -0.15))),
        (BODY_SKIN, (1 - oval) * ((np.abs(across) < 0.25) & (np.abs(down) < 0.25))),
    )
    for kind, zone in zones:
        for unnamed in (OTHER, CLOTHES):
            moved = planes[..., unnamed] * zone
            planes[..., kind] += moved
            planes[..., unnamed] -= moved


def _whole(person: np.ndarray, rgb: np.ndarray, faces: list[Face]) -> np.ndarray:
    """``person`` with the shoulders that the networks lost."""
    people = [features_of(face.landmarks) for face in faces]
    return whole_figure(person, rgb, people) if people else person


def _alone(person: np.ndarray, faces: list[Face], picture: Picture) -> np.ndarray:
    """``person`` without what hangs on no face, and without what is transparent."""
    people = [features_of(face.landmarks) for face in faces]
    if people:
        person = without_islands(person, people)
    if picture.alpha is not None:
        person = person * (picture.alpha * np.float32(1 / 255))
    return person


def _filled(picture: Picture) -> np.ndarray:
    """The colours of ``picture``, carried on below what is transparent."""
    if picture.alpha is None:
        return picture.rgb
    opaque = picture.alpha > 127
    if not opaque.any():
        return picture.rgb
    _, labels = cv2.distanceTransformWithLabels(
        1 - opaque.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    colours[labels[opaque]] = picture.rgb[opaque]
    carried = cv2.GaussianBlur(colours[labels], (0, 0), max(picture.rgb.shape) / 100)
    return np.where(opaque[..., None], picture.rgb, carried)


def _moved(faces: list[Face], small: np.ndarray, rgb: np.ndarray) -> list[Face]:
    scale = small.shape[1] / rgb.shape[1]
    return [face.scaled(scale) for face in faces]


def _ovals(shape: tuple[int, int], faces: list[Face]) -> np.ndarray:
    """H×W float32: 1 on the faces. The mesh of a profile overhangs it."""
    outlines = [
        grown(cv2.convexHull(face.landmarks[list(OVAL)])[:, 0], 1.0 if face.confirmed else 0.8)
        for face in faces
    ]
    return area(shape, *outlines)


def _with_faces(person: np.ndarray, faces: list[Face]) -> np.ndarray:
    """Who was found is person, whatever the networks say."""
    return np.maximum(person, _ovals(person.shape, faces)) if faces else person


def _trust(planes: np.ndarray, faces: list[Face]) -> float:
    """How much of a face the network sees where the first is; low on drawings and under bars."""
    if not faces:
        return 1.0
    inside = area(planes.shape[:2], grown(faces[0].landmarks[list(OVAL)], 0.9)) > 0.5
    if not inside.any():
        return 0.0
    share = planes[inside].mean(axis=0)
    return float(min(1 - share[BACKGROUND] - share[CLOTHES], 2 * share[FACE_SKIN]))


def _refined(planes: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """``planes`` (the picture's size, H×W or H×W×C), their edges on those of ``rgb``."""
    # The map's own grain, 1/192 of a look, is about what an edge may be off by.
    radius_px = max(rgb.shape) / 160
    return guided_filter(rgb, planes, radius_px, 5e-4, scale=0.5 if max(rgb.shape) >= 512 else 1.0)
