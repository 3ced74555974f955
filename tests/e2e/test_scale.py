"""The same product by configuration alone: two backends, each with a folder of its own, on one
PostgreSQL and one bucket, and one AI service that knows neither of them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import skimage.data
from PIL import Image

from tests.engines.ports import free_ports
from tests.engines.postgres import running_postgres
from tests.engines.seaweedfs import BUCKET, running_seaweedfs

READY_WITHIN_S = 90


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


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx.Client]]:
    """Clients of two backends."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        seaweedfs = stack.enter_context(running_seaweedfs())
        ai_port, *ports = free_ports(3)

        def run(*arguments: str, **environment: str) -> None:
            process = subprocess.Popen(
                [sys.executable, "-m", "cartoon_avatar.cli", *arguments, "--with-parent"],
                stdout=subprocess.DEVNULL,
                env={**os.environ, "LOG_LEVEL": "error", **environment},
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)

        run(
            *("ai", "--port", str(ai_port)),
            AI_WORKERS="1",
            AI_TRUSTED_ORIGINS=seaweedfs.endpoint,
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
                base_url=f"http://127.0.0.1:{port}", headers={"X-Device-Id": "phone-1"}, timeout=60
            )
            clients.append(stack.enter_context(client))
        for client in clients:
            _wait_until_ready(client)
        yield clients


def _opened(http: httpx.Client, url: str) -> Image.Image:
    # Without a device id: the signature alone has to open it.
    answer = httpx.get(f"{http.base_url}{url}")
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def test_a_portrait_goes_through_two_backends_to_a_face(backends: list[httpx.Client]):
    one, other = backends
    photo = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()).save(photo, "JPEG", quality=95)

    uploaded = one.post("/api/upload", files={"image": ("me.jpg", photo.getvalue(), "image/jpeg")})
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
