"""The Dart client, which nothing here can compile: its syntax, and its requests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_dart

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "dart" / "avatars.dart"
# Of whoever runs the service, or opened by their URL alone.
NOT_OF_APPS = {"/healthz", "/readyz", "/metrics", "/uploads/{type}/{filename}"}
_BLOCK = re.compile(r"^```dart\n(.*?)^```", re.MULTILINE | re.DOTALL)


def faults(code: str) -> list[str]:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_dart.language()))
    tree = parser.parse(code.encode())
    found: list[str] = []

    def walk(node: tree_sitter.Node) -> None:
        if node.is_error or node.is_missing:
            found.append(f"line {node.start_point.row + 1}: {node.text!r}"[:200])
        for child in node.children:
            walk(child)

    walk(tree.root_node)
    return found


def test_its_syntax_is_valid():
    assert faults(CLIENT.read_text()) == []


@pytest.mark.parametrize("code", _BLOCK.findall((ROOT / "docs" / "flutter.md").read_text()))
def test_the_code_of_the_page_is_valid(code: str):
    assert faults(code) == []


def test_a_syntax_error_is_found():
    assert faults("class A { final int x =; }")


def test_it_asks_for_every_operation_of_an_app_and_for_no_other():
    document = json.loads((ROOT / "clients" / "openapi.json").read_text())
    wanted = {
        (method.upper(), re.sub(r"\{\w+\}", "*", path))
        for path, methods in document["paths"].items()
        if path not in NOT_OF_APPS
        for method in methods
    }
    code = CLIENT.read_text()
    asked = {
        (method, re.sub(r"\$\w+", "*", path))
        for method, path in re.findall(r"_send\(\s*'([A-Z]+)',\s*'(/[^']+)'", code)
    }
    asked |= {
        ("GET", re.sub(r"\$\w+", "*", path))
        for path in re.findall(r"(?:_page|_bytes|download)\(\s*'(/[^']+)'", code)
    }
    assert asked == wanted


def test_it_reads_no_field_that_no_response_has():
    schemas = json.loads((ROOT / "clients" / "openapi.json").read_text())["components"]["schemas"]
    theirs = {"Sticker": "Export", "Uploaded": "UploadCreated"}
    code = CLIENT.read_text()
    read = 0
    for name in (
        "Original",
        "Cartoon",
        "Face",
        "Sticker",
        "Style",
        "Consent",
        "PhotoFace",
        "OriginalDetail",
        "Uploaded",
    ):
        part = re.search(rf"^  {name}\(Json json\)(.*?);\n", code, re.MULTILINE | re.DOTALL)
        assert part, name
        fields = re.findall(r"json\['(\w+)'\]", part[1])
        assert set(fields) <= set(schemas[theirs.get(name, name)]["properties"]), name
        read += len(fields)
    assert read > 30


def test_its_drawings_have_every_option_of_the_service():
    schemas = json.loads((ROOT / "clients" / "openapi.json").read_text())["components"]["schemas"]
    drawing = re.search(r"^class Drawing \{.*?^\}", CLIENT.read_text(), re.MULTILINE | re.DOTALL)
    assert drawing
    assert set(re.findall(r"'(\w+)':", drawing[0])) == set(schemas["DrawingOptions"]["properties"])


def test_it_repeats_nothing_by_itself_that_a_person_should_repeat():
    page = (ROOT / "docs" / "flutter.md").read_text()
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", page, re.MULTILINE)
    of_people = {
        code
        for codes, what in rows
        if re.search("when (a person|the user) asks", what)
        for code in re.findall(r"`(\w+)`", codes)
    }
    said = re.search(r"asksAPerson = \{(.*?)\}", CLIENT.read_text())
    assert said
    assert set(re.findall(r"'(\w+)'", said[1])) == of_people
    assert of_people
