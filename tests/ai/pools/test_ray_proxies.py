"""What Ray's proxies do with a request whose replica dies, without Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cartoon_avatar.ai.pools.ray_proxies import Proxied
from tests.ai.routes.responses import assert_problem

BODY = b"a photo" * 1000


async def dies(scope: Scope, receive: Receive, send: Send) -> None:
    """As Ray's proxy when a replica is gone: the body was read, and nothing is said."""
    await Request(scope, receive).body()


async def echoes(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    seen = {
        "seen": request.headers["x-request-id"],
        "x-request-id": request.headers["x-request-id"],
    }
    await Response(await request.body(), headers=seen)(scope, receive, send)


def in_turn(*turns: ASGIApp) -> tuple[ASGIApp, Callable[[], int]]:
    """An app that answers as each of ``turns`` does, and how many are left."""
    left: Iterator[ASGIApp] = iter(turns)
    asked = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        await next(left)(scope, receive, send)

    return app, lambda: asked


async def ask(app: ASGIApp, body: bytes = BODY) -> httpx.Response:
    transport = httpx.ASGITransport(Proxied(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://ray") as http:
        return await http.post("/generate-cartoon", content=body)


async def test_a_request_whose_replica_dies_is_answered_by_another():
    app, asked = in_turn(dies, echoes)
    response = await ask(app)
    assert (response.status_code, response.content, asked()) == (200, BODY, 2)
    assert response.headers["seen"] == response.headers["x-request-id"]


async def test_a_request_that_killed_two_replicas_kills_no_third():
    app, asked = in_turn(dies, dies)
    assert_problem(await ask(app), 503, "ai_starting")
    assert asked() == 2


async def test_what_is_too_long_to_be_kept_is_not_sent_again():
    app, asked = in_turn(dies)
    assert_problem(await ask(app, bytes(21_000_000)), 503, "ai_starting")
    assert asked() == 1


@pytest.mark.parametrize("status", [503, 500])
async def test_what_ray_says_itself_becomes_a_problem(status: int):
    app, asked = in_turn(PlainTextResponse("Request dropped due to backpressure", status))
    assert_problem(await ask(app), 503, "ai_busy")
    assert asked() == 1


@pytest.mark.parametrize("status", [200, 400, 422, 500, 503])
async def test_what_the_app_says_is_passed_on(status: int):
    body = b'{"code":"generation_failed"}'
    app, asked = in_turn(Response(body, status, media_type="application/problem+json"))
    response = await ask(app)
    assert (response.status_code, response.content, asked()) == (status, body, 1)


async def test_a_response_before_the_body_s_end_closes_the_connection():
    app, _ = in_turn(Response("too large", 413), echoes)
    assert (await ask(app)).headers["connection"] == "close"


async def test_an_endless_body_is_not_read_on_for_ever():
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1_000_000)

    read = 0

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal read
        while (message := await receive())["more_body"]:
            read += len(message["body"])

    transport = httpx.ASGITransport(Proxied(reads))
    async with httpx.AsyncClient(transport=transport, base_url="http://ray") as http:
        assert_problem(await http.post("/thumbnail", content=endless()), 503, "ai_starting")
    assert 100_000_000 < read < 103_000_000
