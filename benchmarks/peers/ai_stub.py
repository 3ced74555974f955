"""An AI service that reads what it is sent and answers at once. ``python ai_stub.py PORT``"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import threading
import time

import numpy as np
import uvloop
from PIL import Image


def noise(kind: str, side: int, **options: int) -> bytes:
    data = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(data, kind, **options)
    return data.getvalue()


def refusal() -> bytes:
    problem = {"status": 400, "code": "image_too_large", "detail": "Too many pixels."}
    body = json.dumps(problem).encode()
    head = f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    return b"HTTP/1.1 400 Bad Request\r\n" + head.encode() + body


def answer(
    kind: str, body: bytes, side: int = 0, thumbnail: bytes = b"", own_thumbnail: bytes = b""
) -> bytes:
    small = f"X-Thumbnail-Bytes: {len(thumbnail)}\r\n" if thumbnail else ""
    if own_thumbnail:
        small += f"X-Cartoon-Thumbnail-Bytes: {len(own_thumbnail)}\r\n"
    about = (
        f"X-Style: comic\r\nX-Seed: 7\r\nX-Face-Count: 1\r\nX-Crop-Box: 0,0,{side},{side}\r\n"
        f"X-Photo-Width: {side}\r\nX-Photo-Height: {side}\r\n"
        f"X-Image-Width: {side}\r\nX-Image-Height: {side}\r\n"
    )
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body + thumbnail + own_thumbnail)}\r\n"
        f"{about if side else ''}{small}\r\n"
    )
    return head.encode() + body + thumbnail + own_thumbnail


STYLES = {
    "items": [
        {"name": name, "title": name, "description": name, "preview": None}
        for name in ("comic", "anime")
    ]
}
# About what a drawing of 1024 px, a head of 512 px and a thumbnail weigh.
DRAWING, THUMBNAIL = noise("JPEG", 420, quality=90), noise("WEBP", 110)
HEAD = noise("PNG", 190)
ANSWERS = {
    b"/generate-cartoon": answer("image/jpeg", DRAWING, 420),
    b"/process-face-cut": answer("image/png", HEAD, 190),
    b"/thumbnail": answer("image/webp", THUMBNAIL, 110),
    b"/styles": answer("application/json", json.dumps(STYLES).encode()),
    b"/readyz": answer("application/json", b'{"status":"ready"}'),
}
WITH_THUMBNAIL = {
    b"/generate-cartoon": answer("image/jpeg", DRAWING, 420, THUMBNAIL),
    b"/process-face-cut": answer("image/png", HEAD, 190, THUMBNAIL),
}
WITH_OWN_THUMBNAIL = {
    True: answer("image/jpeg", DRAWING, 420, THUMBNAIL, THUMBNAIL),
    False: answer("image/jpeg", DRAWING, 420, b"", THUMBNAIL),
}
REFUSAL = refusal()


class Stub(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.head = b""
        self.left: int | None = None  # bytes of the body; None while the head is read
        self.chunked = self.bomb = self.thumbnail = self.own_thumbnail = False

    def data_received(self, data: bytes) -> None:
        if self.left is None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            data, self.head = self.head[end + 4 :], self.head[:end]
            fields = dict(
                line.split(b":", 1) for line in self.head.lower().split(b"\r\n")[1:] if b":" in line
            )
            self.chunked = b"transfer-encoding" in fields
            self.left = int(fields.get(b"content-length", b"0"))
        # Photos here are JPEGs, and PNGs are bombs.
        self.bomb = self.bomb or b"\x89PNG\r\n" in data[:1000]
        # Fields come before the photo; JSON is all there is.
        self.thumbnail = self.thumbnail or b'"thumbnail"' in data[:1000]
        self.own_thumbnail = self.own_thumbnail or b'"cartoon_thumbnail"' in data[:1000]
        self.left -= len(data)
        if data.endswith(b"0\r\n\r\n") if self.chunked else self.left <= 0:
            path = self.head.split(b" ", 2)[1]
            usual = WITH_THUMBNAIL[path] if self.thumbnail else ANSWERS[path]
            if self.own_thumbnail:
                usual = WITH_OWN_THUMBNAIL[self.thumbnail]
            self.transport.write(REFUSAL if self.bomb else usual)
            self.head, self.left = b"", None
            self.bomb = self.thumbnail = self.own_thumbnail = False


def end_with_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Stub, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    uvloop.run(main())
