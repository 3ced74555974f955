"""The OpenAPI document: FastAPI's, with what it cannot know and without what it makes up.

Clients are generated from it, so a name in here is a class or a method in somebody's app.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from cartoon_avatar.backend import errors
from cartoon_avatar.backend.routes.request_bodies import SCHEMAS
from cartoon_avatar.contract import paths
from cartoon_avatar.contract.errors import AvatarError
from cartoon_avatar.contract.limits import MAX_UPLOAD_BYTES
from cartoon_avatar.contract.media_types import PROBLEM_JSON
from cartoon_avatar.http.problems import problem_of

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
_ID_ALONE: dict[str, list[str]] = {"DeviceId": []}
_ID_AND_TOKEN: dict[str, list[str]] = {"DeviceId": [], "DeviceToken": []}
_TAGS = [
    {"name": "originals", "description": "Photos, kept for good, and cartoons drawn of them."},
    {"name": "jobs", "description": "What was asked for and is not done yet, or was lately."},
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
# What clients are told most often with this status; a status that is missing here has no example.
_TYPICAL: tuple[AvatarError, ...] = (
    errors.InvalidImage(),
    errors.Unauthorized(),
    errors.WrongRecoveryCode(),
    errors.NotFound(),
    errors.BodyTooSlow(limit_s=300),
    errors.SiblingDownloaded(),
    errors.FileTooLarge(MAX_UPLOAD_BYTES),
    errors.NoFace(),
    errors.TooManyRequests.of("device", per_minute=60),
    errors.GenerationFailed(),
    errors.AiUnavailable(),
    errors.InsufficientStorage(),
)
_EXAMPLES = {
    str(error.status): problem_of("5c9d3f0e8b1a4a5f", error).model_dump(by_alias=True)
    for error in _TYPICAL
}


def described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
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
    for schema in schemas.values():
        for field in schema["properties"].values():
            field.pop("title", None)  # "Thumbnailurl" helps nobody

    for path, methods in document["paths"].items():
        for operation in methods.values():
            _describe(operation, path, schemas)
    return document


def _describe(operation: dict[str, Any], path: str, schemas: dict[str, Any]) -> None:
    operation["summary"] = operation.pop("description").removesuffix(".")
    for parameter in operation.get("parameters", []):
        parameter["schema"].pop("title", None)
        if parameter["in"] == "path" and parameter["name"].endswith("Id"):
            parameter["example"] = "5f2d9c0a7b1e4d3c8a6f0e21"
    if path.startswith("/api/"):
        operation["security"] = [_ID_ALONE, _ID_AND_TOKEN]
    elif path.startswith("/uploads/"):
        operation["security"] = [{}, _ID_ALONE, _ID_AND_TOKEN]

    responses = operation["responses"]
    if path == paths.METRICS:
        responses["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    if "HTTPValidationError" in json.dumps(responses.get("422", {})):
        del responses["422"]
    for status, response in responses.items():
        content = response.get("content", {})
        if PROBLEM_JSON in content:
            content.pop("application/json", None)
            if status in _EXAMPLES:
                content[PROBLEM_JSON]["example"] = _EXAMPLES[status]
            if status in ("409", "429", "503"):
                response["headers"] = {"Retry-After": _RETRY_AFTER}
        for kind, media in content.items():
            if kind.startswith("image/"):
                media["schema"] = {"type": "string", "format": "binary"}
        if "$ref" in (body := content.get("application/json", {})).get("schema", {}):
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
