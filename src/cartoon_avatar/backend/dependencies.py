"""What a route may ask for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from limits import RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter
from pydantic import AfterValidator
from starlette.datastructures import UploadFile

from cartoon_avatar.backend.ai.client import AiClient, CutWish, DrawingWish
from cartoon_avatar.backend.db.session import Database
from cartoon_avatar.backend.errors import (
    BodyTooSlow,
    InvalidBackground,
    InvalidDevice,
    InvalidFormat,
    InvalidSeed,
    InvalidSize,
    InvalidStyle,
    NotFound,
    TooManyRequests,
    Unauthorized,
)
from cartoon_avatar.backend.flows.devices import authenticate
from cartoon_avatar.backend.flows.room import room_to_delete
from cartoon_avatar.backend.forms import Memory, read_form
from cartoon_avatar.backend.metrics import Metrics
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.backend.signing import Signer
from cartoon_avatar.backend.storage.protocol import Storage
from cartoon_avatar.contract.errors import InvalidRequest

UPLOAD_PATH = "/api/upload"

_DEVICE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_STYLE = re.compile(r"[a-z0-9_-]{1,64}")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
# The largest integer that every JSON reader keeps exact.
_MAX_SEED = 2**53 - 1
_ID = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True, slots=True)
class State:
    settings: BackendSettings
    database: Database
    storage: Storage
    ai: AiClient
    signer: Signer
    limiter: FixedWindowRateLimiter
    metrics: Metrics
    memory: Memory


Client = IPv4Address | IPv4Network | IPv6Address | IPv6Network


def state_of(request: Request) -> State:
    return request.state.backend


async def _state_of(request: Request) -> State:  # FastAPI calls what is not async in a thread
    return state_of(request)


Backend = Annotated[State, Depends(_state_of)]


def client_address(request: Request, trusted: Sequence[IPv4Network | IPv6Network]) -> Client | None:
    """Who is asking, by network address: of IPv6 the /64, which is what one customer has.

    X-Forwarded-For is read from its end, where the proxy next to us wrote, and only as long
    as each address on the way is of a trusted proxy.
    """
    if request.client is None:
        return None
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    address = _parsed(request.client.host)
    while address is not None and hops and any(address in network for network in trusted):
        forwarded = _parsed(hops.pop().strip())
        if forwarded is None:
            break
        address = forwarded
    if isinstance(address, IPv6Address):
        return IPv6Network((address, 64), strict=False)
    return address


@lru_cache(maxsize=256)  # of every picture the same few proxies ask
def is_proxy(host: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    address = _parsed(host)
    return address is not None and any(address in network for network in trusted)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


async def _fields_of(request: Request, backend: State, in_memory_bytes: int) -> dict[str, Any]:
    """The fields of a POST, from JSON or a form; an empty body is fine."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        async with _in_time(backend):
            return await read_form(request, kind, in_memory_bytes=in_memory_bytes)
    async with _in_time(backend):
        body = await request.body()
    if not body.strip():
        return {}
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is neither a form nor valid JSON.") from error
    if fields is None:  # what generated clients send where there are no wishes
        return {}
    if not isinstance(fields, dict):
        raise InvalidRequest("The JSON body must be an object.")
    return fields


@asynccontextmanager
async def _in_time(backend: State) -> AsyncIterator[None]:
    limit_s = backend.settings.body_timeout_s
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError as error:
        raise BodyTooSlow(limit_s) from error


async def _device_of(request: Request, response: Response) -> str:
    response.headers["Cache-Control"] = "no-store"
    device_id = _named_device(request, {})
    await _let_in(request, state_of(request), device_id, first=False)
    return device_id


Device = Annotated[str, Depends(_device_of)]


@dataclass(frozen=True, slots=True)
class Post:
    """What a POST brings: a device that was let in and counted, how many cartoons it has,
    fields, an idempotency key."""

    device_id: str
    live_cartoons: int
    fields: dict[str, Any]
    key: str | None
    # Why it was not let in, if it may yet turn out to repeat its very first upload.
    refusal: Unauthorized | None = None


async def _post_of(request: Request) -> AsyncIterator[Post]:
    # One dependency, not a tree of them: FastAPI walks a branch anew for each that shares it.
    backend = state_of(request)
    is_upload = request.scope["path"] == UPLOAD_PATH
    if not is_upload:  # or ``RefusedUploads`` has done so
        await _limit_address(request, backend)
    with backend.memory.lent(request) as in_memory_bytes:
        fields = await _fields_of(request, backend, in_memory_bytes)
        try:
            key = _idempotency_key(request)
            device_id, live_cartoons = _named_device(request, fields), 0
            refusal = None
            try:
                live_cartoons = await _let_in(request, backend, device_id, first=is_upload)
            except Unauthorized as error:
                # The answer that brought its token may never have reached it.
                if not is_upload or key is None or bearer_of(request) is not None:
                    raise
                refusal = error
            else:
                # Once it is let in, so that nobody uses up the requests of a locked device.
                per_minute = backend.settings.device_drawings_per_minute
                await _count(backend, per_minute, "device", device_id)
            yield Post(device_id, live_cartoons, fields, key, refusal)
        finally:
            for value in fields.values():
                if isinstance(value, UploadFile):
                    await value.close()


