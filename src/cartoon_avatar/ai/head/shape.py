"""Which parts of a picture are the head: coarse, but decided."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.smoothstep import smoothstep
from cartoon_avatar.ai.head.classes import TRUSTED, fused_classes, trust
from cartoon_avatar.ai.head.hat import with_whole_hat
from cartoon_avatar.ai.head.parts import head_by_classes
from cartoon_avatar.ai.head.region import head_by_region
from cartoon_avatar.ai.head.ruler import Ruler
from cartoon_avatar.ai.head.sampling import Square
from cartoon_avatar.ai.head.view import View, among, view_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.matting import BODY_SKIN, FACE_SKIN, HAIR
from cartoon_avatar.ai.seeing.models import Models

# Width and height of the square in which the shape is decided, px. Finer than the class
# map's own grain, coarser than the finished edge, which is made at the size of the result.
PLAN_PX = 384
# The first square as multiple of the face's box, and how far above its middle it lies. It
# holds most heads; the larger ones are for big hair and for hats.
_REACH, _UP = 2.7, 0.12
_FIRST, _BIG_HAIR, _HAT = 1.0, 1.45, 2.1
# The largest square shows a face at less than half the size: it gets more pixels.
_HAT_PX = round(1.6 * PLAN_PX)
# How sure a hat has to be for the square that shows all of it, 0..1.
_HAT_SURE = 0.5
# In face heights: how far softening goes that makes a drawing look like a photo, and how far
# from its outline a head may be soft.
_SOFTENED, _SOFT_RIM = 0.02, 0.06


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A head in a square: it, its hair, its skin and the rest of the person, P×P float32 0..1."""

    head: np.ndarray
    hair: np.ndarray
    skin: np.ndarray
    rest: np.ndarray
    square: Square
    ruler: Ruler
    #: "classes" or "fallback".
    path: str
    cut_by_frame: bool


def shape_of_head(picture: Picture, faces: list[Face], index: int, models: Models) -> Shape:
    """The shape of the head of ``faces[index]``, in a square that grows until it is whole."""
    face = faces[index]
    left, top, wide, high = face.box
    reach = max(high, 1.2 * wide)
    hat = 0.0
    looks: dict[float, np.ndarray] = {}
    shape: Shape | None = None
    for growth in (_FIRST, _BIG_HAIR, _HAT):
        # Of hats the networks see the crown only from afar.
        if growth == _BIG_HAIR and hat > _HAT_SURE:
            continue
        side = _REACH * reach * growth
        middle = left + wide / 2, top + high / 2 - _UP * reach
        square = Square(middle[0] - side / 2, middle[1] - side / 2, side)
        view = view_of(picture, face, square, _HAT_PX if growth == _HAT else PLAN_PX)
        classes = _trusted_classes(view, models, growth, looks)
        view = among(view, face, faces, classes)
        if classes is not None:
            head, rest, hat = head_by_classes(view, classes)
            hair = classes[..., HAIR]
            skin = classes[..., FACE_SKIN] + classes[..., BODY_SKIN]
            path = "classes"
        elif shape is not None and shape.path == "classes":
            break  # from so far away the face is none to the networks any more
        else:
            head, rest = head_by_region(view, models)
            hair = skin = np.zeros_like(head)
            path = "fallback"
        if hat > _HAT_SURE and growth == _HAT:
            head = with_whole_hat(view, head, view.mine * view.inside * (1 - rest))
        head = _decided(_one_piece(head * view.inside, view.oval), _SOFT_RIM * view.unit_px)
        at_frame = _at_frame(head, view.inside, view.down)
        shape = Shape(
            head, hair * head, skin * head, rest * view.inside, square, view.ruler, path, at_frame
        )
        whole = not _reaches_border(head, view.inside, view.down)
        if whole and not (hat > _HAT_SURE and growth == _FIRST):
            break
    assert shape is not None  # the first look always has one
    return shape


def _trusted_classes(
    view: View, models: Models, growth: float, looks: dict[float, np.ndarray]
) -> np.ndarray | None:
    """P×P×7, what the networks see; None where they do not recognise the face."""
    classes = fused_classes(models, view.rgb, view.ruler.roll, growth, looks)
    if trust(classes, view.oval) >= TRUSTED:
        return classes
    # Without its hard borders and hatching, a drawing looks more like a photo.
    softened = cv2.GaussianBlur(view.rgb, (0, 0), _SOFTENED * view.unit_px)
    classes = fused_classes(models, softened, view.ruler.roll, growth, {})
    return classes if trust(classes, view.oval) >= TRUSTED else None


def _one_piece(head: np.ndarray, oval: np.ndarray) -> np.ndarray:
    """``head`` without what is not joined to the face, and without pinholes."""
    solid = (head > 0.3).astype(np.uint8)
    _, labels = cv2.connectedComponents(solid)
    own = np.unique(labels[(oval > 0.5) & (solid > 0)])
    keep = np.isin(labels, own[own > 0]).astype(np.uint8)
    # A soft rim around what is kept stays as it is.
    near = cv2.dilate(keep, np.ones((5, 5), np.uint8))
    head = head * near

    _, holes, stats, _ = cv2.connectedComponentsWithStats(1 - keep, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < 0.03 * oval.sum()
    small[0] = False
    filled = small[holes]
    head[filled] = np.maximum(head[filled], 1.0)
    return head


def _decided(head: np.ndarray, band_px: float) -> np.ndarray:
    """``head``, soft only within ``band_px`` of its outline: no ghosts, no glassy patches."""
    solid = (head > 0.5).astype(np.uint8)
    away = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    away += cv2.distanceTransform(1 - solid, cv2.DIST_L2, 3)
    firm = smoothstep(away, band_px, 2 * band_px)
    return head + firm * (solid - head)


def _reaches_border(head: np.ndarray, inside: np.ndarray, down: np.ndarray) -> bool:
    """Whether the head leaves the square where the picture goes on."""
    rim = np.zeros_like(head, dtype=bool)
    rim[:2], rim[:, :2], rim[:, -2:] = True, True, True
    return int((rim & (inside > 0) & (head > 0.5) & (down < -0.1)).sum()) > 6


def _at_frame(head: np.ndarray, inside: np.ndarray, down: np.ndarray) -> bool:
    """Whether the head is cut by the border of the picture, or of the largest square."""
    solid = (head > 0.5) & (down < 0.05)
    within = cv2.erode(
        inside.astype(np.uint8), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )  # fmt: skip
    return int((solid & (within == 0)).sum()) > 12
