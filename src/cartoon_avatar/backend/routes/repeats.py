"""Runs a POST once however often it is sent with its Idempotency-Key."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from cartoon_avatar.backend.db import queries
from cartoon_avatar.backend.dependencies import Post, State, fingerprint_of
from cartoon_avatar.backend.flows.idempotency import Answer, claimed, unheard_answer
from cartoon_avatar.backend.flows.upload import Settle
from cartoon_avatar.backend.schemas import Body

# Turns what a flow returns into status and body.
Render = Callable[[Any], tuple[int, Body]]
REPLAYED = "Idempotency-Replayed"


async def answered_once(
    request: Request,
    backend: State,
    post: Post,
    *,
    render: Render,
    run: Callable[[Settle], Awaitable[Any]],
) -> Response:
    """``run`` a flow, or give the stored answer of an earlier request with this key."""
    fingerprint = ""
    if post.key is not None:
        fingerprint = await to_thread.run_sync(fingerprint_of, request, post.fields)
    if post.refusal is not None:
        assert post.key is not None
        answer = await unheard_answer(backend.database, post.device_id, post.key, fingerprint)
        if answer is None:
            raise post.refusal
        return await _replayed(backend, post.device_id, answer)
    async with claimed(
        backend.database, device_id=post.device_id, key=post.key, fingerprint=fingerprint
    ) as claim:
        if claim.answer is not None:
            return await _replayed(backend, post.device_id, claim.answer)

        def settle(connection: Connection, result: Any) -> None:
            if post.key is None:
                return
            status, body = render(result)
            content = body.model_dump(mode="json", exclude_none=True)
            with_token = content.pop("deviceToken", None) is not None
            claim.settle(connection, Answer(status, json.dumps(content), with_token))

        status, body = render(await run(settle))
    # A token is said once, when there is one; null would read like "no token needed".
    content = body.model_dump_json(exclude_none=True)
    headers = {"Cache-Control": "no-store"}
    return Response(content, status, headers, media_type="application/json")


async def _replayed(backend: State, device_id: str, answer: Answer) -> Response:
    content = json.loads(answer.body)
    if answer.with_token:
        device = await backend.database.read(partial(queries.device_of, device_id=device_id))
        if device is not None:
            content["deviceToken"] = backend.signer.device_token(
                device_id, device.token_salt, device.token_hash
            )
    headers = {"Cache-Control": "no-store", REPLAYED: "true"}
    return JSONResponse(content, answer.status, headers=headers)
