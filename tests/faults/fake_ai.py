"""A process that answers like the AI service, at once: drawing is not what breaks here.

``python fake_ai.py PORT``
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

# So that a kill meets every stage.
_LONGEST_PAUSE_S = float(os.environ.get("LONGEST_PAUSE_S", "0.02"))


def picture(kind: str, size: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(data, kind)
    return data.getvalue()


DRAWING = picture("jpeg", (48, 64))
FACE = picture("png", (32, 32))
THUMBNAIL = picture("webp", (24, 32))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/styles":
            items = [
                {"name": name, "title": name, "description": "A style.", "preview": None}
                for name in ("comic", "anime", "soft")
            ]
            self._respond(200, "application/json", json.dumps({"items": items}).encode())
        else:
            self._respond(200, "application/json", b'{"status": "ready"}')

    def do_POST(self) -> None:
        body = self._body()
        time.sleep(random.random() * _LONGEST_PAUSE_S)
        if self.path == "/process-face-cut":
            return self._image("png", FACE, (32, 32), THUMBNAIL)
        if self.path == "/thumbnail":
            return self._image("webp", THUMBNAIL, (24, 32))
        small = THUMBNAIL if b'name="thumbnail"\r\n\r\n1\r\n' in body else b""
        own = THUMBNAIL if b'name="cartoon_thumbnail"\r\n\r\n1\r\n' in body else b""
        self._image("jpeg", DRAWING, (48, 64), small, own)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _image(
        self,
        kind: str,
        data: bytes,
        size: tuple[int, int],
        thumbnail: bytes = b"",
        own_thumbnail: bytes = b"",
    ) -> None:
        headers = {
            "X-Style": "comic",
            "X-Seed": "7",
            "X-Photo-Width": "96",
            "X-Photo-Height": "128",
            "X-Face-Count": "1",
            "X-Image-Width": str(size[0]),
            "X-Image-Height": str(size[1]),
        }
        if thumbnail:
            headers["X-Thumbnail-Bytes"] = str(len(thumbnail))
        if own_thumbnail:
            headers["X-Cartoon-Thumbnail-Bytes"] = str(len(own_thumbnail))
        self._respond(200, f"image/{kind}", data + thumbnail + own_thumbnail, headers)

    def _respond(self, status: int, kind: str, body: bytes, headers: dict | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a killed backend hangs up


def _end_with_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
