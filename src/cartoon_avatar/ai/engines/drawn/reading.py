"""What a drawing needs to know of a person: where what is, in which colours, in which light.

Lengths are in units: the long side of the picture is 1000. Masks and colours are on a grid of
``scale`` pixels a unit.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, lab_of
from cartoon_avatar.ai.engines.drawn.light import read_light
from cartoon_avatar.ai.engines.drawn.person import Reading
from cartoon_avatar.ai.seeing.detector import on_grey
from cartoon_avatar.ai.seeing.features import body_axes, features_of, quarter_turns_of_body
from cartoon_avatar.ai.seeing.scene import Scene

CANVAS = 1000.0
# The grid's pixels from chin to hairline, within what the picture holds.
_FACE_PX = 200
# From which alpha on a pixel is seen, which share of its hull a convex shape fills and of a picture
# the shape that it was cut to.
_OPAQUE, _CONVEX, _FRAME = 200, 0.985, 0.5
# From which share of a profile's hull its skin tells the face.
_SEEN = 0.3
# From which share of a face that is neither skin nor hair it is under a hood.
_HOODED = 0.35
# What is surely nobody, and how wide it is at least, face heights.
_NOBODY, _GAP = 0.05, 0.06
# Jewels: their largest area, squared face heights; how much of what is around one is hair where it
# is worn in it; how far beside the nose earrings are, face heights, and how low, where the eyes are
# at 0 and the chin at 1.
_JEWEL, _IN_HAIR, _BESIDE, _LOW = 0.07, 0.6, (0.22, 0.6), (0.35, 1.2)


def read(scene: Scene) -> Reading:
    """Read the first of ``scene.people``, of whom there must be one."""
    face, picture = scene.people[0], scene.picture
    to_units = CANVAS / max(picture.width, picture.height)
    features = features_of(face.landmarks * to_units)
    unit = max(1.0, features.height)
    scale = float(np.clip(_FACE_PX / unit, 0.5, 1.0))
    size = (
        max(8, round(picture.width * to_units * scale)),
        max(8, round(picture.height * to_units * scale)),
    )

    def on_grid(plane: np.ndarray) -> np.ndarray:
        # The grid is about as fine as a painting; in odd ratios, areas take ten times as long.
        how = cv2.INTER_LINEAR if 2 * size[0] > plane.shape[1] else cv2.INTER_AREA
        return cv2.resize(plane, size, interpolation=how)

    across = features.landmarks[263] - features.landmarks[33]
    across = across.astype(float) / max(1e-6, float(np.hypot(*across)))
    down = np.array([-across[1], across[0]])
    # A profile's eyes say nothing about which way is down.
    towards_chin = (features.landmarks[152] - features.landmarks[10]).astype(float)
    towards_chin /= max(1e-6, np.hypot(*towards_chin))
    if down @ towards_chin < 0.8:
        down, across = towards_chin, np.array([towards_chin[1], -towards_chin[0]])
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    x, y = (columns + 0.5) / scale, (rows + 0.5) / scale

    rgb = on_grey(picture)
    empty = np.zeros(size[::-1], bool)
    reading = Reading(
        width=picture.width * to_units,
        height=picture.height * to_units,
        scale=scale,
        subject=scene.subjects[0],
        features=features,
        unit=unit,
        across=across,
        down=down,
        lab=lab_of(on_grid(rgb)),
        person=empty,
        face=empty,
        skin_below=empty,
        hair=empty,
        hat=empty,
        clothes=empty,
        clothes_seen=empty,
        worn_on_face=np.zeros(size[::-1], np.float32),
        oval=empty,
        frame=~empty if picture.alpha is None else _frame_of(on_grid(picture.alpha)),
        down_at=(x * down[0] + y * down[1]).astype(np.float32),
        across_at=(x * across[0] + y * across[1]).astype(np.float32),
    )
    reading.oval = reading.inside(features.oval)
    if reading.profile:
        # The mesh folds over; its hull is cut to the face by the masks.
        hull = cv2.convexHull(features.landmarks)[:, 0]
        reading.oval = reading.inside(hull)
        if scene.masks is not None:
            seen = reading.closed(on_grid(scene.masks.face_skin) > 0.5, 0.04 * unit)
            # Of a face under a hood no skin is seen.
            if (reading.oval & seen).sum() > _SEEN * reading.oval.sum():
                reading.oval &= seen
    _read_parts(reading, scene, on_grid)
    read_light(reading)
    return reading


def _frame_of(alpha: np.ndarray) -> np.ndarray:
    """Where a photo that was cut to a disc or another convex shape is opaque, by its ``alpha`` (H×W
    uint8); else everywhere: a person who was cut out has dents."""
    opaque = alpha > _OPAQUE
    everywhere = np.ones_like(opaque)
    points = cv2.findNonZero(opaque.astype(np.uint8))
    if points is None:
        return everywhere
    hull = np.zeros(opaque.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    convex = opaque.sum() > _CONVEX * hull.sum()
    return opaque if convex and opaque.mean() > _FRAME else everywhere


def _read_parts(
    reading: Reading, scene: Scene, on_grid: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Who is where: the masks of the scene, cut to this person and told apart."""
    masks = scene.masks
    if masks is None:
        reading.person = reading.face = reading.oval.copy()
        return
    unit, oval, down_at = reading.unit, reading.oval, reading.down_at
    person = on_grid(masks.person)
    mine = _main_piece(reading, (person * on_grid(masks.mine) > 0.5) | oval)
    others = (person > 0.5) & ~mine
    # Alone, high shoulders are one's own.
    reading.alone = float(others.mean()) < 0.02
    bust = _bust(reading, raised=0.5 if reading.alone else 0.25)
    mine &= reading.inside(bust) | reading.inside(_head_room(reading))
    has_neighbours = float((person > 0.5).mean() - (mine & (person > 0.5)).mean()) > 0.03
    planes = [masks.hair, masks.face_skin, masks.body_skin, masks.clothes, masks.other]
    kinds = np.stack([on_grid(plane) for plane in planes])
    likeliest = kinds.argmax(axis=0)
    hair, face, body, clothes, other = (mine & (likeliest == kind) for kind in range(5))

    skin = face | body
    mine &= ~_read_face(reading, skin)
    stranger = _of_a_stranger(reading, hair, reading.skin_below)
    mine &= ~stranger
    hair, reading.skin_below = hair & ~stranger, reading.skin_below & ~stranger
    if has_neighbours:
        _keep_neck_alone(reading, clothes, mine)

    hat = _hat_of(reading, hair, face, clothes, other)
    reading.hat = reading.opened(hat, 0.02 * unit)
    band = np.abs(down_at - reading.at(168) @ reading.down) < 0.3 * unit
    band &= reading.grown(oval, 0.06 * unit)
    reading.worn_on_face = np.where(band & mine & ~hat, kinds[4], 0).astype(np.float32)
    rest = (other | clothes) & ~hat & ~oval & ~(reading.worn_on_face > 0.3)
    _name_what_is_high(reading, rest, hair, mine)
    if not reading.alone:
        mine &= ~_of_strange_colour(reading, hair & mine, others)
    reading.hair = hair & mine

    cloth = rest & mine & (down_at > reading.at(152) @ reading.down - 0.3 * unit)
    if not reading.alone:
        # Whose sleeves are raised beside the shoulders is not known.
        strange = cloth & ~reading.inside(_bust(reading, raised=0.06))
        cloth, mine = cloth & ~strange, mine & ~strange
    beneath = _below(reading, cloth)
    if has_neighbours or (scene.picture.alpha is not None and reading.frame.all()):
        beneath |= reading.inside(_bust(reading, raised=-0.05 if reading.alone else 0.04))
    beneath &= ~(reading.skin_below if has_neighbours else skin) & ~hair & ~oval
    if reading.alone and scene.picture.alpha is None and masks.trusted:
        # Beside an arm that hangs down there is nobody.
        beneath &= (person > _NOBODY) | ~reading.opened(person <= _NOBODY, _GAP * reading.unit)
    cloth = _on_chest(reading, cloth, stranger)
    reading.clothes = reading.without_small(cloth | beneath, 0.02)
    reading.clothes_seen = cloth & ~skin
    reading.person = mine | beneath


