"""A Python client generated from the OpenAPI document, type-checked, and run."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.settings import BackendSettings
from tests.backend.conftest import FakeAi, Service, picture, problem, running

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("client")
    document = folder / "openapi.json"
    document.write_text(json.dumps(create_app(BackendSettings(data_dir=folder)).openapi()))
    # It formats what it writes with ruff, found on the PATH.
    subprocess.run(
        [
            *(BIN / "openapi-python-client", "generate", "--path", document),
            *("--output-path", folder / "avatar_client", "--meta", "none"),
        ],
        env={"PATH": str(BIN)},
        check=True,
        capture_output=True,
    )
    (folder / "pyrefly.toml").write_text(
        f'search-path = ["."]\npython-interpreter-path = "{sys.executable}"\n'
    )
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith("avatar_client")]:
        del sys.modules[name]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running(
        BackendSettings(data_dir=tmp_path / "data", min_free_bytes=0), FakeAi()
    ) as service:
        yield service


def test_it_passes_a_type_checker(generated: Path):
    # What is made of our document; the rest is the generator's own.
    ours = ("avatar_client/api", "avatar_client/models")
    checked = subprocess.run(
        [BIN / "pyrefly", "check", *ours], cwd=generated, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout[-3000:]


async def test_it_does_what_an_app_does(generated: Path, service: Service):
    def api(name: str) -> Any:
        return importlib.import_module(f"avatar_client.api.{name}")

    models = importlib.import_module("avatar_client.models")
    file = importlib.import_module("avatar_client.types").File
    client = importlib.import_module("avatar_client").Client(base_url="http://backend")
    service.http.headers["X-Device-Id"] = "pixel-8"
    client.set_async_httpx_client(service.http)

    photo = models.UploadForm(
        image=file(payload=BytesIO(picture()), file_name="me.jpg", mime_type="image/jpeg"),
        style="comic",
    )
    uploaded = await api("originals.upload_photo").asyncio(
        client=client, body=photo, idempotency_key="first"
    )
    assert isinstance(uploaded, models.UploadCreated)
    assert uploaded.cartoon.style == "comic"
    assert uploaded.device_token
    again = await api("originals.upload_photo").asyncio_detailed(
        client=client, body=photo, idempotency_key="first"
    )
    assert again.headers["idempotency-replayed"] == "true"
    service.http.headers["Authorization"] = f"Bearer {uploaded.device_token}"

    drawn = await api("originals.regenerate_cartoon").asyncio(
        uploaded.original.id, client=client, body=models.DrawingOptions(seed=7)
    )
    assert isinstance(drawn, models.CartoonCreated)
    assert drawn.cartoon.seed == 7
    made = await api("faces.download_face").asyncio(
        drawn.cartoon.id, client=client, body=models.CutOptions()
    )
    assert isinstance(made, models.FaceCreated)
    listed = await api("faces.list_faces").asyncio(client=client, limit=1)
    assert [face.id for face in listed.items] == [made.face.id]
    detail = await api("originals.get_original").asyncio(uploaded.original.id, client=client)
    assert detail.cartoons == []

    service.ai.handlers["/generate-cartoon"] = problem(422, "no_face")
    refused = await api("originals.regenerate_cartoon").asyncio(
        uploaded.original.id, client=client, body=models.DrawingOptions()
    )
    assert isinstance(refused, models.Problem422)
    assert refused.code == models.Problem422Code.NO_FACE
