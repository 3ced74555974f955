"""Both services as real processes, and a real portrait all the way through."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
import skimage.data
from PIL import Image

from tests.engines.ports import free_ports
from tests.patience import PATIENCE_S

READY_WITHIN_S = 240


def astronaut() -> bytes:
    data = io.BytesIO()
    Image.fromarray(skimage.data.astronaut()).save(data, "JPEG", quality=95)
    return data.getvalue()


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    http: httpx.Client
    data: Path

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            try:
                if self.http.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("the service never became ready")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def files(self, folder: str) -> list[str]:
        return sorted(file.name for file in (self.data / "uploads" / folder).iterdir())


def start(data: Path) -> Running:
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cartoon_avatar.cli", "serve"),
            *("--port", str(port), "--data", str(data)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "AI_WORKERS": "1"},
    )
    http = httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"X-Device-Id": "phone-1"}, timeout=PATIENCE_S
    )
    return Running(process, http, data)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    service = start(tmp_path / "data")
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.process.terminate()
        service.process.wait(PATIENCE_S)
        service.http.close()


def rows(service: Running, table: str) -> int:
    database = sqlite3.connect(service.data / "avatars.sqlite")
    (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    database.close()
    return count


def test_the_page_is_named_when_a_photo_can_be_sent(tmp_path: Path):
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cartoon_avatar.cli", "serve"),
            *("--port", str(port), "--data", str(tmp_path / "data")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "AI_WORKERS": "1"},
        text=True,
    )
    try:
        named = next(line for line in process.stdout if "the page is at" in line)
        url = named.split()[-3]
        assert "<title>" in httpx.get(url, timeout=PATIENCE_S).text
        photo = {"image": ("me.jpg", astronaut(), "image/jpeg")}
        sent = httpx.post(
            f"{url}api/upload", headers={"X-Device-Id": "phone-1"}, files=photo, timeout=PATIENCE_S
        )
        assert sent.status_code == 201, sent.text
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def test_a_portrait_goes_from_upload_to_a_face(running: Running):
    http = running.http
    response = http.post("/api/upload", files={"image": ("me.jpg", astronaut(), "image/jpeg")})
    assert response.status_code == 201
    original = response.json()["original"]
    assert (original["width"], original["height"], original["faceCount"]) == (512, 512, 1)

    cartoons = [response.json()["cartoon"]]
    for _ in range(3):
        again = http.post(f"/api/regenerate/{original['id']}")
        assert again.status_code == 201
        cartoons.append(again.json()["cartoon"])
    assert len({cartoon["style"] for cartoon in cartoons}) == 4
    assert len(running.files("temp")) == rows(running, "regenerated_cartoons") == 4
    drawn = [Image.open(io.BytesIO(http.get(one["imageUrl"]).content)) for one in cartoons]
    assert all(picture.width == picture.height >= 512 for picture in drawn)
    assert len({picture.convert("RGB").resize((8, 8)).tobytes() for picture in drawn}) == 4

    response = http.post(f"/api/download/{cartoons[2]['id']}")
    assert response.status_code == 201
    face = response.json()["face"]
    head = Image.open(io.BytesIO(http.get(face["faceUrl"]).content))
    assert head.mode == "RGBA"
    assert head.width == head.height == face["width"]
    alpha = head.getchannel("A")
    assert alpha.getpixel((head.width // 2, head.height // 2)) == 255
    assert alpha.getpixel((0, 0)) == 0

    assert running.files("temp") == []
    assert running.files("originals") == [original["filename"]]
    assert running.files("downloaded") == [face["filename"]]
    assert rows(running, "regenerated_cartoons") == 0
    assert rows(running, "originals") == rows(running, "downloaded_faces") == 1
    for path in ("/api/originals", "/api/downloaded-faces"):
        assert len(http.get(path).json()["items"]) == 1


def test_a_killed_ai_service_leaves_nothing_and_comes_back(running: Running):
    http = running.http
    photo = {"image": ("me.jpg", astronaut(), "image/jpeg")}
    original = http.post("/api/upload", files=photo).json()["original"]["id"]
    before = running.files("temp")

    (ai,) = [
        child for child in psutil.Process(running.process.pid).children() if "ai" in child.cmdline()
    ]
    # Held, or on a busy machine the AI service would be back before it is missed.
    running.process.send_signal(signal.SIGSTOP)
    for child in [*ai.children(recursive=True), ai]:
        child.kill()
    response = http.post(f"/api/regenerate/{original}")
    running.process.send_signal(signal.SIGCONT)

    assert response.status_code in (500, 503)
    assert running.files("temp") == before
    assert rows(running, "regenerated_cartoons") == 1
    running.wait_until_ready()
    assert http.post(f"/api/regenerate/{original}").status_code == 201


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_behind(tmp_path: Path, told: signal.Signals):
    service = start(tmp_path / "data")
    service.wait_until_ready()
    children = service.children()
    assert len(children) >= 4

    service.process.send_signal(told)
    service.process.wait(PATIENCE_S)
    service.http.close()

    _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert alive == []
