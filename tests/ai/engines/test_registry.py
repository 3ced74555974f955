from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cartoon_avatar.ai.engines.catalogue import STYLES
from cartoon_avatar.ai.engines.drawing import Clock
from cartoon_avatar.ai.engines.protocol import DrawingOptions
from cartoon_avatar.ai.engines.registry import Engines, open_engines
from cartoon_avatar.ai.errors import UnknownStyle
from cartoon_avatar.ai.seeing.faces import open_face_finder
from cartoon_avatar.ai.seeing.matting import open_mask_finder
from cartoon_avatar.ai.seeing.scene import Scene, open_scene
from tests.ai import seen
from tests.ai.networks import NEGATIVE, manifest, model_of


@pytest.fixture
def engines(tmp_path: Path) -> Engines:
    model = model_of(NEGATIVE)
    manifest(tmp_path, model.model_dump())
    (tmp_path / model.file).write_bytes(NEGATIVE)
    return open_engines(tmp_path, threads=1, workers=4)


@pytest.fixture(scope="module")
def scene() -> Scene:
    models = seen.models()
    finders = open_face_finder(models), open_mask_finder(models)
    return open_scene(seen.officer(), *finders, long_side=128)


def test_our_own_styles_come_first_and_neural_ones_last(engines: Engines) -> None:
    names = [style.name for _, style in engines.styles()]
    assert names == [*(style.name for style in STYLES), "negative"]
    assert {engine.facts.name for engine, _ in engines.styles()} == {"built-in", "onnx"}


def test_a_style_is_found_with_its_engine_or_refused(engines: Engines) -> None:
    engine, style = engines.of("negative")
    assert (engine.facts.name, style.name) == ("onnx", "negative")
    with pytest.raises(UnknownStyle, match="negative"):
        engines.of("positive")


def test_half_of_the_workers_are_kept_from_slow_engines(engines: Engines, tmp_path: Path) -> None:
    built_in, neural = engines.all
    assert built_in.facts.places is None
    assert neural.facts.places == 2
    assert open_engines(tmp_path, threads=1, workers=1).all[1].facts.places == 1


@pytest.mark.parametrize("name", ["painted", "ink", "comic", "watercolour", "negative"])
def test_an_engine_goes_through_the_stages_that_it_names(
    engines: Engines, scene: Scene, name: str
) -> None:
    """Rename or add a stage in a recipe, and its engine's ``stages`` follow."""
    engine, _ = engines.of(name)
    plan = engine.stages(name)
    told: list[tuple[str, float | None]] = []
    clock = Clock(plan, lambda *report: told.append(report))
    # A scene of its own: what another style has read of this one would be left out.
    engine.draw(replace(scene), DrawingOptions(name, seed=1, long_side=128), clock)

    # The classic room goes on with the masks, a stage that comes before any engine's.
    assert set(clock.stages) - {"masks"} == set(plan)
    assert list(dict.fromkeys(stage for stage, _ in told)) == list(plan)
    assert told[-1][1] == 1
