"""What an engine draws from: a framed picture and who is in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cartoon_avatar.ai.errors import FaceIndexOutOfRange
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face, FaceFinder
from cartoon_avatar.ai.seeing.framing import Crop, portrait, resampled, whole
from cartoon_avatar.ai.seeing.matting import MaskFinder, Masks

Framing = Literal["portrait", "full"]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A framed picture and the people in it.

    ``picture`` is the drawing's size; everything else is in its pixels, but for ``crop``,
    which is in pixels of the upright photo. ``people`` starts with the one who is drawn, the
    others follow by prominence; it is empty where nobody was found. ``faces`` counts those of
    the whole photo.
    """

    picture: Picture
    crop: Crop
    people: list[Face]
    masks: Masks | None
    faces: int


def open_scene(
    photo: Picture,
    find_faces: FaceFinder,
    find_masks: MaskFinder | None,
    *,
    face: int = 0,
    framing: Framing = "portrait",
    long_side: int = 1024,
) -> Scene:
    """Find the people in ``photo``, frame the one numbered ``face`` and look at them closely.

    Faces are counted from the most prominent. Raises ``FaceIndexOutOfRange``.
    """
    faces = find_faces(photo)
    if face and not 0 <= face < len(faces):
        raise FaceIndexOutOfRange(face, len(faces))
    framed = framing == "portrait" and bool(faces)
    crop = (
        portrait(faces[face], photo.width, photo.height)
        if framed
        else whole(photo.width, photo.height)
    )
    picture = resampled(photo, crop, long_side)
    people = _within(faces, face, crop, picture)
    masks = find_masks(picture, people) if find_masks and people else None
    return Scene(picture, crop, people, masks, len(faces))


def _within(faces: list[Face], chosen: int, crop: Crop, picture: Picture) -> list[Face]:
    """Those of ``faces`` whose middle lies in ``crop``, in pixels of ``picture``."""
    scale = picture.width / crop.width
    offset = np.float32([crop.left, crop.top])
    moved = []
    for face in faces[chosen : chosen + 1] + faces[:chosen] + faces[chosen + 1 :]:
        landmarks = (face.landmarks - offset) * np.float32(scale)
        left, top, wide, high = face.box
        box = (left - crop.left) * scale, (top - crop.top) * scale, wide * scale, high * scale
        x, y = landmarks.mean(axis=0)
        if 0 <= x < picture.width and 0 <= y < picture.height:
            moved.append(replace(face, box=box, landmarks=landmarks))
    return moved
