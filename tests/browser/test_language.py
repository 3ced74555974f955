"""The page speaks the browser's language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cartoon_avatar.ai.engines.catalogue import STYLES

from .conftest import PHONE, SMALL_PHONE
from .steps import assert_accessible, heading

_SHAPES = """Promise.all(["en", "de", "es"].map(async (name) => {
  const { default: texts } = await import(new URL(`page/texts/${name}.js`, document.baseURI));
  const shape = (text) => typeof text === "object"
    ? Object.fromEntries(Object.keys(text).sort().map((key) => [key, shape(text[key])]))
    : typeof text === "function" ? text.length : "text";
  const { styles, ...others } = texts;
  return [shape(others), Object.keys(styles), JSON.stringify(others)];
}))"""


def test_every_language_says_everything(open_page: Callable[..., Page]) -> None:
    english, german, spanish = open_page().evaluate(_SHAPES)
    assert english[0] == german[0] == spanish[0]
    assert set(german[1]) == set(spanish[1]) == {style.name for style in STYLES}
    assert len({english[2], german[2], spanish[2]}) == 3


@pytest.mark.parametrize("window", [SMALL_PHONE, PHONE], ids=["small", "phone"])
@pytest.mark.parametrize(
    ("locale", "title", "style", "ready"),
    [
        ("de-AT", "Werde zum Cartoon", "Bleistift", "Dein Cartoon"),
        ("es-MX", "Conviértete en cómic", "Lápiz", "Tu dibujo"),
        ("fr-FR", "Become a cartoon", "Pencil", "Your cartoon"),
    ],
)
def test_the_page_speaks_the_language_of_the_browser(
    open_page: Callable[..., Page],
    portrait: Path,
    window: dict[str, Any],
    locale: str,
    title: str,
    style: str,
    ready: str,
) -> None:
    page = open_page({**window, "locale": locale})
    expect(heading(page, title)).to_be_visible()
    assert locale.startswith(page.evaluate("document.documentElement.lang")) or locale == "fr-FR"
    expect(page.get_by_role("button", name=style, exact=True)).to_be_attached()
    assert_accessible(page)
    page.locator("input[type=file]").first.set_input_files(portrait)
    expect(heading(page, ready)).to_be_visible()
    assert_accessible(page)
