"""Every answer of both services is one that their OpenAPI documents describe; none is a 5xx."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import checks

from cartoon_avatar.ai.app import create_app as create_ai
from cartoon_avatar.ai.settings import AiSettings
from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.settings import BackendSettings
from tests.ai.conftest import running as running_ai
from tests.ai.conftest import until_ready
from tests.attacks.test_private import photo_with_canary
from tests.backend.conftest import FakeAi, running

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
HARD = settings(
    max_examples=12,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Door:
    """One service, asked from this thread: the generator of cases knows no event loop."""

    def __init__(self, opened: AbstractAsyncContextManager[Any], document: dict[str, Any]) -> None:
        self.loop = asyncio.new_event_loop()
        self.opened = opened
        self.inside = self.loop.run_until_complete(opened.__aenter__())
        self.http: httpx.AsyncClient = getattr(self.inside, "http", self.inside)
        self.schema = schemathesis.openapi.from_dict(document)

    def close(self) -> None:
        self.loop.run_until_complete(self.opened.__aexit__(None, None, None))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def ask(self, case: Any, headers: dict[str, str]) -> httpx.Response:
        request = requests.Request(**case.as_transport_kwargs(base_url="http://service"))
        prepared = request.prepare()
        given = {name: value for name, value in prepared.headers.items() if value is not None}
        return self.loop.run_until_complete(
            self.http.request(
                prepared.method,
                prepared.url,
                headers=headers | {name: _latin(value) for name, value in given.items()},
                content=prepared.body,
            )
        )

    def hold(self, path: str, method: str, headers: dict[str, str]) -> None:
        """Ask an operation for all kinds of things, and hold its responses to the document."""

        @seed(20260105)
        @HARD
        @given(case=self.schema[path][method].as_strategy())
        def one(case: Any) -> None:
            case.validate_response(self.ask(case, headers), checks=CHECKS)

        one()


def _latin(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "replace")


def _operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (path, method.upper()) for path, methods in document["paths"].items() for method in methods
    ]


BACKEND = create_app(BackendSettings(data_dir=Path("never-made"))).openapi()
AI = create_ai(AiSettings(workers=1)).openapi()


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    given = BackendSettings(
        data_dir=tmp_path_factory.mktemp("data"),
        min_free_bytes=0,
        device_drawings_per_minute=10_000,
        address_drawings_per_minute=10_000,
    )
    door = Door(running(given, FakeAi()), BACKEND)
    yield door
    door.close()


@pytest.fixture(scope="module")
def ai() -> Iterator[Door]:
    app = create_ai(AiSettings(workers=1, log_level="error"))
    door = Door(running_ai(app), AI)
    door.loop.run_until_complete(until_ready(door.http))
    yield door
    door.close()


@pytest.mark.parametrize(("path", "method"), _operations(BACKEND))
def test_the_backend_answers_as_described(backend: Door, path: str, method: str):
    backend.hold(path, method, {"X-Device-Id": "phone-1"})


@pytest.mark.parametrize(("path", "method"), _operations(AI))
def test_the_ai_service_answers_as_described(ai: Door, path: str, method: str):
    ai.hold(path, method, {})


def test_the_main_job_is_answered_as_described(backend: Door):
    phone = {"X-Device-Id": "phone-2"}

    def done(path: str, method: str, **request: Any) -> Any:
        operation = backend.schema[path][method]
        ids = {name: request.pop(name) for name in ("originalId", "cartoonId") if name in request}
        url = path.format(**ids)
        response = backend.loop.run_until_complete(
            backend.http.request(method, url, headers=phone, **request)
        )
        backend.loop.run_until_complete(response.request.aread())
        assert response.status_code in (200, 201), response.text
        operation.Case(path_parameters=ids).validate_response(response, checks=CHECKS)
        return response.json()

    uploaded = done("/api/upload", "POST", files={"image": photo_with_canary("jpeg")})
    original = uploaded["original"]["id"]
    cartoon = done("/api/regenerate/{originalId}", "POST", originalId=original)["cartoon"]["id"]
    done("/api/originals/{originalId}", "GET", originalId=original)
    done("/api/download/{cartoonId}", "POST", cartoonId=cartoon)
    done("/api/download/{cartoonId}", "POST", cartoonId=cartoon)
    done("/api/originals", "GET")
    done("/api/downloaded-faces", "GET")
    done("/api/styles", "GET")