def _read_face(reading: Reading, skin: np.ndarray) -> np.ndarray:
    """Part ``skin`` into face and what is below it. Returned is skin beside the head that is
    neither: an arm raised there."""
    unit, down_at = reading.unit, reading.down_at
    nose = reading.at(2) @ reading.down
    # A head that is turned shows its ear far from the nose.
    middle = reading.features.oval.mean(axis=0) @ reading.across
    beside = np.abs(reading.across_at - middle) < 0.65 * unit
    face_skin = skin & (reading.oval | ((down_at < nose + 0.05 * unit) & beside))
    reading.face = np.zeros_like(skin)
    touching, near = (
        reading.grown(reading.oval, 0.02 * unit),
        reading.grown(reading.oval, 0.15 * unit),
    )
    for piece in reading.pieces(face_skin, 0.0005):
        ear = reading.area(piece) < 0.05 and (piece & near).any()
        if ear or (piece & touching).any():
            reading.face |= piece
    reading.skin_below = skin & ~reading.face & (down_at > nose)
    return face_skin & ~reading.face


def _keep_neck_alone(reading: Reading, clothes: np.ndarray, mine: np.ndarray) -> None:
    """Of skin below the face only a neck is the person's own among neighbours: whose arm lies on a
    shoulder is not known. What is as low as ``clothes`` is taken for them, the rest goes out of
    ``mine``, both in place."""
    unit, down_at = reading.unit, reading.down_at
    chin = reading.at(152) @ reading.down
    neck = np.abs(reading.across_at - reading.at(152) @ reading.across) < 0.3 * unit
    neck &= down_at < chin + 0.35 * unit
    clothes |= reading.skin_below & ~neck & (down_at > chin + 0.1 * unit)
    mine &= ~(reading.skin_below & ~neck & (down_at <= chin + 0.1 * unit))
    reading.skin_below &= neck


