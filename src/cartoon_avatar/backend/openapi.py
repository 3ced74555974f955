"""The OpenAPI document: FastAPI's, with what it cannot know and without what it makes up.

Clients are generated from it, so a name in here is a class or a method in somebody's app.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from cartoon_avatar.backend.openapi_problems import codes_by_status, examples_of, schema_of
from cartoon_avatar.backend.routes.request_bodies import SCHEMAS
from cartoon_avatar.contract import paths
from cartoon_avatar.contract.media_types import PROBLEM_JSON

_DEVICE_ID = {
    "type": "apiKey",
    "in": "header",
    "name": "X-Device-Id",
    "description": "1 to 128 characters of `A-Z a-z 0-9 . _ -`, not starting with a dot, made by"
    " the app and kept. The query or form field `deviceId` does as well.",
}
_DEVICE_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "The `deviceToken` of the device's first upload. Once it was sent, the device id"
    " alone opens nothing.",
}
_NOBODY: dict[str, list[str]] = {}
_ID_ALONE: dict[str, list[str]] = {"DeviceId": []}
_ID_AND_TOKEN: dict[str, list[str]] = {"DeviceId": [], "DeviceToken": []}
_TAGS = [
    {"name": "originals", "description": "Photos, kept for good, and cartoons drawn of them."},
    {"name": "jobs", "description": "Work that is not done yet, or was done within a day."},
    {"name": "faces", "description": "Heads cut out of cartoons, kept for good."},
    {"name": "files", "description": "The pictures themselves."},
    {"name": "device", "description": "Everything of one caller."},
    {"name": "health", "description": "For those who run the service."},
]
_RETRY_AFTER = {
    "description": "Seconds to wait before asking again, where that helps.",
    "schema": {"type": "integer"},
    "example": 5,
}
_DESCRIPTION = """
Photos and faces are kept for good, the cartoons between them for a day.

**Who is asking.** Each installation of an app makes a random id once, keeps it, and sends it as
`X-Device-Id` with every request. Whoever knows the id alone can open the library until the app has
sent the `deviceToken` of its first upload (`Authorization: Bearer …`) once; from then on the
token is needed. So send it from the start, and never an id that two phones could share.

**Repeating safely.** Send an `Idempotency-Key` of your own making with every POST, and the same one
again when you do not know whether the first try arrived: it is carried out once.

**Jobs.** With `Prefer: respond-async` upload, regenerate and download answer 202 with a job as soon
as the photo is safe. Ask `GET /api/jobs/{jobId}?wait=20`, or follow its events, until its `state`
is `succeeded`, `failed` or `canceled`; `DELETE` cancels it, `GET /api/jobs` finds it again.

**Waiting.** 409, 429 and 503 say in `Retry-After` after how many seconds to ask again.

**Pictures.** `imageUrl`, `faceUrl` and `thumbnailUrl` are signed: they open without any header
for at least a day. They are paths of this server unless its public address is set; resolve them
against it. Keep pictures under their URL without its query, which changes.

**Errors** are `application/problem+json`: `code` is for the program, `detail` for a person.
"""
# Numbers that may pass 2³¹; all others are small.
_INT64 = {"seed", "fileSize", "size_bytes", "bytes"}


def described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_DESCRIPTION.strip(),
        servers=app.servers or [{"url": "/", "description": "Where this document is from."}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=_TAGS,
        routes=app.routes,
    )
    document["components"]["securitySchemes"] = {
        "DeviceId": _DEVICE_ID,
        "DeviceToken": _DEVICE_TOKEN,
    }
    schemas = document["components"]["schemas"]
    # FastAPI's own validation error: ours is a Problem, and a 400.
    del schemas["HTTPValidationError"], schemas["ValidationError"]
    schemas.update(SCHEMAS)
    for status in codes_by_status():
        schemas[f"Problem{status}"] = schema_of(status)
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            field.pop("title", None)  # "Thumbnailurl" helps nobody

    for path, methods in document["paths"].items():
        for operation in methods.values():
            _describe(operation, path, schemas)
    _size_integers(document)
    return document


def _size_integers(part: Any, name: str = "") -> None:
    """Say of each integer whether it fits into 32 bits: languages have types for either."""
    if isinstance(part, list):
        for one in part:
            _size_integers(one, name)
    elif isinstance(part, dict):
        if part.get("type") == "integer":
            part.setdefault("format", "int64" if name in _INT64 else "int32")
        for key, one in part.items():
            # The property or parameter that the schema belongs to.
            inner = str(part["name"]) if key == "schema" and "name" in part else key
            if key in ("anyOf", "oneOf", "allOf", "items"):
                inner = name
            if key not in ("example", "examples"):
                _size_integers(one, inner)


def _describe(operation: dict[str, Any], path: str, schemas: dict[str, Any]) -> None:
    operation["summary"] = operation.pop("description").removesuffix(".")
    for parameter in operation.get("parameters", []):
        parameter["schema"].pop("title", None)
        if parameter["in"] == "path" and parameter["name"].endswith("Id"):
            parameter["example"] = "5f2d9c0a7b1e4d3c8a6f0e21"
    if path.startswith("/api/"):
        operation["security"] = [_ID_ALONE, _ID_AND_TOKEN]
    elif path.startswith("/uploads/"):
        operation["security"] = [_NOBODY, _ID_ALONE, _ID_AND_TOKEN]

    responses = operation["responses"]
    if path == paths.METRICS:
        responses["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    if "HTTPValidationError" in json.dumps(responses.get("422", {})):
        del responses["422"]
    for status, response in responses.items():
        content = response.get("content", {})
        if PROBLEM_JSON in content:
            content.pop("application/json", None)
            content[PROBLEM_JSON] = {
                "schema": {"$ref": f"#/components/schemas/Problem{status}"},
                "examples": examples_of(int(status)),
            }
            if status in ("409", "429", "503"):
                response["headers"] = {"Retry-After": _RETRY_AFTER}
        for kind, media in content.items():
            if kind.startswith("image/"):
                media["schema"] = {"type": "string", "format": "binary"}
        body = content.get("application/json")
        if body is not None and "$ref" in body["schema"]:
            body["example"] = _example(body["schema"], schemas)
        if response["description"] == "Successful Response":
            response["description"] = HTTPStatus(int(status)).phrase + "."
    operation["responses"] = dict(sorted(responses.items()))


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A whole example, put together from those of the fields."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
        return {name: _example(field, schemas) for name, field in schema["properties"].items()}
    if "examples" in schema:
        return schema["examples"][0]
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas)]
    return None
