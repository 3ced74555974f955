"""HEAD for every GET route: probes and proxies use it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware: responds to HEAD as to GET, without the body.

    FastAPI's routes, unlike Starlette's, know the methods they declare and no other. Routes
    whose path begins with ``except_below`` declare their own HEAD.
    """

    def __init__(self, app: ASGIApp, except_below: str | None = None) -> None:
        self.app = app
        self.except_below = except_below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "HEAD"
            or (self.except_below is not None and scope["path"].startswith(self.except_below))
        ):
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] != "http.response.start":  # a body, or the path of one
                more = message.get("more_body", False)
                message = {"type": "http.response.body", "body": b"", "more_body": more}
            await send(message)

        scope["method"] = "GET"
        try:
            await self.app(scope, receive, send_head)
        finally:
            scope["method"] = "HEAD"  # as the log is to name it
