"""The least a Python server can do with an upload, or with a file that nginx sends.

``app`` receives the body, takes the photo out where it lies, asks the AI service once, writes
photo, thumbnail and cartoon, syncs and links them as we do, and commits two rows in one
transaction with ``synchronous = FULL``. No framework, no checks, no limits, no owner, no log.
``with_libraries`` does the same by FastAPI, aiohttp and SQLAlchemy, which is where a backend
built on them begins. ``handing_over`` lets nginx send whatever it is asked for and judges
nothing. Each is a ``factory`` for ``measuring.backend``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated
from urllib.parse import urlsplit

import aiohttp
from fastapi import FastAPI, Header, UploadFile
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert
from sqlalchemy.pool import StaticPool

ROOT = os.environ.get("DATA_DIR", ".")
AI = urlsplit(os.environ.get("AI_URL", ""))
BOUNDARY = b"0123456789abcdef0123456789abcdef"  # as long as ours: a short one is found later
PARTS = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
# Each photo is drawn alike, so that every drawing costs the same.
START = b"".join(
    PARTS % (name, b"") + value + b"\r\n"
    for name, value in ((b"thumbnail", b"1"), (b"style", b"comic"), (b"seed", b"7"))
)
START += PARTS % (b"image", b'; filename="photo"')
END = b"\r\n--" + BOUNDARY + b"--\r\n"
FORM = f"multipart/form-data; boundary={BOUNDARY.decode()}"


class App:
    def __init__(self) -> None:
        for name in ("originals", "temp", "thumbnails", "incoming"):
            os.makedirs(f"{ROOT}/{name}", exist_ok=True)
        self.database = sqlite3.connect(
            f"{ROOT}/floor.sqlite", isolation_level=None, check_same_thread=False
        )
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        for table in ("originals", "cartoons"):
            self.database.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, device TEXT,"
                " path TEXT UNIQUE, size INTEGER, sha256 TEXT, created INTEGER)"
            )
        self.files, self.writer = ThreadPoolExecutor(8), ThreadPoolExecutor(1)
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        if scope["method"] == "GET":
            await answer(send, 200, b"{}")
            return
        pieces = []
        while True:
            message = await receive()
            pieces.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        body = b"".join(pieces)
        photo = memoryview(body)[
            body.index(b"\r\n\r\n") + 4 : body.rindex(b"\r\n--", 0, len(body) - 4)
        ]
        device = dict(scope["headers"])[b"x-device-id"].decode()
        await answer(send, 201, json.dumps(await self.taken(device, photo)).encode())

    async def taken(self, device: str, photo: memoryview) -> list[tuple]:
        cartoon, thumbnail = await self.drawn(photo)
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self.files, kept, device, photo, cartoon, thumbnail)
        await loop.run_in_executor(self.writer, self.commit, rows)
        return rows

    async def drawn(self, photo: memoryview) -> tuple[memoryview, memoryview]:
        if self.idle:
            reader, writer = self.idle.pop()
        else:
            reader, writer = await asyncio.open_connection(AI.hostname, AI.port, limit=2**20)
        length = len(START) + len(photo) + len(END)
        head = (
            f"POST /generate-cartoon HTTP/1.1\r\nHost: {AI.netloc}\r\nContent-Type: {FORM}"
            f"\r\nContent-Length: {length}\r\n\r\n"
        )
        writer.writelines([head.encode(), START, photo, END])
        fields = dict(
            line.split(b": ", 1)
            for line in (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            if b": " in line
        )
        data = memoryview(await reader.readexactly(int(fields[b"content-length"])))
        self.idle.append((reader, writer))
        end = len(data) - int(fields[b"x-thumbnail-bytes"])
        return data[:end], data[end:]

    def commit(self, rows: list[tuple]) -> None:
        self.database.execute("BEGIN IMMEDIATE")
        for table, row in zip(("originals", "cartoons"), rows, strict=True):
            self.database.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?)", row)
        self.database.execute("COMMIT")


COLUMNS = [("id", String), ("device", String), ("path", String)]
COLUMNS += [("size", Integer), ("sha256", String), ("created", Integer)]


class WithLibraries(App):
    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine(
            "sqlite://", creator=lambda: self.database, poolclass=StaticPool
        )
        self.inserts = [
            insert(Table(name, MetaData(), *(Column(column, kind) for column, kind in COLUMNS)))
            for name in ("originals", "cartoons")
        ]
        self.session: aiohttp.ClientSession | None = None

    async def drawn(self, photo: memoryview) -> tuple[memoryview, memoryview]:
        if self.session is None:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        kind = {"Content-Type": FORM}
        body = b"".join([START, photo, END])
        async with self.session.post(
            f"{AI.geturl()}/generate-cartoon", data=body, headers=kind
        ) as drawing:
            data = memoryview(await drawing.read())
        end = len(data) - int(drawing.headers["X-Thumbnail-Bytes"])
        return data[:end], data[end:]

    def commit(self, rows: list[tuple]) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for statement, row in zip(self.inserts, rows, strict=True):
                named = {name: value for (name, _), value in zip(COLUMNS, row, strict=True)}
                connection.execute(statement, named)


def kept(device: str, photo: memoryview, cartoon: memoryview, thumbnail: memoryview) -> list[tuple]:
    name = f"{time.time_ns() // 1_000_000}_{secrets.token_hex(4)}"
    files = [("originals", photo), ("temp", cartoon), ("thumbnails", thumbnail)]
    for folder, data in files:
        with open(f"{ROOT}/incoming/{folder}{name}", "xb", buffering=0) as file:
            file.write(data)
    for folder, _ in files:
        synced(f"{ROOT}/incoming/{folder}{name}")
    for folder, _ in files:
        os.link(f"{ROOT}/incoming/{folder}{name}", f"{ROOT}/{folder}/{name}")
        os.unlink(f"{ROOT}/incoming/{folder}{name}")
    for folder, _ in files:
        synced(f"{ROOT}/{folder}")
    now = int(time.time() * 1000)
    return [
        (secrets.token_hex(12), device, f"{folder}/{name}", len(data),
         hashlib.sha256(data).hexdigest(), now)
        for folder, data in files[:2]
    ]  # fmt: skip


def synced(path: str) -> None:
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


async def live(receive, send) -> None:
    event = ""
    while event != "shutdown":
        event = (await receive())["type"].rpartition(".")[2]
        await send({"type": f"lifespan.{event}.complete"})


async def answer(send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def app() -> App:
    return App()


def with_libraries() -> FastAPI:
    floor, app = WithLibraries(), FastAPI()

    @app.post("/api/upload", status_code=201)
    async def upload(image: UploadFile, x_device_id: Annotated[str, Header()]) -> list[tuple]:
        return await floor.taken(x_device_id, memoryview(await image.read()))

    @app.get("/readyz")
    async def ready() -> dict:
        return {}

    return app


def handing_over():
    async def hand_over(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        headers = [
            (b"content-type", b"image/jpeg"),
            (b"x-accel-redirect", b"/stored" + scope["path"].encode()),
        ]
        if not scope["path"].startswith("/uploads/"):
            headers = []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return hand_over
