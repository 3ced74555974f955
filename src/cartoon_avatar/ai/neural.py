"""Neural styles: an extra, for those who bring their own weights.

A neural style is an ONNX image-to-image network and an ``InputContract`` that says how
pixels go in and come out. Nothing here downloads: a style whose file is absent, damaged
or whose runtime (the ``neural`` extra) is not installed is not listed. The well-known
weights forbid commercial use, which is why none is on by default.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cartoon_avatar.ai.pictures import Picture


@dataclass(frozen=True, slots=True)
class InputContract:
    """How a network wants its picture, and how it gives it back (the same way)."""

    layout: str = "NCHW"  # or "NHWC"
    low: float = -1.0  # the value of black
    high: float = 1.0  # the value of white
    channels: str = "RGB"  # or "BGR"
    side_px: int = 512  # the long side that it was trained for
    multiple_px: int = 32  # height and width must be multiples of this


@dataclass(frozen=True, slots=True)
class NeuralModel:
    """A known network. ``sha256`` pins the file; ``source`` is where a person gets it."""

    name: str
    title: str
    sentence: str
    file: str
    source: str
    licence: str
    sha256: str
    size_bytes: int
    contract: InputContract = InputContract()


# Known networks are listed in docs/engine.md. None is pinned here: an entry needs a sha256
# taken from a verified file, and a licence that lets an avatar app use it.
MANIFEST: tuple[NeuralModel, ...] = ()


class NeuralModelMissing(Exception):
    """The file of a neural style is absent or is not the file that the manifest pins."""


def available(folder: Path, manifest: tuple[NeuralModel, ...] = MANIFEST) -> list[NeuralModel]:
    """The models of ``manifest`` that can be drawn with: runtime installed, file whole."""
    if importlib.util.find_spec("onnxruntime") is None:
        return []
    return [model for model in manifest if _digest(folder / model.file) == model.sha256]


class NeuralCartoonist:
    """An opened network. Not thread-safe: one per worker process."""

    def __init__(self, model: NeuralModel, folder: Path, threads: int = 1) -> None:
        import onnxruntime

        path = folder / model.file
        if _digest(path) != model.sha256:
            raise NeuralModelMissing(f"{model.file} is missing or damaged in the models folder.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._contract = model.contract
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, photo: Picture) -> Picture:
        """``photo`` redrawn, pixel-aligned and of the same size; alpha is kept."""
        contract = self._contract
        height, width = photo.rgb.shape[:2]
        scale = contract.side_px / max(height, width)
        size = tuple(
            max(1, round(side * scale / contract.multiple_px)) * contract.multiple_px
            for side in (width, height)
        )
        pixels = cv2.resize(photo.rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        span = contract.high - contract.low
        values = self._swapped(pixels) * np.float32(span / 255) + np.float32(contract.low)
        if contract.layout == "NCHW":
            values = values.transpose(2, 0, 1)
        out = self._session.run(None, {self._input: np.ascontiguousarray(values[None])})[0][0]
        if contract.layout == "NCHW":
            out = out.transpose(1, 2, 0)
        out = np.clip((self._swapped(out) - contract.low) * (255 / span) + 0.5, 0, 255)
        rgb = cv2.resize(out.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
        return Picture(rgb, photo.alpha)

    def _swapped(self, pixels: np.ndarray) -> np.ndarray:
        return pixels[..., ::-1] if self._contract.channels == "BGR" else pixels


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