def _hat_of(
    reading: Reading, hair: np.ndarray, face: np.ndarray, clothes: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """What covers the head above the brows: a hat, a bow, a scarf; a hat is taken for cloth too."""
    unit, at, oval, down_at = reading.unit, reading.at, reading.oval, reading.down_at
    chin, brow = at(152) @ reading.down, at(9) @ reading.down
    worn = (other | clothes) & (np.abs(reading.across_at - at(1) @ reading.across) < 0.85 * unit)
    hat = np.zeros_like(worn)
    face_colour = reading.median_colour(face & oval)
    for piece in reading.pieces(worn & (down_at < brow + 0.1 * unit), 0.015):
        above = piece & (down_at < brow - 0.02 * unit)
        over = np.abs(reading.across_at - at(10) @ reading.across) < 0.35 * unit
        on_head = (piece & over).sum() > 0.2 * piece.sum()
        on_head &= not _like(reading, piece, face_colour, 14)
        on_head &= bool((reading.grown(piece, 0.03 * unit) & (hair | face | oval)).any())
        if on_head and above.sum() > 0.6 * piece.sum() and reading.area(piece & ~oval) > 0.012:
            hat |= piece
    if (other & oval).sum() > _HOODED * oval.sum():
        # A hood, of which a part below the brows would be left out or taken for a collar.
        for piece in reading.pieces(worn & (down_at < chin), 0.0005):
            if (piece & reading.grown(oval, 0.02 * unit)).any():
                hat |= piece
    return hat


def _name_what_is_high(
    reading: Reading, rest: np.ndarray, hair: np.ndarray, mine: np.ndarray
) -> None:
    """``rest`` is what else is worn, and what the masks cannot name: above the shoulders it is
    ``hair``, a jewel, which is drawn as a hat is, or somebody else's, not ``mine``; below it is
    cloth. All in place."""
    high = rest & ~reading.inside(_bust(reading, raised=0.14))
    hair_colour = reading.median_colour(hair)
    for piece in reading.pieces(high, 0.0003):
        rim = reading.grown(piece, 0.02 * reading.unit) & mine & ~piece
        near_hair = (rim & hair).sum() > 0.25 * rim.sum()
        if near_hair and _like(reading, piece, hair_colour):
            hair |= piece
        elif reading.alone and _is_jewel(reading, piece, rim, hair):
            reading.hat |= piece
        elif reading.area(piece) < 0.1 and not (reading.alone and piece[-1].any()):
            # What the frame cuts below is the shoulder of a person who stands alone.
            mine &= ~piece
        rest &= ~piece | (mine & ~hair & ~reading.hat)


def _is_jewel(reading: Reading, piece: np.ndarray, rim: np.ndarray, hair: np.ndarray) -> bool:
    """Whether ``piece`` is an earring, or what is worn in the ``hair``; ``rim`` is around it."""
    if reading.area(piece) > _JEWEL or not rim.any():
        return False
    if (rim & hair).sum() > _IN_HAIR * rim.sum():
        return True
    eyes, chin = reading.at(168) @ reading.down, reading.at(152) @ reading.down
    beside = abs(np.median(reading.across_at[piece]) - reading.at(1) @ reading.across)
    low = (np.median(reading.down_at[piece]) - eyes) / max(chin - eyes, 1e-6)
    by_ear = _BESIDE[0] < beside / reading.unit < _BESIDE[1] and _LOW[0] < low < _LOW[1]
    own = hair | reading.face | reading.oval | reading.skin_below
    return by_ear and bool((rim & own).sum() > 0.25 * rim.sum())


def _below(reading: Reading, cloth: np.ndarray) -> np.ndarray:
    """All below ``cloth``: under every shoulder there is chest, where a friend or a round frame
    hides it, too."""
    low = cloth & (reading.down_at > reading.at(152) @ reading.down + 0.12 * reading.unit)
    turns = quarter_turns_of_body(reading.down)
    return np.rot90(np.maximum.accumulate(np.rot90(low, -turns), axis=0), turns)


def _on_chest(reading: Reading, cloth: np.ndarray, stranger: np.ndarray) -> np.ndarray:
    """``cloth`` without sleeves of raised arms and of strangers, which hang on no chest."""
    unit = reading.unit
    chest = reading.inside(_bust(reading, raised=-0.1))
    chest |= reading.grown(reading.skin_below, 0.03 * unit)
    by_stranger = reading.grown(stranger, 0.04 * unit)
    for piece in reading.pieces(cloth, 0.0003):
        theirs = (piece & by_stranger).any() and piece.sum() < 0.3 * cloth.sum()
        if theirs or not (piece & chest).any():
            cloth = cloth & ~piece
    return cloth


def _of_a_stranger(reading: Reading, hair: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Hair and skin beside the head that nothing joins to it: a face that nobody found."""
    unit = reading.unit
    near = reading.grown(reading.oval, 0.15 * unit)
    middle, chin = reading.at(152) @ reading.across, reading.at(152) @ reading.down
    far = np.abs(reading.across_at - middle) > 0.6 * unit
    beside = far & (reading.down_at < chin + 0.05 * unit)
    found = np.zeros_like(hair)
    for parts in (hair, skin):
        for piece in reading.pieces(parts, 0.004):
            if not (piece & near).any() and (piece & beside).any():
                found |= piece
    return found


def _of_strange_colour(reading: Reading, hair: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What by ``others`` is taken for ``hair`` and has a colour that is not near the face."""
    unit = reading.unit
    near = reading.grown(reading.oval, 0.25 * unit)
    own = reading.lab[hair & near]
    if len(own) < 100:
        return np.zeros_like(hair)
    soft = reading.soft(reading.lab, 0.02 * unit)
    low, high = np.percentile(own, [12, 88], axis=0)
    beyond = np.maximum(low - soft, soft - high).clip(0) * np.asarray([0.3, 1, 1], np.float32)
    # Ends on the shoulders may be bleached.
    far = hair & ~reading.grown(reading.oval, 0.3 * unit)
    far &= ~(reading.inside(_bust(reading, raised=0.1)) | reading.inside(_skull(reading)))
    strange = reading.opened(far & (np.linalg.norm(beyond, axis=2) > 6), 0.02 * unit)
    # A crown has a thin rim of the sky's colour.
    by_others = reading.grown(reading.opened(others, 0.02 * unit), 0.1 * unit)
    pieces = [
        piece
        for piece in reading.pieces(strange, 0.0)
        if by_others[piece].mean() > 0.5 or reading.grown(piece, -0.06 * unit).any()
    ]
    if not pieces:
        return np.zeros_like(hair)
    return reading.grown(np.logical_or.reduce(pieces), 0.03 * unit) & far


def _skull(reading: Reading) -> np.ndarray:
    """What is surely one's own crown: the outline of an oval over the face."""
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    middle = reading.at(152) - 0.72 * reading.unit * reading.down
    across = 0.55 * reading.unit * np.cos(turn)[:, None] * reading.across
    return middle + across + 0.95 * reading.unit * np.sin(turn)[:, None] * reading.down


def _main_piece(reading: Reading, mask: np.ndarray) -> np.ndarray:
    """Of ``mask`` what hangs together with the face, without crumbs and pinholes."""
    mask = reading.opened(mask, 0.02 * reading.unit) | reading.oval
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    if not reading.oval.any():
        return mask
    touching = np.bincount(labels[reading.oval].ravel(), minlength=2)
    touching[0] = 0
    return reading.filled(labels == int(touching.argmax()), 0.02)


def _like(reading: Reading, piece: np.ndarray, colour: Lab | None, within: float = 32) -> bool:
    """Whether ``piece`` has nearly that ``colour``, ``within`` in CIELAB."""
    if colour is None:
        return False
    apart = reading.median_colour(piece) - colour
    return float(np.hypot(apart[0] * 0.7, np.hypot(*apart[1:]))) < within


def _bust(reading: Reading, *, raised: float) -> np.ndarray:
    return bust(reading.at(152), reading.at(10), reading.down, reading.unit, raised=raised)


def bust(
    chin: np.ndarray, forehead: np.ndarray, down: np.ndarray, unit: float, *, raised: float
) -> np.ndarray:
    """The outline of shoulders and chest as they stand below a ``chin``, ``raised`` by a share of
    the face, which is ``unit`` high and whose way ``down`` is a unit vector."""
    top = chin * 0.75 + forehead * 0.25 + down * 0.25 * unit
    side = np.array(
        [(0.2, 0.0), (0.32, 0.14), (0.5, 0.25), (0.85, 0.36), (1.05, 0.5), (1.2, 0.8), (1.3, 9.0)]
    )
    side = (side - [0, raised]) * [1.0 + raised, 1.0] * unit
    axes = body_axes(down).T
    return np.concatenate([top + side * [-1, 1] @ axes, top + side[::-1] @ axes])


def _head_room(reading: Reading) -> np.ndarray:
    """Where head and hair can be, down to the chin."""
    unit = reading.unit
    unit = unit * 1.6 if reading.profile else unit
    x = reading.at(168) @ reading.across
    top, bottom = -5 * unit, reading.at(152) @ reading.down + 0.3 * unit
    corners = np.array([(x - unit, top), (x + unit, top), (x + unit, bottom), (x - unit, bottom)])
    return corners[:, :1] * reading.across + corners[:, 1:] * reading.down
