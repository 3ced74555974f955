"""The recipe: a drawing becomes the head in it, cut out.

The shape of the head is read from the photo that the drawing was made of, where the
networks are at home, and its colours are taken from the drawing: both show the same
pixels, so one alpha fits every style.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.errors import FaceIndexOutOfRange, NoFace
from cartoon_avatar.ai.filters.disc import disc
from cartoon_avatar.ai.filters.guided_filter import guided_filter
from cartoon_avatar.ai.head.colour_edge import colour_edge, like_background
from cartoon_avatar.ai.head.decontaminate import decontaminate
from cartoon_avatar.ai.head.hat import whole_hat
from cartoon_avatar.ai.head.rim_lines import lines_drawn_in
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import (
    Face,
    open_face_finder,
    quarter_turns,
    turned,
    turned_picture,
)
from cartoon_avatar.ai.seeing.matting import (
    BACKGROUND,
    BODY_SKIN,
    CLOTHES,
    FACE_SKIN,
    HAIR,
    OTHER,
    class_map,
    person_map,
    smooth_step,
)
from cartoon_avatar.ai.seeing.models import Models

LARGEST_SIZE_PX = 1024
_ENLARGE_AT_MOST = 2.0
# A face lower than this gives a soft cut: the drawing has too few pixels of it.
_LOW_RESOLUTION_PX = 80
# Width and height of the square in which the shape is decided, px. Finer than the class
# map's own grain, coarser than the finished edge, which is made at the size of the result.
_PLAN_PX = 384


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head cut out of a drawing.

    ``picture`` is a square with straight alpha, its colours 0 where alpha is 0. ``box`` is
    where it was: left, top, width, height in pixels of the upright drawing; it may reach
    past the border of a drawing that is narrower than the head.
    """

    picture: Picture
    box: tuple[int, int, int, int]
    faces: int
    #: "classes", or "fallback" where the class network was missing or unsure.
    path: str
    #: The head goes on past the border of the picture.
    cut_by_frame: bool
    #: The face is so small in the drawing that the cut is soft.
    low_resolution: bool


def cut(
    drawing: Picture,
    models: Models,
    photo: Picture | None = None,
    *,
    face_index: int = 0,
    size: int | None = None,
    ink_width_px: float = 0.0,
) -> Head:
    """Cut a head out of ``drawing``, ``size`` px wide and high if it has that many.

    ``photo`` is what the drawing was made of, of any size but the same shape; without it
    the drawing has to do. Faces are counted from the most prominent. Outlines up to
    ``ink_width_px`` wide (pixels of the drawing) lie half outside the photo's edge: they are
    moved inside, so that none is halved and the alpha stays the photo's. Raises ``NoFace``,
    ``FaceIndexOutOfRange`` and ``ModelMissing``.
    """
    find_faces = open_face_finder(models)
    aligned = photo is not None and _same_shape(photo, drawing)
    seen = photo if aligned else drawing
    faces = find_faces(seen)
    if not faces:
        raise NoFace
    if not 0 <= face_index < len(faces):
        raise FaceIndexOutOfRange(face_index, len(faces))
    # Whichever way up the photo is, the head is set upright.
    turns = quarter_turns(faces[face_index])
    faces = [turned(face, turns, seen.width, seen.height) for face in faces]
    seen, paper = _without_rim(turned_picture(seen, turns)), turned_picture(drawing, turns)

    shape = _shape_of_head(seen, faces, face_index, models)
    scale = paper.width / seen.width
    box = _tight_square(shape, paper, scale)
    side = _output_side(box[2], size)

    alpha = _edge(shape, seen, [value / scale for value in box], side)
    rim_px = 0.03 * shape.ruler.height * scale * side / box[2]
    picture = _coloured(paper, box, alpha, rim_px, ink_width_px * side / box[2])
    return Head(
        picture=picture,
        box=_turned_back(box, paper, turns),
        faces=len(faces),
        path=shape.path,
        cut_by_frame=shape.cut_by_frame,
        low_resolution=shape.ruler.height * scale < _LOW_RESOLUTION_PX,
    )


