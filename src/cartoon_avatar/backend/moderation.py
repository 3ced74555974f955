"""Moderation by the host: a URL that judges a photo before it is drawn, and a drawing before it is
stored or shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
import structlog

from cartoon_avatar.backend.errors import ModerationUnavailable, PictureHeld, Rejected
from cartoon_avatar.backend.settings import BackendSettings

log = structlog.get_logger()

Purpose = Literal["photo", "cartoon"]
_MOST_RESPONSE_BYTES = 65_536


class Moderation:
    """Without a URL everything is allowed."""

    def __init__(self, session: aiohttp.ClientSession | None, settings: BackendSettings) -> None:
        self._session = session
        self._settings = settings

    @property
    def is_on(self) -> bool:
        return self._session is not None

    async def require_allowed(
        self,
        picture: Sequence[bytes | memoryview],
        mime_type: str,
        purpose: Purpose,
        style: str,
        *,
        generated: bool,
    ) -> None:
        """``generated``: the style is a generator's. Raises Rejected, PictureHeld and, where no
        judgement came and none means no, ModerationUnavailable."""
        if self._session is None:
            return
        reason = ""
        try:
            data = b"".join(picture)
            decision = await self._decision(self._session, data, mime_type, purpose, style)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            fails_open = self._settings.moderation_fails == "open" and not generated
            decision = "allow" if fails_open else "unavailable"
        log.info("moderated", purpose=purpose, style=style, decision=decision, failed=reason)
        if decision == "deny":
            raise Rejected
        if decision == "hold":
            raise PictureHeld
        if decision == "unavailable":
            raise ModerationUnavailable

    async def _decision(
        self,
        session: aiohttp.ClientSession,
        picture: bytes,
        mime_type: str,
        purpose: Purpose,
        style: str,
    ) -> str:
        """Raises ValueError for a response that is no decision."""
        headers = {"Content-Type": mime_type, "X-Purpose": purpose, "X-Style": style}
        if request_id := structlog.contextvars.get_contextvars().get("request_id"):
            headers["X-Request-Id"] = request_id
        if (token := self._settings.moderation_token) is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        request = session.post(
            str(self._settings.moderation_url), data=picture, headers=headers, allow_redirects=False
        )
        async with asyncio.timeout(self._settings.moderation_timeout_s), request as response:
            if response.status != 200:
                raise ValueError(f"it answered {response.status}")
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > _MOST_RESPONSE_BYTES:
                    raise ValueError("its response is too long")
        decided = json.loads(body)
        decision = decided.get("decision") if isinstance(decided, dict) else None
        if decision not in ("allow", "deny", "hold"):
            raise ValueError("its response is no decision")
        return str(decision)


@asynccontextmanager
async def open_moderation(settings: BackendSettings) -> AsyncGenerator[Moderation]:
    if settings.moderation_url is None:
        yield Moderation(None, settings)
        return
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Moderation(session, settings)
