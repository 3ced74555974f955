"""POST /v1/images/edits, as OpenAI, Azure OpenAI and self-hosted servers have it.

Protocol: https://developers.openai.com/api/reference/resources/images/edit and its streaming
events. What may have been charged is repeated only where the server knows a request again by its
Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), which OpenAI does not promise; closing
the connection is the only cancel there is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from cartoon_avatar.ai.engines.drawing import Report
from cartoon_avatar.ai.engines.remote.config import ImagesEditsConfig
from cartoon_avatar.ai.engines.remote.generation import (
    Call,
    Generation,
    GenerationLost,
    Refused,
)
from cartoon_avatar.ai.engines.remote.http import (
    MOST_JSON_BYTES,
    ProviderHttp,
    base64_in,
    bounded,
    is_policy,
    json_in,
)

_PARTIAL_IMAGES = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class ImagesEdits:
    config: ImagesEditsConfig
    http: ProviderHttp

    async def generate(self, generation: Generation, call: Call, report: Report) -> bytes:
        report("generating", None)
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self._asked(generation, report)
            except GenerationLost as lost:
                # 409: the request before, under the same key, is still being worked on.
                if lost.status != 409 or not self.config.idempotency_key:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 1.5 * pause_s)

    async def _asked(self, generation: Generation, report: Report) -> bytes:
        url = self.http.url("images/edits").with_query(dict(self.config.query))
        once = self.config.idempotency_key
        headers = {"Idempotency-Key": generation.key} if once else {}
        async with self.http.ask(
            "POST", url, data=self._form(generation), headers=headers, idempotent=once
        ) as response:
            if response.content_type == "text/event-stream":
                return await _streamed(response, report)
            document = json_in(await bounded(response, MOST_JSON_BYTES))
        match document.get("data"):
            case [{"b64_json": str(text)}, *_]:
                return base64_in(text)
            case [{"url": str(link)}, *_]:
                return await self.http.linked(link)
        raise GenerationLost("its response holds no picture", charged=True)

    def _form(self, generation: Generation) -> aiohttp.FormData:
        form = aiohttp.FormData()
        form.add_field("image", generation.photo, filename="photo.jpg", content_type="image/jpeg")
        fields: dict[str, Any] = {"prompt": generation.prompt, **self.config.form}
        if self.config.model is not None:
            fields["model"] = self.config.model
        if self.config.stream:
            fields |= {"stream": True, "partial_images": _PARTIAL_IMAGES}
        for name, value in fields.items():
            form.add_field(name, json.dumps(value) if isinstance(value, bool) else str(value))
        return form


async def _streamed(response: aiohttp.ClientResponse, report: Report) -> bytes:
    async for event in _events(response):
        match event:
            case {"type": "image_edit.partial_image", "partial_image_index": int(index)}:
                # How many of the promised pictures have come, the last one among them.
                report("generating", min(1.0, (index + 1) / (_PARTIAL_IMAGES + 1)))
            case {"type": "image_edit.completed", "b64_json": str(text)}:
                return base64_in(text)
            case {"type": "error"} | {"error": dict()}:
                if is_policy(event):
                    raise Refused
                raise GenerationLost("it failed while drawing", charged=True)
    raise GenerationLost("its stream ended before the picture", charged=True)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The data of each server-sent event, as JSON."""
    pending, read = bytearray(), 0
    async for chunk in response.content.iter_any():
        read += len(chunk)
        if read > MOST_JSON_BYTES * (_PARTIAL_IMAGES + 1):
            raise GenerationLost("its stream does not end", charged=True)
        pending += chunk
        if b"\n" not in chunk:
            continue
        *lines, rest = bytes(pending).split(b"\n")
        pending = bytearray(rest)
        for line in lines:
            if line.startswith(b"data:") and line[5:].strip() != b"[DONE]":
                yield json_in(line[5:])
