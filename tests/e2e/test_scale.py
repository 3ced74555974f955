"""The same product by configuration alone: two backends, each with a folder of its own, on one
PostgreSQL and one bucket, and one AI service that knows neither of them; and two processes of a
backend on one machine."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import httpx
import pytest
import skimage.data
from PIL import Image

from tests.engines.ports import free_ports
from tests.engines.postgres import running_postgres
from tests.engines.seaweedfs import BUCKET, running_seaweedfs
from tests.patience import PATIENCE_S

READY_WITHIN_S = 240
A_MINUTE = 8


def _wait_until_ready(http: httpx.Client) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        try:
            if http.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{http.base_url} never became ready")


OURS = [sys.executable, "-m", "cartoon_avatar.cli"]


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx.Client]]:
    """Clients of two backends."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        seaweedfs = stack.enter_context(running_seaweedfs())
        ai_port, *ports = free_ports(3)

        def run(*arguments: str, **environment: str) -> None:
            process = subprocess.Popen(
                [*OURS, *arguments, "--with-parent", str(os.getpid())],
                stdout=subprocess.DEVNULL,
                env={**os.environ, "LOG_LEVEL": "error", **environment},
            )
            stack.callback(process.wait, 120)
            stack.callback(process.terminate)

        run(
            *("ai", "--port", str(ai_port)),
            AI_WORKERS="1",
        )
        clients = []
        for port in ports:
            run(
                *("backend", "--port", str(port)),
                DATA_DIR=str(tmp_path_factory.mktemp("machine")),
                DATABASE_URL=postgres.url("postgres"),
                STORAGE_URL=f"s3://{BUCKET}/avatars",
                SIGNING_KEYS="the same secret on every machine",
                AI_URL=f"http://127.0.0.1:{ai_port}",
                **seaweedfs.environment(),
            )
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"X-Device-Id": "phone-1"},
                timeout=READY_WITHIN_S,
            )
            clients.append(stack.enter_context(client))
        for client in clients:
            _wait_until_ready(client)
        yield clients


def _opened(http: httpx.Client, url: str) -> Image.Image:
    # Without a device id: the signature alone has to open it.
    response = httpx.get(f"{http.base_url}{url}", timeout=PATIENCE_S)
    assert response.status_code == 200
    return Image.open(io.BytesIO(response.content))


def _photo() -> bytes:
    photo = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()).save(photo, "JPEG", quality=95)
    return photo.getvalue()


def _repeated_at_once(clients: list[httpx.Client], path: str, key: str) -> list[httpx.Response]:
    """The same request to each client at the same moment, until each has a response to keep."""

    def ask(client: httpx.Client) -> httpx.Response:
        files = {"image": ("me.jpg", _photo(), "image/jpeg")} if path == "/api/upload" else None
        until = time.monotonic() + READY_WITHIN_S
        while True:
            response = client.post(path, headers={"Idempotency-Key": key}, files=files)
            if response.status_code not in (409, 429) or time.monotonic() > until:
                return response
            assert response.json()["code"] in ("request_running", "too_many_requests")
            time.sleep(int(response.headers["retry-after"]))

    with ThreadPoolExecutor(len(clients)) as threads:
        return list(threads.map(ask, clients))


def test_a_request_repeated_to_another_backend_is_done_once(backends: list[httpx.Client]):
    uploads = _repeated_at_once(backends, "/api/upload", "upload")
    original = uploads[0].json()["original"]["id"]
    again = _repeated_at_once(backends, f"/api/regenerate/{original}", "again")
    cartoon = again[0].json()["cartoon"]["id"]
    cuts = _repeated_at_once(backends, f"/api/download/{cartoon}", "cut")

    for responses in (uploads, again, cuts):
        assert [response.status_code for response in responses] == [201, 201], responses[0].text
        assert responses[0].json() == responses[1].json()
        assert sum("idempotency-replayed" in response.headers for response in responses) == 1
    (one,) = backends[0].get("/api/originals").json()["items"]
    assert one["id"] == original
    assert len(backends[1].get("/api/downloaded-faces").json()["items"]) == 1
    assert backends[1].delete("/api/device").status_code == 204


