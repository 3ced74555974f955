"""Errors as a client sees them: problem+json (RFC 9457), the same in both services."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Literal, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from cartoon_avatar.contract.errors import AvatarError, InvalidRequest
from cartoon_avatar.contract.media_types import PROBLEM_JSON

E = TypeVar("E", bound=Exception)


class Problem(BaseModel):
    """The body of every error response (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(
        description="For a person: what was wrong, or which limit was passed.",
        examples=["The file is not an image of an accepted type."],
    )
    code: str = Field(
        description="For a program: stable and documented.", examples=["invalid_image"]
    )
    request_id: str = Field(
        serialization_alias="requestId",
        description="Stands in the service's log too.",
        examples=["5c9d3f0e8b1a4a5f"],
    )
    success: Literal[False] = Field(
        False, description="For apps of the original API, which look for it.", examples=[False]
    )
    error: str = Field(
        description="The same as `detail`, for apps of the original API.",
        examples=["The file is not an image of an accepted type."],
    )


def problem_of(request_id: str, error: AvatarError) -> Problem:
    return Problem(
        type="about:blank",
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.detail,
        code=error.code,
        request_id=request_id,
        error=error.detail,
    )


def problem_response(request_id: str, error: AvatarError) -> JSONResponse:
    problem = problem_of(request_id, error)
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        problem.model_dump(by_alias=True),
        status_code=error.status,
        headers=headers,
        media_type=PROBLEM_JSON,
    )


def on_error(
    app: FastAPI, kind: type[E], handle: Callable[[Request, E], Awaitable[Response]]
) -> None:
    """Have ``handle`` respond to errors of ``kind``."""
    # pyrefly: ignore[bad-argument-type] (Starlette's type is of handlers for any exception)
    app.add_exception_handler(kind, handle)


def render_problems(app: FastAPI) -> None:
    """Give every error response of ``app`` a problem body."""

    async def avatar_error(request: Request, error: AvatarError) -> JSONResponse:
        return problem_response(request.state.request_id, error)

    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        ]
        return problem_response(request.state.request_id, InvalidRequest("; ".join(faults)))

    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        foreign = AvatarError(str(error.detail))
        foreign.status = error.status_code
        # The phrase of the status ("Method Not Allowed") makes a stable code.
        phrase = HTTPStatus(error.status_code).phrase.lower()
        foreign.code = re.sub(r"[^a-z]+", "_", phrase)
        response = problem_response(request.state.request_id, foreign)
        response.headers.update(error.headers or {})
        return response

    on_error(app, AvatarError, avatar_error)
    on_error(app, RequestValidationError, invalid)
    on_error(app, HTTPException, refused)
