"""A square of the photo around a head, and everything in it measured by the face."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cartoon_avatar.ai.head.rivals import share_of
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square, inside_of, sampled
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """P×P float32 planes of a square, and its picture, P×P×3 uint8."""

    rgb: np.ndarray
    square: Square
    ruler: Ruler
    #: Right of and below the chin, in face heights.
    across: np.ndarray
    down: np.ndarray
    #: 1 in the face, 1 where the picture is, 1 where it is not another head.
    oval: np.ndarray
    inside: np.ndarray
    mine: np.ndarray

    @property
    def px(self) -> int:
        return self.rgb.shape[0]

    @property
    def unit_px(self) -> float:
        """The height of the face in pixels of the view."""
        return self.ruler.height * self.px / self.square.side

    @property
    def sideways(self) -> np.ndarray:
        """Right of the middle of the skull, as if it were seen from the front."""
        return self.ruler.sideways(self.across)

    @property
    def from_skull(self) -> np.ndarray:
        """Distance from the middle of the head: 1 all around a generous skull."""
        return self.ruler.from_skull(self.across, self.down)


def view_of(picture: Picture, face: Face, square: Square, px: int) -> View:
    """``square`` of ``picture`` at ``px``², around ``face``, as if it were alone there."""
    ruler = Ruler.of(face)
    rgb = sampled(picture.rgb, square, px)
    across, down = ruler.measure(square, px)
    return View(
        rgb,
        square,
        ruler,
        across,
        down,
        oval=ruler.face_area(square, px),
        inside=inside_of(picture, square, px),
        mine=np.ones((px, px), np.float32),
    )


def among(view: View, face: Face, faces: list[Face], classes: np.ndarray | None) -> View:
    """``view`` of ``face`` without the heads of the other ``faces``; ``classes``, P×P×6 or more,
    are what the networks see in it."""
    return replace(view, mine=share_of(face, faces, view.square, view.rgb, classes))
