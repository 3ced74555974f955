"""The protocols of POST /predictions, against servers that speak them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from cartoon_avatar.ai.engines.drawing import unwatched
from cartoon_avatar.ai.engines.remote.generation import Generation
from cartoon_avatar.contract.errors import EngineRefused, EngineUnavailable
from tests.ai.engines.remote.conftest import ASKED, Opened
from tests.engines import generators
from tests.engines.generators import (
    DRAWING,
    KEY,
    Handler,
    Server,
    data_uri,
    prediction,
    serving,
    status,
)
from tests.patience import PATIENCE_S


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving("/{path:.*}") as server:
        yield server


async def draw(
    opened: Opened,
    at: Server,
    *handlers: Handler,
    asked: Generation = ASKED,
    told: list[str] | None = None,
    **keys: Any,
) -> bytes:
    at.handlers = list(handlers)
    model = {} if keys.get("server") == "cog" else {"version": "5c7d"}

    def report(stage: str, share: float | None) -> None:
        if told is not None:
            told.append(stage)

    async with opened("predictions", f"{at.url}/v1", **{**model, **keys}) as engine:
        return await engine.draw(asked, report)


def paths_of(server: Server) -> list[str]:
    return [path for path, _, _ in server.asked]


# --- Replicate


async def test_a_prediction_is_made_polled_and_its_output_taken(
    opened: Opened, server: Server
) -> None:
    told: list[str] = []
    drawing = await draw(
        opened,
        server,
        prediction(server, "starting"),
        prediction(server, "processing"),
        prediction(server, "succeeded", [data_uri()]),
        told=told,
        seed="seed",
        input={"steps": 30},
    )
    assert drawing == DRAWING
    assert paths_of(server) == ["/v1/predictions", *["/v1/predictions/abc"] * 2]
    _, headers, body = server.asked[0]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "version": "5c7d",
        "input": {
            "steps": 30,
            "image": "data:image/jpeg;base64,YSBwaG90bw==",
            "prompt": "as clay",
            "seed": 7,
        },
    }
    assert told == ["starting", "starting", "generating"]


async def test_an_official_model_has_an_address_of_its_own(opened: Opened, server: Server) -> None:
    done = prediction(server, "succeeded", data_uri())
    keys = {"version": None, "model": "black-forest/kontext-pro"}
    del keys["version"]
    server.handlers = [done]
    async with opened("predictions", f"{server.url}/v1", **keys) as engine:
        assert await engine.draw(ASKED, unwatched) == DRAWING
    assert paths_of(server) == ["/v1/models/black-forest/kontext-pro/predictions"]


async def test_a_large_photo_is_uploaded_before(opened: Opened, server: Server) -> None:
    link = "https://files.example.com/abc"
    done = prediction(server, "succeeded", data_uri())
    large = replace(ASKED, photo=bytes(300_000))
    await draw(opened, server, status(201, {"urls": {"get": link}}), done, asked=large)
    assert paths_of(server) == ["/v1/files", "/v1/predictions"]
    assert server.asked[0][2] == {"content": bytes(300_000)}
    assert server.asked[1][2]["input"]["image"] == link


async def test_once_its_address_is_known_a_broken_connection_costs_nothing(
    opened: Opened, server: Server
) -> None:
    drawing = await draw(
        opened,
        server,
        prediction(server, "starting"),
        generators.broken,
        status(502),
        status(429, None, **{"Retry-After": "0"}),
        prediction(server, "succeeded", data_uri()),
        retries=0,
    )
    assert drawing == DRAWING
    assert paths_of(server).count("/v1/predictions") == 1


@pytest.mark.parametrize(
    ("handlers", "said"),
    [
        (lambda server: [status(500)], "500"),
        (lambda server: [status(402)], "402"),
        (lambda server: [generators.html], "JSON"),
        (lambda server: [status(201, {"status": "starting"})], "where its prediction is"),
        (
            lambda server: [
                status(
                    201,
                    {
                        "status": "starting",
                        "urls": {"get": "https://evil.test/a", "cancel": "https://evil.test/b"},
                    },
                )
            ],
            "where its prediction is",
        ),
        (lambda server: [prediction(server, "starting"), status(404)], "404"),
        (lambda server: [prediction(server, "failed", error="CUDA out of memory")], "failed"),
        (lambda server: [prediction(server, "canceled")], "cancelled"),
        (lambda server: [prediction(server, "succeeded", None)], "no picture"),
        (lambda server: [prediction(server, "succeeded", "data:text/plain,hi")], "base64"),
        (lambda server: [prediction(server, "succeeded", "http://10.0.0.1/a")], "public https"),
    ],
)
async def test_a_failure_is_reported_and_not_paid_twice(
    opened: Opened, server: Server, handlers, said: str
) -> None:
    with pytest.raises(EngineUnavailable, match=said):
        await draw(opened, server, *handlers(server), retries=3)
    assert paths_of(server).count("/v1/predictions") == 1


async def test_a_link_that_has_expired_is_a_failure(opened: Opened, server: Server) -> None:
    link = f"{server.url}/files/gone.png"
    with pytest.raises(EngineUnavailable, match="expired"):
        await draw(opened, server, prediction(server, "succeeded", [link]))


async def test_a_models_filter_refuses(opened: Opened, server: Server) -> None:
    error = "The input or output was flagged as sensitive. Please try again. (E005)"
    with pytest.raises(EngineRefused):
        await draw(opened, server, prediction(server, "failed", error=error))


async def test_a_cancel_reaches_the_prediction_within_a_second(
    opened: Opened, server: Server
) -> None:
    drawing = asyncio.create_task(draw(opened, server, prediction(server, "processing")))
    await until(server, "/v1/predictions/abc")
    drawing.cancel()
    await asyncio.wait_for(until(server, "/v1/predictions/abc/cancel"), PATIENCE_S)
    await asyncio.wait([drawing])
    assert drawing.cancelled()


async def test_a_prediction_that_never_ends_is_cancelled_at_its_deadline(
    opened: Opened, server: Server
) -> None:
    paths: list[str] = []
    while len(paths) < 2:  # a busy machine may not get so far as to know what to cancel
        server.asked.clear()
        with pytest.raises(EngineUnavailable, match="longer than 1 s"):
            await draw(opened, server, prediction(server, "processing"), deadline_s=1)
        paths = paths_of(server)
    assert paths[-1] == "/v1/predictions/abc/cancel"


async def until(server: Server, path: str) -> None:
    while path not in paths_of(server):  # noqa: ASYNC110 (no event tells)
        await asyncio.sleep(0.01)


# --- Cog


async def test_a_container_answers_when_it_is_done(opened: Opened, server: Server) -> None:
    done = status(200, {"status": "succeeded", "output": data_uri()})
    assert await draw(opened, server, done, server="cog") == DRAWING
    ((path, _, body),) = server.asked
    assert path == f"/v1/predictions/{ASKED.key}"
    assert set(body) == {"input"}


@pytest.mark.parametrize(
    "handler",
    [
        generators.broken,
        status(409, {"detail": "Already running a prediction"}),
        status(202, {"status": "processing"}),
    ],
    ids=["breaks", "is busy", "is still at it"],
)
async def test_a_container_that_does_not_respond_gets_the_request_again(
    opened: Opened, server: Server, handler: Handler
) -> None:
    done = status(200, {"status": "succeeded", "output": data_uri()})
    assert await draw(opened, server, handler, done, server="cog", retries=1) == DRAWING
    assert len(paths_of(server)) == 2
    assert len(set(paths_of(server))) == 1


async def test_a_cancel_reaches_the_container_by_its_id(opened: Opened, server: Server) -> None:
    drawing = asyncio.create_task(draw(opened, server, generators.never, status(200), server="cog"))
    await until(server, f"/v1/predictions/{ASKED.key}")
    drawing.cancel()
    await asyncio.wait_for(until(server, f"/v1/predictions/{ASKED.key}/cancel"), PATIENCE_S)
    await asyncio.wait([drawing])
