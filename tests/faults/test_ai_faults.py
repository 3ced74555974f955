"""An AI service that fails in every way costs the request, never the deadline or the folder."""

from __future__ import annotations

import gzip
import io
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx
import psutil
import pytest
from PIL import Image

from tests.backend.conftest import picture
from tests.faults.conftest import StartBackend
from tests.faults.invariants import assert_whole, files_in, rows_of
from tests.faults.processes import Backend, forget_peak, free_port, peak_bytes

TIMEOUT_S = 1.5
# Of those that answer at once, and are judged by what they say.
PATIENT_S = 100
# Longer than any response takes on a busy machine, and shorter than what hangs.
RESPONDED_WITHIN_S = 240
HANGS_S = 1000

Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk, heads: dict[bytes, Talk] | None = None) -> Iterator[str]:
    """A real socket on which each connection's request is read, then ``talk`` answers, or what
    ``heads`` names for requests that begin so."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                request = read_request(self.request)
                talks = (other for head, other in (heads or {}).items() if request.startswith(head))
                next(talks, talk)(self.request)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


def read_request(connection: socket.socket) -> bytes:
    """Its head, read together with a body of the announced or chunked length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in lines:
        while len(body) < int(lines[b"content-length"]):
            body += connection.recv(65536)
    elif b"transfer-encoding" in lines:
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65536)
    return head


def answering(body: bytes, *, status: str = "200 OK", kind: str = "image/png") -> Talk:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n"
        "X-Style: comic\r\nX-Seed: 1\r\nX-Photo-Width: 9\r\nX-Photo-Height: 9\r\n"
        "X-Face-Count: 1\r\nX-Image-Width: 9\r\nX-Image-Height: 9\r\n\r\n"
    )
    return lambda connection: connection.sendall(head.encode() + body)


def hang(connection: socket.socket) -> None:
    time.sleep(HANGS_S)


def byte_a_second(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\n")
    for byte in picture("png"):
        connection.sendall(bytes([byte]))
        time.sleep(1)


def head_a_byte_a_second(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(1)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
    while True:
        connection.sendall(bytes(1_000_000))


def endless_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: " + b"a" * 60_000 + b"\r\n")


def bomb(connection: socket.socket) -> None:
    """Much of nothing, packed small."""
    body = gzip.compress(bytes(30_000_000))
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )


def hang_up(connection: socket.socket) -> None:
    connection.close()


def cut_off(connection: socket.socket) -> None:
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9999\r\n\r\n"
    )
    connection.sendall(picture("png")[:500])


def no_http(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def bitmap() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (9, 9)).save(data, "bmp")
    return data.getvalue()


FAULTS: dict[str, tuple[Talk, int]] = {
    "hang": (hang, 503),
    "one byte a second": (byte_a_second, 503),
    "a head, one byte a second": (head_a_byte_a_second, 503),
    "a 500": (answering(b"Traceback", status="500 Oops", kind="text/plain"), 500),
    "an empty 200": (answering(b""), 500),
    "a web page": (answering(b"<html></html>", kind="text/html"), 500),
    "a truncated png": (answering(picture("png")[:-9]), 500),
    "a wrong type": (answering(picture("png"), kind="image/jpeg"), 500),
    "a type that is not among ours": (answering(bitmap(), kind="image/bmp"), 500),
    "a redirect": (answering(b"", status="302 Found\r\nLocation: http://127.0.0.1:1/"), 500),
    "an endless body": (endless, 500),
    "an endless head": (endless_head, 503),
    "a compressed bomb": (bomb, 500),
    "hanging up": (hang_up, 503),
    "a body that ends too early": (cut_off, 503),
    "no http": (no_http, 503),
}


@pytest.fixture
def earlier(start_backend: StartBackend) -> Backend:
    """A backend that has a photo with a cartoon, drawn while all was well; it has ended."""
    backend = start_backend()
    with backend.client() as client:
        assert client.post("/api/upload", files={"image": picture()}).status_code == 201
    backend.end()
    return backend


def posts(backend: Backend) -> dict[str, dict[str, object]]:
    """Path → request: everything that asks the AI service."""
    with backend.client() as client:
        original = client.get("/api/originals").json()["items"][0]["id"]
        cartoon = client.get(f"/api/originals/{original}").json()["cartoons"][0]["id"]
    return {
        "/api/upload": {"files": {"image": picture()}},
        # Named, or the list of styles would be all that is asked for.
        f"/api/regenerate/{original}": {"json": {"style": "comic"}},
        f"/api/download/{cartoon}": {},
    }