def _same_shape(photo: Picture, drawing: Picture) -> bool:
    """Whether a drawing can lie over the photo pixel on pixel, but for its size."""
    wide = photo.width * drawing.height / (photo.height * drawing.width)
    # A side of few pixels is rounded by much.
    slack = 0.5 / min(photo.width, photo.height) + 0.5 / min(drawing.width, drawing.height)
    return abs(wide - 1) <= 0.01 + slack


def _without_rim(picture: Picture) -> Picture:
    """``picture`` with its opaque colours carried on below its transparent parts.

    There may stand anything, and the networks take a round border for the brim of a hat.
    """
    if picture.alpha is None:
        return picture
    opaque = picture.alpha.astype(np.float32) * np.float32(1 / 255)
    scale = min(1.0, 128 / max(opaque.shape))
    weights = np.dstack([picture.rgb * opaque[..., None], opaque])
    coarse = cv2.resize(weights, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    carried = np.zeros_like(coarse)
    for sigma in (32, 8, 2):  # from afar where nothing is near
        blurred = cv2.GaussianBlur(coarse, (0, 0), sigma)
        near = np.clip(20 * blurred[..., 3:], 0, 1)
        carried += near * (blurred / np.maximum(blurred[..., 3:], 1e-4) - carried)
    carried = cv2.resize(carried[..., :3], (picture.width, picture.height))
    mixed = weights[..., :3] + (1 - opaque[..., None]) * carried
    return Picture(np.clip(np.rint(mixed), 0, 255).astype(np.uint8), picture.alpha)


def _turned_back(
    box: tuple[int, int, int, int], turned: Picture, turns: int
) -> tuple[int, int, int, int]:
    """A square of the turned picture in pixels of the picture as it came."""
    left, top, side, _ = box
    right, bottom = turned.width - left - side, turned.height - top - side
    corners = ((left, top), (top, right), (right, bottom), (bottom, left))
    return (*corners[turns % 4], side, side)


# The outline of the face in the mesh.
_OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
_FOREHEAD, _CHIN, _LEFT_EAR, _RIGHT_EAR, _NOSE = 10, 152, 234, 454, 1


@dataclass(frozen=True, slots=True, eq=False)
class _Ruler:
    """Measures a picture by a face in it: lengths in face heights, chin to forehead."""

    chin: np.ndarray
    right: np.ndarray
    down: np.ndarray
    height: float
    #: Where the middle of the skull lies, right of the chin, and half its width.
    middle: float
    half: float
    #: 0 seen from the front, 1 from the side; negative where the face looks left.
    turn: float
    oval: np.ndarray

    @classmethod
    def of(cls, face: Face) -> _Ruler:
        points = face.landmarks.astype(np.float64)
        down = points[_CHIN] - points[_FOREHEAD]
        height = float(np.hypot(*down))
        down = down / height
        right = np.array([down[1], -down[0]])
        ears = points[[_LEFT_EAR, _RIGHT_EAR]]
        width = float(abs((ears[1] - ears[0]) @ right)) / height
        behind = float((ears.mean(axis=0) - points[_CHIN]) @ right) / height
        nose = float((points[_NOSE] - ears.mean(axis=0)) @ right) / height
        # 0 seen from the front, 1 from the side, where a head is longest and lies behind the face.
        turn = float(smooth_step(np.array(abs(nose)), 0.15, 0.55))
        middle = (0.5 + 0.5 * turn) * behind
        half = (1 - turn) * 0.62 * max(width, 0.8) + turn * 0.78
        turn = float(np.copysign(turn, nose))
        return cls(points[_CHIN], right, down, height, middle, half, turn, points[_OVAL])

    @property
    def roll(self) -> float:
        """How far the head leans clockwise, radians."""
        return float(np.arctan2(self.right[1], self.right[0]))

    def measure(self, left: float, top: float, pitch: float, px: int) -> tuple[np.ndarray, ...]:
        """Right of and below the chin, for the pixel centres of a square of ``px``² pixels."""
        x = left + (np.arange(px) + 0.5) * pitch - self.chin[0]
        y = (top + (np.arange(px) + 0.5) * pitch - self.chin[1])[:, None]
        across = (x * self.right[0] + y * self.right[1]) / self.height
        down = (x * self.down[0] + y * self.down[1]) / self.height
        return across.astype(np.float32), down.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """Which parts of a square are the head: coarse, but decided.

    ``head`` and ``rest`` (of the person) are P×P float32, 0..1; ``left``, ``top`` and
    ``side`` say where the square lies, in pixels of the picture it was seen in.
    """

    head: np.ndarray
    rest: np.ndarray
    left: float
    top: float
    side: float
    ruler: _Ruler
    path: str
    cut_by_frame: bool


def _shape_of_head(picture: Picture, faces: list[Face], index: int, models: Models) -> _Shape:
    face = faces[index]
    ruler = _Ruler.of(face)
    left, top, wide, high = face.box
    reach = max(high, 1.2 * wide)
    # The first square holds most heads; big hair makes it grow until the head is whole. Of
    # hats the networks see the crown only from afar.
    hat = 0.0
    looks: dict[float, np.ndarray] = {}
    shape: _Shape | None = None
    for growth in (1.0, 1.45, 2.1):
        if growth == 1.45 and hat > 0.5:
            continue
        side = 2.7 * reach * growth
        corner = left + wide / 2 - side / 2, top + high / 2 - 0.12 * reach - side / 2
        square = (*corner, side)
        # The largest square is for hats, and shows a face at less than half the size.
        px = _PLAN_PX if growth < 2 else round(1.6 * _PLAN_PX)
        rgb = _sampled(picture.rgb, *square, px)
        inside = _inside(picture, *square, px)
        oval = _filled(ruler.oval, *square, px)
        classes = _classes(models, rgb, ruler, growth, looks)
        if _trust(classes, oval) < _TRUSTED:
            # Without its hard borders and hatching, a drawing looks more like a photo.
            softened = cv2.GaussianBlur(rgb, (0, 0), 0.02 * ruler.height * px / side)
            classes = _classes(models, softened, ruler, growth, {})
        trusted = _trust(classes, oval) >= _TRUSTED
        if shape is not None and shape.path == "classes" and not trusted:
            break  # from so far away the face is none to them any more
        across, down = ruler.measure(*corner, side / px, px)
        mine = _share_of(face, faces, *square, rgb)
        if trusted:
            head, rest, hat = _by_classes(
                classes, oval, across, down, ruler, mine, ruler.height * px / side
            )
            path = "classes"
        else:
            head, rest = _by_region(models, rgb, oval, across, down, ruler, mine)
            path = "fallback"
        if hat > 0.5 and growth > 2:
            free = mine * inside * (1 - rest)
            head = _with_whole_hat(rgb, head, free, across, down, ruler, ruler.height * px / side)
        head = _decided(_one_piece(head * inside, oval), 0.06 * ruler.height * px / side)
        at_frame = _at_frame(head, inside, down)
        shape = _Shape(head, rest * inside, *square, ruler, path, at_frame)
        if not _reaches_border(head, inside, down) and not (hat > 0.5 and growth == 1.0):
            break
    return shape


# What the class network must make of the face oval to be believed: on photos nearly all of
# it is face, fringe, glasses or hand; on drawings it does not understand, background or cloth.
_TRUSTED = 0.4


def _trust(classes: np.ndarray | None, oval: np.ndarray) -> float:
    if classes is None:
        return 0.0
    share = classes[oval > 0.5].mean(axis=0) if (oval > 0.5).any() else np.zeros(7)
    return float(min(1 - share[BACKGROUND] - share[CLOTHES], 2 * share[FACE_SKIN]))


_UNNAMED = 6


def _classes(
    models: Models, rgb: np.ndarray, ruler: _Ruler, growth: float, looks: dict[float, np.ndarray]
) -> np.ndarray | None:
    """P×P×7 probabilities: a look at the whole square, and closer ones at its middle.

    The seventh class is what only the plain person model sees: hoods, wide hats. ``looks``
    keeps what was seen, by how far it reached: squares grow around one middle.
    """
    if models.person_classes is None:
        return None
    size = rgb.shape[0]
    centre = size / 2
    total = np.zeros((size, size, 8), np.float32)
    shares = [1.0, 2.0 / 2.7] if growth == 1.0 else [1.0, 1.0 / growth, 2.0 / 2.7 / growth]
    # Leaning heads are shown upright: the networks know few others.
    roll = ruler.roll if abs(ruler.roll) > 0.15 else 0.0
    look_px = models.person_classes.size[0]
    ramp = np.clip(4 - 8 * np.abs((np.arange(look_px) + 0.5) / look_px - 0.5), 0, 1)
    for share in shares:
        pitch = size * share / look_px
        turn = pitch * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        # Pixel centres lie at halves.
        to_square = np.column_stack([turn, centre - turn @ np.full(2, (look_px - 1) / 2) - 0.5])
        reach = round(share * growth, 3)
        if reach not in looks:
            crop = cv2.warpAffine(
                rgb, to_square, (look_px, look_px),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            looks[reach] = _look(models, crop)
            # The closest look decides the edge: there the mirror image counts as much.
            if reach < 1:
                mirrored = _look(models, np.ascontiguousarray(crop[:, ::-1]))[:, ::-1]
                looks[reach] = (looks[reach] + mirrored) / 2
        # The widest look also counts where no closer one does.
        weight = np.minimum.outer(ramp, ramp) + (0.02 if share == 1.0 else 0)
        weight = weight.astype(np.float32)[..., None]
        border = cv2.BORDER_REPLICATE if share == 1.0 else cv2.BORDER_CONSTANT
        weighted = np.dstack([looks[reach] * weight, weight])
        # OpenCV warps at most four channels at a time.
        for channels in (slice(0, 4), slice(4, 8)):
            total[..., channels] += cv2.warpAffine(
                weighted[..., channels], to_square, (size, size), borderMode=border
            )
    total /= np.maximum(total[..., 7:], 1e-6)
    classes, person = total[..., :6], total[..., 6]
    unnamed = np.maximum(person - (1 - classes[..., BACKGROUND]), 0)
    classes[..., BACKGROUND] -= unnamed
    return np.dstack([classes, unnamed])


def _look(models: Models, rgb: np.ndarray) -> np.ndarray:
    """Six classes and the person, each 0..1, as the networks see ``rgb``: Q×Q×7 float32."""
    classes = class_map(models.person_classes, rgb)
    person = 1 - classes[..., BACKGROUND]
    if models.person is not None:
        plain = cv2.resize(person_map(models.person, rgb), person.shape)
        person = np.maximum(person, plain)
    return np.dstack([classes, person])


def _by_classes(
    classes: np.ndarray,
    oval: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    ruler: _Ruler,
    mine: np.ndarray,
    unit_px: float,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Head and rest of the person, each P×P float32 0..1, and how far there is a hat, 0..1."""
    above_chin = 1 - smooth_step(down, -0.06, 0.04)
    above_brows = 1 - smooth_step(down, -0.75, -0.55)
    sideways = (across - ruler.middle) * (0.62 / ruler.half)
    aside = np.abs(sideways)
    from_skull = _from_skull(across, down, ruler)
    skull = 1 - smooth_step(from_skull, 0.92, 1.08)

    # Skin above the brows is scalp, lower down it is ear; beyond the skull it is a hand, and
    # so it is before a face that is turned away.
    turned = smooth_step(np.float32(abs(ruler.turn)), 0.05, 0.2)
    before = smooth_step(np.copysign(1, ruler.turn) * sideways, 0.3, 0.4)
    before = (turned * before * (1 - above_brows)).astype(np.float32)
    scalp = skull * (1 - smooth_step(down, -0.35, -0.2)) * (1 - before)
    # Cloth belongs to the head where it takes the place of hair: over the crown as a hat,
    # and where it closes in the face on both sides, as a scarf or hood, down to the chin.
    hat, wrap = _covering(classes, sideways, down, from_skull, ruler.turn)
    cloth = np.maximum(
        above_brows * hat, hat * wrap * above_chin * (1 - smooth_step(from_skull, 1.45, 1.75))
    )
    # Glasses, head-phones and ear-rings hug the face; a cup or another's helmet does not.
    worn = np.maximum(cloth, above_chin * (1 - smooth_step(aside, 0.7, 0.85)))
    worn = np.maximum(worn, above_brows)

    head = (
        classes[..., HAIR]
        + classes[..., FACE_SKIN]
        + classes[..., OTHER] * worn
        + classes[..., BODY_SKIN] * scalp
        + classes[..., CLOTHES] * np.maximum(cloth, above_brows * skull)
        # Far from the head the person model sees persons in flags and curtains.
        + classes[..., _UNNAMED] * cloth * (1 - smooth_step(from_skull, 1.9, 2.3))
    )
    person = 1 - classes[..., BACKGROUND]
    # The face is the head's whatever covers it, but the mesh of a profile overhangs it.
    sure = oval * (1 - smooth_step(classes[..., BACKGROUND], 0.8, 0.95))
    head = np.maximum(head, sure)
    hand = classes[..., BODY_SKIN] * ((aside > 0.55) | (down < -0.35)) * above_chin * (1 - before)
    head = _without_notches(head, hand, 0.12 * unit_px)
    head = head * mine * _hair_limit(aside, down)
    return head, np.clip(person - head, 0, 1), hat


def _without_notches(head: np.ndarray, hand: np.ndarray, reach_px: float) -> np.ndarray:
    """``head`` with what of a ``hand`` reaches into its outline: a gap would look like damage."""
    closed = cv2.morphologyEx((head > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, disc(reach_px))
    return np.maximum(head, hand * closed)


def _hair_limit(aside: np.ndarray, down: np.ndarray) -> np.ndarray:
    """0 where hair hangs so far below the chin that a sticker ends, along a curve."""
    far = np.hypot(aside / 1.4, (down + 0.45) / 1.0)
    return 1 - smooth_step(far, 0.83, 1.11) * smooth_step(down, -0.2, 0.1)


def _skull(across: np.ndarray, down: np.ndarray, ruler: _Ruler) -> np.ndarray:
    """1 where the bare head of such a face would be, generously."""
    return 1 - smooth_step(_from_skull(across, down, ruler), 0.92, 1.08)


def _from_skull(across: np.ndarray, down: np.ndarray, ruler: _Ruler) -> np.ndarray:
    """Distance from the middle of the head: 1 all around a generous skull."""
    x = (across - ruler.middle) / ruler.half
    y = (down + 0.72) / 0.85
    return np.sqrt(x * x + y * y)


def _covering(
    classes: np.ndarray,
    sideways: np.ndarray,
    down: np.ndarray,
    from_skull: np.ndarray,
    turn: float,
) -> tuple[float, float]:
    """How far cloth takes the place of hair over the crown, and around the face; each 0..1."""

    def share(zone: np.ndarray, at_least: float, *, named: bool = False) -> float:
        mean = classes[zone].mean(axis=0) if zone.any() else np.zeros(7)
        cloth = mean[CLOTHES] + mean[OTHER] + (0 if named else mean[_UNNAMED])
        return float(cloth / max(at_least, 1 - mean[BACKGROUND]))

    crown = share((abs(sideways) < 0.4) & (down > -1.45) & (down < -1.02), 0.3)
    # A hat may leave the fringe free; then its brim shows around the skull.
    brim = share((from_skull > 1.02) & (from_skull < 1.2) & (down < -0.7), 0.6)
    ears = (down > -0.65) & (down < -0.25)
    left, right = (
        max(
            share(ears & (x > 0.48) & (x < 0.72), 0.4),
            # A wide hood stands off the cheeks and closes further out.
            share(ears & (x > 0.72) & (x < 0.95), 0.8, named=True),
        )
        for x in (-sideways, sideways)
    )
    # Seen from the side, a scarf has nothing to cover before the face.
    behind, before = (left, right) if turn > 0 else (right, left)
    in_profile = float(smooth_step(np.array(abs(turn)), 0.7, 0.9))
    beside = min(behind, max(before, in_profile * behind))
    return (
        float(max(smooth_step(np.array(crown), 0.25, 0.5), smooth_step(np.array(brim), 0.65, 0.8))),
        float(smooth_step(np.array(beside), 0.35, 0.6)),
    )


def _with_whole_hat(
    rgb: np.ndarray,
    head: np.ndarray,
    mine: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    ruler: _Ruler,
    unit_px: float,
) -> np.ndarray:
    """``head`` with all of its hat, where ``mine`` (P×P float32) allows for it."""
    off_axis = across - np.float32(ruler.middle)
    aside = np.abs(off_axis) * (0.62 / ruler.half)
    zone = (down < -0.6) & (aside < 2.0) & (mine > 0.5)
    opposite = None
    if abs(ruler.turn) < 0.5:
        y, x = np.mgrid[: head.shape[0], : head.shape[1]]
        opposite = tuple(
            (at - 2 * unit_px * direction * off_axis).astype(np.float32)
            for at, direction in zip((x, y), ruler.right, strict=True)
        )
    # In a head that leans, columns do not run from brim to top.
    crown = zone & (down < -0.75) & (aside < 0.6 if abs(ruler.roll) < 0.35 else False)
    return whole_hat(rgb, head, zone, crown, unit_px, opposite)


def _by_region(
    models: Models,
    rgb: np.ndarray,
    oval: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    ruler: _Ruler,
    mine: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Head and rest without classes: the person where a head would be, and what looks like it."""
    aside = (across - ruler.middle) * (0.62 / ruler.half)
    region = np.maximum(_skull(across, down, ruler), oval)
    region = np.maximum(
        region,
        (1 - smooth_step(np.hypot(aside / 0.95, (down + 0.75) / 0.95), 0.9, 1.1))
        * (1 - smooth_step(down, -0.15, 0.0)),
    )
    # Below the ears only the face itself: no neck, no shoulders.
    jaw = 1 - smooth_step(down, -0.3, -0.05) * smooth_step(np.abs(aside), 0.3, 0.45)
    region *= np.maximum(oval, jaw * (1 - smooth_step(down, -0.08, 0.02)))
    if models.person is None:
        person = region
    else:
        person = cv2.resize(person_map(models.person, rgb), rgb.shape[1::-1])
    guess = person * region * mine
    labels = np.where(guess > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[(person < 0.1) & (region < 0.9) | (region < 0.05) | (mine < 0.2)] = cv2.GC_BGD
    # Hair and hats have other colours than the face, from which GrabCut would take them off.
    crown = (_from_skull(across, down, ruler) < 0.78) & (down < -0.35) & (person > 0.4)
    labels[(oval > 0.5) | crown] = cv2.GC_FGD
    if (labels == cv2.GC_BGD).any() and (labels == cv2.GC_FGD).any():
        background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
        # GrabCut's clustering draws from OpenCV's generator: the same picture, the same cut.
        cv2.setRNGSeed(0)
        cv2.grabCut(
            np.ascontiguousarray(rgb), labels, None, background, foreground, 3,
            cv2.GC_INIT_WITH_MASK,
        )  # fmt: skip
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    head = cv2.GaussianBlur(np.maximum(found * region, oval), (0, 0), 1.0)
    return head, np.clip(person - head, 0, 1)


def _share_of(
    face: Face,
    faces: list[Face],
    left: float,
    top: float,
    side: float,
    rgb: np.ndarray,
) -> np.ndarray:
    """P×P float32: 1 where a pixel belongs to ``face`` rather than to any other.

    Each head grows from its skull over what is alike (watershed; Meyer 1992), so that hair
    which hangs down beside another's face stays with the head that it grows on.
    """
    px = rgb.shape[0]

    def distance(ruler: _Ruler) -> np.ndarray:
        across, down = ruler.measure(left, top, side / px, px)
        return _from_skull(across, down, ruler)

    ruler = _Ruler.of(face)
    own = distance(ruler)
    oval = _filled(ruler.oval, left, top, side, px)
    rivals = [_Ruler.of(other) for other in faces if other is not face]
    away = [distance(rival) for rival in rivals]
    near = [at for at in range(len(rivals)) if away[at].min() < 1.5]
    if not near:
        return np.ones_like(own)

    nearest = np.min([away[at] for at in near], axis=0)
    # Around each skull, which ends at 1, all is its own; in doubt the other's, since a piece
    # of another's hair is uglier than a piece of the own one lost.
    seeds = np.zeros(own.shape, np.int32)
    seeds[(own < 1.1) & (own < nearest - 0.3)] = 1
    seeds[(nearest < 1.25) & (nearest < own - 0.1)] = 2
    for at in near:
        seeds[_filled(rivals[at].oval, left, top, side, px) > 0.5] = 2
    seeds[oval > 0.5] = 1
    cv2.watershed(cv2.medianBlur(rgb, 5), seeds)
    # Hair hangs down into another's reach; none grows up into it.
    _, down = ruler.measure(left, top, side / px, px)
    slack = 0.65 * smooth_step(down, -0.9, -0.5) - 0.2
    grown = ((seeds == 1) & (nearest > own - slack)).astype(np.uint8)
    grown = cv2.morphologyEx(grown, cv2.MORPH_OPEN, disc(0.08 * ruler.height * px / side))
    share = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 1.5)
    return np.maximum(share, oval)


def _filled(polygon: np.ndarray, left: float, top: float, side: float, px: int) -> np.ndarray:
    """P×P float32: 1 in the convex hull of ``polygon``, shrunk a little."""
    points = (polygon - [left, top]) * (px / side)
    centre = points.mean(axis=0)
    points = centre + 0.96 * (points - centre)
    mask = np.zeros((px, px), np.float32)
    hull = cv2.convexHull(np.round(points * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1.0, cv2.LINE_8, 4)
    return mask


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
    firm = smooth_step(away, band_px, 2 * band_px)
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


def _inside(picture: Picture, left: float, top: float, side: float, px: int) -> np.ndarray:
    """P×P float32: 1 where the square lies in the picture and the picture is opaque."""
    centres = (np.arange(px) + 0.5) * (side / px)
    x, y = left + centres, top + centres
    inside = np.outer((y >= 0) & (y < picture.height), (x >= 0) & (x < picture.width))
    inside = inside.astype(np.float32)
    if picture.alpha is not None:
        inside *= _sampled(picture.alpha, left, top, side, px) > 127
    return inside


def _sampled(array: np.ndarray, left: float, top: float, side: float, size: int) -> np.ndarray:
    """A square of ``array`` (H×W or H×W×C) at ``size``²; past the border the border goes on."""
    whole = float(left).is_integer() and float(top).is_integer() and float(side).is_integer()
    height, width = array.shape[:2]
    if whole and left >= 0 and top >= 0 and left + side <= width and top + side <= height:
        part = array[int(top) : int(top + side), int(left) : int(left + side)]
        how = cv2.INTER_AREA if size < side else cv2.INTER_CUBIC
        return cv2.resize(part, (size, size), interpolation=how)

    x0, y0 = (
        int(np.clip(np.floor(start) - 2, 0, end - 1))
        for start, end in ((left, width), (top, height))
    )
    x1, y1 = (
        int(np.clip(np.ceil(start + side) + 2, first + 1, end))
        for start, first, end in ((left, x0, width), (top, y0, height))
    )
    part = array[y0:y1, x0:x1]
    if size < side:
        shrunk = (max(1, round((x1 - x0) * size / side)), max(1, round((y1 - y0) * size / side)))
        part = cv2.resize(part, shrunk, interpolation=cv2.INTER_AREA)
    step_x, step_y = part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)
    pitch = side / size
    # Pixel centres lie at halves.
    to_part = np.array(
        [
            [pitch * step_x, 0, (left + pitch / 2 - x0) * step_x - 0.5],
            [0, pitch * step_y, (top + pitch / 2 - y0) * step_y - 0.5],
        ]
    )
    how = cv2.INTER_LINEAR if size < side else cv2.INTER_CUBIC
    return cv2.warpAffine(
        part, to_part, (size, size), flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


def _tight_square(shape: _Shape, paper: Picture, scale: float) -> tuple[int, int, int, int]:
    """The square around the head with a margin of 7 %, in pixels of ``paper``."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats((shape.head > 0.5).astype(np.uint8))
    largest = 1 + stats[1:, cv2.CC_STAT_AREA].argmax() if len(stats) > 1 else 0
    # A little wider than its middle line, the head's soft edge goes along.
    soft = cv2.dilate((pieces == largest).astype(np.uint8), disc(2))
    rows, columns = np.nonzero(soft & (shape.head > 0.1))
    pitch = shape.side / shape.head.shape[0]
    x0, x1 = shape.left + columns.min() * pitch, shape.left + (columns.max() + 1) * pitch
    y0, y1 = shape.top + rows.min() * pitch, shape.top + (rows.max() + 1) * pitch
    side = max(1, round(1.14 * max(x1 - x0, y1 - y0) * scale))
    left, top = (
        _shifted_inside(round((start + end) / 2 * scale - side / 2), side, limit)
        for start, end, limit in ((x0, x1, paper.width), (y0, y1, paper.height))
    )
    return left, top, side, side


def _shifted_inside(start: int, side: int, limit: int) -> int:
    return start if side > limit else min(max(start, 0), limit - side)


def _output_side(side: int, size: int | None) -> int:
    largest = min(LARGEST_SIZE_PX, round(_ENLARGE_AT_MOST * side))
    return min(size or side, largest)


def _edge(shape: _Shape, seen: Picture, box: list[float], size: int) -> np.ndarray:
    """The finished alpha of the square ``box`` (pixels of ``seen``), size×size float32 0..1."""
    left, top, side, _ = box
    plan = np.dstack([shape.head, shape.rest])
    to_plan = shape.head.shape[0] / shape.side
    plan = _sampled(
        plan, (left - shape.left) * to_plan, (top - shape.top) * to_plan, side * to_plan, size
    )
    rgb = _sampled(seen.rgb, left, top, side, size)
    unit = shape.ruler.height * size / side  # a face height in pixels of the result
    # Blurred by what a pixel of the plan is wide, or its grid shows.
    sigma = max(0.5, 0.008 * unit, 0.5 * size / (side * to_plan))
    head, rest = cv2.split(cv2.GaussianBlur(np.clip(plan, 0, 1), (0, 0), sigma))
    # Not along the neck: there the shadow under the chin is the strongest edge, not the chin.
    mine = cv2.blur(head / (head + rest + 1e-4), (2 * max(1, round(0.023 * unit)) + 1,) * 2)
    person = guided_filter(rgb, np.minimum(1, head + rest), 0.02 * unit, 1e-3)
    alpha = smooth_step(person * smooth_step(mine, 0.17, 0.53), 0.06, 0.94)
    near_rest = cv2.blur(rest, (2 * round(0.03 * unit) + 1,) * 2)
    away = 1 - smooth_step(near_rest, 0.0, 0.3)
    colours = rgb.astype(np.float32) * np.float32(1 / 255)
    alpha = alpha + away * (colour_edge(colours, alpha, 0.018 * unit) - alpha)

    pitch = side / size
    x, y = (start + (np.arange(size) + 0.5) * pitch for start in (left, top))
    alpha[:, (x < 0) | (x > seen.width)] = 0
    alpha[(y < 0) | (y > seen.height)] = 0
    return _without_scraps(alpha, 0.04 * unit)


def _without_scraps(alpha: np.ndarray, halo_px: float) -> np.ndarray:
    """``alpha`` without what hangs on the head by a soft bridge; single hairs stay."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.3).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if areas.size < 2:
        return alpha
    scraps = 1 + np.flatnonzero((areas < areas.max()) & (areas > halo_px**2))
    around = cv2.dilate(np.isin(pieces, scraps).astype(np.uint8), disc(halo_px))
    near = cv2.dilate((pieces == 1 + areas.argmax()).astype(np.uint8), disc(halo_px / 2))
    return alpha * (near | (1 - around))


def _coloured(
    paper: Picture,
    box: tuple[int, int, int, int],
    alpha: np.ndarray,
    rim_px: float,
    ink_px: float,
) -> Picture:
    """The square ``box`` of ``paper`` with ``alpha``, its rim free of what lies behind."""
    left, top, side, _ = box
    size = alpha.shape[0]
    rgb = _sampled(paper.rgb, left, top, side, size).astype(np.float32) * np.float32(1 / 255)
    if paper.alpha is not None:
        alpha = alpha * (_sampled(paper.alpha, left, top, side, size) * np.float32(1 / 255))
    if ink_px > 0:
        rgb = lines_drawn_in(rgb, alpha, ink_px)
    rgb = decontaminate(rgb, alpha * (1 - like_background(rgb, alpha, rim_px)))
    opacity = np.round(alpha * 255).astype(np.uint8)
    rgb = np.round(rgb * 255).astype(np.uint8)
    rgb[opacity == 0] = 0
    return Picture(rgb, opacity)
