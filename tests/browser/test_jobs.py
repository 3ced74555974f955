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
    running = {**_JOB, "state": "running", "progress": 0.4, "position": None}
    service.said = [{**running, "stage": "hair"}]
    expect(page.get_by_text("40 % drawn")).to_be_visible()
    expect(page.get_by_text("painting hair")).to_be_visible()
    service.said = [{**running, "stage": "unheard-of"}]
    expect(page.get_by_text("painting hair")).to_have_count(0)
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
    with page.expect_response("**/api/regenerate/*") as response:
        button(page, "Another one").click()
    assert response.value.status == 202
    expect(drawings(page)).to_have_count(2)


def stored(page: Page) -> dict[str, Any]:
    """The photo at hand and its cartoons, as the service has them."""
    return page.evaluate(
        """async () => {
          const kept = (name) => JSON.parse(localStorage.getItem(`cartoon-avatar.${name}`));
          const headers = { "X-Device-Id": kept("identity").deviceId };
          if (kept("identity").token) headers.Authorization = `Bearer ${kept("identity").token}`;
          return (await fetch(`/api/originals/${kept("session").originalId}`, { headers })).json();
        }"""
    )


def without_memory(page: Page) -> None:
    """As after a browser has cleared its storage, but for who this device is."""
    page.evaluate(
        """() => new Promise((resolve) => {
          const identity = localStorage.getItem("cartoon-avatar.identity");
          localStorage.clear();
          localStorage.setItem("cartoon-avatar.identity", identity);
          indexedDB.deleteDatabase("cartoon-avatar").onsuccess = resolve;
        })"""
    )
    page.goto("about:blank")  # nor has this tab's history


class Found:
    """Jobs that the service has, and of which the page remembers nothing."""

    def __init__(self, page: Page, job: dict[str, Any]) -> None:
        self.job = job
        page.route("**/api/jobs?state=*", self._list)
        page.route("**/api/jobs/job-1", self._tell)

    def _list(self, route: Route) -> None:
        state = route.request.url.partition("state=")[2]
        items = [self.job] if self.job["state"] == state else []
        route.fulfill(json={"items": items, "nextCursor": None})

    def _tell(self, route: Route) -> None:
        events = f"event: job\ndata: {json.dumps(self.job)}\n\n"
        route.fulfill(headers={"Content-Type": "text/event-stream"}, body=events)


def test_a_drawing_is_found_by_asking_for_jobs_where_nothing_was_remembered(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    url = page.url
    draw(page, portrait)
    button(page, "Another one").click()
    expect(drawings(page)).to_have_count(2)
    found = stored(page)
    without_memory(page)
    waiting = {**_JOB, "createdAt": "2026-01-05T23:20:56.789Z", "style": "comic"}
    service = Found(page, {**waiting, "originalId": found["original"]["id"]})
    page.goto(url)
    expect(page.get_by_text("Place 3 in the queue.")).to_be_visible()
    assert_accessible(page)
    done = {"state": "succeeded", "result": {"cartoon": found["cartoons"][-1]}}
    service.job = {**service.job, **done, "position": None}
    expect(drawings(page)).to_have_count(2)
    expect(page.get_by_text("Place 3 in the queue.")).to_have_count(0)


def test_a_photo_under_way_is_found_by_asking_for_jobs_and_can_be_cancelled(
    open_page: Callable[..., Page], portrait: Path
) -> None:
    page = open_page(errors_expected=True)
    url = page.url
    draw(page, portrait)
    found = stored(page)
    button(page, "Start with another photo").click()
    expect(heading(page, "Become a cartoon")).to_be_visible()
    without_memory(page)
    running = {
        **_JOB, "kind": "upload", "state": "running", "progress": 0.4,
        "createdAt": "2026-01-05T23:20:56.789Z",
    }  # fmt: skip
    service = Found(page, running)
    page.goto(url)
    expect(page.get_by_text("40 % drawn")).to_be_visible()
    assert_accessible(page)
    result = {
        "original": found["original"],
        "cartoon": found["cartoons"][0],
        "faces": found["faces"],
    }
    service.job = {**running, "state": "succeeded", "result": result}
    heading(page, "Your cartoon").wait_for()
    expect(drawings(page)).to_have_count(1)
