from __future__ import annotations

import weakref
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from cartoon_avatar.ai.engines import catalogue
from cartoon_avatar.ai.engines.catalogue import STYLES
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai import seen


@pytest.fixture(scope="module")
def scene() -> Scene:
    models = seen.models()
    finders = open_face_finder(models), open_mask_finder(models)
    return open_scene(seen.officer(), *finders, long_side=256)


def test_there_are_many_styles_with_names_of_their_own() -> None:
    assert len(STYLES) >= 12
    assert len({style.name for style in STYLES}) == len(STYLES)
    assert len({style.title for style in STYLES}) == len(STYLES)
    assert len({style.sentence for style in STYLES}) == len(STYLES)


def test_the_default_is_painted_and_needs_no_face() -> None:
    assert STYLES[0].name == "painted"
    assert not catalogue.needs_face(STYLES[0])


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_every_style_has_a_preview_and_is_found_by_its_name(style) -> None:
    preview = resources.files("cartoon_avatar.ai") / "previews" / f"{style.name}.webp"

    assert preview.is_file()
    assert catalogue.style_named(style.name) is style


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_every_style_draws_the_scene(scene: Scene, style) -> None:
    drawing = catalogue.draw(scene, style, 1)

    assert drawing.picture.rgb.shape == scene.picture.rgb.shape
    assert drawing.faces == 1
    assert drawing.picture.rgb.std() > 15


def test_a_filter_over_a_painting_differs_from_one_over_the_photo(scene: Scene) -> None:
    comic = catalogue.style_named("comic")
    over_painting = catalogue.draw(scene, comic, 0).picture.rgb.astype(int)
    over_photo = catalogue.classic.draw(scene, comic, 0).picture.rgb

    assert np.abs(over_painting - over_photo).mean() > 2


@pytest.mark.parametrize("name", ["sticker", "pop"])
def test_what_styles_share_of_one_person_does_not_change_their_drawings(
    scene: Scene, name: str
) -> None:
    style = catalogue.style_named(name)
    alone = catalogue.draw(replace(scene), style, 3).picture.rgb
    for other in ("ink", "comic", "flat", "noir"):
        catalogue.draw(scene, catalogue.style_named(other), 1)

    assert (catalogue.draw(scene, style, 3).picture.rgb == alone).all()


def test_what_styles_share_is_freed_with_the_scene(scene: Scene) -> None:
    mine = replace(scene)
    for name in ("ink", "comic"):
        catalogue.draw(mine, catalogue.style_named(name), 1)
    gone = weakref.ref(mine)
    del mine

    assert gone() is None
