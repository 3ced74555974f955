"""Person and head masks: which pixels are hair, skin, clothes, and which are nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from cartoon_avatar.ai.filters.canvas import shrunk
from cartoon_avatar.ai.filters.guided_filter import guided_filter
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.faces import Face
from cartoon_avatar.ai.seeing.models import Models, Network

# Channels of a class map, the order of MediaPipe's selfie_multiclass_256x256.
BACKGROUND, HAIR, BODY_SKIN, FACE_SKIN, CLOTHES, OTHER = range(6)


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """What belongs to the people in a picture: H×W float32 each, 0..1."""

    person: np.ndarray
    hair: np.ndarray
    skin: np.ndarray


_FINEST_PX = 512

# The masks of a picture whose faces are known; None where no model can tell.
MaskFinder = Callable[[Picture, list[Face]], Masks | None]


def open_mask_finder(models: Models) -> MaskFinder:
    """A finder on ``models``, which it may not share with another thread.

    Without the class model the person comes from the plainer selfie model and the masks
    of hair and skin are empty.
    """

    def find(picture: Picture, faces: list[Face]) -> Masks | None:
        if models.person_classes is None and models.person is None:
            return None
        size = (picture.width, picture.height)
        # Finer than this the networks do not see; the rest is interpolated.
        scale = min(1.0, _FINEST_PX / max(size))
        rgb = shrunk(picture.rgb, _FINEST_PX)
        small = rgb.shape[1::-1]

        person = (
            None if models.person is None else cv2.resize(person_map(models.person, rgb), small)
        )
        if models.person_classes is None:
            person = cv2.resize(_refined(person, rgb), size)
            nothing = np.zeros(person.shape, np.float32)
            return Masks(person, nothing, nothing)

        parts = cv2.resize(_parts(models.person_classes, rgb), small)
        finest_px = np.inf
        if faces and max(face.box[3] for face in faces) < 0.25 * picture.height:
            box = [length * scale for length in faces[0].box]
            _look_closer(models.person_classes, picture.rgb, faces[0].box, parts, scale)
            finest_px = 0.04 * box[3]
        if person is not None:
            # What only the plain person model sees is mostly dark cloth.
            np.minimum(parts[..., 0], 1 - person, out=parts[..., 0])
        behind, hair, skin = cv2.split(cv2.resize(_refined(parts, rgb, finest_px), size))
        return Masks(1 - behind, hair, skin)

    return find


def _parts(network: Network, rgb: np.ndarray) -> np.ndarray:
    """192×192×3 float32: how likely background, hair and skin are, ``rgb`` in a square."""
    classes = cv2.split(class_map(network, rgb))
    return cv2.merge([classes[BACKGROUND], classes[HAIR], classes[FACE_SKIN] + classes[BODY_SKIN]])


def class_map(network: Network, rgb: np.ndarray) -> np.ndarray:
    """192×192×6 float32 class probabilities of ``rgb`` (H×W×3 uint8), stretched to a square.

    For the network alone the picture's mid-tones are lifted: unlifted, dark pictures lose
    dark hair and grow patches of face in black areas.
    """
    logits = network(_lifted(_square(rgb, network)))[0]
    # The network was taught with soft labels and hardly says more than 0.9; twice the logits
    # make its certainties certain.
    planes = np.ascontiguousarray(np.moveaxis(logits, -1, 0))
    planes -= planes.max(axis=0)
    np.exp(2 * planes, out=planes)
    planes /= planes.sum(axis=0)
    return cv2.merge(list(planes))


def person_map(network: Network, rgb: np.ndarray) -> np.ndarray:
    """256×256 float32 probability of a person, ``rgb`` stretched to a square."""
    return network(_lifted(_square(rgb, network)))[0][..., 0]


def _square(rgb: np.ndarray, network: Network) -> np.ndarray:
    return cv2.resize(rgb, network.size[::-1], interpolation=cv2.INTER_AREA)


def _lifted(rgb: np.ndarray) -> np.ndarray:
    """H×W×3 float32 0..1 of uint8: a gamma brings the 60th percentile of light to the middle."""
    counts = np.bincount(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).ravel(), minlength=256).cumsum()
    level = float(np.searchsorted(counts, 0.6 * counts[-1])) / 255
    gamma = np.log(0.5) / np.log(np.clip(level, 0.01, 0.99))
    table = np.linspace(0, 1, 256) ** np.clip(gamma, 0.35, 1.0)
    return cv2.LUT(rgb, table.astype(np.float32))


def _look_closer(
    network: Network,
    rgb: np.ndarray,
    box: tuple[float, float, float, float],
    parts: np.ndarray,
    scale: float,
) -> None:
    """Replace ``parts``, of ``rgb`` shrunk by ``scale``, around a face too small to be seen."""
    left, top, wide, high = box
    reach = 1.5 * max(wide, high)
    x0, x1 = (int(np.clip(left + wide / 2 + d, 0, rgb.shape[1])) for d in (-reach, reach))
    y0, y1 = (int(np.clip(top + high / 2 + d, 0, rgb.shape[0])) for d in (-reach, reach))
    patch = parts[round(y0 * scale) : round(y1 * scale), round(x0 * scale) : round(x1 * scale)]
    if not patch.size:
        return
    near = cv2.resize(_parts(network, rgb[y0:y1, x0:x1]), patch.shape[1::-1])
    # Full weight in the middle, none at the rim, so that no seam shows.
    ramps = (np.minimum(1, 4 * np.sin(np.pi * (np.arange(n) + 0.5) / n)) for n in near.shape[:2])
    weight = np.outer(*ramps).astype(np.float32)[..., None]
    patch += weight * (near - patch)


def _refined(mask: np.ndarray, rgb: np.ndarray, finest_px: float = np.inf) -> np.ndarray:
    """``mask`` (the picture's size, H×W or H×W×C), its edges on those of H×W×3 uint8 ``rgb``.

    What is no wider than ``finest_px`` is kept.
    """
    # The map's own grain, 1/192 of the picture, is about what the edge may be off by.
    radius_px = max(rgb.shape) / 160
    if finest_px < radius_px:
        return smooth_step(guided_filter(rgb, mask, finest_px, 1e-3), 0.15, 0.85)
    found = guided_filter(rgb, mask, radius_px, 1e-3, scale=0.5)
    # Single hairs and noise would fray what is drawn as an outline.
    found = cv2.GaussianBlur(found, (0, 0), radius_px / 3)
    return smooth_step(found, 0.15, 0.85)


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to ``low``, 1 from ``high`` on, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
