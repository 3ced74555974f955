"""Whose is what: the pixels of one person among several."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import shrunk
from cartoon_avatar.ai.filters.random_walker import random_walk
from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.seeing.detector import Face
from cartoon_avatar.ai.seeing.features import OVAL, area, grown
from cartoon_avatar.ai.seeing.looks import face_axes

_SIDE_PX = 320
# How much nearness counts against colours, and how little is walked over their edges.
_TRUST, _EDGE = 5e-4, 300.0
# What is surely a person's, right of and below the chin in face heights: the neck, of whoever
# is drawn the chest too, and a skull.
_NECK = (-0.12, 0.0), (0.12, 0.0), (0.2, 0.4), (-0.2, 0.4)
_CHEST = (-0.12, 0.0), (0.12, 0.0), (0.5, 0.7), (0.75, 1.6), (-0.75, 1.6), (-0.5, 0.7)
# A face on somebody's chest of less than this, in heights of theirs, is printed or a doll's.
_PRINTED = 0.5
# Half the width and height of a generous skull, and how high its middle lies above the chin; where
# two are as near, within ``_EVEN`` of that, nobody knows.
_HALF, _MIDDLE_UP, _EVEN = (0.62, 0.85), 0.72, 0.35
_ROUND = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_SKULL = np.stack([0.43 * np.cos(_ROUND), 0.6 * np.sin(_ROUND) - 0.72], axis=1)


def share_of_first(person: np.ndarray, rgb: np.ndarray, faces: list[Face]) -> np.ndarray:
    """H×W float32 0..1: how far each pixel belongs to the first of ``faces``, not to another.

    A walker over what is alike comes to the face, crown and chest of the first, or to another's
    before (random walks; Grady 2006). ``person`` is H×W float32, ``rgb`` H×W×3 uint8.
    """
    faces = without_prints(faces)
    if len(faces) < 2:
        return np.ones(person.shape, np.float32)
    small = shrunk(rgb, _SIDE_PX)
    shape = small.shape[:2]
    scale = np.asarray([shape[1] / rgb.shape[1], shape[0] / rgb.shape[0]], np.float32)
    seeds = np.zeros(shape, np.int32)
    nobody = len(faces) + 1
    behind = cv2.resize(person, shape[::-1], interpolation=cv2.INTER_AREA) < 0.1
    seeds[cv2.erode(behind.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = nobody
    # Who is nearer covers the other: small faces first.
    order = sorted(range(len(faces)), key=lambda at: face_axes(faces[at])[1])
    for parts in ("body", "face"):
        for at in order:
            axes, unit = face_axes(faces[at])
            if parts == "body":
                chin = faces[at].landmarks[152]
                outlines = [
                    chin + unit * (np.array(place) @ axes.T)
                    for place in (_NECK if at else _CHEST, _SKULL)
                ]
            else:
                outlines = [grown(faces[at].landmarks[list(OVAL)], 0.94)]
            for outline in outlines:
                seeds[area(shape, (outline * scale).astype(np.float32)) > 0.5] = at + 1
    labels = np.where(seeds == 1, 1, np.where((seeds > 1) & (seeds < nobody), 0, -1))
    if not (labels == 1).any():
        return np.ones(person.shape, np.float32)
    # Walls where nobody is: from one person to another nobody walks across the background.
    walls = np.where((seeds == nobody)[..., None], 255 - small, small)
    prior = _nearness(shape, scale, faces)
    walk = random_walk(walls, labels, prior, trust=_TRUST, edge=_EDGE)
    mine = (walk > 0.5).astype(np.uint8)
    mine = cv2.morphologyEx(mine, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    share = cv2.GaussianBlur(mine.astype(np.float32), (0, 0), 1.2)
    share = cv2.resize(share, person.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip((share - 0.5) * 3 + 0.5, 0, 1)


def without_prints(faces: list[Face]) -> list[Face]:
    """``faces`` without those that are on the chest of the first, too small to be a child's."""
    return faces[:1] + [face for face in faces[1:] if not _is_on_chest(face, faces[0])]


def _is_on_chest(face: Face, by: Face) -> bool:
    axes, unit = face_axes(by)
    right, down = axes.T @ (face.landmarks.mean(axis=0) - by.landmarks[152]) / unit
    return abs(right) < 0.75 and 0 < down < 1.6 and face_axes(face)[1] < _PRINTED * unit


def _nearness(shape: tuple[int, int], scale: np.ndarray, faces: list[Face]) -> np.ndarray:
    """H×W float32 0..1: how much nearer the skull of the first face is than any other's.

    What stands up from a skull is in doubt the other's: a piece of another's hair is uglier than
    a piece of the own one lost.
    """
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    away: list[np.ndarray] = []
    up: list[np.ndarray] = []
    for face in faces:
        axes, unit = face_axes(face)
        chin = face.landmarks[152]
        place = np.stack([x / scale[0] - chin[0], y / scale[1] - chin[1]], axis=-1) @ axes / unit
        away.append(np.hypot(place[..., 0] / _HALF[0], (place[..., 1] + _MIDDLE_UP) / _HALF[1]))
        up.append(-place[..., 1])
    risen = smoothstep(away[0], 1.05, 1.25) * smoothstep(up[0], 0.9, 1.1)
    nearer = np.min(away[1:], axis=0) - away[0] - _EVEN * risen
    return smoothstep(nearer, -_EVEN, _EVEN).astype(np.float32)
