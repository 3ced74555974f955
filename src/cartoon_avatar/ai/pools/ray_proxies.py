"""Middleware of Ray's HTTP proxies: retries lost requests, and renders errors as the app does.

Imported in the proxies, so without the app, its models and Ray itself.
"""

from __future__ import annotations

import asyncio
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cartoon_avatar.ai.errors import AiBusy, AiStarting
from cartoon_avatar.contract.headers import REQUEST_ID
from cartoon_avatar.contract.limits import MAX_UPLOAD_BYTES
from cartoon_avatar.http.problems import problem_response

RETRY_AFTER_S = 5
# Two pictures and a form around them; what is longer is refused by the app, and not kept here.
_KEPT_BYTES = 2 * MAX_UPLOAD_BYTES + 200_000
# Ray reads ahead of the app; past this it would fill the proxy's memory with a refused body.
_READ_BYTES = 5 * _KEPT_BYTES


def middlewares() -> list[Middleware]:
    """What RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH names."""
    return [Middleware(Proxied)]


class Proxied:
    """A request whose replica died is sent to another one, once: the same request makes the same
    picture, so twice is as good as once. After that, and where Ray's queue is full, the response is
    a problem like the app's instead of Ray's plain text."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        headers.setdefault(REQUEST_ID, secrets.token_hex(8))
        body = _Body(receive, headers)
        response = _Response(send, body)
        await self.app(scope, body.receive, response.send)
        if response.is_lost and body.is_whole_here:
            await self.app(scope, body.receive_again(), response.send)
        if body.is_client_gone or response.is_begun:
            return
        error = AiStarting() if response.is_lost else AiBusy(RETRY_AFTER_S)
        problem = problem_response(headers[REQUEST_ID], error)
        problem.headers[REQUEST_ID] = headers[REQUEST_ID]
        await problem(scope, receive, send)


class _Body:
    """A request's body as it comes in, kept so that it can be replayed."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._kept: list[Message] = []
        self._read_bytes = 0
        self._is_cut = False
        self.is_ended = (
            headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        )
        self.is_client_gone = False
        self.responded = asyncio.Event()

    @property
    def is_whole_here(self) -> bool:
        return not self.is_client_gone and self._read_bytes <= _KEPT_BYTES

    async def receive(self) -> Message:
        if self._is_cut:
            # Noticing a client that leaves would need reading on, and the body may never end.
            await self.responded.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if self._read_bytes > _READ_BYTES and message["type"] == "http.request":
            # The app sees the body end here and responds; then the connection is closed.
            self._is_cut = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if message["type"] == "http.disconnect":
            self.is_client_gone = True
            return message
        self.is_ended = not message.get("more_body", False)
        self._read_bytes += len(message.get("body", b""))
        if self._read_bytes <= _KEPT_BYTES:
            self._kept.append(message)
        else:
            self._kept.clear()
        return message

    def receive_again(self) -> Receive:
        replayed = iter(self._kept)

        async def receive() -> Message:
            message = next(replayed, None)
            return message if message is not None else await self._receive()

        return receive


class _Response:
    """The response on its way to the client; Ray's own error responses are held back."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.is_begun = False
        self._is_rays = False

    @property
    def is_lost(self) -> bool:
        """The replica died: Ray then sends no response."""
        return not self.is_begun and not self._is_rays

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            self._is_rays = message["status"] >= 500 and kind.startswith("text/plain")
            self.is_begun = not self._is_rays
            if not self._body.is_ended:
                # Or the server would read on to the end of a body that need not have one.
                MutableHeaders(scope=message)["Connection"] = "close"
        if self.is_begun:
            await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._body.responded.set()
