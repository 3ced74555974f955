"""The documents, held to the code: what they show is run, what they list is compared."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from sqlalchemy import Table

from cartoon_avatar.ai.app import create_app as create_ai_app
from cartoon_avatar.ai.settings import AiSettings
from cartoon_avatar.backend import errors
from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.db.tables import metadata
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.contract.errors import AvatarError
from tests.backend.conftest import FakeAi, Service, picture, running

DOCS = Path(__file__).parent.parent / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"^`(\d{3})", re.MULTILINE)


@dataclass
class Step:
    """A request of a document as curl would send it, and what is said to come back."""

    curl: str
    status: int
    response: Any

    async def send(self, http: httpx.AsyncClient, known: dict[str, str]) -> httpx.Response:
        words = shlex.split(re.sub(r"\$(\w+)", lambda name: known[name[1]], self.curl))
        assert words.pop(0) == "curl"
        method, url = "GET", ""
        request: dict[str, Any] = {}
        headers: dict[str, str] = {}
        while words:
            match words.pop(0):
                case "-X":
                    method = words.pop(0)
                case "-H":
                    name, _, value = words.pop(0).partition(": ")
                    headers[name] = value
                case "-F":
                    method = "POST"
                    name, _, value = words.pop(0).partition("=")
                    if value.startswith("@"):
                        data = b"no picture" if value.endswith(".txt") else picture()
                        request.setdefault("files", {})[name] = (value[1:], data)
                    else:
                        request.setdefault("data", {})[name] = value
                case "--json":
                    method = "POST"
                    request["json"] = json.loads(words.pop(0))
                case "-o":
                    words.pop(0)
                case "-s":
                    pass
                case word:
                    url = word
        return await http.request(method, url, headers=headers, **request)


def steps_of(document: str) -> Iterator[Step]:
    """Each ``sh`` block is a request; the status and any ``json`` block after it its response."""
    blocks = list(_BLOCK.finditer(document))
    for at, block in enumerate(blocks):
        if block[1] != "sh" or not block[2].startswith("curl"):
            continue
        following = blocks[at + 1] if at + 1 < len(blocks) else None
        end = following.start() if following else len(document)
        said = _STATUS.search(document, block.end(), end)
        assert said, f"no status after {block[2]}"
        has_response = following is not None and following[1] == "json"
        curl = block[2].replace("\\\n", " ")
        yield Step(curl, int(said[1]), json.loads(following[2]) if has_response else None)


def shape(value: Any) -> Any:
    """What stays the same from one response to the next: names and types."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def learn(response: Any, known: dict[str, str]) -> None:
    for noun in ("original", "cartoon", "face"):
        if noun in response:
            known[noun.upper()] = response[noun]["id"]
            known["PICTURE"] = response[noun].get("imageUrl") or response[noun]["faceUrl"]
    if "deviceToken" in response:
        known["TOKEN"] = response["deviceToken"]


@pytest.fixture
async def service(tmp_path: Path) -> Any:
    settings = BackendSettings(data_dir=tmp_path / "data", min_free_bytes=0)
    style = {"name": "comic", "title": "Comic", "description": "…", "preview": "data:image/webp,"}
    ai = FakeAi(handlers={"/styles": lambda request: httpx.Response(200, json={"items": [style]})})
    async with running(settings, ai) as service:
        yield service


async def test_every_request_of_the_api_flow_is_answered_as_it_says(service: Service):
    known = {"API": "http://backend", "DEVICE": "my-phone"}
    steps = list(steps_of((DOCS / "api-flow.md").read_text()))
    assert len(steps) > 10

    for step in steps:
        response = await step.send(service.http, known)
        assert response.status_code == step.status, f"{step.curl}{response.text}"
        if step.response is None:
            continue
        said, real = step.response, response.json()
        assert shape(said) == shape(real), step.curl
        if "code" in said:
            assert said["code"] == real["code"], step.curl
        learn(real, known)