def assert_refused_in_time(backend: Backend, status: int) -> None:
    """Upload, regenerate and download alike: refused in time, nothing stored, nothing lost."""
    files = files_in(backend.data)
    rows = {table: len(found) for table, found in rows_of(backend.data).items()}

    def post(path: str, request: dict[str, object]) -> httpx.Response:
        with httpx.Client(base_url=backend.url, headers={"X-Device-Id": "phone"}) as client:
            return client.post(path, timeout=RESPONDED_WITHIN_S, **request)

    # At once, since some wait for the deadline.
    requests = posts(backend)
    with ThreadPoolExecutor(len(requests)) as pool:
        responses = list(pool.map(post, requests, requests.values()))
    for path, response in zip(requests, responses, strict=True):
        assert response.status_code == status, (path, response.text)
        assert response.json()["code"] == {500: "generation_failed", 503: "ai_unavailable"}[status]
        assert (status == 503) == ("retry-after" in response.headers)
    assert files_in(backend.data) == files
    assert {table: len(found) for table, found in rows_of(backend.data).items()} == rows


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_ai_service_leaves_nothing(
    start_backend: StartBackend, earlier: Backend, ai_url: str, name: str
):
    talk, status = FAULTS[name]
    with server(talk) as url:
        timeout_s = TIMEOUT_S if status == 503 else PATIENT_S
        backend = start_backend(data=earlier.data, ai=url, AI_TIMEOUT_S=str(timeout_s))
        assert_refused_in_time(backend, status)
        backend.end()
    # And the cartoon is there to try again, as soon as the AI service is.
    recovered = start_backend(data=earlier.data)
    download = list(posts(recovered))[-1]
    with recovered.client() as client:
        assert client.post(download).status_code == 201
    assert_whole(recovered.data)


def test_an_endless_response_is_not_read_to_its_end(start_backend: StartBackend):
    sent_bytes = 0

    def endless_and_counted(connection: socket.socket) -> None:
        nonlocal sent_bytes
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while True:
            sent_bytes += connection.send(bytes(100_000))

    with server(endless_and_counted) as url:
        backend = start_backend(ai=url, AI_TIMEOUT_S=str(PATIENT_S))
        held_bytes = psutil.Process(backend.pid).memory_info().rss
        forget_peak(backend.pid)
        with backend.client() as client:
            response = client.post("/api/upload", files={"image": picture()})
        grown_bytes = peak_bytes(backend.pid) - held_bytes
    assert response.json()["code"] == "generation_failed"
    # 20 MB are read; a few more lie in the sockets' buffers.
    assert 20_000_000 < sent_bytes < 40_000_000
    assert grown_bytes < 50_000_000


def test_slow_responses_do_not_add_up_past_the_deadline(
    start_backend: StartBackend, earlier: Backend
):
    """Each answer would be in time alone; together they are late, and the second is not heard."""
    timeout_s = 10.0
    asked: list[str] = []
    styles = b'{"items": [{"name": "a", "title": "A", "description": "A.", "preview": null}]}'

    def late(what: str, talk: Talk) -> Talk:
        def respond(connection: socket.socket) -> None:
            asked.append(what)
            time.sleep(0.8 * timeout_s)
            talk(connection)

        return respond

    heads = {
        b"GET /styles": late("styles", answering(styles, kind="application/json")),
        b"POST /process-face-cut": late("cut", answering(picture("png"))),
        b"POST /thumbnail": late("thumbnail", answering(picture("webp"), kind="image/webp")),
    }
    with server(late("drawing", answering(picture("jpeg"), kind="image/jpeg")), heads) as url:
        backend = start_backend(data=earlier.data, ai=url, AI_TIMEOUT_S=str(timeout_s))
        requests = posts(backend)

        def post(path: str) -> httpx.Response:
            request = {**requests[path], "json": None}
            with httpx.Client(base_url=backend.url, headers={"X-Device-Id": "phone"}) as client:
                return client.post(path, timeout=RESPONDED_WITHIN_S, **request)

        with ThreadPoolExecutor(len(requests)) as pool:
            responses = list(pool.map(post, requests))
    for path, response in zip(requests, responses, strict=True):
        # With a deadline for each, the second response would have made a picture of it.
        assert (response.status_code, response.json().get("code")) == (503, "ai_unavailable"), path
    assert {"styles", "cut"} <= set(asked)


def test_an_ai_service_that_is_not_there_is_refused_at_once(
    start_backend: StartBackend, earlier: Backend
):
    away = f"http://127.0.0.1:{free_port()}"
    backend = start_backend(data=earlier.data, ai=away, AI_TIMEOUT_S=str(HANGS_S))
    assert_refused_in_time(backend, 503)


def test_an_ai_service_behind_a_black_hole_is_given_up_on(
    start_backend: StartBackend, earlier: Backend
):
    """A listener whose queue is full drops the connection's first packet, like a black hole."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        waiting = []
        for _ in range(3):
            knock = socket.socket()
            knock.setblocking(False)
            with suppress(BlockingIOError):
                knock.connect(address)
            waiting.append(knock)
        hole = f"http://127.0.0.1:{address[1]}"
        backend = start_backend(data=earlier.data, ai=hole, AI_TIMEOUT_S=str(TIMEOUT_S))
        assert_refused_in_time(backend, 503)
        for knock in waiting:
            knock.close()
