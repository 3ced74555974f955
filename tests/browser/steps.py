"""What a person does on the page, a line each in the tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

_AXE = Path(__file__).with_name("axe.min.js").read_text()
# A drawing on a busy machine.
_LONGEST_S = 300
_WIDE = "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"


def heading(page: Page, name: str) -> Locator:
    return page.get_by_role("heading", name=name, exact=True)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def choose(page: Page, photo: Path | dict[str, Any]) -> None:
    with page.expect_file_chooser() as choosing:
        button(page, "Choose a photo").click()
    choosing.value.set_files(photo)


def bring(page: Page, event: str, transfer: str) -> None:
    """Drops or pastes a photo, without asking what the page shows just now."""
    page.evaluate(
        f"""new Promise((resolve) => {{
          const canvas = new OffscreenCanvas(30, 40);
          canvas.getContext("2d").fillRect(0, 0, 9, 9);
          canvas.convertToBlob().then((blob) => {{
            const files = new DataTransfer();
            files.items.add(new File([blob], "a.png", {{ type: "image/png" }}));
            const happens = new Event("{event}", {{ bubbles: true, cancelable: true }});
            happens.{transfer} = files;
            document.body.dispatchEvent(happens);
            resolve();
          }});
        }})"""
    )


def draw(page: Page, photo: Path) -> None:
    choose(page, photo)
    heading(page, "Your cartoon").wait_for()


@contextmanager
def drawing(page: Page) -> Iterator[None]:
    """It lasts until the block ends, however quick it is: its picture does not come before."""
    held: list[Route] = []
    page.route("**/uploads/temp/*", lambda route: held.append(route), times=1)
    yield
    deadline = time.monotonic() + _LONGEST_S
    while not held and time.monotonic() < deadline:
        page.wait_for_timeout(1)
    assert held, "No picture of a drawing was asked for."
    held[0].continue_()


def draw_another(page: Page, count: int) -> None:
    button(page, "Another one").click()
    expect(drawings(page)).to_have_count(count)


def style(page: Page, name: str) -> Locator:
    return page.locator(".styles").get_by_role("button", name=name, exact=True)


def to_gallery(page: Page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name).click()


def cut_out(page: Page) -> None:
    button(page, "Cut out my head").click()


def drawings(page: Page) -> Locator:
    return page.locator(".strip").get_by_role("radio")


def assert_accessible(page: Page) -> None:
    """No violation that axe finds, and nothing that needs scrolling sideways."""
    # Not wait_for_function, add_script_tag: the page's policy forbids both, as it should.
    page.evaluate(_AXE)
    found = page.evaluate(
        "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)"
    )
    faults = [
        f"{fault['id']}: {node['html']} ({node['failureSummary']})"
        for fault in found
        for node in fault["nodes"]
    ]
    assert faults == []
    assert page.evaluate(_WIDE) <= 0


def assert_nothing_jumped(page: Page) -> None:
    shifts = page.evaluate("shifts")
    assert sum(value for value, _ in shifts) < 0.02, shifts
