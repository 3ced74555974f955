"""Boxes in pixels of an upright photo, as headers and form fields carry them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

# A header of more would be too long for HTTP clients; the most prominent come first.
MOST_FACES = 64

_BOX = re.compile(r"(-?[0-9]{1,6}),(-?[0-9]{1,6}),([0-9]{1,6}),([0-9]{1,6})")
_PROMINENCE = re.compile(r"[01](\.[0-9]{1,6})?")


class Box(NamedTuple):
    left: int
    top: int
    width: int
    height: int

    def __str__(self) -> str:
        return ",".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Box:
        """Reverses ``str``. Raises ValueError."""
        found = _BOX.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:40]!r} is not left,top,width,height")
        box = cls(*map(int, found.groups()))
        if not (box.width and box.height):
            raise ValueError(f"{text[:40]!r} is empty")
        return box


class FaceBox(NamedTuple):
    """A face of a photo; ``prominence`` from 0 to 1 says how much it is what the photo shows."""

    box: Box
    prominence: float


def faces_text(faces: Iterable[FaceBox]) -> str:
    """``left,top,width,height,prominence`` of each, with a semicolon between."""
    shown = list(faces)[:MOST_FACES]
    return ";".join(f"{face.box},{face.prominence:.3f}" for face in shown)


def faces_in(text: str) -> tuple[FaceBox, ...]:
    """Reverses ``faces_text``. Raises ValueError."""
    if not text:
        return ()
    faces = []
    for part in text.split(";", MOST_FACES)[:MOST_FACES]:
        box, _, prominence = part.rpartition(",")
        if not _PROMINENCE.fullmatch(prominence):
            raise ValueError(f"{part[:40]!r} is not left,top,width,height,prominence")
        faces.append(FaceBox(Box.parse(box), float(prominence)))
    return tuple(faces)
