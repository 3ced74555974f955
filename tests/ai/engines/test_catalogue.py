from __future__ import annotations

import io
from importlib import resources

import pytest
from PIL import Image

from cartoon_avatar.ai.engines.catalogue import STYLES, style_named

PREVIEWS = resources.files("cartoon_avatar.ai") / "previews"


def test_each_style_is_found_by_its_name() -> None:
    names = [style.name for style in STYLES]

    assert len(set(names)) == len(names)
    assert [style_named(name) for name in names] == list(STYLES)
    with pytest.raises(KeyError):
        style_named("nobody")


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_each_style_has_a_small_preview(style) -> None:
    data = (PREVIEWS / f"{style.name}.webp").read_bytes()

    assert len(data) < 30_000
    assert Image.open(io.BytesIO(data)).size == (256, 256)


def test_no_preview_is_left_of_a_style_that_is_gone() -> None:
    assert {file.name for file in PREVIEWS.iterdir()} == {f"{style.name}.webp" for style in STYLES}
