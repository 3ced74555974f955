"""The host judges pictures, by a real server: before they are drawn, and before they are stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from cartoon_avatar.contract import paths
from tests.backend.conftest import FakeAi, Service, Start, picture
from tests.backend.test_jobs import ASYNC, ended, until
from tests.engines.moderator import Judge, Moderator, moderating, says

REJECTED, HELD = (422, "rejected"), (422, "picture_held")
UNAVAILABLE = (503, "moderation_unavailable")


@pytest.fixture
async def moderator() -> AsyncIterator[Moderator]:
    async with moderating() as moderator:
        yield moderator


def said(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def drawn(service: Service) -> int:
    return len(service.ai.asked_for(paths.GENERATE_CARTOON))


async def test_photo_and_drawing_are_judged_before_they_are_stored(
    start: Start, moderator: Moderator
):
    secret = "moderation-secret-4711"
    async with start(moderation_url=moderator.url, moderation_token=secret) as service:
        photo = picture()
        uploaded = await service.phone.upload(photo, data={"style": "soft"})
        assert uploaded.status_code == 201
        path = f"/api/regenerate/{uploaded.json()['original']['id']}"
        assert (await service.phone.post(path, json={"style": "comic"})).status_code == 201
    assert moderator.purposes() == ["photo", "cartoon"] * 2
    headers, sent = moderator.asked[0]
    assert sent == photo
    assert (headers["Content-Type"], headers["X-Style"]) == ("image/jpeg", "soft")
    assert headers["Authorization"] == f"Bearer {secret}"
    assert "phone-1" not in json.dumps(headers)  # whose picture it is, is not said


@pytest.mark.parametrize("purpose", ["photo", "cartoon"])
@pytest.mark.parametrize(("decision", "expected"), [("deny", REJECTED), ("hold", HELD)])
async def test_what_is_denied_or_held_is_stored_nowhere(
    start: Start,
    moderator: Moderator,
    purpose: str,
    decision: str,
    expected: tuple[int, str],
    caplog: pytest.LogCaptureFixture,
):
    moderator.judges[purpose] = says(decision)
    async with start(moderation_url=moderator.url) as service:
        phone = service.phone
        assert said(await phone.upload()) == expected
        assert drawn(service) == (purpose == "cartoon")
        job = (await phone.upload(headers=ASYNC)).json()["job"]
        ended_job = await ended(phone, job["id"])
        assert (ended_job["state"], ended_job["error"]["code"]) == ("failed", expected[1])
        await until(lambda: not service.files())
        assert (await phone.get("/api/originals")).json()["items"] == []


async def _broken(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500)


async def _page(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>Sign in</html>", content_type="text/html")


async def _elsewhere(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:1/")


async def _undecided(request: web.Request) -> web.StreamResponse:
    return web.json_response(["allow"])


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b" " * 10_000)
    return response


async def _never(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3)  # six times as long as it may take
    return web.json_response({"decision": "allow"})


@pytest.mark.parametrize(
    "judge", [_broken, _page, _elsewhere, _undecided, _endless, _never, says("maybe")]
)
async def test_without_a_judgement_nothing_is_drawn_unless_the_host_wants_that(
    start: Start, moderator: Moderator, judge: Judge
):
    moderator.judges["photo"] = judge
    patience = {"moderation_url": moderator.url, "moderation_timeout_s": 0.5}
    async with start(**patience) as service:
        refused = await service.phone.upload()
        assert said(refused) == UNAVAILABLE
        assert int(refused.headers["retry-after"]) > 0
        assert (drawn(service), service.files()) == (0, [])
    async with start(**patience, moderation_fails="open") as service:
        assert (await service.phone.upload()).status_code == 201


async def test_a_generator_s_style_is_never_drawn_without_a_judgement(
    start: Start, moderator: Moderator
):
    moderator.judges["photo"] = _broken
    ai = FakeAi()
    ours = json.loads(ai.styles(httpx.Request("GET", "http://ai/styles")).content)["items"]
    clay = {**ours[0], "name": "clay", "sourceType": "trainedAlgorithmicMedia"}
    ai.handlers[paths.STYLES] = lambda request: httpx.Response(200, json={"items": [*ours, clay]})
    async with start(ai=ai, moderation_url=moderator.url, moderation_fails="open") as service:
        assert said(await service.phone.upload(data={"style": "clay"})) == UNAVAILABLE
        assert (await service.phone.upload(data={"style": "soft"})).status_code == 201


async def test_nobody_is_asked_where_no_url_is_set(start: Start, moderator: Moderator):
    async with start() as service:
        assert (await service.phone.upload()).status_code == 201
    assert moderator.asked == []
