"""A real browser on the real service: both started once for all of these tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.engines.debian import program
from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

_START_S = 240
_STEP_MS = 120_000  # a drawing on a busy machine
_QUIET = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SMALL_PHONE = {**PHONE, "viewport": {"width": 320, "height": 640}}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}


# Not for the whole session: while Playwright's loop is alive, no async test can run elsewhere.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = program("chromium", "chromium", "libatomic1")
    with sync_playwright() as playwright:
        expect.set_options(timeout=_STEP_MS)
        browser = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `cartoon-avatar serve` on a folder of its own."""
    folder = tmp_path_factory.mktemp("service")
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "cartoon_avatar.cli", "serve"]
    with (folder / "log").open("wb") as log:
        serving = subprocess.Popen(
            [*command, "--port", str(port), "--data", str(folder / "data")],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DEVICE_DRAWINGS_PER_MINUTE": "6000"},
        )
    try:
        _wait_until_ready(url, serving, folder / "log")
        yield url
    finally:
        serving.terminate()
        serving.wait(PATIENCE_S)


def _wait_until_ready(url: str, serving: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and serving.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=PATIENCE_S).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"The service did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture
def open_page(browser: Browser, service: str) -> Iterator[Callable[..., Page]]:
    """Opens the page as a new visitor. Errors on its console and requests to others fail the test.

    ``visitor`` is one as ``drawn`` makes it. ``errors_expected``: answers of 4xx, 5xx or none,
    which browsers report on the console.
    """
    contexts = []
    faults: list[str] = []

    def open_(
        window: dict[str, Any] = DESKTOP,
        *,
        path: str = "/",
        visitor: dict[str, str] | None = None,
        errors_expected: bool = False,
    ) -> Page:
        context = browser.new_context(**{"locale": "en-GB", **window}, reduced_motion="reduce")
        contexts.append(context)
        context.set_default_timeout(_STEP_MS)
        # How far anything moved that was not moved by a person.
        context.add_init_script(
            """window.shifts = [];
            new PerformanceObserver((list) => list.getEntries()
              .filter((entry) => !entry.hadRecentInput)
              .forEach((entry) => shifts.push([entry.value, entry.sources
                .map(({ node }) => `${node?.nodeName}.${node?.className}`).join()])))
              .observe({ type: "layout-shift", buffered: true });"""
        )
        if visitor is not None:
            context.add_init_script(
                f"""localStorage["cartoon-avatar.identity"] ??= '{json.dumps(visitor)}';
                localStorage["cartoon-avatar.session"] ??= '{json.dumps(visitor)}';"""
            )
        # Headless Chromium has no share sheet.
        context.add_init_script(
            """navigator.canShare = ({ files }) => files.length === 1;
            navigator.share = async ({ files }) => { window.shared = files[0]; };"""
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service)
        page = context.new_page()

        def on_console(message: Any) -> None:
            expected = errors_expected and "Failed to load resource" in message.text
            if message.type in ("error", "warning") and not expected:
                faults.append(f"console: {message.text}")

        def on_request(request: Any) -> None:
            if not request.url.startswith((service, "blob:", "data:")):
                faults.append(f"request to elsewhere: {request.url}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: faults.append(f"uncaught: {error}"))
        page.on("request", on_request)
        page.goto(f"{service}{path}")
        # The page begins after its load event, for which the file of its texts is not waited.
        page.locator("#main, #reference").first.wait_for(state="attached")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="package")
def drawn(service: str, portrait: Path) -> dict[str, str]:
    """A visitor in the middle of a photo with two drawings; for tests that take nothing away."""
    who = {"X-Device-Id": "visitor"}
    with httpx.Client(base_url=service, headers=who, timeout=PATIENCE_S) as client:
        created = client.post("/api/upload", files={"image": portrait.read_bytes()}).json()
        client.headers["Authorization"] = f"Bearer {created['deviceToken']}"
        client.post(f"/api/regenerate/{created['original']['id']}").raise_for_status()
    return {
        "deviceId": "visitor",
        "token": created["deviceToken"],
        "originalId": created["original"]["id"],
    }


@pytest.fixture(scope="session")
def portrait() -> Path:
    """Grace Hopper, a public-domain photo that comes with matplotlib; 512 × 600."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def evening_sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture without a face."""
    from PIL import Image

    path = tmp_path_factory.mktemp("photos") / "sky.jpg"
    sky = Image.linear_gradient("L").resize((300, 400))
    Image.merge(
        "RGB", (sky, sky.point(lambda light: light // 2), Image.new("L", sky.size, 140))
    ).save(path)
    return path
