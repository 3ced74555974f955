"""The table of failures in docs/generators.md, row by row, through `serve`: what the app hears,
what is stored, and what the page would say."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from tests.ai.conftest import saved, scene
from tests.ai.engines.remote.conftest import written
from tests.engines import generators
from tests.engines.generators import (
    DRAWING,
    Handler,
    Server,
    data_uri,
    edited,
    prediction,
    serving,
    status,
)
from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHOTO = saved(scene(640, 640), "JPEG")
PAGE = Path(__file__).parents[2] / "src/cartoon_avatar/backend/page/texts/en.js"
UNAVAILABLE, REFUSED = (503, "engine_unavailable"), (422, "engine_refused")


@dataclass(frozen=True)
class Row:
    """A failure: what the provider does, and what the app hears; None where it is none."""

    handlers: tuple[Handler, ...]
    heard: tuple[int, str] | None = UNAVAILABLE
    kind: str = "images-edits"
    keys: tuple[tuple[str, Any], ...] = ()
    retry_after_s: range = range(1, 100)


ROWS = {
    "not-there": Row(()),
    "limited": Row((status(429, **{"Retry-After": "600"}),), retry_after_s=range(590, 601)),
    "bad-key": Row((status(401),)),
    "server-error": Row((status(500),)),
    "breaks": Row((generators.broken,)),
    "refuses": Row((generators.refused(),), REFUSED),
    "half-a-stream": Row((generators.streamed(completed=False),), keys=(("stream", True),)),
    "page": Row((generators.html,)),
    "endless": Row((generators.endless,)),
    "nothing": Row((generators.bare(b""),)),
    "no-picture": Row((edited(b""),)),
    "other-type": Row((edited(b"%PDF-1.7 no picture at all"),)),
    "half-a-picture": Row((edited(saved(scene(96, 96), "PNG")[:200]),)),
    "other-size": Row((edited(saved(scene(300, 100), "GIF")),), None),
    "never-ends": Row((generators.never,), keys=(("deadline_s", 1),)),
    "well": Row((edited(DRAWING),), None),
}


FULL = (("places", 1), ("queue", 0))


@dataclass
class Running:
    app: httpx.AsyncClient
    data: Path
    servers: dict[str, Server]

    def stored(self) -> tuple[int, int, int]:
        """Photos, cartoons, and files of either."""
        connection = sqlite3.connect(self.data / "avatars.sqlite")
        try:
            counts = [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("originals", "regenerated_cartoons")
            ]
        finally:
            connection.close()
        files = [file for file in (self.data / "uploads").rglob("*") if file.is_file()]
        return counts[0], counts[1], len(files)

    async def upload(self, style: str, **sent: str) -> httpx.Response:
        return await self.app.post(
            "/api/upload",
            files={"image": PHOTO},
            data={"style": style, "size": "64"},
            headers={"X-Device-Id": f"phone-{style}", **sent},
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("generators")
    async with AsyncExitStack() as stack:
        servers: dict[str, Server] = {}
        entries = []
        others = {"expired": Row(()), "stuck": Row(()), "full": Row((), keys=FULL)}
        for name, row in {**ROWS, **others}.items():
            servers[name] = await stack.enter_async_context(
                serving("/v1/images/edits", "/v1/predictions", "/v1/predictions/{id:.*}")
            )
            servers[name].handlers = list(row.handlers)
            url = "http://127.0.0.1:1/v1" if name == "not-there" else f"{servers[name].url}/v1"
            keys = {"retries": 0, **dict(row.keys)}
            kind = "predictions" if name == "stuck" else row.kind
            if kind == "predictions":
                keys |= {"version": "v1", "deadline_s": 2}
            entries.append(written(kind, url, name, **keys))
        gone = f"{servers['expired'].url}/files/gone.png"
        servers["expired"].handlers = [generators.linked(gone)]
        servers["stuck"].handlers = [prediction(servers["stuck"], "processing")]
        (folder / "engines.toml").write_text("".join(entries))

        (port,) = free_ports(1)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cartoon_avatar.cli", "serve",
            "--port", str(port), "--data", str(folder / "data"),
            env={
                **os.environ, "AI_WORKERS": "1", "LOG_LEVEL": "error", "MIN_FREE_BYTES": "0",
                "AI_ENGINES": str(folder / "engines.toml"),
            },
        )  # fmt: skip
        app = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S)
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await is_ready(app):
                    assert process.returncode is None
                    await asyncio.sleep(0.1)
            yield Running(app, folder / "data", servers)
        finally:
            process.terminate()
            await process.wait()


async def is_ready(app: httpx.AsyncClient) -> bool:
    try:
        return (await app.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("style", [*ROWS, "expired", "stuck"])
async def test_a_row_of_the_table(running: Running, style: str) -> None:
    row = ROWS.get(style, Row(()))
    before = running.stored()
    response = await running.upload(style)
    if row.heard is None:
        assert response.status_code == 201, response.text
        cartoon = response.json()["cartoon"]
        assert (cartoon["style"], cartoon["engine"], cartoon["aligned"]) == (style, style, False)
        assert max(cartoon["width"], cartoon["height"]) == 64
        photos, cartoons, _ = running.stored()
        assert (photos, cartoons) == (before[0] + 1, before[1] + 1)
        return
    code = response.json()["code"]
    assert (response.status_code, code) == row.heard, response.text
    assert running.stored() == before
    if response.status_code == 503:
        assert int(response.headers["Retry-After"]) in row.retry_after_s
    assert style in response.json()["detail"]
    # The page has a sentence of its own for the code.
    assert re.search(rf"^ +{code}: \[", PAGE.read_text(), re.MULTILINE)
    if style not in ("not-there", "stuck"):
        assert len(running.servers[style].asked) == 1
    if style == "stuck":
        assert running.servers[style].asked[-1][0] == "/v1/predictions/abc/cancel"


async def test_a_photo_survives_a_failure_and_another_style_draws_it(running: Running) -> None:
    drawn = (await running.upload("noir")).json()
    device = {"X-Device-Id": "phone-noir"}
    path = f"/api/regenerate/{drawn['original']['id']}"
    failed = await running.app.post(path, json={"style": "server-error"}, headers=device)
    assert (failed.status_code, failed.json()["code"]) == UNAVAILABLE
    shown = f"/api/originals/{drawn['original']['id']}"
    kept = (await running.app.get(shown, headers=device)).json()
    assert [cartoon["id"] for cartoon in kept["cartoons"]] == [drawn["cartoon"]["id"]]
    # The next in line is the first generator's, which is not there.
    instead = await running.app.post(path, json={"size": 64}, headers=device)
    assert instead.status_code == 201, instead.text
    cartoon = instead.json()["cartoon"]
    assert cartoon["standsInFor"] in ROWS
    assert (cartoon["engine"], cartoon["aligned"]) == ("built-in", True)


async def taken(running: Running) -> tuple[asyncio.Task[httpx.Response], asyncio.Event]:
    """An upload that has the only place of "full" until the event is set."""
    free, begun = asyncio.Event(), asyncio.Event()

    async def held(request: web.Request) -> web.StreamResponse:
        begun.set()
        await free.wait()
        return await edited()(request)

    server = running.servers["full"]
    server.handlers, server.asked = [held], []
    first = asyncio.create_task(running.upload("full"))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
    return first, free


async def test_where_all_places_are_taken_who_waits_is_refused_and_a_job_takes_its_turn(
    running: Running,
) -> None:
    first, free = await taken(running)
    server = running.servers["full"]
    before = running.stored()
    refused = await running.upload("full", **{"X-Device-Id": "phone-2"})
    assert (refused.status_code, refused.json()["code"]) == (503, "ai_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert (running.stored(), len(server.asked)) == (before, 1)
    assert re.search(r"^ +ai_unavailable: \[", PAGE.read_text(), re.MULTILINE)

    job = (
        await running.upload("full", **{"X-Device-Id": "phone-2", "Prefer": "respond-async"})
    ).json()["job"]
    free.set()
    assert (await first).status_code == 201
    path, device = f"/api/jobs/{job['id']}?wait=20", {"X-Device-Id": "phone-2"}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            told = (await running.app.get(path, headers=device)).json()
            if told["state"] not in ("queued", "running"):
                break
    assert (told["state"], told["result"]["cartoon"]["engine"]) == ("succeeded", "full")
    assert len(server.asked) == 2


async def test_where_all_places_are_taken_and_any_style_will_do_one_of_ours_draws(
    running: Running,
) -> None:
    """The next style after the last one drawn is the full one's."""
    first, free = await taken(running)
    device = {"X-Device-Id": "phone-well"}
    running.servers["well"].handlers = [edited()]
    drawn = (await running.upload("well")).json()
    names = [
        one["name"]
        for one in (await running.app.get("/api/styles", headers=device)).json()["items"]
    ]
    assert names[names.index("stuck") + 1] == "full"
    running.servers["stuck"].handlers = [
        prediction(running.servers["stuck"], "succeeded", data_uri())
    ]
    path = f"/api/regenerate/{drawn['original']['id']}"
    assert (
        await running.app.post(path, json={"style": "stuck"}, headers=device)
    ).status_code == 201
    instead = await running.app.post(path, json={"size": 64}, headers=device)
    free.set()
    assert instead.status_code == 201, instead.text
    cartoon = instead.json()["cartoon"]
    assert (cartoon["standsInFor"], cartoon["engine"]) == ("full", "built-in")
    assert (await first).status_code == 201
