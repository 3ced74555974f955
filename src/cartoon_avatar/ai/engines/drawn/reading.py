"""What a drawing needs to know of a person: where what is, in which colours, in which light.

Lengths are in units: the long side of the picture is 1000. Masks and colours are on a grid of
``scale`` pixels a unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, lab_of, lch, lightness, luminance
from cartoon_avatar.ai.seeing.detector import on_grey
from cartoon_avatar.ai.seeing.features import Features, features_of
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.ai.seeing.subject import Subject

CANVAS = 1000.0
# The grid's pixels from chin to hairline, within what the picture holds.
_FACE_PX = 200


@dataclass(slots=True)
class Reading:
    """One person. Masks are H×W bool on the grid, ``lab`` is H×W×3 float32 there."""

    width: float
    height: float
    scale: float
    subject: Subject
    features: Features
    unit: float  # chin to hairline, units
    across: np.ndarray  # unit vector from the sitter's right eye to the left one
    down: np.ndarray  # unit vector from brow to chin
    lab: np.ndarray
    person: np.ndarray
    face: np.ndarray
    skin_below: np.ndarray
    hair: np.ndarray
    hat: np.ndarray
    clothes: np.ndarray  # made up where a shoulder was hidden
    clothes_seen: np.ndarray
    worn_on_face: np.ndarray  # float 0..1: what on the face is neither skin nor hair
    oval: np.ndarray
    down_at: np.ndarray  # H×W: each pixel's place along ``down``, units
    across_at: np.ndarray
    skin: Lab = field(default_factory=lambda: np.array([70.0, 12, 18]))
    skin_lightness: float = 70.0  # as photographed
    gain: float = 1.0  # by which the light is evened, as a factor of luminance
    light_side: int = 1  # 1: light comes from the picture's left
    side_contrast: float = 0.0  # difference of the cheeks, L

    @property
    def profile(self) -> bool:
        """From the side, where the mesh's points lie well but its outline does not."""
        return not self.subject.confirmed

    @property
    def landmarks(self) -> np.ndarray:
        return self.features.landmarks

    def at(self, index: int) -> np.ndarray:
        return self.features.landmarks[index].astype(float)

    def points(self, *indices: int) -> np.ndarray:
        return self.features.landmarks[list(indices)].astype(float)

    def inside(self, outline: np.ndarray) -> np.ndarray:
        """The grid's pixels inside ``outline`` (units)."""
        mask = np.zeros(self.person.shape, np.uint8)
        points = (np.asarray(outline) * self.scale - 0.5) * 16
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        return mask > 127

    def disc(self, centre: np.ndarray, radius: float) -> np.ndarray:
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        return self.inside(centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1))

    def grown(self, mask: np.ndarray, by: float) -> np.ndarray:
        """``mask`` grown (or shrunk, below 0) by ``by`` units."""
        px = by * self.scale
        if px >= 0:
            return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) <= px
        return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) > -px

    def opened(self, mask: np.ndarray, by: float) -> np.ndarray:
        """``mask`` without what is narrower than twice ``by`` units."""
        return self.grown(self.grown(mask, -by), by) & mask

    def closed(self, mask: np.ndarray, by: float) -> np.ndarray:
        return self.grown(self.grown(mask, by), -by) | mask

    def soft(self, values: np.ndarray, by: float) -> np.ndarray:
        """``values`` under a Gaussian of ``by`` units, the frame's pixels going on."""
        return blurred(values.astype(np.float32), max(0.6, by * self.scale))

    def moved(self, mask: np.ndarray, by: np.ndarray) -> np.ndarray:
        x, y = by * self.scale
        turn = np.asarray([[1, 0, x], [0, 1, y]], np.float32)
        size = mask.shape[1::-1]
        moved = cv2.warpAffine(mask.astype(np.float32), turn, size, borderMode=cv2.BORDER_REPLICATE)
        return moved > 0.5

    def area(self, mask: np.ndarray) -> float:
        """Of ``mask``, in squares of the face's height."""
        return float(mask.sum()) / (self.unit * self.scale) ** 2

    def pieces(self, mask: np.ndarray, least: float) -> list[np.ndarray]:
        """The connected pieces of ``mask`` of at least ``least`` squared face heights."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        limit = least * (self.unit * self.scale) ** 2
        order = sorted(range(1, count), key=lambda i: -stats[i, cv2.CC_STAT_AREA])
        return [labels == i for i in order if stats[i, cv2.CC_STAT_AREA] >= limit]

    def without_small(self, mask: np.ndarray, least: float) -> np.ndarray:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        keep = stats[:, cv2.CC_STAT_AREA] >= least * (self.unit * self.scale) ** 2
        keep[0] = False
        return keep[labels]

    def largest(self, mask: np.ndarray) -> np.ndarray:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        if len(stats) < 2:
            return mask
        return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())

    def median_colour(self, mask: np.ndarray) -> Lab | None:
        return np.median(self.lab[mask], axis=0) if mask.any() else None

    def filled(self, mask: np.ndarray, least: float) -> np.ndarray:
        """``mask`` with its holes below ``least`` closed."""
        return ~self.without_small(~mask, least)

    def sample(self, points: np.ndarray, values: np.ndarray) -> np.ndarray:
        """``values`` (on the grid) at ``points`` (units), the nearest pixel's."""
        x, y = np.floor(np.asarray(points) * self.scale).astype(int).T
        height, width = values.shape[:2]
        return values[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]


