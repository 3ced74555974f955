from __future__ import annotations

import cv2
import numpy as np
import pytest

from cartoon_avatar.ai.engines.classic.styles import STYLES
from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION
from tests.ai.engines import golden

NAMES = [style.name for style in STYLES]
COLOURED = [name for name in NAMES if name not in ("sketch", "noir")]


@pytest.mark.parametrize("sheet", golden.SHEETS)
def test_every_style_looks_as_it_did(sheet: str) -> None:
    """After a wanted change: python -m tests.ai.engines.golden."""
    tiles = golden.SHEETS[sheet]()
    kept = golden.golden(sheet)
    assert len(kept) == len(tiles), golden.__doc__
    for (name, tile), before in zip(tiles.items(), kept, strict=True):
        assert golden.looks_alike(tile, before), f"{name}: {golden.difference(tile, before)}"


def test_the_golden_pictures_are_of_this_engine() -> None:
    assert int(golden.VERSION.read_text()) == ENGINE_VERSION, golden.__doc__


def test_the_golden_pictures_stay_small() -> None:
    assert sum(path.stat().st_size for path in golden.FOLDER.iterdir()) <= 150_000


def kept(style: str) -> np.ndarray:
    return golden.golden("classic")[NAMES.index(style)]


def in_lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def of_lab(lab: np.ndarray) -> np.ndarray:
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.clip(np.rint(255 * rgb), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("style", COLOURED)
@pytest.mark.parametrize("share", [-0.03, 0.03])
def test_hues_turned_by_three_hundredths_of_a_circle_are_another_look(style, share) -> None:
    lab, turn = in_lab(kept(style)), share * 2 * np.pi
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1], lab[..., 2] = (
        np.cos(turn) * a - np.sin(turn) * b,
        np.sin(turn) * a + np.cos(turn) * b,
    )
    assert not golden.looks_alike(of_lab(lab), kept(style))


@pytest.mark.parametrize("style", NAMES)
def test_a_picture_three_hundredths_darker_is_another_look(style: str) -> None:
    lab = in_lab(kept(style))
    lab[..., 0] *= 0.97
    assert not golden.looks_alike(of_lab(lab), kept(style))


@pytest.mark.parametrize("style", ["comic", "sketch", "noir"])
def test_lines_that_are_gone_are_another_look(style: str) -> None:
    assert not golden.looks_alike(cv2.medianBlur(kept(style), 5), kept(style))


def test_the_same_picture_saved_once_more_is_the_same_look() -> None:
    # Whole pixels of chroma, as the sheets are kept.
    how = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", kept("comic")[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85, *how])
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    assert golden.looks_alike(again, kept("comic"))


def test_a_head_two_pixels_narrower_is_another_look() -> None:
    head = golden.golden("heads")[0]
    green = np.abs(head.astype(int) - golden.GREEN).sum(axis=2) < 60
    eaten = cv2.dilate(green.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert not golden.looks_alike(np.where(eaten[..., None], golden.GREEN, head), head)
