"""The request that every kind of generator gets, and its failures."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from cartoon_avatar.ai.engines.drawing import Report


@dataclass(frozen=True, slots=True)
class Generation:
    """``photo`` is a JPEG of ``width`` × ``height`` px; ``key`` is that of ``key_of``."""

    photo: bytes
    width: int
    height: int
    prompt: str
    seed: int
    key: str


def key_of(request: str, photo: bytes, style: str, seed: int) -> str:
    """The same where a request is made again, after whatever died of the attempt before; 32
    hexadecimal digits, the first of which are ``key_start``."""
    identity = f"{request} {style} {seed} {hashlib.sha256(photo).hexdigest()}"
    return key_start(request) + hashlib.sha256(identity.encode()).hexdigest()[:16]


def key_start(request: str) -> str:
    """What all keys of a request begin with."""
    return hashlib.sha256(request.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a provider. Where one under the same key was begun before, and not seen to fail,
    ``begun_at`` (epoch, s) is when, and ``address`` where its drawing is, if it got so far.
    ``keep`` stores such an address. ``is_stopping``: this service stops, and a repeated request
    finds the drawing, so nothing is cancelled at the provider."""

    address: str | None
    begun_at: float | None
    keep: Callable[[str], Awaitable[None]]
    is_stopping: Callable[[], bool]


class GenerationLost(Exception):
    """The provider gave no picture. ``charged``: it may want money for it. ``repeatable``: another
    attempt may succeed and is not charged beside this one. ``detail`` is for the operator alone,
    and ``status`` and ``body`` are the provider's, of an error that it answered with."""

    def __init__(
        self,
        reason: str,
        *,
        charged: bool,
        repeatable: bool = False,
        retry_after_s: float | None = None,
        detail: str = "",
        status: int | None = None,
        body: object = None,
    ) -> None:
        super().__init__(reason)
        self.charged = charged
        self.repeatable = repeatable
        self.retry_after_s = retry_after_s
        self.detail = detail
        self.status = status
        self.body = body


class Refused(Exception):
    """The provider does not want to draw this picture or prompt, by its policy."""


class Provider(Protocol):
    async def generate(self, generation: Generation, call: Call, report: Report) -> bytes:
        """The drawing's file, not yet judged. Cancelling it cancels it there within a second,
        unless this service stops.

        Raises ``GenerationLost`` and ``Refused``.
        """
        ...
