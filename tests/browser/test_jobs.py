"""What takes long shows how far it is, can be cancelled, and is found again after a reload."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, expect

from .steps import assert_accessible, button, choose, draw, drawings, heading

_JOB: dict[str, Any] = {"id": "job-1", "kind": "regenerate", "state": "queued", "position": 3}


class Promised:
    """A service that promises every drawing, and tells of it what a test wants."""

    def __init__(self, page: Page) -> None:
        self.keys: list[str] = []
        self.said: list[dict[str, Any]] = [_JOB]
        self.cancelled = False
        page.route("**/api/regenerate/*", self._promise)
        page.route("**/api/upload", self._promise)
        page.route("**/api/jobs/job-1", self._tell)

    def _promise(self, route: Route) -> None:
        assert route.request.headers["prefer"] == "respond-async, wait=2"
        self.keys.append(route.request.headers["idempotency-key"])
        route.fulfill(status=202, json={"job": _JOB})

    def _tell(self, route: Route) -> None:
        if route.request.method == "DELETE":
            self.cancelled = True
            error = {"status": 409, "code": "job_canceled", "detail": "Cancelled."}
            self.said = [{**_JOB, "state": "canceled", "error": error}]
            route.fulfill(status=200, json=self.said[0])
            return
        events = "".join(f"event: job\ndata: {json.dumps(job)}\n\n" for job in self.said)
        route.fulfill(headers={"Content-Type": "text/event-stream"}, body=events)


def test_a_drawing_that_waits_shows_its_place_how_far_it_is_and_a_way_out(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    draw(page, portrait)
    service = Promised(page)
    button(page, "Another one").click()
    expect(page.get_by_text("Place 3 in the queue.")).to_be_visible()
    assert_accessible(page)
    service.said = [{**_JOB, "state": "running", "progress": 0.4, "position": None}]
    expect(page.get_by_text("40 % drawn")).to_be_visible()
    button(page, "Cancel the drawing").click()
    expect(page.get_by_text("40 % drawn")).to_have_count(0)
    assert service.cancelled
    expect(heading(page, "Your cartoon")).to_be_visible()
    expect(drawings(page)).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_photo_that_waits_can_be_cancelled(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    Promised(page)
    choose(page, portrait)
    expect(page.get_by_text("Place 3 in the queue.")).to_be_visible()
    assert_accessible(page)
    button(page, "Cancel the drawing").click()
    expect(heading(page, "Become a cartoon")).to_be_visible()


def test_a_drawing_that_waits_is_found_again_after_a_reload(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    draw(page, portrait)
    service = Promised(page)
    button(page, "Another one").click()
    expect(page.get_by_text("Place 3 in the queue.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Place 3 in the queue.")).to_be_visible()
    assert len(set(service.keys)) == 1
    page.unroute_all()  # now the real one draws, and is asked under the same key
    page.reload()
    expect(drawings(page)).to_have_count(2)


def test_the_service_itself_promises_what_takes_long(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page()

    def hurried(route: Route) -> None:
        route.continue_(headers={**route.request.headers, "prefer": "respond-async"})

    page.route("**/api/upload", hurried)
    page.route("**/api/regenerate/*", hurried)
    draw(page, portrait)
    with page.expect_response("**/api/regenerate/*") as answer:
        button(page, "Another one").click()
    assert answer.value.status == 202
    expect(drawings(page)).to_have_count(2)
