"""Stands between a backend and its PostgreSQL, and cuts or stalls what goes through it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

# ``lost`` passes the message on before it cuts: the server acts, and its response is lost.
Fault = Literal["cut", "lost", "stall"]


@dataclass
class DatabaseProxy:
    """Counts the messages that go to the server; ``arm`` has one of them meet a fault."""

    port: int = 0
    connections: set[asyncio.StreamWriter] = field(default_factory=set)
    fault: Fault = "cut"
    #: Messages to let pass until the fault; None while there is to be none.
    left: int | None = None
    #: Only messages with these bytes in them are counted.
    counted: bytes = b""
    met: bool = False
    stalled: bool = False

    def arm(self, fault: Fault, after: int = 0, *, counted: bytes = b"") -> None:
        self.fault, self.counted, self.met, self.left = fault, counted, False, after

    def disarm(self) -> None:
        self.left, self.stalled = None, False

    async def serve(self, upstream: int, client: asyncio.StreamReader, writer) -> None:
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", upstream)
        except OSError:
            writer.close()
            return
        both = {writer, to_server}
        self.connections |= both
        try:
            await asyncio.gather(
                self._pass(client, to_server, faulty=True),
                self._pass(server, writer, faulty=False),
            )
        finally:
            self.connections -= both
            for one in both:
                one.close()

    async def _pass(self, source: asyncio.StreamReader, target, *, faulty: bool) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if faulty and self._is_met_by(data):
                    if self.fault == "stall":
                        self.stalled = True
                    if self.fault == "lost":
                        target.write(data)
                        await target.drain()
                        await asyncio.sleep(0.02)
                    if self.fault != "stall":
                        for one in self.connections:
                            one.transport.abort()
                        return
                if self.stalled:
                    continue  # swallowed
                target.write(data)
                await target.drain()
        target.close()

    def _is_met_by(self, data: bytes) -> bool:
        if self.left is None or self.counted not in data:
            return False
        if self.left:
            self.left -= 1
            return False
        self.left, self.met = None, True
        return True


@contextmanager
def database_proxy(upstream: int) -> Iterator[DatabaseProxy]:
    proxy = DatabaseProxy()
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await proxy.serve(upstream, reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        for one in proxy.connections:
            one.transport.abort()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*serving, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
