"""Probabilities from the outputs of the two person networks."""

from __future__ import annotations

import cv2
import numpy as np

from cartoon_avatar.ai.seeing.models import Network

# Channels of a class map, the order of MediaPipe's selfie_multiclass_256x256.
BACKGROUND, HAIR, BODY_SKIN, FACE_SKIN, CLOTHES, OTHER = range(6)

# Enlarged by area more than so many times, a picture is blocks, in which the networks see nobody.
_ENLARGED = 1.5


def class_map(network: Network, rgb: np.ndarray) -> np.ndarray:
    """192×192×6 float32 class probabilities of ``rgb`` (H×W×3 uint8), stretched to a square.

    For the network alone the picture's mid-tones are lifted: unlifted, dark pictures lose
    dark hair and grow patches of face in black areas.
    """
    logits = network(_lifted(_square(rgb, network)))[0]
    # The network was taught with soft labels and hardly says more than 0.9; twice the logits
    # make its certainties certain.
    planes = np.ascontiguousarray(np.moveaxis(logits, -1, 0))
    # NaN would spread with every blur.
    np.nan_to_num(planes, copy=False, nan=0.0, posinf=30.0, neginf=-30.0)
    planes -= planes.max(axis=0)
    np.exp(2 * planes, out=planes)
    planes /= planes.sum(axis=0)
    return cv2.merge(list(planes))


def person_map(network: Network, rgb: np.ndarray) -> np.ndarray:
    """256×256 float32 probability of a person, ``rgb`` stretched to a square."""
    person = network(_lifted(_square(rgb, network)))[0][..., 0]
    return np.clip(np.nan_to_num(person), 0, 1)


def _square(rgb: np.ndarray, network: Network) -> np.ndarray:
    height, width = network.size
    if _ENLARGED * rgb.shape[0] < height or _ENLARGED * rgb.shape[1] < width:
        shrunk = min(width, rgb.shape[1]), min(height, rgb.shape[0])
        rgb = cv2.resize(rgb, shrunk, interpolation=cv2.INTER_AREA)
        return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def _lifted(rgb: np.ndarray) -> np.ndarray:
    """H×W×3 float32 0..1 of uint8: a gamma brings the 60th percentile of light to the middle."""
    counts = np.bincount(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).ravel(), minlength=256).cumsum()
    level = float(np.searchsorted(counts, 0.6 * counts[-1])) / 255
    gamma = np.log(0.5) / np.log(np.clip(level, 0.01, 0.99))
    table = np.linspace(0, 1, 256) ** np.clip(gamma, 0.35, 1.0)
    return cv2.LUT(rgb, table.astype(np.float32))