def test_every_table_column_and_index_is_in_the_database_document():
    document = (DOCS / "database.md").read_text()
    drawn = dict(re.findall(r"^    (\w+) \{\n(.*?)^    \}", document, re.MULTILINE | re.DOTALL))
    tables: dict[str, Table] = dict(metadata.tables)

    assert drawn.keys() == tables.keys()
    for name, table in tables.items():
        columns = re.findall(r"^        \w+ (\w+)", drawn[name], re.MULTILINE)
        assert sorted(columns) == sorted(table.columns.keys()), name
        for column in table.columns:
            line = re.search(rf"^        \w+ {column.name}(.*)$", drawn[name], re.MULTILINE)
            marks = set(re.findall(r"\b(PK|FK|UK)\b", line[1] if line else ""))
            assert ("PK" in marks) == column.primary_key, f"{name}.{column.name}"
            assert ("FK" in marks) == bool(column.foreign_keys), f"{name}.{column.name}"
            assert ("UK" in marks) == bool(column.unique), f"{name}.{column.name}"
            for key in column.foreign_keys:
                parent = key.column.table.name
                assert re.search(rf"^    {parent} \S+ {name} :", document, re.MULTILINE), name
        for index in table.indexes:
            listed = ", ".join(column.name for column in index.columns)
            assert f"| `{name}` | `{listed}` |" in document, f"index {name} ({listed})"
    listed = re.findall(r"^\| `(\w+)` \| `([\w, ]+)` \|", document, re.MULTILINE)
    assert len(listed) == sum(len(table.indexes) for table in tables.values())


def test_links_between_the_documents_lead_somewhere():
    root = DOCS.parent
    for file in [root / "README.md", root / "benchmarks" / "README.md", *DOCS.rglob("*.md")]:
        for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", file.read_text()):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, heading = link.partition("#")
            found = file.parent / target if target else file
            assert found.exists(), f"{file.name} links to {link}"
            if heading:
                assert heading in anchors_of(found), f"{file.name} links to {link}"


