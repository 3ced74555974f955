"""Error responses every route may give, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from cartoon_avatar.backend.schemas import JobAccepted
from cartoon_avatar.contract.media_types import PROBLEM_JSON

_WHAT = {
    400: "A value is missing or wrong; the detail names it.",
    401: "The device is locked to a token that was not sent.",
    403: "The device has not agreed to what the style needs, or the recovery code opens nothing.",
    404: "Not there, not yours, or expired.",
    408: "The body took too long to arrive.",
    409: "Another cartoon of the photo was downloaded, or the key's first request still runs.",
    413: "The upload is larger than the limit.",
    422: "No face was found, or the Idempotency-Key belongs to another request.",
    429: "Too many requests; see Retry-After.",
    500: "The picture could not be drawn, or something unexpected happened.",
    503: "A part is busy, starting or out of reach; see Retry-After.",
    507: "The disk is full.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Without a ``model``: FastAPI would build a validator for each route and status when it is
    imported. The document gets the schema of each status from openapi.py."""
    return {
        status: {"description": _WHAT[status], "content": {PROBLEM_JSON: {}}} for status in statuses
    }


# Of a POST that may be accepted as a job.
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": JobAccepted,
        "description": "With `Prefer: respond-async`: it will be done; `Location` tells how far"
        " it is.",
    }
}
ALWAYS = (400, 401, 429, 503)
DRAWING = (*ALWAYS, 403, 404, 408, 409, 413, 422, 500, 507)
