"""The request that every kind of generator gets, and its failures."""

from __future__ import annotations

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


class GenerationLost(Exception):
    """The provider gave no picture. ``charged``: it may want money for it. ``repeatable``: another
    attempt may succeed and is not charged beside this one. ``detail`` is for the operator alone,
    and ``body`` the JSON of the provider's error."""

    def __init__(
        self,
        reason: str,
        *,
        charged: bool,
        repeatable: bool = False,
        retry_after_s: float | None = None,
        detail: str = "",
        body: object = None,
    ) -> None:
        super().__init__(reason)
        self.charged = charged
        self.repeatable = repeatable
        self.retry_after_s = retry_after_s
        self.detail = detail
        self.body = body


class Refused(Exception):
    """The provider does not want to draw this picture or prompt, by its policy."""


class Provider(Protocol):
    async def generate(self, generation: Generation, report: Report) -> bytes:
        """The drawing's file, not yet judged. Cancelling it cancels it there within a second.

        Raises ``GenerationLost`` and ``Refused``.
        """
        ...
