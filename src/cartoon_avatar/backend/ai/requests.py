"""Requests to the AI service: for whom, until when, and with which options."""

from __future__ import annotations

from dataclasses import dataclass

from cartoon_avatar.backend.ai.wire import Report
from cartoon_avatar.contract.boxes import Box
from cartoon_avatar.contract.options import TRANSPARENT, Framing, HeadFormat


@dataclass(frozen=True, slots=True)
class Turn:
    """One request to the AI service: for which device, and its deadline (loop time). ``queued``
    is true for a job whose turn came in the queue: it is not subject to admission control again.
    ``report`` is called with progress. ``key`` identifies a drawing whose request may be repeated
    after either side died: it goes on when our connection breaks, until it is ``cancel``led."""

    device_id: str
    until: float
    queued: bool = False
    report: Report | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class DrawingOptions:
    """Options of a drawing; the AI service chooses those that are None. ``size`` is its long
    side, px.

    With ``style_noted`` the style is already stored as the original's last one. With ``any_style``
    the app left it to us, so that one of our own may stand in for a generator that fails.
    """

    style: str | None = None
    seed: int | None = None
    size: int | None = None
    framing: Framing | None = None
    face: int | None = None
    style_noted: bool = False
    any_style: bool = False

    def fields(self) -> dict[str, str | int | None]:
        return {
            "style": self.style,
            "seed": self.seed,
            "size": self.size,
            "framing": self.framing,
            "face": self.face,
        }


@dataclass(frozen=True, slots=True)
class CutOptions:
    """Options of a head; ``face`` counts the faces of the upright photo, ``crop`` is the part of it
    that the cartoon shows; ``style``, ``seed`` and ``framing`` are how it was drawn."""

    format: HeadFormat = "png"
    background: str = TRANSPARENT
    size: int | None = None
    face: int | None = None
    crop: Box | None = None
    style: str | None = None
    seed: int | None = None
    framing: str | None = None
    aligned: bool = True

    def fields(self) -> dict[str, str | int]:
        given = {
            "format": self.format,
            "background": self.background,
            "size": self.size,
            "face": self.face,
            "crop": None if self.crop is None else str(self.crop),
            "style": self.style,
            "seed": self.seed,
            "framing": self.framing,
            "aligned": int(self.aligned),
        }
        return {name: value for name, value in given.items() if value is not None}