def blurred(values: np.ndarray, sigma_px: float) -> np.ndarray:
    """``values`` (H×W or H×W×3 float32) under a Gaussian; a broad one works on a small copy."""
    shrink = int(sigma_px / 2.5)
    border = cv2.BORDER_REPLICATE
    if shrink < 2:
        return cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=border)
    height, width = values.shape[:2]
    size = (max(1, width // shrink), max(1, height // shrink))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px * size[0] / width, borderType=border)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


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
        return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)

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
        lab=lab_of(on_grid(on_grey(picture))),
        person=empty,
        face=empty,
        skin_below=empty,
        hair=empty,
        hat=empty,
        clothes=empty,
        clothes_seen=empty,
        worn_on_face=np.zeros(size[::-1], np.float32),
        oval=empty,
        down_at=(x * down[0] + y * down[1]).astype(np.float32),
        across_at=(x * across[0] + y * across[1]).astype(np.float32),
    )
    reading.oval = reading.inside(features.oval)
    if reading.profile:
        # The mesh folds over; its hull is cut to the face by the masks.
        hull = cv2.convexHull(features.landmarks)[:, 0]
        reading.oval = reading.inside(hull)
        if scene.masks is not None and (seen := on_grid(scene.masks.face_skin) > 0.5).any():
            reading.oval &= reading.closed(seen, 0.04 * unit)
    _read_parts(reading, scene, on_grid)
    _read_light(reading)
    return reading