def test_a_portrait_goes_through_two_backends_to_a_face(backends: list[httpx.Client]):
    one, other = backends
    uploaded = one.post("/api/upload", files={"image": ("me.jpg", _photo(), "image/jpeg")})
    assert uploaded.status_code == 201, uploaded.text
    original = uploaded.json()["original"]
    assert original["faceCount"] == 1
    drawn = other.post(f"/api/regenerate/{original['id']}", headers={"Idempotency-Key": "another"})
    assert drawn.status_code == 201, drawn.text
    repeated = one.post(f"/api/regenerate/{original['id']}", headers={"Idempotency-Key": "another"})
    assert repeated.json() == drawn.json()
    cartoon = drawn.json()["cartoon"]
    assert cartoon["style"] != uploaded.json()["cartoon"]["style"]
    for url in (original["imageUrl"], original["thumbnailUrl"], cartoon["imageUrl"]):
        assert min(_opened(one, url).size) > 0
        assert _opened(one, url).size == _opened(other, url).size

    cut = one.post(f"/api/download/{cartoon['id']}")

    assert cut.status_code == 201, cut.text
    head = _opened(other, cut.json()["face"]["faceUrl"])
    alpha = head.getchannel("A")
    assert alpha.getpixel((head.width // 2, head.height // 2)) == 255
    assert alpha.getpixel((0, 0)) == 0
    assert other.get(cartoon["imageUrl"]).status_code == 404
    assert other.get(f"/api/originals/{original['id']}").json()["cartoons"] == []
    assert other.post(f"/api/download/{cartoon['id']}").status_code == 200
    assert other.delete("/api/device").status_code == 204
    assert one.get(original["imageUrl"]).status_code == 404


@pytest.fixture
def two_processes(tmp_path: Path) -> Iterator[str]:
    """The address of `serve --workers 2`, each of which lets a device ask eight times a minute."""
    (port,) = free_ports(1)
    command = [*OURS, "serve", "--workers", "2"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--data", str(tmp_path / "data")],
        stdout=subprocess.DEVNULL,
        env={
            **os.environ,
            "LOG_LEVEL": "error",
            "AI_WORKERS": "1",
            "DEVICE_DRAWINGS_PER_MINUTE": str(A_MINUTE),
        },
    )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
            _wait_until_ready(client)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def test_two_processes_of_a_backend_are_one_to_its_clients(two_processes: str):
    def phone(device: str) -> httpx.Client:
        # A connection for each request, so that either process may get it.
        headers = {"X-Device-Id": device, "Connection": "close"}
        return httpx.Client(base_url=two_processes, headers=headers, timeout=READY_WITHIN_S)

    with phone("phone-1") as client, phone("phone-1") as other:
        uploads = _repeated_at_once([client, other], "/api/upload", "upload")
        assert [response.status_code for response in uploads] == [201, 201]
        assert uploads[0].json() == uploads[1].json()
        for url in [uploads[0].json()["original"]["imageUrl"]] * 8:
            assert client.get(url).status_code == 200
        cartoon = uploads[0].json()["cartoon"]["id"]
        cuts = _repeated_at_once([client, other], f"/api/download/{cartoon}", "cut")
        assert [response.status_code for response in cuts] == [201, 201]
        assert len(client.get("/api/downloaded-faces").json()["items"]) == 1

    # What they do not share, and docs/scaling.md says so: each counts requests on its own.
    for number in count(2):
        begun = time.monotonic()
        with phone(f"phone-{number}") as client, ThreadPoolExecutor(8) as threads:
            asked = list(
                threads.map(lambda _: client.post("/api/regenerate/x").status_code, range(40))
            )
        if time.monotonic() - begun < 55:  # or some of them were of another minute
            break
    assert set(asked) == {404, 429}
    assert A_MINUTE <= asked.count(404) <= 2 * A_MINUTE
