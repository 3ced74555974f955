"""HTTP to providers: bounded responses, no redirects, pictures from public addresses only."""

from __future__ import annotations

import base64
import binascii
import email.utils
import ipaddress
import json
import socket
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from cartoon_avatar.ai.engines.remote.config import EngineConfig
from cartoon_avatar.ai.engines.remote.generation import GenerationLost, Refused

# Most bytes of a picture, and of the JSON that holds it in base64.
MOST_PICTURE_BYTES = 25_000_000
MOST_JSON_BYTES = 40_000_000
_CONNECT_S = 10
_ERROR_BYTES = 65_536
# Codes or types of errors by which providers refuse by their content policy.
_POLICY_CODES = {
    "moderation_blocked",
    "content_policy_violation",
    "content_filter",
    "contentFilter",
    "ResponsibleAIPolicyViolation",
}


class _PublicResolver(AbstractResolver):
    """Resolves names of public hosts only, so that a link in a response cannot lead into our own
    network."""

    def __init__(self) -> None:
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            if not ipaddress.ip_address(one["host"].partition("%")[0]).is_global:
                raise OSError(f"{host} is no public host")
        return found

    async def close(self) -> None:
        await self._resolver.close()


@dataclass(frozen=True, slots=True)
class ProviderHttp:
    """``own`` is the session for the engine's own server, ``public`` for links in its responses."""

    base: yarl.URL
    headers: Mapping[str, str] = field(repr=False)
    own: aiohttp.ClientSession
    public: aiohttp.ClientSession

    def url(self, path: str) -> yarl.URL:
        return self.base / path.lstrip("/")

    @asynccontextmanager
    async def ask(
        self,
        method: str,
        url: yarl.URL,
        *,
        data: aiohttp.FormData | None = None,
        json_body: object = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """The 2xx response. ``idempotent``: the provider does not charge a repeated request."""
        try:
            async with self.own.request(
                method,
                url,
                data=data,
                json=json_body,
                headers={**self.headers, **(headers or {})},
                allow_redirects=False,
            ) as response:
                if not 200 <= response.status < 300:
                    await _raise_for(response, idempotent)
                yield response
        except aiohttp.ClientConnectorError as error:
            reason = f"cannot be reached ({type(error).__name__})"
            raise GenerationLost(reason, charged=False, repeatable=True) from error
        except (aiohttp.ClientError, OSError, EOFError) as error:
            reason = f"the connection broke ({type(error).__name__})"
            raise GenerationLost(reason, charged=True, repeatable=idempotent) from error

    async def json(
        self,
        method: str,
        url: yarl.URL,
        *,
        json_body: object = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> dict[str, Any]:
        async with self.ask(
            method, url, json_body=json_body, headers=headers, idempotent=idempotent
        ) as response:
            return json_in(await bounded(response, MOST_JSON_BYTES))

    async def linked(self, link: str) -> bytes:
        """The picture at a link in a response, requested without our key."""
        try:
            url = yarl.URL(link)
            session = self.own if url.origin() == self.base.origin() else self.public
            if session is self.public and (url.scheme != "https" or _is_no_public_address(url)):
                raise ValueError(link)
        except ValueError as error:
            detail = "its response links to no public https URL"
            raise GenerationLost(detail, charged=True) from error
        try:
            async with session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    reason = f"its link answered {response.status}; it may have expired"
                    raise GenerationLost(reason, charged=True)
                return await bounded(response, MOST_PICTURE_BYTES)
        except (aiohttp.ClientError, OSError) as error:
            reason = f"its link cannot be followed ({type(error).__name__})"
            raise GenerationLost(reason, charged=True) from error


def _is_no_public_address(url: yarl.URL) -> bool:
    # Such a host is not resolved.
    try:
        return not ipaddress.ip_address(url.host or "").is_global
    except ValueError:
        return False


async def bounded(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > most_bytes:
            response.close()
            raise GenerationLost(f"its response is longer than {most_bytes} bytes", charged=True)
    return bytes(data)


def json_in(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise GenerationLost("its response is no JSON", charged=True, status=200) from error
    if not isinstance(value, dict):
        raise GenerationLost("its response is no JSON object", charged=True)
    return value


def base64_in(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise GenerationLost("its picture is no base64", charged=True) from error


async def _raise_for(response: aiohttp.ClientResponse, idempotent: bool) -> None:
    status = response.status
    body: Any = {}
    with suppress(ValueError, RecursionError):
        body = json.loads((await response.content.read(_ERROR_BYTES)) or b"{}")
    if status in (400, 403, 422) and is_policy(body):
        raise Refused
    retry_after_s = _retry_after_s(response.headers.get("Retry-After"))
    reason = f"it answered {status}"
    if status == 429 or (status == 503 and retry_after_s is not None):
        raise GenerationLost(
            reason, charged=False, repeatable=True, retry_after_s=retry_after_s, status=status
        )
    if status == 409:  # Cog: busy with another prediction
        raise GenerationLost(reason, charged=False, repeatable=True, status=status)
    if status >= 500:
        raise GenerationLost(reason, charged=True, repeatable=idempotent, status=status)
    raise GenerationLost(reason, charged=False, status=status, body=body)


def is_policy(body: object) -> bool:
    """Whether a provider's JSON error body is a refusal by its content policy."""
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return False
    inner = error.get("innererror")
    codes = [error.get("code"), error.get("type")]
    codes += [inner.get("code")] if isinstance(inner, dict) else []
    return any(code in _POLICY_CODES for code in codes if isinstance(code, str))


def _retry_after_s(value: str | None) -> float | None:
    """Of seconds or of a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


@asynccontextmanager
async def open_http() -> AsyncGenerator[tuple[aiohttp.ClientSession, aiohttp.ClientSession]]:
    """Sessions for engines' own servers and for the links in their responses."""

    def session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # Deadlines are the engines'.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
            # A compressed body could unpack to anything: it is neither asked for nor read.
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
        )

    # Concurrent requests are bounded by the engines' places.
    async with (
        session(aiohttp.TCPConnector(limit=0)) as own,
        session(aiohttp.TCPConnector(limit=0, resolver=_PublicResolver())) as linked,
    ):
        yield own, linked


def http_of(
    config: EngineConfig,
    environment: Mapping[str, str],
    own: aiohttp.ClientSession,
    public: aiohttp.ClientSession,
) -> ProviderHttp:
    """HTTP to the engine's server, with its key of the ``environment``."""
    return ProviderHttp(yarl.URL(config.url), _headers(config, environment), own, public)


def _headers(config: EngineConfig, environment: Mapping[str, str]) -> dict[str, str]:
    if config.key is None:
        return {}
    secret = environment[config.key]
    if config.kind == "images-edits" and config.key_header == "api-key":
        return {"api-key": secret}
    return {"Authorization": f"Bearer {secret}"}
