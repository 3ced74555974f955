"""The backend as its clients meet it: HTTP on the app that ``create_app`` built."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import skimage.data
from PIL import Image
from sqlalchemy import Connection, text

from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.db.migrate import migrate
from cartoon_avatar.backend.db.session import Postgres as PostgresDatabase
from cartoon_avatar.backend.db.session import open_database
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.media_types import PROBLEM_JSON
from tests.engines.postgres import Postgres, running_postgres
from tests.patience import PATIENCE_S

Handler = Callable[[httpx.Request], httpx.Response]
Run = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


def picture(kind: str = "jpeg", size: tuple[int, int] = (96, 128), **options: Any) -> bytes:
    """A real portrait, small."""
    image = Image.fromarray(skimage.data.astronaut()).resize(size)
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


@dataclass
class FakeAi:
    """Stands where the AI service would: answers like it, or as a test wants by path."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    #: Keys of drawings that nobody wants any more.
    called_off: list[str] = field(default_factory=list)
    faces: int = 1  # in every photo
    engine_version: str = "1"  # "" of an engine that is not deterministic

    def hold_drawings(self) -> tuple[asyncio.Event, asyncio.Event]:
        """From now on a drawing sets the first event, and waits for the second."""
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def draw(request: httpx.Request) -> httpx.Response:
            begun.set()
            await go_on.wait()
            return self.generate_cartoon(request)

        self.handlers[paths.GENERATE_CARTOON] = draw
        return begun, go_on

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        path = request.url.path
        if (request.method, path) == ("DELETE", paths.GENERATE_CARTOON):
            self.called_off.append(request.headers[headers.IDEMPOTENCY_KEY])
            return httpx.Response(204)
        self.requests.append(request)
        handler = self.handlers.get(path) or getattr(self, path.strip("/").replace("-", "_"))
        result = handler(request)
        return await result if inspect.isawaitable(result) else result

    def generate_cartoon(self, request: httpx.Request) -> httpx.Response:
        body = request.content.decode("latin-1")
        style = _field(body, "style") or "comic"
        if _field(body, "format") == "svg":
            kind = {"content-type": "image/svg+xml"}
            return httpx.Response(200, content=b"<svg >drawn</svg>\n", headers=kind)
        drawn = {
            headers.STYLE: style,
            headers.SEED: _field(body, "seed"),
            headers.PHOTO_WIDTH: "96",
            headers.PHOTO_HEIGHT: "128",
            headers.ENGINE: "built-in",
            headers.ALIGNED: "1",
            headers.FACE_COUNT: str(self.faces),
            headers.CROP_BOX: "0,0,96,128",
            headers.FACES: "30,20,30,40,0.900",
        }
        if self.engine_version:
            drawn[headers.ENGINE_VERSION] = self.engine_version
        small = picture("webp", (24, 32)) if _field(body, "thumbnail") == "1" else b""
        own = picture("webp", (12, 16)) if _field(body, "cartoon_thumbnail") == "1" else b""
        return _image("jpeg", (48, 64), drawn, thumbnail=small, own_thumbnail=own)

    def process_face_cut(self, request: httpx.Request) -> httpx.Response:
        if request.headers["content-type"].startswith("multipart/"):
            with_thumbnail = _field(request.content.decode("latin-1"), "thumbnail") == "1"
        else:
            with_thumbnail = json.loads(request.content).get("thumbnail") == 1
        small = picture("webp", (32, 32)) if with_thumbnail else b""
        return _image("png", (32, 32), {headers.FACE_COUNT: "1"}, thumbnail=small)

    def thumbnail(self, request: httpx.Request) -> httpx.Response:
        return _image("webp", (24, 32), {})

    def sticker(self, request: httpx.Request) -> httpx.Response:
        return _image("webp", (51, 48), {headers.PHOTO_WIDTH: "32", headers.PHOTO_HEIGHT: "32"})

    def previews(self, request: httpx.Request) -> httpx.Response:
        asked = _field(request.content.decode("latin-1"), "styles").split(",")
        known = {"comic": "UklG", "soft": "UklH"}  # anime is of people only
        pictures = {style: known[style] for style in asked if style in known}
        items = [
            {"style": style, "image": f"data:image/webp;base64,{data}"}
            for style, data in pictures.items()
        ]
        return httpx.Response(200, json={"items": items})

    def styles(self, request: httpx.Request) -> httpx.Response:
        items = [
            {
                "name": name,
                "title": name.title(),
                "description": "A style.",
                "preview": None,
                "needsFace": name == "anime",
                "svg": name == "anime",
                "deterministic": bool(self.engine_version),
                "version": self.engine_version or "1",
                "aligned": True,
            }
            for name in ("comic", "anime", "soft")
        ]
        return httpx.Response(200, json={"items": items})

    def readyz(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": "ready"})

    def asked_for(self, path: str) -> list[httpx.Request]:
        return [request for request in self.requests if request.url.path == path]


@dataclass
class AiSession:
    """What the AI client knows of aiohttp's session, with ``ai`` at the other end."""

    ai: FakeAi

    async def __aenter__(self) -> AiSession:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    @asynccontextmanager
    async def request(
        self, method: str, url: Any, *, headers: Any, data: Any, **options: Any
    ) -> AsyncIterator[Any]:
        if not isinstance(data, bytes | None):
            data = b"".join([bytes(piece) async for piece in data])
        response = await self.ai(httpx.Request(method, str(url), headers=headers, content=data))
        content = SimpleNamespace(iter_any=response.stream.__aiter__)
        yield SimpleNamespace(
            status=response.status_code, headers=response.headers, content=content
        )


def problem(status: int, code: str, **headers: str) -> Handler:
    """An answer of the AI service that refuses."""
    body = {"type": "about:blank", "title": "", "status": status, "detail": "why", "code": code}
    return lambda request: httpx.Response(
        status, json=body, headers={**headers, "content-type": PROBLEM_JSON}
    )


def _field(body: str, name: str) -> str:
    _, found, rest = body.partition(f'name="{name}"\r\n\r\n')
    return rest.partition("\r\n")[0] if found else ""


def _image(
    kind: str,
    size: tuple[int, int],
    others: dict[str, str],
    *,
    thumbnail: bytes = b"",
    own_thumbnail: bytes = b"",
) -> httpx.Response:
    sized = {headers.IMAGE_WIDTH: str(size[0]), headers.IMAGE_HEIGHT: str(size[1])}
    if thumbnail:
        sized[headers.THUMBNAIL_BYTES] = str(len(thumbnail))
    if own_thumbnail:
        sized[headers.CARTOON_THUMBNAIL_BYTES] = str(len(own_thumbnail))
    return httpx.Response(
        200,
        content=picture(kind, size) + thumbnail + own_thumbnail,
        headers={"content-type": f"image/{kind}", **sized, **others},
    )


@dataclass
class Phone:
    """A client with a device id, speaking to one backend."""

    http: httpx.AsyncClient
    device: str
    token: str | None = None

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"X-Device-Id": self.device, **options.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return await self.http.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("GET", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("DELETE", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("POST", path, **options)

    async def upload(self, photo: bytes | None = None, **options: Any) -> httpx.Response:
        data = picture() if photo is None else photo
        return await self.post(
            "/api/upload", files={"image": ("me.jpg", data, "image/jpeg")}, **options
        )


class StreamingTransport(httpx.AsyncBaseTransport):
    """Hands on what an app sends as it comes; httpx's own waits for the end of the response."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        bodies = [{"type": "http.request", "body": await request.aread(), "more_body": False}]
        sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def receive() -> dict[str, Any]:
            if bodies:
                return bodies.pop()
            return await asyncio.Future()  # the client stays to the end

        scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }
        running = asyncio.create_task(self.app(scope, receive, sent.put))
        start = await sent.get()

        async def pieces() -> AsyncIterator[bytes]:
            more = True
            while more:
                message = await sent.get()
                more = message.get("more_body", False)
                yield message.get("body", b"")
            await running

        return httpx.Response(start["status"], headers=start["headers"], content=pieces())


@dataclass
class Service:
    """A running backend, its folder and the AI service's stand-in."""

    phone: Phone
    ai: FakeAi | None
    settings: BackendSettings
    http: httpx.AsyncClient
    streams: httpx.AsyncClient
    state: Any

    @asynccontextmanager
    async def events_of(self, job: str) -> AsyncIterator[tuple[str, AsyncIterator[str]]]:
        """The stream of a job of ``phone`` up to its first event, and what comes after it."""
        asked = {"X-Device-Id": self.phone.device, "Accept": "text/event-stream"}
        async with self.streams.stream("GET", f"/api/jobs/{job}", headers=asked) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            rest, first = response.aiter_text(), ""
            while "event: job" not in first:
                first += await anext(rest)
            yield first, rest

    def another_phone(self, device: str = "other-phone") -> Phone:
        return Phone(self.http, device)

    async def sql(self, statement: str) -> list[Any]:
        """Straight to the database, past the backend; returns the rows, if any."""

        def run(connection: Connection) -> list[Any]:
            result = connection.execute(text(statement))
            return list(result) if result.returns_rows else []

        return await self.state.database.write(run)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Run]:
        """Of somebody else, open until the block ends; what it yields runs a function in it."""
        database = self.state.database
        if isinstance(database, PostgresDatabase):
            async with database.engine.begin() as connection:
                yield connection.run_sync
            return
        with database.reader.connect() as connection:
            # In a thread: a writer that is under way needs the loop to come to its end.
            await asyncio.to_thread(connection.exec_driver_sql, "BEGIN IMMEDIATE")

            async def run(work: Callable[[Connection], Any]) -> Any:
                return work(connection)

            yield run
            connection.commit()

    def files(self, folder: str = "uploads") -> list[Path]:
        root = self.settings.data_dir
        return sorted(path for path in (root / folder).rglob("*") if path.is_file())


async def end_own_sweeps() -> None:
    """Of every backend that a test has started: the one at its start may last, and would take
    its share of what the test makes old."""
    for task in asyncio.all_tasks():
        if task.get_coro().__name__ == "_sweep_regularly":
            task.cancel()
            await asyncio.wait([task])


Start = Callable[..., AbstractAsyncContextManager[Service]]


@asynccontextmanager
async def running(settings: BackendSettings, ai: FakeAi | None) -> AsyncIterator[Service]:
    """Without ``ai`` the AI service is the one at ``settings.ai_url``."""
    app = create_app(settings, ai_session=None if ai is None else AiSession(ai))
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state)}, receive, send)

        transport = httpx.ASGITransport(with_state, raise_app_exceptions=False)
        streaming = StreamingTransport(with_state)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://backend") as http,
            httpx.AsyncClient(transport=streaming, base_url="http://backend") as streams,
        ):
            phone = Phone(http, "phone-1")
            yield Service(phone, ai, settings, http, streams, state["backend"])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server whose database ``migrated`` is the template of each test's own."""
    with running_postgres() as server:
        server.run("CREATE DATABASE migrated")

        async def up() -> None:
            async with open_database(server.url("migrated"), PATIENCE_S) as database:
                await migrate(database)

        asyncio.run(up())
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own, on each engine in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'data/avatars.sqlite'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"test_{next(_numbers)}"
    server.run(f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY FILE_COPY")
    yield server.url(name)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


_numbers = count()
# For tests that look into SQLite's own file, or hold its lock.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def start(tmp_path: Path, database_url: str) -> Start:
    """Start a backend with some settings changed; the same data each time in one test."""

    def started(**changed: Any) -> AbstractAsyncContextManager[Service]:
        given = {
            "data_dir": tmp_path / "data",
            "database_url": database_url,
            "min_free_bytes": 0,
            **changed,
        }
        return running(BackendSettings(**given), changed.pop("ai", None) or FakeAi())

    return started


@pytest.fixture
async def service(start: Start) -> AsyncIterator[Service]:
    async with start() as service:
        yield service


@pytest.fixture
def phone(service: Service) -> Phone:
    return service.phone
