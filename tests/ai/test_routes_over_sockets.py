"""What only a real server on a real socket can show: nobody is reset, nobody is left behind."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from cartoon_avatar.contract import paths
from tests.ai.conftest import saved
from tests.engines.ai_service import is_ready, stopped_worker
from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, psutil.Process]]:
    """The AI service under granian, one worker, no queue."""
    (port,) = free_ports(1)
    granian = str(Path(sys.executable).parent / "granian")
    options = ["--interface", "asgi", "--factory", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(
        [granian, *options, "cartoon_avatar.ai.server:from_environment"],
        env={**os.environ, "AI_WORKERS": "1", "AI_QUEUE": "0", "LOG_LEVEL": "error"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        give_up_at = time.monotonic() + PATIENCE_S
        while not is_ready(url):
            assert process.poll() is None
            assert time.monotonic() < give_up_at
            time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
async def client(server: tuple[str, psutil.Process]) -> AsyncIterator[httpx.AsyncClient]:
    """Of a service whose place nobody has taken."""
    async with httpx.AsyncClient(base_url=server[0], timeout=PATIENCE_S) as client:
        await until_taken(client, 0)
        yield client


async def until_taken(client: httpx.AsyncClient, places: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while f"\nplaces_taken {places:.1f}\n" not in (await client.get(paths.METRICS)).text:  # noqa: ASYNC110 (over HTTP)
            await asyncio.sleep(0.05)


async def test_senders_of_too_much_hear_so_instead_of_a_reset(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(250):
            yield bytes(100_000)

    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    responses = [
        await client.post(paths.THUMBNAIL, files={"image": bytes(25_000_000)}) for _ in "abc"
    ]
    responses += [
        await client.post(paths.THUMBNAIL, content=chunks(), headers=multipart) for _ in "ab"
    ]
    assert [response.json()["code"] for response in responses] == ["file_too_large"] * 5


async def test_a_burst_is_answered_to_the_last_request(
    client: httpx.AsyncClient, server: tuple[str, psutil.Process], astronaut: bytes
) -> None:
    # Small, so that a refused one has long been read when it is answered.
    photo = saved(Image.open(io.BytesIO(astronaut)).resize((128, 128)), "JPEG")
    request = {"files": {"image": photo}, "data": {"size": "128"}}
    with stopped_worker(server[1]):
        asked = [
            asyncio.create_task(client.post(paths.GENERATE_CARTOON, **request)) for _ in range(12)
        ]
        refused = [await one for one in islice(asyncio.as_completed(asked), 11)]
    assert [response.status_code for response in refused] == [503] * 11
    assert all(response.headers["retry-after"] for response in refused)
    responses = [await one for one in asked]
    assert sorted(response.status_code for response in responses) == [200] + [503] * 11


async def test_who_hangs_up_in_the_middle_of_an_upload_frees_the_place(
    client: httpx.AsyncClient, server: tuple[str, psutil.Process], astronaut: bytes
) -> None:
    host, port = server[0].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as rude:
        rude.sendall(
            b"POST /thumbnail HTTP/1.1\r\nHost: ai\r\nContent-Length: 100000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        await until_taken(client, 1)
        response = await client.post(paths.THUMBNAIL, files={"image": astronaut})
        assert (response.status_code, response.json()["code"]) == (503, "ai_busy")
    await until_taken(client, 0)
    response = await client.post(paths.THUMBNAIL, files={"image": astronaut})
    assert response.status_code == 200


async def test_told_to_stop_it_finishes_what_it_accepted_and_leaves_no_process(
    client: httpx.AsyncClient, server: tuple[str, psutil.Process], astronaut: bytes
) -> None:
    family = [server[1], *server[1].children(recursive=True)]
    assert len(family) >= 3
    with stopped_worker(server[1]):
        accepted = asyncio.create_task(
            client.post(paths.GENERATE_CARTOON, files={"image": astronaut})
        )
        await until_taken(client, 1)
        # As a service manager does: to everybody at once.
        for process in family:
            process.send_signal(signal.SIGTERM)
    assert (await accepted).status_code == 200
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, PATIENCE_S)
    assert alive == []
