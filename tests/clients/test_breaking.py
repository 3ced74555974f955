"""The gate before changes that break generated clients."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from clients.breaking import DOCUMENT, breaks, current

UPLOAD, FACES = "/api/upload", "/api/downloaded-faces"


def drop(document: dict[str, Any], *way: str) -> None:
    for step in way[:-1]:
        document = document[step]
    del document[way[-1]]


def set_(document: dict[str, Any], value: Any, *way: str) -> None:
    for step in way[:-1]:
        document = document[step]
    document[way[-1]] = value


def fields(name: str) -> tuple[str, ...]:
    return ("components", "schemas", name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: drop(d, "paths", FACES, "get"), f"GET {FACES}: is gone"),
        (
            lambda d: set_(d, "listHeads", "paths", FACES, "get", "operationId"),
            "operationId listFaces is listHeads now",
        ),
        (
            lambda d: drop(d, *fields("Cartoon"), "properties", "seed"),
            f"POST {UPLOAD}: 201: cartoon: field seed is gone",
        ),
        (
            lambda d: set_(d, "string", *fields("Cartoon"), "properties", "seed", "type"),
            "cartoon: seed was integer, is string",
        ),
        (
            lambda d: d["components"]["schemas"]["Face"]["required"].remove("fileSize"),
            "field fileSize may be missing now",
        ),
        (
            lambda d: d["paths"][FACES]["get"]["parameters"].append(
                {"in": "query", "name": "order", "required": True, "schema": {"type": "string"}}
            ),
            f"GET {FACES}: parameter order is required now",
        ),
        (
            lambda d: drop(d, "paths", UPLOAD, "post", "responses", "201"),
            f"POST {UPLOAD}: 201 is never answered any more",
        ),
    ],
)
def test_what_would_break_a_client_is_named(change: Callable[[dict[str, Any]], None], said: str):
    before, after = current(), deepcopy(current())
    change(after)
    assert any(said in line for line in breaks(before, after)), list(breaks(before, after))


def test_what_only_adds_breaks_nobody():
    before, after = current(), deepcopy(current())
    after["paths"]["/api/new"] = {"get": {"operationId": "new", "responses": {}}}
    set_(after, {"type": "string"}, *fields("Cartoon"), "properties", "mood")
    after["paths"][UPLOAD]["post"]["responses"]["418"] = {"description": "Tea."}
    assert list(breaks(before, after)) == []


def test_the_document_that_clients_were_made_of_is_kept_to():
    assert list(breaks(json.loads(DOCUMENT.read_text()), current())) == []
