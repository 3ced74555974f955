from __future__ import annotations

import pytest

from cartoon_avatar.ai.engines.classic.styles import STYLES, style_named


def test_styles_have_names_of_their_own() -> None:
    assert len({style.name for style in STYLES}) == len(STYLES)
    assert len({style.title for style in STYLES}) == len(STYLES)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_a_style_has_a_title_and_a_sentence(style) -> None:
    assert style_named(style.name) is style
    assert style.title
    assert style.sentence.endswith(".")


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        style_named("cubism")


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_a_seed_always_gives_the_same_variation_and_others_give_others(style) -> None:
    assert style.vary(7) == style.vary(7)
    assert len({style.vary(seed) for seed in range(8)}) == 8


@pytest.mark.parametrize("seed", [0, -1, 2**63, -(2**70)])
def test_any_integer_is_a_seed(seed: int) -> None:
    varied = STYLES[0].vary(seed)
    assert varied.name == STYLES[0].name
    assert varied.backdrops[0] in STYLES[0].backdrops


def test_neighbouring_seeds_take_different_backdrops() -> None:
    for style in STYLES:
        if len(style.backdrops) > 2 and len(set(style.backdrops)) == len(style.backdrops):
            assert style.vary(4).backdrops != style.vary(5).backdrops
