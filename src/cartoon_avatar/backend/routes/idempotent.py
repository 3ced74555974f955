"""Carries out a POST once, however often it is sent with its Idempotency-Key."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from anyio import to_thread
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.errors import Unauthorized
from cartoon_avatar.backend.flows.devices import Caller
from cartoon_avatar.backend.flows.idempotency import (
    Note,
    StoredResponse,
    claimed,
    response_with_token,
)
from cartoon_avatar.backend.identity import admitted, bearer_of
from cartoon_avatar.backend.limits import limit_device
from cartoon_avatar.backend.routes.post import Post, fingerprint_of
from cartoon_avatar.backend.schemas import Body
from cartoon_avatar.backend.state import State

T = TypeVar("T")
REPLAYED = "Idempotency-Replayed"


async def respond_once(
    request: Request,
    backend: State,
    post: Post,
    *,
    run: Callable[[Caller, Note[T]], Awaitable[T]],
    render: Callable[[T], tuple[int, Body]],
) -> Response:
    """``run`` a flow for the device and ``render`` its result as status and body, or repeat the
    response that an earlier request with this key had. Raises Unauthorized."""
    try:
        caller = await admitted(request, backend, post.device_id, first=post.is_upload)
    except Unauthorized:
        # The response that brought the token may never have reached the device.
        if not post.is_upload or post.key is None or bearer_of(request) is not None:
            raise
        fingerprint = await to_thread.run_sync(fingerprint_of, request, post)
        earlier = await response_with_token(backend.database, post.device_id, post.key, fingerprint)
        if earlier is None:
            raise
        return await _replayed(backend, post.device_id, earlier)
    await limit_device(backend, post.device_id)

    fingerprint = ""
    if post.key is not None:
        fingerprint = await to_thread.run_sync(fingerprint_of, request, post)
    async with claimed(
        backend.database, device_id=post.device_id, key=post.key, fingerprint=fingerprint
    ) as claim:
        if claim.response is not None:
            return await _replayed(backend, post.device_id, claim.response)

        def note(connection: Connection, result: T) -> None:
            if post.key is None:
                return
            status, body = render(result)
            content = body.model_dump(mode="json", exclude_none=True)
            with_token = content.pop("deviceToken", None) is not None
            claim.settle(connection, StoredResponse(status, json.dumps(content), with_token))

        status, body = render(await run(caller, note))
    # A token is said once, when there is one; null would read like "no token needed".
    content = body.model_dump_json(exclude_none=True)
    headers = {"Cache-Control": "no-store"}
    return Response(content, status, headers, media_type="application/json")


async def _replayed(backend: State, device_id: str, earlier: StoredResponse) -> Response:
    content = json.loads(earlier.body)
    if earlier.with_token:
        device = await backend.database.read(partial(queries.device_of, device_id=device_id))
        if device is not None:
            content["deviceToken"] = backend.signer.device_token(
                device_id, device.token_salt, device.token_hash
            )
    headers = {"Cache-Control": "no-store", REPLAYED: "true"}
    return JSONResponse(content, earlier.status, headers=headers)
