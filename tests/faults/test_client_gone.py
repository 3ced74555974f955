"""A client that leaves in the middle of an upload leaves nothing, and its place is free at once."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import psutil
import pytest

from cartoon_avatar.ai.seeing.model_files import models_folder
from tests.backend.conftest import picture
from tests.engines.ai_service import running_ai_service
from tests.faults.conftest import StartBackend
from tests.faults.invariants import files_in, rows_of
from tests.faults.processes import wait_until
from tests.patience import PATIENCE_S

SHARES = (0.01, 0.5, 0.99)
HEAD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
BODY = HEAD + picture("png", (1500, 2000)) + b"\r\n--b--\r\n"


def begin(port: int, path: str, length: int, more: str = "") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(
        f"POST {path} HTTP/1.1\r\nHost: a\r\nX-Device-Id: phone\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {length}\r\n{more}\r\n".encode()
    )
    return connection


def waited_for(port: int, path: str, length: int) -> socket.socket:
    """A body that has its room: the service asks for it."""
    connection = begin(port, path, length, "Expect: 100-continue\r\n")
    connection.settimeout(PATIENCE_S)
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    return connection


def send_a_share(port: int, path: str, share: float) -> socket.socket:
    connection = begin(port, path, len(BODY))
    connection.sendall(BODY[: int(len(BODY) * share)])
    return connection


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("how", ["closed", "reset"])
@pytest.mark.parametrize("others", [(), (10_000_000, 6_700_000)], ids=["in memory", "on the disk"])
def test_of_an_upload_that_breaks_off_nothing_is_kept(
    start_backend: StartBackend, share: float, how: str, others: tuple[int, ...]
):
    backend = start_backend()
    with ExitStack() as stack:
        client = stack.enter_context(backend.client())
        client.get("/api/originals")
        # Where others have taken the memory there is for bodies, the next one goes to the disk.
        for length in others:
            stack.enter_context(waited_for(backend.port, "/api/upload", length))
        connection = send_a_share(backend.port, "/api/upload", share)
        port = connection.getsockname()[1]
        count = 2 if others and share > 0.4 else 1
        wait_until(lambda: held(backend.pid, port) == count, "it is held")
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
        wait_until(lambda: not held(backend.pid, port), "it is let go")
        assert files_in(backend.data) == set()
        assert not any(rows_of(backend.data).values())
        response = client.post("/api/upload", files={"image": picture()})
        assert response.status_code == 201


def held(pid: int, port: int) -> int:
    """What a process keeps for a client: its socket, and what came of its body in a file."""
    sockets = [one for one in psutil.Process(pid).net_connections("tcp") if one.raddr]
    bodies = [link for link in links(pid) if "/#" in link]  # without a name from the start
    return sum(one.raddr.port == port for one in sockets) + len(bodies)


def links(pid: int) -> Iterator[str]:
    for number in set(os.listdir(f"/proc/{pid}/fd")) - {"0", "1", "2"}:
        with suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{number}")


@pytest.fixture(scope="module")
def ai_with_one_place() -> Iterator[int]:
    """The real AI service: one worker, no queue. Its port."""
    with running_ai_service(models_folder(), AI_QUEUE="0") as (_, _, port):
        yield port


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("path", ["/generate-cartoon", "/thumbnail"])
def test_the_place_of_a_request_that_breaks_off_becomes_free(
    ai_with_one_place: int, path: str, share: float
):
    url = f"http://127.0.0.1:{ai_with_one_place}"

    def taken() -> float:
        metrics = httpx.get(f"{url}/metrics", timeout=PATIENCE_S).text
        return float(re.search(r"^places_taken (.*)$", metrics, re.MULTILINE)[1])

    def heard() -> tuple[int, str | None]:
        response = httpx.post(f"{url}/thumbnail", files={"image": picture()}, timeout=PATIENCE_S)
        return response.status_code, None if response.is_success else response.json()["code"]

    wait_until(lambda: taken() == 0, "nobody from before has it")
    connection = send_a_share(ai_with_one_place, path, share)
    wait_until(lambda: taken() == 1, "it has the place")
    assert heard() == (503, "ai_busy")
    connection.close()
    wait_until(lambda: taken() == 0, "the place is free")
    assert heard() == (200, None)
