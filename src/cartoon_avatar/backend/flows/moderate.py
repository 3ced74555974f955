"""Photos and drawings are judged by the host, where it wants that."""

from __future__ import annotations

from collections.abc import Sequence

from cartoon_avatar.backend.flows.attempt import Attempt
from cartoon_avatar.backend.moderation import Purpose
from cartoon_avatar.backend.state import State
from cartoon_avatar.containers.marks import AI_TERMS
from cartoon_avatar.http.request_log import stage


async def moderate(
    backend: State,
    attempt: Attempt,
    picture: Sequence[bytes | memoryview],
    mime_type: str,
    purpose: Purpose,
    style: str | None,
) -> None:
    """Raises Rejected, PictureHeld and ModerationUnavailable."""
    if not backend.moderation.is_on:
        return
    styles = backend.ai.known_styles
    kinds = {one.source_type for one in styles if one.name == style}
    with stage("moderate"):
        await attempt.ask(
            backend.moderation.require_allowed(
                picture, mime_type, purpose, style or "", generated=not kinds.isdisjoint(AI_TERMS)
            )
        )