Posted = Annotated[Post, Depends(_post_of)]


async def require_turn(request: Request) -> None:
    """Raise where an upload is refused before its body is read, so that a flood costs nothing,
    nor a photo that nobody could draw."""
    backend = state_of(request)
    await _limit_address(request, backend)
    backend.ai.places.require(device_id_in(request, {}))


async def _limit_address(request: Request, backend: State) -> None:
    address = client_address(request, backend.settings.trusted_networks)
    if address is not None:
        limit = backend.settings.address_drawings_per_minute
        await _count(backend, limit, "address", str(address))


async def _let_in(request: Request, backend: State, device_id: str, *, first: bool) -> int:
    """How many live cartoons the device that asks has; raises Unauthorized."""
    return await authenticate(
        backend.database,
        device_id=device_id,
        token=bearer_of(request),
        token_required=backend.settings.device_auth == "required",
        first=first,
    )


def device_id_in(request: Request, fields: dict[str, Any]) -> str | None:
    """The one device id a request names. Raises InvalidDevice for two different ones."""
    named: list[object] = list(request.headers.getlist("x-device-id"))
    for name in ("deviceId", "device_id"):
        named += request.query_params.getlist(name)
        named += [fields[name]] if fields.get(name) is not None else []
    if not named:
        return None
    device_id = named[0]
    if any(other != device_id for other in named):
        raise InvalidDevice("The request names two different device ids.")
    if not isinstance(device_id, str) or not _DEVICE_ID.fullmatch(device_id):
        raise InvalidDevice(
            "A device id is 1 to 128 characters of A-Z a-z 0-9 . _ - and does not start with a dot."
        )
    return device_id


def _named_device(request: Request, fields: dict[str, Any]) -> str:
    device_id = device_id_in(request, fields)
    if device_id is None:
        raise InvalidDevice("Name the device in the X-Device-Id header or the field deviceId.")
    return device_id


def bearer_of(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


async def _count(backend: State, per_minute: int, kind: str, who: str) -> None:
    limit = RateLimitItemPerMinute(per_minute)
    if not await backend.limiter.hit(limit, kind, who):
        raise TooManyRequests(
            f"More than {per_minute} requests a minute from one {kind}; wait a little.",
            retry_after_s=60,
        )


def drawing_wish(fields: dict[str, Any]) -> DrawingWish:
    style, seed = fields.get("style"), fields.get("seed")
    if style in (None, ""):
        style = None
    elif not isinstance(style, str) or not _STYLE.fullmatch(style):
        raise InvalidStyle("The style is not one of /api/styles.")
    if seed in (None, ""):
        return DrawingWish(style, None)
    number = _integer(seed)
    if number is None or not 0 <= number <= _MAX_SEED:
        raise InvalidSeed(f"The seed must be an integer from 0 to {_MAX_SEED}.")
    return DrawingWish(style, number)


def cut_wish(fields: dict[str, Any]) -> CutWish:
    image_format = fields.get("format") or "png"
    if image_format not in ("png", "webp", "jpeg"):
        raise InvalidFormat("The format must be png, webp or jpeg.")
    background = fields.get("background") or "transparent"
    if background != "transparent" and not (
        isinstance(background, str) and _COLOUR.fullmatch(background)
    ):
        raise InvalidBackground("The background must be transparent or a colour like #FFD54A.")
    if image_format == "jpeg" and background == "transparent":
        background = "#FFFFFF"
    size = fields.get("size")
    if size in (None, ""):
        return CutWish(image_format, background, None)
    number = _integer(size)
    if number is None or not 1 <= number <= 1024:
        raise InvalidSize("The size must be an integer from 1 to 1024, in pixels.")
    return CutWish(image_format, background, number)


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return int(text) if re.fullmatch(r"-?[0-9]{1,20}", text) else None


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest("An Idempotency-Key is 1 to 255 visible ASCII characters.")
    return key


async def _room_to_delete(backend: Backend) -> AsyncIterator[None]:
    async with room_to_delete(backend.settings.data_dir):
        yield


RoomToDelete = Depends(_room_to_delete)


def _ours(text: str) -> str:
    """What cannot be an id is not there; no database is asked about control characters."""
    if not _ID.fullmatch(text):
        raise NotFound
    return text


Id = Annotated[str, AfterValidator(_ours)]
Cursor = Annotated[str | None, Query(max_length=256, description="`nextCursor` of the last page.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Items a page.")]


def fingerprint_of(request: Request, fields: dict[str, Any]) -> str:
    """What makes two requests the same: method, path, fields and the photo's bytes."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    for name, value in sorted(fields.items()):
        digest.update(json.dumps(name).encode() + b"\n")
        if isinstance(value, UploadFile):
            value.file.seek(0)
            digest.update(hashlib.file_digest(value.file, "sha256").digest())
            value.file.seek(0)
        else:
            digest.update(json.dumps(value).encode() + b"\n")
    return digest.hexdigest()
