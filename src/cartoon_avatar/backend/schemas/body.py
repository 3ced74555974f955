"""What JSON bodies share: camelCase, times in ISO 8601 UTC with milliseconds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel


def _iso(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"  # without its +00:00


Time = Annotated[
    datetime,
    PlainSerializer(_iso, return_type=str),
    Field(
        examples=["2026-01-05T23:20:56.789Z"],
        json_schema_extra={"type": "string", "format": "date-time"},
    ),
]


Id = Annotated[str, Field(description="Opaque.", examples=["5f2d9c0a7b1e4d3c8a6f0e21"])]


NextCursor = Annotated[
    str | None,
    Field(
        description="Pass as `cursor` for the next page; null on the last.",
        examples=["MTczNjEyMzQ1Njc4OQ"],
    ),
]


class Body(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True
    )


def columns(row: object, names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names.split()}
