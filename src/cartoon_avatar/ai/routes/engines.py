"""External generators and their state."""

from __future__ import annotations

from typing import Literal

import yarl
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from cartoon_avatar.ai.routes.requests import state_of
from cartoon_avatar.contract import paths

router = APIRouter()


class EngineInfo(BaseModel):
    """An external generator, as its operator sees it."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    name: str
    kind: str
    host: str = Field(description="Where pictures are sent.")
    styles: list[str]
    state: Literal["ok", "paused", "over_budget"] = Field(
        description="Whether it is used, asked for a pause, or has used up today's budget."
    )
    at_work: int = Field(description="Drawings in progress.")
    waiting: int
    calls_today: int = Field(description="That may have been charged, since midnight (UTC).")
    most_calls: int | None = Field(description="That a day may take.")
    price: float | None = Field(description="Of a drawing.")
    last_error: str | None


class EngineList(BaseModel):
    """All generators that engines.toml names, in its order."""

    items: list[EngineInfo]


@router.get(paths.ENGINES, operation_id="listEngines")
async def list_engines(request: Request) -> EngineList:
    """The external generators: what they draw, what they used of their budget, how they fail."""
    ai = state_of(request)
    items = []
    for engine in ai.remote:
        config, places = engine.config, ai.places[engine.config.name]
        items.append(
            EngineInfo(
                name=config.name,
                kind=config.kind,
                host=yarl.URL(config.url).host or "",
                styles=[style.name for style in config.style],
                state=engine.state,
                at_work=places.taken - len(places.line),
                waiting=len(places.line),
                calls_today=engine.calls_today,
                most_calls=engine.most_calls,
                price=config.price,
                last_error=engine.last_error,
            )
        )
    return EngineList(items=items)
