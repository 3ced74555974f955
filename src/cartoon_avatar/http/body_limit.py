"""Bounds what a request may send."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cartoon_avatar.contract.errors import FileTooLarge
from cartoon_avatar.contract.limits import FORM_OVERHEAD_BYTES
from cartoon_avatar.http.problems import problem_response

# How long, and how many times the limit, to read on after a response that did not need the
# whole body.
_DRAIN_S = 5
_DRAIN_TIMES = 10


class BodyLimit:
    """ASGI middleware: a request body is counted while it streams in, and cut off at the limit.

    A truthful Content-Length is refused before a byte is read; a lying or missing one when the
    count passes the limit. ``max_bytes`` is what the message names; ``overhead_bytes`` on top
    of it is for multipart boundaries and form fields. Goes inside ``RequestLog``.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, overhead_bytes: int = FORM_OVERHEAD_BYTES
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.limit_bytes = max_bytes + overhead_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self.max_bytes, self.limit_bytes)
        if exchange.is_declared_too_large():
            exchange.too_large = True
        else:
            try:
                await self.app(scope, exchange.receive_counted, exchange.send_unless_too_large)
            except FileTooLarge:
                if exchange.responding:
                    raise
        if exchange.too_large and not exchange.responding:
            exchange.too_large = False
            response = problem_response(scope["state"]["request_id"], FileTooLarge(self.max_bytes))
            await response(scope, receive, exchange.send_unless_too_large)


class _Exchange:
    """A request whose body is counted, and its response."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, max_bytes: int, limit_bytes: int
    ) -> None:
        headers = dict(scope["headers"])
        self._receive, self._send = receive, send
        self._max_bytes, self._limit_bytes = max_bytes, limit_bytes
        self._declared: bytes = headers.get(b"content-length", b"0")
        self._counted = 0
        self._ended = self._declared == b"0" and b"transfer-encoding" not in headers
        self._early = False  # the response came before the end of the body
        self.too_large = self.responding = False

    def is_declared_too_large(self) -> bool:
        declared = self._declared
        return declared.isdigit() and (len(declared) > 15 or int(declared) > self._limit_bytes)

    async def receive_counted(self) -> Message:
        message = await self._receive()
        self._counted += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._counted > self._limit_bytes:
            self.too_large = True
            raise FileTooLarge(self._max_bytes)
        return message

    async def send_unless_too_large(self, message: Message) -> None:
        # Whatever the app makes of a body that was cut off, the response is ours.
        if self.too_large and not self.responding:
            return
        if message["type"] == "http.response.start":
            self.responding = True
            self._early = not self._ended
            if self._early:
                # Once all of a known length is out, the server would close the connection.
                del MutableHeaders(scope=message)["Content-Length"]
        elif self._early and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _drain(self) -> None:
        """Read on for a moment, the response being out but for its end.

        A server closes a connection on which it responded before the body was read; a
        client still sending would see a reset instead of the response.
        """
        most = self._counted + _DRAIN_TIMES * self._max_bytes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while not self._ended and self._counted < most:
                    message = await self._receive()
                    self._counted += len(message.get("body", b""))
                    # At the declared length no further message is awaited: it would take a
                    # quarter of the time.
                    at_end = b"%d" % self._counted == self._declared
                    self._ended = not message.get("more_body", False) or at_end
