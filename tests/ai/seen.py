"""Pictures and models that the tests of faces, masks and heads share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import skimage

from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.models import Models, open_models


@cache
def models() -> Models:
    opened = open_models(threads=2)
    assert not opened.missing, f"fetch the models first: {opened.missing}"
    return opened


@cache
def astronaut() -> Picture:
    return _read(Path(skimage.__file__).parent / "data/astronaut.png")


@cache
def officer() -> Picture:
    """Grace Hopper in glasses and a navy hat."""
    return _read(Path(matplotlib.__file__).parent / "mpl-data/sample_data/grace_hopper.jpg")


@cache
def cameraman() -> Picture:
    """A small face in profile, dark hair before a bright sky, in grey."""
    return _read(Path(skimage.__file__).parent / "data/camera.png")


@cache
def cat() -> Picture:
    return _read(Path(skimage.__file__).parent / "data/chelsea.png")


@cache
def coffee() -> Picture:
    return _read(Path(skimage.__file__).parent / "data/coffee.png")


def _read(path: Path) -> Picture:
    return Picture(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))


def turned(picture: Picture, quarters: int) -> Picture:
    """``picture`` lying: turned clockwise."""
    return Picture(np.ascontiguousarray(np.rot90(picture.rgb, -quarters)))


def scaled(picture: Picture, factor: float) -> Picture:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return Picture(cv2.resize(picture.rgb, None, fx=factor, fy=factor, interpolation=how))


def side_by_side(*pictures: Picture) -> Picture:
    height = min(picture.height for picture in pictures)
    return Picture(np.hstack([picture.rgb[:height] for picture in pictures]))
