"""Server-sent events, as they are read off a stream (HTML Standard, section 9.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    data: Any


async def events_in(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[Event]:
    """The events of a stream with JSON data. Raises ValueError for one past ``max_bytes`` or
    whose data is no JSON."""
    pending = bytearray()
    searched = 0
    half = b""
    async for chunk in chunks:
        # Lines end in LF or CRLF, which may be cut in two.
        whole = half + chunk
        half = b"\r" if whole.endswith(b"\r") else b""
        pending += whole.removesuffix(b"\r").replace(b"\r\n", b"\n")
        while (end := pending.find(b"\n\n", max(0, searched - 1))) >= 0:
            event = _event_of(bytes(pending[:end]))
            del pending[: end + 2]
            searched = 0
            if event is not None:
                yield event
        searched = len(pending)
        if len(pending) > max_bytes:
            raise ValueError(f"an event of more than {max_bytes} bytes")


def _event_of(block: bytes) -> Event | None:
    """None of a block that is only a comment, which keeps the connection alive."""
    name = "message"
    data: list[str] = []
    for line in block.decode().split("\n"):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
    return Event(name, json.loads("\n".join(data))) if data else None
