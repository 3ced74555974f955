"""The page asks before a photo is sent to somebody else's server; a drawing can be reported."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from cartoon_avatar.contract.media_types import PROBLEM_JSON

from .steps import assert_accessible, button, drawings, style, to_gallery


def _with_clay(page: Page, asked: list[str]) -> None:
    """The service has a style of somebody else's, which it draws once that was agreed to."""

    def styles(route: Route) -> None:
        body = route.fetch().json()
        clay = {**body["items"][0], "name": "clay", "title": "Clay", "engine": "clay-maker"}
        body["items"].append({**clay, "leavesMachine": True, "sentTo": "clay.example"})
        route.fulfill(json=body)

    def regenerate(route: Route) -> None:
        options = json.loads(route.request.post_data or "{}")
        if options.get("style") != "clay":
            route.continue_()
        elif "PUT" in asked:
            asked.append("drawn")
            route.continue_(post_data=json.dumps({**options, "style": "ink"}))
        else:
            problem = {"code": "consent_required", "status": 403, "detail": "Asks."}
            headers = {"Content-Type": PROBLEM_JSON}
            route.fulfill(status=403, headers=headers, body=json.dumps(problem))

    def consents(route: Route) -> None:
        asked.append(route.request.method)
        given = {
            "engine": "clay-maker",
            "sentTo": "clay.example",
            "givenAt": "2026-01-05T23:20:56Z",
        }
        if route.request.method == "DELETE":
            route.fulfill(status=204)
        elif route.request.method == "PUT":
            route.fulfill(json=given)
        else:
            holds = "PUT" in asked and "DELETE" not in asked
            route.fulfill(json={"items": [given] if holds else [], "nextCursor": None})

    page.route("**/api/styles", styles)
    page.route("**/api/regenerate/*", regenerate)
    page.route("**/api/device/consents**", consents)


def test_the_page_asks_before_the_first_use_and_takes_it_back(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn, errors_expected=True)
    asked: list[str] = []
    _with_clay(page, asked)
    page.reload()
    expect(drawings(page).first).to_be_attached()
    before = drawings(page).count()
    style(page, "Clay").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("clay.example")
    assert asked == []
    assert_accessible(page)
    button(page, "Agree and draw").click()
    expect(drawings(page)).to_have_count(before + 1)
    assert asked == ["PUT", "drawn"]

    to_gallery(page, "Photos")
    expect(page.get_by_text("may be sent to clay.example")).to_be_visible()
    button(page, "Take that back").click()
    expect(page.get_by_text("may be sent to clay.example")).to_have_count(0)
    assert "DELETE" in asked


def test_a_drawing_is_reported_from_under_it(
    open_page: Callable[..., Page], drawn: dict[str, str]
) -> None:
    page = open_page(visitor=drawn)
    button(page, "Report this picture").click()
    page.get_by_label("What is wrong with it?").select_option("hateful")
    assert_accessible(page)
    with page.expect_response("**/api/reports") as answered:
        button(page, "Report").click()
    report = answered.value.json()["report"]
    assert (report["kind"], report["reason"]) == ("cartoon", "hateful")
    expect(page.get_by_text("Somebody will look at it.")).to_be_visible()