def _read_parts(
    reading: Reading, scene: Scene, on_grid: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Who is where: the masks of the scene, cut to this person and told apart."""
    masks = scene.masks
    if masks is None:
        reading.person = reading.face = reading.oval.copy()
        return
    unit, at, down = reading.unit, reading.at, reading.down
    oval, down_at = reading.oval, reading.down_at
    person = on_grid(masks.person)
    mine = (person * on_grid(masks.mine) > 0.5) | oval
    mine = _main_piece(reading, mine)
    mine &= reading.inside(_bust(reading, raised=0.25)) | reading.inside(_head_room(reading))
    neighbours = float((person > 0.5).mean() - (mine & (person > 0.5)).mean()) > 0.03
    planes = [masks.hair, masks.face_skin, masks.body_skin, masks.clothes, masks.other]
    kinds = np.stack([on_grid(plane) for plane in planes])
    likeliest = kinds.argmax(axis=0)
    hair, face, body, clothes, other = (mine & (likeliest == kind) for kind in range(5))

    chin, nose, brow = at(152) @ down, at(2) @ down, at(9) @ down
    beside = np.abs(reading.across_at - at(1) @ reading.across) < 0.65 * unit
    skin = face | body
    face_skin = skin & (oval | ((down_at < nose + 0.05 * unit) & beside))
    # An arm raised beside the head is not part of it.
    reading.face = np.zeros_like(skin)
    touching, near = reading.grown(oval, 0.02 * unit), reading.grown(oval, 0.15 * unit)
    for piece in reading.pieces(face_skin, 0.0005):
        ear = reading.area(piece) < 0.05 and (piece & near).any()
        if ear or (piece & touching).any():
            reading.face |= piece
    mine &= ~(face_skin & ~reading.face)
    reading.skin_below = skin & ~reading.face & (down_at > nose)
    if neighbours:
        # Whose arm lies on a shoulder is not known; a neck is the person's own.
        neck = np.abs(reading.across_at - at(152) @ reading.across) < 0.3 * unit
        neck &= down_at < chin + 0.35 * unit
        clothes |= reading.skin_below & ~neck & (down_at > chin + 0.1 * unit)
        mine &= ~(reading.skin_below & ~neck & (down_at <= chin + 0.1 * unit))
        reading.skin_below &= neck

    # What covers the head above the brows is a hat, a bow, a scarf; a hat is taken for cloth too.
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
    reading.hat = reading.opened(hat, 0.02 * unit)
    band = reading.grown(oval, 0.06 * unit) & (np.abs(down_at - at(168) @ down) < 0.3 * unit)
    reading.worn_on_face = np.where(band & mine & ~hat, kinds[4], 0).astype(np.float32)
    # What else is worn, and what the masks cannot name: hair above the shoulders, below cloth.
    rest = (other | clothes) & ~hat & ~oval & ~(reading.worn_on_face > 0.3)
    high = rest & ~reading.inside(_bust(reading, raised=0.14))
    hair_colour = reading.median_colour(hair)
    for piece in reading.pieces(high, 0.0003):
        rim = reading.grown(piece, 0.02 * unit) & mine & ~piece
        near_hair = (rim & hair).sum() > 0.25 * rim.sum()
        if near_hair and _like(reading, piece, hair_colour):
            hair |= piece
        elif reading.area(piece) < 0.1:
            mine &= ~piece
        rest &= ~piece | (mine & ~hair)
    reading.hair = hair & mine
    cloth = rest & mine & (down_at > chin - 0.3 * unit)
    # Under every shoulder there is chest, where a friend or a round frame hides it, too.
    low = cloth & (down_at > chin + 0.12 * unit)
    beneath = np.maximum.accumulate(low, axis=0)
    if neighbours or scene.picture.alpha is not None:
        beneath |= reading.inside(_bust(reading, raised=-0.05))
    beneath &= ~skin & ~hair & ~oval if not neighbours else ~reading.skin_below & ~hair & ~oval
    # Sleeves of raised arms and of strangers hang on no chest.
    chest = reading.inside(_bust(reading, raised=-0.1))
    chest |= reading.grown(reading.skin_below, 0.03 * unit)
    for piece in reading.pieces(cloth, 0.0003):
        if not (piece & chest).any():
            cloth &= ~piece
    reading.clothes = reading.without_small(cloth | beneath, 0.02)
    reading.clothes_seen = cloth & ~skin
    reading.person = mine | beneath


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
    """Shoulders and chest as they stand below a chin, ``raised`` by a share of the face."""
    unit = reading.unit
    x, y = reading.at(152) * 0.75 + reading.at(10) * 0.25 + reading.down * 0.25 * unit
    side = np.array(
        [(0.2, 0.0), (0.32, 0.14), (0.5, 0.25), (0.85, 0.36), (1.05, 0.5), (1.2, 0.8), (1.3, 9.0)]
    )
    side[:, 1] -= raised
    wider = 1.0 + raised
    right = np.stack([x + side[:, 0] * unit * wider, y + side[:, 1] * unit], axis=1)
    left = np.stack([x - side[:, 0] * unit * wider, y + side[:, 1] * unit], axis=1)
    return np.concatenate([left, right[::-1]])


def _head_room(reading: Reading) -> np.ndarray:
    """Where head and hair can be, down to the chin."""
    unit = reading.unit
    unit = unit * 1.6 if reading.profile else unit
    x = reading.at(168) @ reading.across
    top, bottom = -5 * unit, reading.at(152) @ reading.down + 0.3 * unit
    corners = np.array([(x - unit, top), (x + unit, top), (x + unit, bottom), (x - unit, bottom)])
    return corners[:, :1] * reading.across + corners[:, 1:] * reading.down


def _read_light(reading: Reading) -> None:
    """Skin colour and light: how bright, from which side."""
    unit, features, lab = reading.unit, reading.features, reading.lab
    soft = reading.soft(lab, 0.008 * unit)
    bare = reading.oval & reading.face & (reading.worn_on_face < 0.3)
    avoid = np.zeros_like(bare)
    for eye in features.eyes:
        avoid |= reading.inside(_scaled(eye.outline, 1.8))
    for brow in features.brows:
        avoid |= reading.inside(_scaled(brow, 1.5))
    upper = reading.down_at < reading.at(13) @ reading.down
    zone = reading.grown(bare, -0.03 * unit) & ~avoid & upper
    for wider in (bare & ~avoid, bare, reading.oval):
        if zone.sum() >= 60:
            break
        zone = wider
    if not zone.any():
        return
    pixels = soft[zone]
    reading.skin_lightness = float(np.median(pixels[:, 0]))
    white, openness = _white_of_eyes(reading)
    reading.skin = _diffuse(pixels, white)
    light = reading.subject.light
    if light is not None and light.value.tint[1] < 0 and not reading.subject.monochrome:
        # Cool light greys skin; a healthy white of the eye is a little warm.
        a, b = light.value.tint
        reading.skin[1:] += 0.6 * np.array([np.clip(3 - a, -6, 6), 5 - b])

    cheeks = []
    for indices in ((50, 117, 187, 205), (280, 346, 411, 425)):
        on = np.zeros_like(bare)
        for index in indices:
            on |= reading.disc(reading.at(index), 0.05 * unit)
        on &= bare
        cheeks.append(float(np.median(soft[on][:, 0])) if on.any() else reading.skin_lightness)
    reading.light_side = 1 if cheeks[0] >= cheeks[1] else -1
    reading.side_contrast = abs(cheeks[0] - cheeks[1])
    reading.gain = _gain(reading, white, openness)


def _diffuse(pixels: np.ndarray, white: float | None) -> Lab:
    """The colour of N×3 skin pixels without gloss, which is lighter and greyer than the skin.

    Gloss hides skin that is clearly darker than the ``white`` of the eyes (L).
    """

    def band(low: float, high: float) -> Lab:
        limits = np.percentile(pixels[:, 0], [low, high])
        within = (pixels[:, 0] >= limits[0]) & (pixels[:, 0] <= limits[1])
        return np.median(pixels[within], axis=0).astype(float)

    bright, middle = band(80, 95), band(45, 75)
    deeper = band(18, 50)
    deeper[0] = max(deeper[0], float(np.median(pixels[:, 0])) - 5)
    glossy = np.hypot(*bright[1:]) < 0.8 * np.hypot(*middle[1:])
    if white is None:
        # Hard light and gloss spread the lights of a face.
        spread = float(np.ptp(np.percentile(pixels[:, 0], [20, 85])))
        return deeper if glossy or spread > 20 else band(35, 65)
    darker = luminance(middle[0]) / luminance(white)
    if darker < 0.68 and (glossy or darker < 0.66):
        return deeper
    return band(45, 80)


def _white_of_eyes(reading: Reading) -> tuple[float | None, float]:
    """Lightness of the white of the eyes, if it is seen, and how open the eyes are."""
    whites, openness = [], 0.0
    for eye in reading.features.eyes:
        white = reading.inside(_scaled(eye.outline, 0.85))
        white &= ~reading.disc(eye.iris, eye.radius * 1.15)
        if white.sum() >= 6:
            whites.append(float(np.percentile(reading.lab[white][:, 0], 85)))
        openness = max(openness, eye.opening / max(1e-6, eye.width))
    white = max(whites, default=0.0)
    # Darker than any white can be: lashes, or a dark lens.
    return (white if white > 0.6 * reading.skin_lightness else None), openness


def _gain(reading: Reading, white: float | None, openness: float) -> float:
    """By how much luminance must rise so that the white of the eye is as in good light.

    A dim photo darkens skin and white alike; dark skin leaves the white white.
    """
    light = reading.skin_lightness
    # What is nearly white in the picture tells how far it is underexposed.
    brightest = float(np.percentile(reading.lab[..., 0], 98))
    exposure = 1.0
    if 78 < brightest < 90:
        exposure = (luminance(91) / luminance(brightest)) ** 0.8
    if white is None or white >= 76:
        return exposure
    ratio = luminance(light) / luminance(white)
    wanted = np.clip(ratio * 1.14, 0.12, 1.12) * luminance(76)
    gain = float(np.clip(wanted / luminance(light), 1.0, 3.2))
    # Narrow eyes show no white, yellow skin under warm light has yellow whites.
    hue = lch(reading.skin)[2]
    trust = max(
        np.clip((54 - hue) / 6, 0, 1) * np.clip((openness - 0.18) / 0.12, 0, 1),
        np.clip((61 - hue) / 4, 0, 1) * np.clip((openness - 0.27) / 0.06, 0, 1),
    )
    if (reading.worn_on_face[reading.oval] > 0.5).mean() > 0.01:
        trust *= 0.35
    if hue > 42:
        trust *= float(np.clip((ratio - 0.6) / 0.2, 0, 1))
    trust *= float(np.clip((76 - white) / 14, 0, 1)) if ratio < 0.75 else 1.0
    gain = max(exposure, gain ** float(0.7 * trust))
    most = luminance(min(80.0, light + 12)) / luminance(light)
    return float(np.clip(gain, 1.0, max(1.0, most)))


def evened(light: float, gain: float) -> float:
    """The lightness that ``light`` has under even light."""
    return lightness(luminance(light) * gain)


def _scaled(outline: np.ndarray, factor: float) -> np.ndarray:
    centre = outline.mean(axis=0)
    return centre + (outline - centre) * factor
