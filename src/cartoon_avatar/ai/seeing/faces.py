"""Finds faces whichever way up they are: the one decision that drawing and head cut share."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import shrunk
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.bars import without_bars
from cartoon_avatar.ai.seeing.detector import (
    Face,
    FaceFinder,
    on_grey,
    open_upright_finder,
    prominence,
)
from cartoon_avatar.ai.seeing.models import Models

__all__ = [
    "Face",
    "FaceFinder",
    "on_grey",
    "open_face_finder",
    "quarter_turns",
    "turned",
    "turned_picture",
]

# An upright face is nearly always seen with this certainty, any other way up hardly ever, and
# hardly any ornament: looking four ways finds four times the patterns like a face.
_CERTAIN = 0.9
# How much more certain another way up has to be: upright wins unless it clearly fails.
_CLEARLY = 0.02
# Long side of the picture in which lying faces are looked for, px, and of the one in which they are
# beside faces that were found. Whoever is so seen is no tiny figure.
_GLANCE_PX, _BESIDE_PX = 640, 320
# The share of a picture from which on a face leaves others no place to lie beside it.
_CLOSE = 0.16
# Beside more faces than this nobody is looked for who lies: a look at a crowd takes seconds.
_CROWD = 32
# The unsure faces that are looked at from all sides, and the side of that look in face sizes.
_DOUBTS = 4
_LOOK = 2.4
# Width of lines before a face that are looked through, in face sizes. OpenCV's median is quick
# on any width; a wide one only blurs.
_LINES, _WIDEST_LINE_PX = 0.03, 31
# The same where lines hide faces altogether: long side of the look and what is looked through, px,
# and the detector's belief from which on it is a face.
_NET_GLANCE_PX, _NET_PX, _SEEN_BEHIND = 320, 11, 0.86


def open_face_finder(models: Models) -> FaceFinder:
    """A finder on ``models``, which it may not share with another thread.

    The detector knows upright faces; shown a lying one or one upside down it may still see an
    upright face, with eyes where the mouth is. So a face that it is unsure of is also looked at
    turned, and so is the picture, for those who lie beside others. Landmarks and boxes are in
    pixels of the picture as it came. The most prominent face comes first. Raises
    ``ModelMissing`` where the detector or the face mesh is not there.
    """
    find = open_upright_finder(models)

    def find_any_way_up(picture: Picture) -> list[Face]:
        faces = _any_way_up(find, picture)
        if faces and all(_is_certain(face) for face in faces[:_DOUBTS]):
            return faces
        return _behind_bars(find, picture, faces) or _behind_a_net(find, picture)

    return find_any_way_up


def _any_way_up(find: FaceFinder, picture: Picture) -> list[Face]:
    faces = find(picture)
    if not faces:
        return _lying(find, picture)
    return _with_others(find, picture, _set_right(find, picture, faces))


def _set_right(find: FaceFinder, picture: Picture, faces: list[Face]) -> list[Face]:
    """``faces`` as the unsure of them look from the side from which they are seen clearly."""
    for index, face in enumerate(faces[:_DOUBTS]):
        if _certainty(face) >= _CERTAIN:
            continue
        turns, better = _from_all_sides(find, picture, face)
        if better is None:
            faces[index] = _behind_lines(find, picture, face)
            continue
        if index == 0 and not any(_is_certain(one) for one in faces[1:]):
            # Then everybody is likely to lie the same way.
            lying = find(turned_picture(picture, turns))
            if lying and _certainty(lying[0]) >= _certainty(better) - _CLEARLY:
                return [turned(one, -turns, *_size(picture, turns)) for one in lying]
        faces[index] = better
    return faces


def quarter_turns(face: Face) -> int:
    """How many quarter turns clockwise, 0..3, set ``face`` upright."""
    down = face.landmarks[152] - face.landmarks[10]
    leaning = np.arctan2(-down[0], down[1])
    return int(np.round(-leaning / (np.pi / 2))) % 4


def turned(face: Face, turns: int, width: int, height: int) -> Face:
    """``face`` of a picture of ``width`` × ``height`` px after quarter turns clockwise."""
    left, top, wide, high = face.box
    x, y = face.landmarks.T
    for _ in range(turns % 4):
        left, top, wide, high = height - top - high, left, high, wide
        x, y = height - 1 - y, x
        width, height = height, width
    return replace(face, box=(left, top, wide, high), landmarks=np.stack([x, y], axis=1))


def turned_picture(picture: Picture, turns: int) -> Picture:
    """``picture`` after ``turns`` quarter turns clockwise."""
    if turns % 4 == 0:
        return picture
    alpha = None if picture.alpha is None else np.ascontiguousarray(np.rot90(picture.alpha, -turns))
    return Picture(np.ascontiguousarray(np.rot90(picture.rgb, -turns)), alpha)


def _lying(find: FaceFinder, picture: Picture) -> list[Face]:
    """The faces of a picture in which none stands upright."""
    glance = Picture(shrunk(on_grey(picture), _GLANCE_PX))
    found = _lying_in(find, glance)
    best = max(found, key=lambda turns: _certainty(found[turns][0]) if found[turns] else 0.0)
    if not found[best]:
        return []
    face = found[best][0]
    if _certainty(face) < _CERTAIN and not _stands(find, turned_picture(glance, best), face):
        return []
    faces = [
        turned(face, -best, *_size(picture, best)) for face in find(turned_picture(picture, best))
    ]
    del found[best]
    return _joined(find, picture, faces, found, glance)


def _with_others(find: FaceFinder, picture: Picture, faces: list[Face]) -> list[Face]:
    """``faces``, and those who lie another way than they do."""
    close = _CLOSE * picture.width * picture.height
    if len(faces) > _CROWD or any(
        _is_certain(face) and face.box[2] * face.box[3] > close for face in faces
    ):
        return faces
    glance = Picture(shrunk(on_grey(picture), _BESIDE_PX))
    return _joined(find, picture, faces, _lying_in(find, glance), glance)


def _lying_in(find: FaceFinder, glance: Picture) -> dict[int, list[Face]]:
    """By quarter turns clockwise of ``glance``, the faces that are seen so."""
    return {turns: find(turned_picture(glance, turns)) for turns in (1, 3, 2)}


def _joined(
    find: FaceFinder,
    picture: Picture,
    faces: list[Face],
    found: dict[int, list[Face]],
    glance: Picture,
) -> list[Face]:
    """``faces`` of ``picture`` with those ``found`` in the ``glance`` at it that are not among
    them, or are seen askew there."""
    for turns, others in found.items():
        new = [
            turned(one, -turns, *_size(glance, turns)).scaled(picture.width / glance.width)
            for one in others
            if _is_certain(one)
        ]
        new = [one for one in new if all(_is_askew(face, one) for face in _at(one, faces))]
        if not new:
            continue
        finer = [
            turned(one, -turns, *_size(picture, turns))
            for one in find(turned_picture(picture, turns))
        ]
        for one in new:
            clear = next(filter(_is_certain, _at(one, finer)), one)
            faces = [face for face in faces if face not in _at(one, faces)] + [clear]
    return sorted(faces, key=lambda face: -prominence(face.box, picture))


def _at(one: Face, faces: list[Face]) -> list[Face]:
    """Those of ``faces`` that are where ``one`` is."""
    return [face for face in faces if _overlap(one, face)]


def _is_askew(face: Face, other: Face) -> bool:
    """Whether ``face`` clearly fails to be what ``other`` is in the same place."""
    return not _is_certain(face) and _certainty(other) > _certainty(face) + _CLEARLY


def _is_certain(face: Face) -> bool:
    return face.confirmed and _certainty(face) >= _CERTAIN


def _overlap(one: Face, other: Face) -> bool:
    away = np.abs(one.landmarks.mean(axis=0) - other.landmarks.mean(axis=0))
    return bool((away < (np.array(one.box[2:]) + other.box[2:]) / 2).all())


def _stands(find: FaceFinder, picture: Picture, face: Face) -> bool:
    """Whether a leaning ``face`` is seen with certainty once it is set upright."""
    if not face.confirmed or face.presence < _CERTAIN:
        return False
    down = face.landmarks[152] - face.landmarks[10]
    lean = float(np.degrees(np.arctan2(-down[0], down[1])))
    left, top, wide, high = face.box
    centre, reach = (left + wide / 2, top + high / 2), _LOOK * max(wide, high)
    scale = min(1.0, _GLANCE_PX / 2 / reach)
    upright = cv2.getRotationMatrix2D(centre, lean, scale)
    side = round(reach * scale)
    upright[:, 2] += side / 2 - np.asarray(centre)
    rgb = cv2.warpAffine(picture.rgb, upright, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return any(one.confirmed and _certainty(one) >= _CERTAIN for one in find(Picture(rgb))[:1])


def _from_all_sides(find: FaceFinder, picture: Picture, face: Face) -> tuple[int, Face | None]:
    """The way up from which ``face`` is seen clearly better, if any, and the face seen so."""
    left, top, wide, high = face.box
    reach = 0.5 * _LOOK * max(wide, high)
    x0, x1 = (int(np.clip(left + wide / 2 + d, 0, picture.width)) for d in (-reach, reach))
    y0, y1 = (int(np.clip(top + high / 2 + d, 0, picture.height)) for d in (-reach, reach))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return 0, None
    near = Picture(shrunk(on_grey(picture)[y0:y1, x0:x1], _GLANCE_PX // 2))
    scale = (x1 - x0) / near.width
    best_turns, best = 0, face
    certainty = max([_certainty(face), *(_certainty(one) for one in find(near)[:1])])
    for turns in (1, 3, 2):
        for one in find(turned_picture(near, turns))[:1]:
            if one.confirmed and _certainty(one) >= max(_CERTAIN, certainty + _CLEARLY):
                best_turns, best = turns, one
                certainty = _certainty(one) - _CLEARLY
    if best_turns == 0:
        return 0, None
    best = turned(best, -best_turns, *_size(near, best_turns))
    left, top, wide, high = (scale * length for length in best.box)
    landmarks = (best.landmarks * scale + [x0, y0]).astype(np.float32)
    return best_turns, replace(best, box=(left + x0, top + y0, wide, high), landmarks=landmarks)


def _behind_lines(find: FaceFinder, picture: Picture, face: Face) -> Face:
    """``face``, or what the mesh makes of it without the lines printed or strung before it."""
    if face.confirmed or face.score < _CERTAIN:
        return face
    width_px = round(_LINES * max(face.box[2:])) | 1
    for one in find(Picture(cv2.medianBlur(on_grey(picture), min(width_px, _WIDEST_LINE_PX)))):
        away = np.hypot(*(one.landmarks.mean(axis=0) - face.landmarks.mean(axis=0)))
        if one.confirmed and one.score >= _CERTAIN and away < 0.25 * max(face.box[2:]):
            return one
    return face


def _behind_bars(find: FaceFinder, picture: Picture, faces: list[Face]) -> list[Face]:
    """``faces``, and those that are seen, or seen better, without the bars before them."""
    clear = without_bars(picture)
    if clear is picture:
        return faces
    for one in _any_way_up(find, clear):
        same = _at(one, faces)
        if all(_certainty(one) > _certainty(face) or not face.confirmed for face in same):
            faces = [face for face in faces if face not in same] + [one]
    return sorted(faces, key=lambda face: -prominence(face.box, picture))


def _behind_a_net(find: FaceFinder, picture: Picture) -> list[Face]:
    """The faces of a picture that show only without the net, wires or slats before them."""
    glance = shrunk(on_grey(picture), _NET_GLANCE_PX)
    faces = find(Picture(cv2.medianBlur(glance, _NET_PX)))
    if not faces or not faces[0].confirmed or faces[0].score < _SEEN_BEHIND:
        return []
    return [face.scaled(picture.width / glance.shape[1]) for face in faces if face.confirmed]


def _certainty(face: Face) -> float:
    """The detector's belief, less where the mesh sees no face."""
    return face.score * (0.9 + 0.1 * face.presence)


def _size(picture: Picture, turns: int) -> tuple[int, int]:
    """Width and height of ``picture`` after ``turns``."""
    size = picture.width, picture.height
    return size if turns % 2 == 0 else size[::-1]
