"""The interface of an engine, and what the rest of the service knows of it.

An engine draws where its pool runs it: ours in shared worker processes. The server builds one
too, and reads only its facts and styles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION, Clock, Drawing
from cartoon_avatar.ai.seeing.scene import Scene


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """``aligned``: a drawing shows what the photo shows in the same place, so that its head is cut
    by the photo. ``deterministic``: the same request gives the same pixels. ``places`` are drawings
    at once, and None is one a worker; ``deadline_s`` is what one may take, and None is
    ``AI_TASK_TIMEOUT_S``. ``source_type`` is a term of ``containers/marks.py``, and ``version``
    stands beside it in marks. ``sent_to`` is the host that photos go to, and ``price`` what
    a drawing costs, as the provider states it.
    """

    name: str
    aligned: bool
    deterministic: bool
    expected_s: float
    source_type: str
    version: str = str(ENGINE_VERSION)
    places: int | None = None
    deadline_s: float | None = None
    leaves_machine: bool = False
    sent_to: str = ""
    price: str | None = None


@dataclass(frozen=True, slots=True)
class StyleFacts:
    """``sentence`` describes it to people. With ``needs_face`` a photo without faces is refused;
    with ``svg`` drawings are shapes, which an SVG holds at any size. ``version`` stands for what
    draws it where that is no code of ours: a network's file. ``source_type`` is set where it is not
    its engine's."""

    name: str
    title: str
    sentence: str
    needs_face: bool = False
    svg: bool = False
    version: str = ""
    source_type: str | None = None


def version_of(style: StyleFacts) -> str:
    """The same as long as a deterministic engine gives the same pixels in this style."""
    return f"{ENGINE_VERSION}-{style.version}" if style.version else str(ENGINE_VERSION)


@dataclass(frozen=True, slots=True)
class DrawingOptions:
    """``long_side`` is in px."""

    style: str
    seed: int
    long_side: int


class Engine(Protocol):
    """Draws in a worker process."""

    @property
    def facts(self) -> EngineFacts: ...

    def styles(self) -> Sequence[StyleFacts]:
        """Those that can be drawn in now, in walking order."""
        ...

    def stages(self, style: str) -> Mapping[str, float]:
        """The stages of a drawing, in order, and how long each takes in relation to the others."""
        ...

    def draw(self, scene: Scene, options: DrawingOptions, clock: Clock) -> Drawing:
        """Draw ``scene``; ``clock.done`` is called at the end of each stage and may raise
        ``Cancelled``."""
        ...
