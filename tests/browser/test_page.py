"""How the page is served: alone, locked down, installable."""

from __future__ import annotations

import io
from collections.abc import Callable

import httpx
from PIL import Image
from playwright.sync_api import Page

from tests.patience import PATIENCE_S


def test_the_policy_allows_our_own_files_and_nothing_inline(service: str) -> None:
    response = httpx.get(service, headers={"Accept": "text/html"}, timeout=PATIENCE_S)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "<style" not in response.text
    assert " style=" not in response.text


def test_a_link_to_the_page_shows_a_picture(service: str) -> None:
    page = httpx.get(service, headers={"Accept": "text/html"}, timeout=PATIENCE_S).text
    assert '<meta property="og:image" content="page/samples/card.jpg">' in page
    card = httpx.get(f"{service}/page/samples/card.jpg", timeout=PATIENCE_S)
    assert Image.open(io.BytesIO(card.content)).size == (1200, 630)


def test_a_program_gets_a_description_instead(service: str) -> None:
    response = httpx.get(service, headers={"Accept": "application/json"}, timeout=PATIENCE_S)
    assert response.json()["links"]["docs"] == "/docs"


def test_every_file_is_asked_for_again_after_an_upgrade(service: str) -> None:
    for path in ("/", "/page/app.js", "/page/style.css", "/docs"):
        response = httpx.get(f"{service}{path}", headers={"Accept": "*/*"}, timeout=PATIENCE_S)
        assert response.headers["cache-control"] == "no-cache", path
        assert response.headers["x-content-type-options"] == "nosniff", path


def test_the_page_can_be_installed(service: str) -> None:
    manifest = httpx.get(f"{service}/page/manifest.json", timeout=PATIENCE_S).json()
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        response = httpx.get(f"{service}/page/{icon['src']}", timeout=PATIENCE_S)
        assert response.headers["content-type"].startswith(icon["type"])
        if icon["type"] == "image/png":
            width, height = Image.open(io.BytesIO(response.content)).size
            assert f"{width}x{height}" == icon["sizes"]
    assert httpx.get(f"{service}/favicon.ico", timeout=PATIENCE_S).status_code == 200


def test_the_api_reference_shows_every_route_without_a_third_party(
    open_page: Callable[..., Page], service: str
) -> None:
    page = open_page(path="/docs")
    page.get_by_text("/api/upload").wait_for()
    paths = httpx.get(f"{service}/openapi.json", timeout=PATIENCE_S).json()["paths"]
    assert page.locator(".opblock").count() == sum(len(methods) for methods in paths.values())
