"""Opens the model files: the networks that find faces, heads and landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cartoon_avatar.ai.seeing.model_files import (
    FACE_DETECTOR,
    FACE_MESH,
    PERSON,
    PERSON_CLASSES,
    ModelFile,
    lacking,
    models_folder,
)
from cartoon_avatar.process.logs import without_native_lines


class ModelMissing(Exception):
    """A model file is not there, or is not the file that it should be."""


class Network:
    """A LiteRT model, opened. Not thread-safe: one per worker process."""

    def __init__(self, model: Path, threads: int) -> None:
        # Imported here: the run-time alone takes 50 MB, which `models fetch` need not load.
        from ai_edge_litert.interpreter import Interpreter

        with without_native_lines():  # "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
            self._interpreter = Interpreter(model_path=str(model), num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()
        #: Height and width that the model wants, px.
        self.size: tuple[int, int] = tuple(self._input["shape"][1:3])

    def __call__(self, rgb: np.ndarray) -> list[np.ndarray]:
        """Run on one picture, H×W×3 float32 0..1 of ``size``; the outputs without batch axis."""
        self._interpreter.set_tensor(self._input["index"], rgb[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output["index"])[0] for output in self._outputs]


@dataclass(slots=True)
class Models:
    """The models of one worker process; None where a file is missing or damaged."""

    face_detector: cv2.FaceDetectorYN | None
    face_mesh: Network | None
    person_classes: Network | None
    person: Network | None
    #: Names of the files that are not there as they should be, for logs and readiness.
    missing: tuple[str, ...]


def open_models(folder: Path | None = None, threads: int = 1) -> Models:
    """Open what ``folder`` holds, each file checked against its sha256 first.

    A missing file is no error here: what needs it raises ``ModelMissing`` or falls back.
    """
    folder = folder or models_folder()
    missing = tuple(file.name for file in lacking(folder))

    def network(file: ModelFile) -> Network | None:
        if file.name in missing:
            return None
        return Network(folder / file.name, threads)

    detector = None
    if FACE_DETECTOR.name not in missing:
        # The input size is set per picture; at 0.6 scenery yields no faces.
        detector = cv2.FaceDetectorYN.create(
            str(folder / FACE_DETECTOR.name), "", (320, 320), score_threshold=0.6
        )
    return Models(
        face_detector=detector,
        face_mesh=network(FACE_MESH),
        person_classes=network(PERSON_CLASSES),
        person=network(PERSON),
        missing=missing,
    )
