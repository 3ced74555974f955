"""What an engine draws from: a framed picture and who is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from cartoon_avatar.ai.errors import FaceIndexOutOfRange
from cartoon_avatar.ai.filters.canvas import sized
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.bars import without_bars
from cartoon_avatar.ai.seeing.closer import seen_closer
from cartoon_avatar.ai.seeing.detector import prominence
from cartoon_avatar.ai.seeing.faces import Face, FaceFinder
from cartoon_avatar.ai.seeing.features import Features, features_of
from cartoon_avatar.ai.seeing.framing import (
    in_crop,
    inside_frame,
    portrait,
    resampled,
    scaled,
    whole,
)
from cartoon_avatar.ai.seeing.head_room import is_cut_above, with_head_room
from cartoon_avatar.ai.seeing.matting import MaskFinder, Masks
from cartoon_avatar.ai.seeing.person import subject_of
from cartoon_avatar.ai.seeing.subject import Subject
from cartoon_avatar.contract.boxes import Box, FaceBox
from cartoon_avatar.contract.options import Framing


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Scene:
    """A framed picture and the people in it.

    ``picture`` is the drawing's size; everything else is in its pixels, but for ``crop``,
    which is in pixels of the upright photo. ``people`` starts with the one who is drawn, the
    others follow by prominence; it is empty where nobody was found. ``faces`` are all faces of
    the whole photo (``faces_of``). ``clear`` is the picture without the bars before ``people``,
    None where there are none: what they look like is read from it.
    """

    picture: Picture
    crop: Box
    people: list[Face]
    masks: Masks | None
    faces: tuple[FaceBox, ...]
    clear: Picture | None = None
    #: What ``people`` look like, where that was read in another picture of them.
    as_read: list[Subject] | None = field(default=None, repr=False)

    @property
    def subjects(self) -> list[Subject]:
        """What each of ``people`` looks like; read once, when first asked for (20 ms each)."""
        return _subjects_in(self) if self.as_read is None else self.as_read

    @property
    def features(self) -> list[Features]:
        """Of ``people``: where they are, and whether they are to be drawn."""
        return [
            features_of(
                face.landmarks, shows_eyes=subject.shows_eyes, shows_mouth=subject.shows_mouth
            )
            for face, subject in zip(self.people, self.subjects, strict=True)
        ]


Rest = ParamSpec("Rest")
Seen = TypeVar("Seen")


def once_per_scene(
    look: Callable[Concatenate[Scene, Rest], Seen],
) -> Callable[Concatenate[Scene, Rest], Seen]:
    """``look``, whose result is kept as long as the scene it was made of lives: several styles of
    one person share it, whatever else ``look`` was given. It must not refer to the scene itself,
    or neither would ever be freed.
    """
    kept: WeakKeyDictionary[Scene, Seen] = WeakKeyDictionary()

    @wraps(look)
    def looked(scene: Scene, *rest: Rest.args, **named: Rest.kwargs) -> Seen:
        if scene not in kept:
            kept[scene] = look(scene, *rest, **named)
        return kept[scene]

    return looked


@once_per_scene
def _subjects_in(scene: Scene) -> list[Subject]:
    seen, barred = scene.picture.rgb, None
    if scene.clear is not None:
        seen, barred = scene.clear.rgb, (scene.clear.rgb != seen).any(axis=2)
    return [
        subject_of(seen, scene.masks, face, first=index == 0, barred=barred)
        for index, face in enumerate(scene.people)
    ]


def open_scene(
    photo: Picture,
    find_faces: FaceFinder,
    find_masks: MaskFinder | None,
    *,
    face: int = 0,
    framing: Framing = "portrait",
    long_side: int = 1024,
    full_size: tuple[int, int] | None = None,
    closer: Callable[[Box, int], Picture] | None = None,
) -> Scene:
    """Find the people in ``photo``, frame the one numbered ``face`` and look at them closely.

    Faces are counted from the most prominent. ``photo`` may be a smaller copy of one of
    ``full_size`` (width, height): where its own pixels are too few for a picture of
    ``long_side``, ``closer`` gives a crop of the full photo at up to that size. Raises
    ``FaceIndexOutOfRange``.
    """
    faces = find_faces(photo)
    if face and not 0 <= face < len(faces):
        raise FaceIndexOutOfRange(face, len(faces))
    size = full_size or (photo.width, photo.height)

    def looked_at(here: Box) -> Scene:
        crop = scaled(here, size[0] / photo.width, size[1] / photo.height)
        lacking = size[0] > photo.width and long_side > max(here.width, here.height)
        if closer is not None and lacking:
            full = closer(crop, long_side)
            picture = resampled(full, whole(full.width, full.height), long_side)
        else:
            picture = resampled(photo, here, long_side)
        near = _near(faces, face, here, picture)
        enlarged, finer = picture.width / here.width, size[0] / photo.width
        near = seen_closer(find_faces, picture, near, enlarged, finer)
        # The first is the one who is drawn: a person even where more than half of the face is cut
        # off, as it is one of the ``faces``.
        beside = [one for one in near[1:] if _shows(picture, *one.landmarks.mean(axis=0))]
        people = near[:1] + beside
        clear, masks = picture, None
        if find_masks and people:
            clear = without_bars(picture, people)
            masks = find_masks(clear, near)
        boxes = faces_of(faces, photo, size)
        return Scene(picture, crop, people, masks, boxes, clear if clear is not picture else None)

    if framing != "portrait" or not faces:
        return looked_at(whole(photo.width, photo.height))
    others = [one for one in faces if one is not faces[face]]
    within = inside_frame(photo)
    usual = portrait(faces[face], others, within)
    scene = looked_at(usual)
    if find_masks is None or scene.masks is None or not is_cut_above(scene.masks, scene.people[0]):
        return scene
    roomy = with_head_room(photo, within, usual, faces[face], others, find_masks)
    return scene if roomy == usual else looked_at(roomy)


def shrunk(scene: Scene, long_side: int) -> Scene:
    """``scene`` with a picture, people and masks no longer than ``long_side`` px."""
    width, height = scene.picture.width, scene.picture.height
    if max(width, height) <= long_side:
        return scene
    picture = resampled(scene.picture, whole(width, height), long_side)
    here = Box(0, 0, width, height)
    people = [in_crop(face, here, picture.width / width) for face in scene.people]
    masks = scene.masks
    if masks is not None:
        masks = masks.each(lambda mask: sized(mask, picture.rgb.shape))
    return replace(
        scene, picture=picture, people=people, masks=masks, clear=None, as_read=scene.subjects
    )


def cropped(scene: Scene, box: tuple[slice, slice]) -> Scene:
    """``scene`` with only those rows and columns of its picture, masks and people."""
    picture, masks = scene.picture, scene.masks
    left, top = box[1].start, box[0].start
    rgb = np.ascontiguousarray(picture.rgb[box])
    here = Box(left, top, rgb.shape[1], rgb.shape[0])
    return replace(
        scene,
        picture=Picture(rgb, picture.alpha[box] if picture.alpha is not None else None),
        people=[in_crop(face, here, 1.0) for face in scene.people],
        masks=masks and masks.each(lambda mask: mask[box]),
        clear=None,
        as_read=scene.subjects,
    )


def faces_of(faces: list[Face], photo: Picture, full_size: tuple[int, int]) -> tuple[FaceBox, ...]:
    """The boxes of ``faces`` in pixels of the full photo; the first has a prominence of 1."""
    across, down = full_size[0] / photo.width, full_size[1] / photo.height
    weights = [prominence(face.box, photo) for face in faces]
    most = max(weights, default=0) or 1
    found = []
    for face, weight in zip(faces, weights, strict=True):
        left, top, wide, high = (round(length) for length in face.box)
        box = scaled(Box(left, top, wide, high), across, down)
        found.append(FaceBox(box, round(weight / most, 3)))
    return tuple(found)


def _near(faces: list[Face], chosen: int, crop: Box, picture: Picture) -> list[Face]:
    """Those of ``faces`` of which ``crop`` shows something, in pixels of ``picture``."""
    scale = picture.width / crop.width
    shown = []
    for face in faces[chosen : chosen + 1] + faces[:chosen] + faces[chosen + 1 :]:
        here = in_crop(face, crop, scale)
        middle = here.landmarks.mean(axis=0)
        nearest = np.clip(middle, 0, [picture.width - 1, picture.height - 1])
        if (np.abs(nearest - middle) < np.array(here.box[2:]) / 2).all():
            shown.append(here)
    return shown


def _shows(picture: Picture, x: float, y: float) -> bool:
    return 0 <= x < picture.width and 0 <= y < picture.height
