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

        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        counted = 0
        ended = declared == b"0" and b"transfer-encoding" not in headers
        too_large = responding = early = False

        async def receive_counted() -> Message:
            nonlocal counted, ended, too_large
            message = await receive()
            counted += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if counted > self.limit_bytes:
                too_large = True
                raise FileTooLarge(self.max_bytes)
            return message

        async def send_unless_too_large(message: Message) -> None:
            nonlocal responding, early
            # Whatever the app makes of a body that was cut off, the response is ours.
            if too_large and not responding:
                return
            if message["type"] == "http.response.start":
                responding = True
                if early := not ended:
                    # Once all of a known length is out, the server would close the connection.
                    del MutableHeaders(scope=message)["Content-Length"]
            elif early and not message.get("more_body"):
                await send({**message, "more_body": True})
                await drain()
                message = {"type": "http.response.body"}
            await send(message)

        async def drain() -> None:
            """Read on for a moment, the response being out but for its end.

            A server closes a connection on which it responded before the body was read; a
            client still sending would see a reset instead of the response.
            """
            nonlocal counted, ended
            most = counted + _DRAIN_TIMES * self.max_bytes
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    while not ended and counted < most:
                        message = await receive()
                        counted += len(message.get("body", b""))
                        # At the declared length no further message is awaited: it would take a
                        # quarter of the time.
                        ended = not message.get("more_body", False) or b"%d" % counted == declared

        if declared.isdigit() and (len(declared) > 15 or int(declared) > self.limit_bytes):
            too_large = True
        else:
            try:
                await self.app(scope, receive_counted, send_unless_too_large)
            except FileTooLarge:
                if responding:
                    raise
        if too_large and not responding:
            too_large = False
            response = problem_response(scope["state"]["request_id"], FileTooLarge(self.max_bytes))
            await response(scope, receive, send_unless_too_large)
