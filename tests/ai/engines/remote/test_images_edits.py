"""The protocol of POST /v1/images/edits, against a server that speaks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cartoon_avatar.ai.engines.drawing import unwatched
from cartoon_avatar.contract.errors import EngineRefused, EngineUnavailable
from tests.ai.engines.remote.conftest import ASKED, Opened
from tests.engines import generators
from tests.engines.generators import DRAWING, KEY, Handler, Server, edited, serving, status
from tests.patience import PATIENCE_S


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("/v1/images/edits") as server:
        yield server


async def draw(opened: Opened, server: Server, *handlers: Handler, **keys: Any) -> bytes:
    server.handlers = list(handlers)
    async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
        return await engine.draw(ASKED, unwatched)


async def test_the_photo_goes_with_the_prompt_and_the_key(opened: Opened, server: Server) -> None:
    form = {"size": "1024x1024", "quality": "medium", "n": 1}
    assert await draw(opened, server, edited(), model="gpt-image-1", form=form) == DRAWING
    ((path, headers, fields),) = server.asked
    assert path == "/v1/images/edits"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert fields == {
        "image": b"a photo",
        "prompt": "as clay",
        "model": "gpt-image-1",
        "size": "1024x1024",
        "quality": "medium",
        "n": "1",
    }


async def test_azure_wants_its_key_and_version_elsewhere(opened: Opened, server: Server) -> None:
    query = {"api-version": "2025-04-01-preview"}
    await draw(opened, server, edited(), key_header="api-key", query=query)
    ((path, headers, _),) = server.asked
    assert path == "/v1/images/edits?api-version=2025-04-01-preview"
    assert headers["api-key"] == KEY
    assert "Authorization" not in headers


async def test_a_linked_picture_is_fetched_without_the_key(opened: Opened, server: Server) -> None:
    server.files["a.png"] = DRAWING
    link = f"{server.url}/files/a.png?sig=1"
    assert await draw(opened, server, generators.linked(link)) == DRAWING


async def test_partial_pictures_are_progress(opened: Opened, server: Server) -> None:
    told: list[tuple[str, float | None]] = []
    server.handlers = [generators.streamed(partial=3)]
    async with opened("images-edits", f"{server.url}/v1", stream=True) as engine:
        drawing = await engine.draw(ASKED, lambda *report: told.append(report))
    assert drawing == DRAWING
    shares = [None, 0.25, 0.5, 0.75]
    assert told == [("generating", share) for share in shares]
    assert server.asked[0][2]["stream"] == "true"
    assert server.asked[0][2]["partial_images"] == "3"


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (status(500), "500"),
        (status(401), "401"),
        (status(404), "404"),
        (status(302, Location="http://169.254.169.254/"), "302"),
        (status(200, {"data": []}), "no picture"),
        (status(200, {"data": [{"b64_json": "?"}]}), "base64"),
        (status(200, [1]), "JSON object"),
        (generators.html, "JSON"),
        (generators.broken, "connection broke"),
        (generators.streamed(completed=False), "stream ended"),
        (generators.streamed(completed=False, error={"code": "server_error"}), "while drawing"),
        (generators.linked("http://127.0.0.1:1/a.png"), "no public https URL"),
        (generators.linked("https://127.0.0.1:1/a.png"), "no public https URL"),
        (generators.linked("https://localhost:1/a.png"), "cannot be followed"),
        (generators.linked("file:///etc/passwd"), "no public https URL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_failure_is_reported_and_not_paid_twice(
    opened: Opened, server: Server, handler: Handler, said: str
) -> None:
    with pytest.raises(EngineUnavailable, match=said) as caught:
        await draw(opened, server, handler, retries=3)
    assert len(server.asked) == 1
    assert KEY not in caught.value.detail
    assert caught.value.retry_after_s is not None


async def test_a_link_that_has_expired_is_a_failure(opened: Opened, server: Server) -> None:
    with pytest.raises(EngineUnavailable, match="expired"):
        await draw(opened, server, generators.linked(f"{server.url}/files/gone.png"))


async def test_an_endless_response_is_cut_off(opened: Opened, server: Server) -> None:
    with pytest.raises(EngineUnavailable, match="longer than"):
        await draw(opened, server, generators.endless)


@pytest.mark.parametrize(
    "handler",
    [
        generators.refused(),
        generators.refused("content_policy_violation"),
        status(400, {"error": {"code": "BadRequest", "innererror": {"code": "content_filter"}}}),
        generators.streamed(completed=False, error={"code": "moderation_blocked"}),
    ],
)
async def test_a_refusal_by_policy_is_an_error_of_its_own(
    opened: Opened, server: Server, handler: Handler
) -> None:
    with pytest.raises(EngineRefused):
        await draw(opened, server, handler, retries=3)
    assert len(server.asked) == 1


async def test_who_asks_for_patience_is_asked_again(opened: Opened, server: Server) -> None:
    limited = status(429, {"error": {"code": "rate_limit_exceeded"}}, **{"Retry-After": "0"})
    busy = status(503, **{"Retry-After": "0"})
    assert await draw(opened, server, limited, busy, edited(), retries=2) == DRAWING
    assert len(server.asked) == 3


async def test_an_engine_that_wants_a_long_pause_is_left_alone(
    opened: Opened, server: Server
) -> None:
    server.handlers = [status(429, **{"Retry-After": "600"}), edited()]
    async with opened("images-edits", f"{server.url}/v1", retries=3) as engine:
        for _ in range(2):
            with pytest.raises(EngineUnavailable) as caught:
                await engine.draw(ASKED, unwatched)
            assert 590 <= (caught.value.retry_after_s or 0) <= 600
        assert len(server.asked) == 1
        assert engine.state == "paused"
        assert engine.calls_today == 0


async def test_a_server_that_is_not_there_is_tried_again_and_named(opened: Opened) -> None:
    async with opened("images-edits", "http://127.0.0.1:1/v1", retries=0) as engine:
        with pytest.raises(EngineUnavailable, match="cannot be reached"):
            await engine.draw(ASKED, unwatched)
        assert engine.last_error is not None
        assert engine.calls_today == 0


async def test_past_its_deadline_a_drawing_is_given_up(opened: Opened, server: Server) -> None:
    while not server.asked:  # a busy machine may ask too late
        with pytest.raises(EngineUnavailable, match=r"longer than 0\.5 s"):
            await draw(opened, server, generators.never, deadline_s=0.5)
    await asyncio.wait_for(server.cancelled.wait(), PATIENCE_S)


async def test_a_cancel_closes_the_connection(opened: Opened, server: Server) -> None:
    drawing = asyncio.create_task(draw(opened, server, generators.never))
    while not server.asked:  # noqa: ASYNC110 (no event tells)
        await asyncio.sleep(0.01)
    drawing.cancel()
    await asyncio.wait_for(server.cancelled.wait(), PATIENCE_S)


async def test_past_the_days_budget_nothing_is_asked_and_no_style_listed(
    opened: Opened, server: Server
) -> None:
    server.handlers = [generators.refused(), status(500), edited()]
    keys = {"price": 0.25, "daily_cost": 0.5}
    async with opened("images-edits", f"{server.url}/v1", **keys) as engine:
        with pytest.raises(EngineRefused):  # which costs nothing
            await engine.draw(ASKED, unwatched)
        with pytest.raises(EngineUnavailable):  # which may
            await engine.draw(ASKED, unwatched)
        assert [style.name for style in engine.styles()] == ["clay"]
        assert await engine.draw(ASKED, unwatched) == DRAWING
        assert (engine.calls_today, engine.most_calls, engine.state) == (2, 2, "over_budget")
        assert engine.styles() == []
        with pytest.raises(EngineUnavailable, match="today"):
            await engine.draw(ASKED, unwatched)
    assert len(server.asked) == 3
