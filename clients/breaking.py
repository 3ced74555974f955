"""Names what in the API would break clients that were generated from `clients/openapi.json`.

`./run check` runs it, and ends with 1 where something would; what only adds passes. `--accept`
writes the document anew, which says: apps that are out there are asked to follow.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.settings import BackendSettings

DOCUMENT = Path(__file__).with_name("openapi.json")
Schema = dict[str, Any]


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """What a client of ``old`` relies on and ``new`` does not keep to, a line each."""
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            name = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{name}: is gone"
                continue
            if before["operationId"] != after["operationId"]:
                yield f"{name}: operationId {before['operationId']} is {after['operationId']} now"
            yield from _parameters(name, before, after, old, new)
            yield from _body(name, before, after, old, new)
            yield from _responses(name, before, after, old, new)


def _parameters(
    name: str, before: Schema, after: Schema, old: Schema, new: Schema
) -> Iterator[str]:
    was = {(one["in"], one["name"]): one for one in before.get("parameters", [])}
    now = {(one["in"], one["name"]): one for one in after.get("parameters", [])}
    for place, parameter in was.items():
        what = f"{name}: parameter {place[1]}"
        if place not in now:
            yield f"{what} is gone"
        else:
            yield from _accepted(what, parameter["schema"], now[place]["schema"], old, new)
    for place, parameter in now.items():
        if parameter.get("required") and not was.get(place, {}).get("required"):
            yield f"{name}: parameter {place[1]} is required now"


def _body(name: str, before: Schema, after: Schema, old: Schema, new: Schema) -> Iterator[str]:
    was, now = before.get("requestBody", {}), after.get("requestBody", {})
    if now.get("required") and not was.get("required"):
        yield f"{name}: a body is required now"
    for kind, media in was.get("content", {}).items():
        if kind not in now.get("content", {}):
            yield f"{name}: {kind} is not taken any more"
        else:
            yield from _accepted(
                f"{name}: {kind}", media["schema"], now["content"][kind]["schema"], old, new
            )


def _responses(name: str, before: Schema, after: Schema, old: Schema, new: Schema) -> Iterator[str]:
    for status, was in before["responses"].items():
        now = after["responses"].get(status)
        if now is None:
            if status.startswith("2"):
                yield f"{name}: {status} is never answered any more"
            continue
        for kind, media in was.get("content", {}).items():
            given = now.get("content", {}).get(kind)
            if given is None:
                yield f"{name}: {status} is not {kind} any more"
            else:
                yield from _given(
                    f"{name}: {status}", media.get("schema", {}), given.get("schema", {}), old, new
                )


def _accepted(what: str, was: Schema, now: Schema, old: Schema, new: Schema) -> Iterator[str]:
    """Of a request: what was accepted has to be accepted still."""
    was, now = _resolved(was, old), _resolved(now, new)
    yield from _same_type(what, was, now)
    for name, field in was.get("properties", {}).items():
        if name not in now.get("properties", {}):
            yield f"{what}: field {name} is gone"
        else:
            yield from _accepted(f"{what}: {name}", field, now["properties"][name], old, new)
    for name in sorted(set(now.get("required", [])) - set(was.get("required", []))):
        yield f"{what}: field {name} is required now"
    if "enum" in now:
        for value in was.get("enum", []):
            if value not in now["enum"]:
                yield f"{what}: {value!r} is not taken any more"


def _given(what: str, was: Schema, now: Schema, old: Schema, new: Schema) -> Iterator[str]:
    """Of a response: what was given has to be given still. More may be."""
    was, now = _resolved(was, old), _resolved(now, new)
    yield from _same_type(what, was, now)
    for name, field in was.get("properties", {}).items():
        if name not in now.get("properties", {}):
            yield f"{what}: field {name} is gone"
        else:
            yield from _given(f"{what}: {name}", field, now["properties"][name], old, new)
    for name in sorted(set(was.get("required", [])) - set(now.get("required", []))):
        if name in now.get("properties", {}):
            yield f"{what}: field {name} may be missing now"
    if "items" in was and "items" in now:
        yield from _given(f"{what}[]", was["items"], now["items"], old, new)


def _same_type(what: str, was: Schema, now: Schema) -> Iterator[str]:
    kinds = [_type(schema) for schema in (was, now)]
    if kinds[0] != kinds[1]:
        yield f"{what} was {kinds[0]}, is {kinds[1]}"


def _type(schema: Schema) -> str:
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(sorted(_type(choice) for choice in choices))
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    return str(schema.get("type", "anything"))


def _resolved(schema: Schema, document: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def current() -> Schema:
    with tempfile.TemporaryDirectory() as scratch:
        return create_app(BackendSettings(data_dir=Path(scratch))).openapi()


def _without_words(part: Any) -> Any:
    """Examples and descriptions break nobody, and are most of the document."""
    if isinstance(part, list):
        return [_without_words(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _without_words(one)
        for name, one in part.items()
        if not (
            name in ("example", "examples")
            or (name in ("description", "summary") and isinstance(one, str))
        )
    }


def main() -> int:
    now = current()
    if "--accept" in sys.argv[1:]:
        shape = json.dumps(_without_words(now), indent=1, ensure_ascii=False)
        DOCUMENT.write_text(f"{shape}\n")
        return 0
    found = list(breaks(json.loads(DOCUMENT.read_text()), now))
    for line in found:
        print(f"breaks clients: {line}")
    if found:
        print("Meant? `./run python clients/breaking.py --accept`, and a line in CHANGELOG.md.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
