"""The page in front of an AI server of the original design offers what that can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.original_ai import backend, original_ai

from .steps import assert_accessible, button, cut_out, draw, heading, to_gallery


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a backend in front of such a server."""
    with original_ai() as ai, backend(tmp_path_factory.mktemp("service"), ai, "ours") as http:
        yield str(http.base_url).rstrip("/")


def test_a_head_is_kept_and_no_sticker_is_offered(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()
    draw(page, portrait)
    cut_out(page)
    heading(page, "Your avatar").wait_for()
    stickers = button(page, "WhatsApp")
    expect(stickers).to_have_count(0)
    assert_accessible(page)

    to_gallery(page, "Avatars")
    page.get_by_role("button", name="Avatar of").first.click()
    expect(page.get_by_role("dialog").get_by_role("button", name="PNG")).to_be_visible()
    expect(stickers).to_have_count(0)
