"""Errors in the OpenAPI document: for each status a schema with its codes, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cartoon_avatar.backend import errors
from cartoon_avatar.contract.errors import AvatarError, InvalidRequest
from cartoon_avatar.contract.limits import MAX_UPLOAD_BYTES
from cartoon_avatar.http.problems import Problem, problem_of
from cartoon_avatar.http.request_log import InternalError

_REQUEST_ID = "5c9d3f0e8b1a4a5f"
# What an example is made with, of errors that say something of the request.
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "invalid_request": ("There is no field `styl`; did you mean `style`?",),
    "invalid_device_id": ("Name the device in the X-Device-Id header or the field deviceId.",),
    "invalid_style": ("There is no such style; there are painted, comic, ink.",),
    "invalid_seed": ("seed must be a whole number from 0 to 9007199254740991.",),
    "invalid_format": ("format must be png, webp or jpeg.",),
    "invalid_background": ("background must be transparent or #RRGGBB.",),
    "invalid_size": ("size must be a whole number from 64 to 2048.",),
    "invalid_framing": ("framing must be portrait or full.",),
    "invalid_face": ("There is no face 3: the picture has 2, counted from 0.",),
    "invalid_preset": ("preset must be whatsapp, telegram, signal, imessage, circle or square.",),
    "invalid_outline": ("outlineWidth must be a whole number from 0 to 32.",),
    "image_too_large": ("The picture has 64 megapixels; at most 50 are accepted.",),
    "request_timeout": (300,),
    "file_too_large": (MAX_UPLOAD_BYTES,),
    "no_svg": ("comic",),
    "invalid_report": ("reason must be one of sexual, violent, hateful, not_me, other.",),
    "sticker_too_large": ("The sticker cannot be made of so few bytes.",),
    "too_many_requests": ("More than 60 requests a minute from one device; wait a little.",),
    "too_many_cartoons": (200,),
    "too_many_jobs": (50,),
    "job_finished": ("succeeded",),
    "internal_error": ("Something went wrong on our side; the log has the details.",),
}


def codes_by_status() -> dict[int, list[str]]:
    """Every stable code that a client can be told, under its status, each in the tree's order."""
    found: dict[int, list[str]] = {}
    for kind in _kinds():
        codes = found.setdefault(kind.status, [])
        if kind.code not in codes:
            codes.append(kind.code)
    return found


def examples_of(status: int) -> dict[str, dict[str, Any]]:
    """A whole body for each code of ``status``."""
    return {
        code: {"value": problem_of(_REQUEST_ID, error).model_dump(by_alias=True)}
        for code, error in _examples()
        if error.status == status
    }


def schema_of(status: int) -> dict[str, Any]:
    """A Problem whose code is one of those of ``status``."""
    schema: dict[str, Any] = Problem.model_json_schema(by_alias=True, mode="serialization")
    codes = codes_by_status()[status]
    schema["properties"]["code"] |= {"enum": codes, "examples": codes[:1]}
    schema["properties"]["status"]["examples"] = [status]
    first = next(iter(examples_of(status).values()))["value"]
    for name in ("title", "detail", "error"):
        schema["properties"][name]["examples"] = [first[name]]
    return {**schema, "title": f"Problem{status}", "description": f"An error of status {status}."}


def _kinds() -> Iterator[type[AvatarError]]:
    yield InvalidRequest
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, AvatarError) and kind is not AvatarError:
            yield kind
    yield InternalError


def _examples() -> Iterator[tuple[str, AvatarError]]:
    listed = set()
    for kind in _kinds():
        if kind.code not in listed:
            listed.add(kind.code)
            yield kind.code, _example(kind)


def _example(kind: type[AvatarError]) -> AvatarError:
    arguments = _ARGUMENTS.get(kind.code, ())
    try:
        return kind(*arguments)
    except TypeError:  # a test requires an example of each; until then the document has none
        example = AvatarError("")
        example.status, example.code = kind.status, kind.code
        return example
