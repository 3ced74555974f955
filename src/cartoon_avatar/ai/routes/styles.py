"""The styles that a photo can be drawn in."""

from __future__ import annotations

import asyncio
import base64
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from cartoon_avatar.ai.engines.protocol import version_of
from cartoon_avatar.ai.routes.requests import state_of
from cartoon_avatar.contract import paths

router = APIRouter()


class StyleInfo(BaseModel):
    """A way to draw, as an app shows it, and what its engine says of itself."""

    name: str = Field(examples=["comic"])
    title: str = Field(examples=["Comic"])
    description: str = Field(examples=["Bold ink and flat, lively colour."])
    preview: str | None = Field(description="A small picture as a data: URI, where there is one.")
    needs_face: bool = Field(
        serialization_alias="needsFace",
        description="A photo without a face is refused (no_face).",
    )
    svg: bool = Field(description="Whether format=svg is possible.")
    engine: str = Field(description="What draws it; each has places and a queue of its own.")
    aligned: bool = Field(
        description="Whether a drawing shows what the photo shows in the same place."
    )
    deterministic: bool = Field(
        description="Whether the same photo, seed and options give the same picture."
    )
    version: str = Field(description="The same as long as `deterministic` holds.")
    places: int = Field(description="How many drawings the engine works on at once.")
    expected_seconds: float = Field(
        serialization_alias="expectedSeconds", description="What a drawing usually takes."
    )
    leaves_machine: bool = Field(
        serialization_alias="leavesMachine",
        description="Whether the photo is sent to somebody else's server.",
    )
    sent_to: str = Field(serialization_alias="sentTo", description="The host of that server.")
    source_type: str = Field(
        serialization_alias="sourceType",
        description="What its drawings' marks say: a term of the IPTC's digital source type.",
    )


class StyleList(BaseModel):
    """All styles, in the order in which an app should walk through them."""

    items: list[StyleInfo]


@router.get(paths.STYLES, operation_id="listStyles")
async def list_styles(request: Request) -> StyleList:
    """All styles, in walking order; then neural ones whose weights are here, last generators'."""
    # In a thread: a file that was not seen before is read from end to end.
    ai = state_of(request)
    styles = [(engine.facts, style) for engine, style in await asyncio.to_thread(ai.engines.styles)]
    styles += [(engine.facts, style) for engine in ai.remote for style in engine.styles()]
    return StyleList(
        items=[
            StyleInfo(
                name=style.name,
                title=style.title,
                description=style.sentence,
                preview=_preview(style.name),
                needs_face=style.needs_face,
                svg=style.svg,
                engine=facts.name,
                aligned=facts.aligned,
                deterministic=facts.deterministic,
                version=version_of(style),
                places=facts.places or ai.workers.size,
                expected_seconds=facts.expected_s,
                leaves_machine=facts.leaves_machine,
                sent_to=facts.sent_to if facts.leaves_machine else "",
                source_type=style.source_type or facts.source_type,
            )
            for facts, style in styles
        ]
    )


@cache
def _preview(style: str) -> str | None:
    file = resources.files("cartoon_avatar.ai") / "previews" / f"{style}.webp"
    if not file.is_file():
        return None
    return "data:image/webp;base64," + base64.b64encode(file.read_bytes()).decode()
