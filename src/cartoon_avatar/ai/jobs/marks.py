"""How a picture that leaves here was made, for its mark."""

from __future__ import annotations

from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION
from cartoon_avatar.ai.engines.protocol import EngineFacts, StyleFacts
from cartoon_avatar.containers.marks import (
    AI_TERMS,
    ALGORITHMICALLY_ENHANCED,
    BUILT_IN,
    Mark,
    ai_term_in,
    mark_in,
)


def mark_of_drawing(engine: EngineFacts, style: StyleFacts, photo: bytes = b"") -> Mark:
    """Of a photo that AI made, a drawing says so too."""
    term = style.source_type or engine.source_type
    if term not in AI_TERMS:
        term = ai_term_in(photo) or term
    return Mark(term, engine.name, engine.version)


def mark_of_part(picture: bytes, original: bytes | None = None) -> Mark:
    """Of what is cut out of ``picture`` or is a smaller copy of it: its own mark; without one, what
    it or its ``original`` says of AI."""
    mark = mark_in(picture)
    if mark is None:
        term = ai_term_in(picture) or ai_term_in(original or b"")
        mark = Mark(term or ALGORITHMICALLY_ENHANCED, BUILT_IN, str(ENGINE_VERSION))
    return mark
