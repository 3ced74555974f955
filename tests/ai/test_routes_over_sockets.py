"""What only a real server on a real socket can show: nobody is reset, nobody is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from cartoon_avatar.contract import paths
from tests.engines.ports import free_ports


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
        give_up_at = time.monotonic() + 240
        while not is_ready(url):
            assert process.poll() is None
            assert time.monotonic() < give_up_at
            time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(120)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(url + paths.READYZ, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
async def client(server: tuple[str, psutil.Process]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server[0], timeout=60) as client:
        yield client


async def test_senders_of_too_much_hear_so_instead_of_a_reset(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(250):
            yield bytes(100_000)

    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    answers = [
        await client.post(paths.THUMBNAIL, files={"image": bytes(25_000_000)}) for _ in "abc"
    ]
    answers += [
        await client.post(paths.THUMBNAIL, content=chunks(), headers=multipart) for _ in "ab"
    ]
    assert [answer.json()["code"] for answer in answers] == ["file_too_large"] * 5


async def test_a_burst_is_answered_to_the_last_request(
    client: httpx.AsyncClient, astronaut: bytes
) -> None:
    wish = {"size": "128"}
    answers = await asyncio.gather(
        *(
            client.post(paths.GENERATE_CARTOON, files={"image": astronaut}, data=wish)
            for _ in range(12)
        )
    )
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 503)


async def test_who_hangs_up_in_the_middle_of_an_upload_frees_the_place(
    client: httpx.AsyncClient, server: tuple[str, psutil.Process], astronaut: bytes
) -> None:
    host, port = server[0].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as rude:
        rude.sendall(
            b"POST /thumbnail HTTP/1.1\r\nHost: ai\r\nContent-Length: 100000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        await until(client, astronaut, 503)
    await until(client, astronaut, 200)


async def until(client: httpx.AsyncClient, photo: bytes, status: int) -> None:
    async with asyncio.timeout(120):
        while True:
            answer = await client.post(paths.THUMBNAIL, files={"image": photo})
            if answer.status_code == status:
                break
            await asyncio.sleep(0.05)
    assert status == 200 or answer.json()["code"] == "ai_busy"


async def test_told_to_stop_it_finishes_what_it_accepted_and_leaves_no_process(
    client: httpx.AsyncClient, server: tuple[str, psutil.Process], astronaut: bytes
) -> None:
    family = [server[1], *server[1].children(recursive=True)]
    assert len(family) >= 3
    accepted = asyncio.create_task(client.post(paths.GENERATE_CARTOON, files={"image": astronaut}))
    await asyncio.sleep(0.3)
    # As a service manager does: to everybody at once.
    for process in family:
        process.send_signal(signal.SIGTERM)
    assert (await accepted).status_code == 200
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, 120)
    assert alive == []
