"""The request that every kind of generator gets, and its failures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from cartoon_avatar.ai.engines.drawing import Report


@dataclass(frozen=True, slots=True)
class Generation:
    """``photo`` is a JPEG of ``width`` × ``height`` px; ``key`` is the same for every attempt."""

    photo: bytes
    width: int
    height: int
    prompt: str
    seed: int
    key: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a provider. Where one under the same key was begun and its end not seen, before a
    crash or a cancel, ``begun_at`` (epoch, s) is when, and ``address`` where its drawing is, if it
    got so far. ``keep`` stores such an address."""

    address: str | None
    begun_at: float | None
    keep: Callable[[str], Awaitable[None]]


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
        """The drawing's file, not yet judged. Cancelling it cancels it there within a second.

        Raises ``GenerationLost`` and ``Refused``.
        """
        ...
