"""What the AI service says of itself, and what it does under load and without its models."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from fastapi import FastAPI

from cartoon_avatar.ai import errors
from cartoon_avatar.ai.seeing.model_files import REQUIRED, models_folder
from cartoon_avatar.contract import errors as shared
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.media_types import PROBLEM_JSON
from tests.ai.conftest import running
from tests.ai.routes.responses import (
    CUT,
    GENERATE,
    THUMBNAIL,
    assert_problem,
    opened,
    until_ready,
)
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_it_says_that_it_is_alive_and_ready(ai: httpx.AsyncClient) -> None:
    assert (await ai.get(paths.HEALTHZ)).json() == {"status": "ok"}
    ready = (await ai.get(paths.READYZ)).json()
    # Those that whoever runs this has fetched.
    assert isinstance(ready.pop("neural"), list)
    assert ready == {
        "status": "ready",
        "workers": 1,
        "workersWanted": 1,
        "missing": [],
        "fallback": None,
    }


async def test_metrics_tell_of_requests_drawings_cuts_and_the_queue(
    ai: httpx.AsyncClient, cartoon: bytes, astronaut: bytes, coffee: bytes
) -> None:
    await ai.post(CUT, files={"image": cartoon, "original": astronaut})
    await ai.post(CUT, files={"image": coffee})
    text = (await ai.get(paths.METRICS)).text
    assert re.search(
        r'requests_total\{method="POST",route="/generate-cartoon",status="200"\} \d', text
    )
    assert re.search(r'drawing_seconds_count\{style="[a-z-]+"\} [1-9]', text)
    assert re.search(r'cut_seconds_count\{path="[a-z]+"\} [1-9]', text)
    assert re.search(r"no_face_total [1-9]", text)
    assert "queue_depth 0.0" in text
    assert "queue_oldest_seconds 0.0" in text
    assert "workers_ready 1.0" in text


async def test_openapi_has_named_schemas_and_stable_operation_ids(ai: httpx.AsyncClient) -> None:
    document = (await ai.get("/openapi.json")).json()
    operations = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert set(operations) == {
        "generateCartoon",
        "cancelCartoon",
        "processFaceCut",
        "makeThumbnail",
        "makeSticker",
        "listStyles",
        "listEngines",
        "drawPreviews",
        "health",
        "readiness",
        "metrics",
    }
    schemas = document["components"]["schemas"]
    assert {"CartoonForm", "FaceCutRequest", "FaceCutForm", "Problem", "StyleList"} <= set(schemas)
    for reference in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)):
        assert reference in schemas
    refusal = operations["processFaceCut"]["responses"]["422"]["content"]
    assert list(refusal) == [PROBLEM_JSON]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", GENERATE, 405), ("GET", "/x", 404)])
async def test_other_paths_respond_with_a_problem_too(
    ai: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await ai.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM_JSON


async def test_past_the_queue_requests_are_refused_at_once_and_the_rest_succeed(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    (worker,) = worker_processes()
    worker.suspend()  # so that nobody's turn comes before everybody has asked
    try:
        options = {"files": {"image": astronaut}, "data": {"size": "128"}}
        asked = [asyncio.create_task(ai.post(GENERATE, **options)) for _ in range(9)]
        refused = [await one for one in islice(asyncio.as_completed(asked), 5)]
    finally:
        worker.resume()
    for response in refused:
        assert_problem(response, 503, "ai_busy")
    responses = [await one for one in asked]
    assert sorted(response.status_code for response in responses) == [200] * 4 + [503] * 5


def worker_processes() -> list[psutil.Process]:
    ours = psutil.Process()
    return [
        child
        for child in ours.children(recursive=True)
        if child.parent() != ours and "forkserver" in " ".join(child.cmdline())
    ]


async def test_a_worker_killed_at_work_costs_that_request_and_the_next_succeeds(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    (worker,) = worker_processes()
    before_s = sum(worker.cpu_times()[:2])
    request = asyncio.create_task(
        ai.post(GENERATE, files={"image": astronaut}, data={"size": "2048"})
    )
    async with asyncio.timeout(PATIENCE_S):
        while sum(worker.cpu_times()[:2]) <= before_s:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    worker.kill()
    assert_problem(await request, 500, "generation_failed")
    opened(await ai.post(GENERATE, files={"image": astronaut}, data={"size": "128"}))


async def test_a_client_that_leaves_the_queue_frees_its_place(
    app_for: Callable[..., FastAPI], astronaut: bytes
) -> None:
    app = app_for(queue=1)
    async with running(app) as client, app.router.lifespan_context(app) as state:
        # A second life of the app, spoken to in ASGI: httpx cannot hang up in mid-request.
        workers = state["ai"].workers
        async with asyncio.timeout(PATIENCE_S):
            while not workers.ready:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        request = client.build_request("POST", GENERATE, files={"image": astronaut})
        body = await request.aread()
        hang_up = asyncio.Event()
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await hang_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            pass

        scope = {
            "type": "http",
            "method": "POST",
            "path": GENERATE,
            "query_string": b"",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "state": dict(state),
        }
        worker = await workers.idle.get()  # nobody is served meanwhile
        waiting = asyncio.create_task(app(scope, receive, send))
        async with asyncio.timeout(PATIENCE_S):
            while not workers.line:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert workers.taken == 1
        hang_up.set()
        await asyncio.wait_for(waiting, PATIENCE_S)
        assert (workers.taken, len(workers.line)) == (0, 0)
        workers.idle.put_nowait(worker)


async def test_a_picture_that_takes_too_long_and_a_body_that_trickles_are_given_up(
    app_for: Callable[..., FastAPI], astronaut: bytes
) -> None:
    async with running(app_for(task_timeout_s=0.1, body_timeout_s=3)) as client:
        await until_ready(client)
        response = await client.post(GENERATE, files={"image": astronaut}, data={"size": "2048"})
        assert_problem(response, 500, "generation_failed")

        async def trickle() -> AsyncIterator[bytes]:
            yield b"--x\r\n"
            await asyncio.Event().wait()
            yield b"--x--"

        await until_ready(client)
        response = await client.post(
            THUMBNAIL,
            content=trickle(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert_problem(response, 408, "request_timeout")


async def test_without_model_files_it_is_not_ready_and_draws_once_they_come(
    app_for: Callable[..., FastAPI], astronaut: bytes, tmp_path: Path
) -> None:
    async with running(app_for(models_dir=tmp_path)) as client:

        async def ready_when(condition: Callable[[dict[str, Any]], bool]) -> httpx.Response:
            async with asyncio.timeout(PATIENCE_S):
                response = await client.get(paths.READYZ)
                while not condition(response.json()):
                    await asyncio.sleep(0.1)
                    response = await client.get(paths.READYZ)
            return response

        response = await ready_when(lambda ready: ready["workers"] > 0)
        assert (response.status_code, response.json()["status"]) == (503, "not_ready")
        assert response.json()["missing"] == sorted(file.name for file in REQUIRED)
        # Nobody looked for a face, so nobody may say that there is none, nor draw as if.
        for refused in (
            await client.post(CUT, files={"image": astronaut}),
            await client.post(GENERATE, files={"image": astronaut}),
            await client.post(
                GENERATE, files={"image": astronaut}, data={"style": "ink", "format": "svg"}
            ),
        ):
            problem = assert_problem(refused, 503, "models_missing")
            assert "models fetch" in problem["detail"]

        for file in REQUIRED:  # as `models fetch` beside it would
            (tmp_path / file.name).symlink_to(models_folder() / file.name)
        response = await ready_when(lambda ready: ready["status"] == "ready")
        assert (response.status_code, response.json()["missing"]) == (200, [])
        drawn = await client.post(GENERATE, files={"image": astronaut}, data={"size": "256"})
        assert drawn.headers[headers.FACE_COUNT] == "1"


async def test_the_log_holds_no_url_and_no_picture_name(
    ai: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    await ai.post(CUT, json={"image_url": "http://127.0.0.1:1/canary-4711?sig=canary-4711"})
    await ai.post(THUMBNAIL + "?canary-4711", files={"image": ("canary-4711.png", b"x")})
    out, err = capfd.readouterr()
    assert "canary-4711" not in out + err


async def test_each_error_of_the_tree_is_expected_by_a_test() -> None:
    tree = {
        error.code
        for error in (*vars(errors).values(), *vars(shared).values())
        if isinstance(error, type) and issubclass(error, AvatarError)
    }
    # Nobody is there to be told of client_gone; the base class itself is never raised; pictures
    # that fail in a way nobody foresaw are those of test_workers, generators' errors those of
    # test_generators.
    elsewhere = {"client_gone", "internal_error", "picture_unusable"}
    elsewhere |= {"engine_refused", "engine_unavailable", "consent_required", "drawing_cancelled"}
    files = await asyncio.to_thread(lambda: [*Path(__file__).parent.glob("*.py")])
    words = [word for file in files for word in ast.walk(ast.parse(file.read_text()))]
    expected = {word.value for word in words if isinstance(word, ast.Constant)}
    assert tree - elsewhere <= expected
