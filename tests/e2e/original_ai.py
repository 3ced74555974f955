"""An AI server of the original design: two endpoints, bare pictures, and nothing else.

It reads bodies by their Content-Length alone and fetches cartoons by their URL, with no header.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import python_multipart
from PIL import Image, ImageOps

from tests.engines.ports import free_ports
from tests.faults.processes import wait_for
from tests.patience import PATIENCE_S

DEVICE = "0b5c9d3e-6f1a-4c8e-9d27-5a3e1f7c2b10"


class OriginalAi(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.photos: list[tuple[int, int]] = []
        self.fetched: list[str] = []
        self.unknown: set[str] = set()


@contextmanager
def original_ai() -> Iterator[OriginalAi]:
    with OriginalAi() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def backend(data: Path, ai: OriginalAi, dialect: str) -> Iterator[httpx.Client]:
    """Our backend in front of it, as a process of its own."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    settings = {"AI_URL": ai.url, "PUBLIC_URL": url, "API_DIALECT": dialect}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cartoon_avatar.cli", "backend"),
            *("--port", str(port), "--data", str(data)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **settings},
    )
    try:
        wait_for(port)
        with httpx.Client(
            base_url=url, headers={"x-device-id": DEVICE}, timeout=PATIENCE_S
        ) as http:
            until_ready(http)
            yield http
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def until_ready(http: httpx.Client) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while http.get("/readyz").status_code != 200:
        assert time.monotonic() < give_up
        time.sleep(0.1)


class _Handler(BaseHTTPRequestHandler):
    server: OriginalAi
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._no_such_path()

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length")
        if size is None:
            self._send(411, "text/plain", b"")
            return
        body = self.rfile.read(int(size))
        if self.path == "/generate-cartoon":
            self._generate(body)
        elif self.path == "/process-face-cut":
            self._cut(body)
        else:
            self._no_such_path()

    def _generate(self, body: bytes) -> None:
        files = _files_of(self.headers["Content-Type"], body)
        try:
            photo = Image.open(io.BytesIO(files["image"])).convert("RGB")
        except (KeyError, OSError):
            self._fail(400, "No image file")
            return
        self.server.photos.append(photo.size)
        photo.thumbnail((96, 96))
        # Its type lies, as that server's did at times.
        self._send(200, "application/octet-stream", _bytes(ImageOps.posterize(photo, 2), "JPEG"))

    def _cut(self, body: bytes) -> None:
        url = json.loads(body)["image_url"]
        response = httpx.get(url, timeout=PATIENCE_S)
        if response.status_code != 200:
            self._fail(500, f"{url} answered {response.status_code}")
            return
        self.server.fetched.append(url)
        head = Image.open(io.BytesIO(response.content)).convert("RGBA").resize((40, 50))
        self._send(200, "image/png", _bytes(head, "PNG"))

    def _fail(self, status: int, sentence: str) -> None:
        self._send(status, "application/json", json.dumps({"error": sentence}).encode())

    def _no_such_path(self) -> None:
        self.server.unknown.add(self.path)
        self._send(404, "text/html", f"<pre>Cannot {self.command} {self.path}</pre>".encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _files_of(content_type: str, body: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        files[file.field_name.decode()] = file.file_object.read()
        file.close()

    python_multipart.parse_form(
        {"Content-Type": content_type.encode(), "Content-Length": str(len(body)).encode()},
        io.BytesIO(body),
        lambda field: None,
        on_file,
    )
    return files


def _bytes(picture: Image.Image, kind: str) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind)
    return data.getvalue()