def anchors_of(document: Path) -> set[str]:
    """The headings of a Markdown document, as GitHub writes them in links."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_benchmark_is_described():
    folder = DOCS.parent / "benchmarks"
    written = {path.stem for path in folder.glob("*.py")} - {"measuring", "queues"}
    rows = re.findall(r"^\| `(\w+)` \|", (folder / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(written)


def test_paths_named_in_the_summary_exist():
    """What it maps the original design to is still where it says."""
    summary = (DOCS / "summary.md").read_text()
    root = DOCS.parent
    package = root / "src" / "cartoon_avatar"
    named = re.findall(r"`((?:[\w-]+/)+[\w.-]*|[\w-]+\.(?:py|md))`", summary)
    paths = [name for name in named if "/" in name or name.endswith((".py", ".md"))]
    assert len(paths) > 30
    for path in paths:
        places = (root / path, package / path, DOCS / path)
        assert any(place.exists() for place in places), path


def document_of(tmp_path: Path) -> dict[str, Any]:
    return create_app(BackendSettings(data_dir=tmp_path)).openapi()


def test_what_the_walks_of_the_architecture_call_is_there():
    """Each `file.py` `name` is a function, class or constant of that file."""
    text = (DOCS / "architecture.md").read_text()
    package = DOCS.parent / "src" / "cartoon_avatar"
    calls = re.findall(r"`((?:\w+/)+\w+\.py)`\s+`(\w+)`", text)
    assert len(calls) > 40
    for file, name in calls:
        defined = rf"^\s*(?:async )?(?:def|class) {name}\b|^{name} ="
        assert re.search(defined, (package / file).read_text(), re.MULTILINE), f"{file} {name}"


def test_every_folder_of_the_architecture_tree_is_there():
    tree = (DOCS / "architecture.md").read_text().partition("```text\nsrc/cartoon_avatar/")[2]
    tree = tree.partition("```")[0]
    package = DOCS.parent / "src" / "cartoon_avatar"
    files = {path.name for path in package.rglob("*.py")}
    folders = {path.name for path in package.rglob("*") if path.is_dir()}
    named = re.findall(r"(?<![\w.])(\w+)(\.py|/)(?= |,|\n|:)", tree)
    assert len(named) > 70
    for name, kind in named:
        assert name + kind in files if kind == ".py" else name in folders, name + kind


def test_the_openapi_documents_are_valid(tmp_path: Path):
    ai = create_ai_app(AiSettings(models_dir=tmp_path)).openapi()
    for document in (document_of(tmp_path), ai):
        schemathesis.openapi.from_dict(document).validate()
        # Bounds have JSON Schema's names.
        assert not re.search(r'"(ge|gt|le|lt|multiple_of)":', json.dumps(document))
        for schema in document["components"]["schemas"].values():
            jsonschema_rs.meta.validate(schema)


def test_every_operation_has_what_a_client_generator_needs(tmp_path: Path):
    document = document_of(tmp_path)
    ids = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method} {path}"
            ids.append(operation["operationId"])
            assert re.fullmatch(r"[a-z][A-Za-z]+", operation["operationId"]), name
            assert len(operation["summary"]) > 10, name
            assert not operation["summary"].istitle(), name
            assert operation["tags"], name
            # {} among the ways to say who is asking: nobody needs to.
            open_to_all = {} in operation.get("security", [{}])
            assert open_to_all != path.startswith("/api/"), name
            for status, response in operation["responses"].items():
                assert response["description"], name
                for kind, media in response.get("content", {}).items():
                    assert "schema" in media, f"{name} {status} {kind}"
                    if "json" in kind:
                        assert "$ref" in media["schema"], f"{name} {status}"
                        assert {"example", "examples"} & set(media), f"{name} {status}"
                if int(status) >= 400 and status not in ("416",) and path != "/readyz":
                    assert list(response["content"]) == ["application/problem+json"], name
    assert len(set(ids)) == len(ids)


def test_the_examples_of_the_openapi_document_fit_their_schemas(tmp_path: Path):
    document = document_of(tmp_path)
    for methods in document["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                for media in response.get("content", {}).values():
                    given = [media["example"]] if "example" in media else []
                    given += [one["value"] for one in media.get("examples", {}).values()]
                    schema = {**media.get("schema", {}), "components": document["components"]}
                    for example in given:
                        jsonschema_rs.validate(schema, example)


def test_each_status_names_its_codes_with_an_example_of_each(tmp_path: Path):
    document = document_of(tmp_path)
    listed = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                problem = response.get("content", {}).get("application/problem+json")
                if problem is None:
                    continue
                name = problem["schema"]["$ref"].rpartition("/")[2]
                codes = document["components"]["schemas"][name]["properties"]["code"]["enum"]
                assert name == f"Problem{status}"
                assert list(problem["examples"]) == codes
                for code, example in problem["examples"].items():
                    value = example["value"]
                    assert (value["code"], value["status"]) == (code, int(status))
                    assert (value["success"], value["error"]) == (False, value["detail"])
                    assert value["detail"], f"openapi_problems.py has no example of {code}"
                listed |= set(codes)
    tree = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, AvatarError)
    }
    assert listed == tree


def test_every_integer_has_a_size_and_the_server_is_named(tmp_path: Path):
    document = document_of(tmp_path)
    assert document["servers"] == [{"url": "/", "description": "Where this document is from."}]
    for subject in ("X-Device-Id", "deviceToken", "Idempotency-Key", "respond-async", "signed"):
        assert subject in document["info"]["description"]
    text = json.dumps(document["components"]["schemas"]) + json.dumps(document["paths"])
    assert text.count('"type": "integer"') == text.count('"format": "int')
    cartoon = document["components"]["schemas"]["Cartoon"]["properties"]
    assert (cartoon["seed"]["format"], cartoon["width"]["format"]) == ("int64", "int32")


def test_the_flutter_page_says_what_to_do_about_every_error():
    page = (DOCS / "flutter.md").read_text()
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, AvatarError):
            assert f"`{kind.code}`" in page, kind.code


def test_every_fault_and_attack_listed_has_its_test_and_every_file_of_tests_is_listed():
    """A row stands for a test that is there; a test that is renamed takes its row along."""
    journal = (DOCS / "lab" / "faults-and-attacks.md").read_text()
    listed = re.findall(r"`((?:\w+/)+test_\w+\.py)::(test_\w+)`", journal)
    tests = DOCS.parent / "tests"
    for file, name in listed:
        assert f"def {name}(" in (tests / file).read_text(), f"{file}::{name}"
    assert len(set(listed)) == len(listed)
    written = {
        path.relative_to(tests).as_posix()
        for folder in ("faults", "attacks")
        for path in (tests / folder).glob("test_*.py")
    }
    assert written <= {file for file, _ in listed}
