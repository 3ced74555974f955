"""What a worker keeps at hand between jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cartoon_avatar.ai.engines import catalogue
from cartoon_avatar.ai.engines.classic.recipe import Eyes
from cartoon_avatar.ai.engines.protocol import StyleFacts
from cartoon_avatar.ai.engines.registry import Engines, open_engines
from cartoon_avatar.ai.pictures import Picture, to_webp
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.model_files import models_folder
from cartoon_avatar.ai.seeing.models import ModelMissing, Models, open_models
from cartoon_avatar.ai.seeing.scene import open_scene
from cartoon_avatar.containers.marks import Mark, packet_of
from cartoon_avatar.process import heap


@dataclass(frozen=True, slots=True)
class Tools:
    models: Models
    eyes: Eyes
    engines: Engines
    max_pixels: int
    marks: bool = True

    def xmp(self, mark: Mark) -> bytes:
        """What a file that is made here carries."""
        return packet_of(mark) if self.marks else b""


def open_tools(
    models_dir: Path | None, threads: int, max_pixels: int, marks: bool = True
) -> tuple[Tools, tuple[str, ...]]:
    """The tools, warm, and the names of the model files that are missing."""
    cv2.setNumThreads(threads)
    heap.retain_freed(128 * 2**20, largest_bytes=32 * 2**20)
    folder = models_folder(models_dir)
    models = open_models(folder, threads)
    tools = Tools(models, _eyes(models), open_engines(folder, threads), max_pixels, marks)
    # The first run of every network and filter is slow, whatever the size, so it is not left to a
    # request.
    grey = Picture(np.full((64, 64, 3), 128, np.uint8))
    if models.face_mesh is not None:
        models.face_mesh(np.zeros((*models.face_mesh.size, 3), np.float32))
    if tools.eyes.find_masks is not None:
        tools.eyes.find_masks(grey, [])
    catalogue.draw(open_scene(grey, tools.eyes.find_faces, None), catalogue.STYLES[0], 0)
    to_webp(grey)
    # Opening a network takes several copies of its file.
    heap.trim()
    return tools, models.missing


def _eyes(models: Models) -> Eyes:
    try:
        return Eyes(find_faces=open_face_finder(models), find_masks=open_mask_finder(models))
    except ModelMissing:
        return Eyes()


def styles_in(folder: Path) -> list[StyleFacts]:
    """All styles that can be drawn in, in walking order: the neural ones last."""
    return [style for _, style in open_engines(folder, threads=1).styles()]
