"""What a route may ask for beside the device that calls."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, get_args

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, BeforeValidator

from cartoon_avatar.backend.db.tables import JobState
from cartoon_avatar.backend.errors import NotFound
from cartoon_avatar.backend.flows.disk_space import room_to_delete
from cartoon_avatar.backend.state import State
from cartoon_avatar.contract.errors import InvalidRequest
from cartoon_avatar.contract.options import whole_number

_ID = re.compile(r"[\x21-\x7e]{1,64}")


async def _state_of(request: Request) -> State:  # FastAPI calls what is not async in a thread
    state: State = request.state.backend
    return state


Backend = Annotated[State, Depends(_state_of)]


async def _room_to_delete(backend: Backend) -> AsyncIterator[None]:
    async with room_to_delete(backend.settings.data_dir):
        yield


RoomToDelete = Depends(_room_to_delete)


def _possible_id(text: str) -> str:
    """Raises NotFound for what cannot be an id: control characters never reach the database."""
    if not _ID.fullmatch(text):
        raise NotFound
    return text


Id = Annotated[str, AfterValidator(_possible_id)]
DEFAULT_LIMIT = 20
Cursor = Annotated[
    str | None,
    Query(max_length=256, description="`nextCursor` of the last page."),
    AfterValidator(lambda cursor: cursor or None),
]
_MOST_ITEMS = 100


def _limit_of(value: object) -> int:
    number = whole_number({"limit": value}, "limit", InvalidRequest, 1, _MOST_ITEMS)
    return DEFAULT_LIMIT if number is None else number


# Here and below a bound stands before its validator: behind it, OpenAPI would lose the bound.
Limit = Annotated[
    int,
    Query(ge=1, le=_MOST_ITEMS, description="Items a page."),
    BeforeValidator(_limit_of),
]


_LONGEST_WAIT_S = 60


def _wait_of(value: object) -> int:
    return whole_number({"wait": value}, "wait", InvalidRequest, 0, _LONGEST_WAIT_S) or 0


WaitSeconds = Annotated[
    int,
    Query(ge=0, le=_LONGEST_WAIT_S, description="Seconds to wait at most for the job to end."),
    BeforeValidator(_wait_of),
]


def _known_state(value: object) -> object:
    states = get_args(JobState)
    if value and value not in states:
        raise InvalidRequest(f"state must be {', '.join(states[:-1])} or {states[-1]}.")
    return value or None


OnlyInState = Annotated[
    JobState | None,
    Query(description="Only jobs in this state."),
    BeforeValidator(_known_state),
]


async def _no_page_number(request: Request) -> None:
    if "page" in request.query_params:
        raise InvalidRequest(
            "Lists have no numbered pages: pass the nextCursor of the last page as cursor."
        )


NoPageNumber = Depends(_no_page_number)
