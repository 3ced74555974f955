"""What `doctor` asks of generators, and that nothing is spent by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cartoon_avatar.ai.engines.remote.config import read_engines
from cartoon_avatar.ai.engines.remote.trial import Trial, try_engines
from tests.ai.engines.remote.conftest import written
from tests.engines import comfyui, generators
from tests.engines.generators import KEY, Handler, serving, status


async def tried(tmp_path: Path, kind: str, url: str, **keys: Any) -> Trial:
    file = tmp_path / "engines.toml"
    file.write_text(written(kind, url, key="A_KEY", **keys))
    environment = {"A_KEY": KEY}
    (trial,) = await try_engines(read_engines(file, (), environment), environment)
    assert KEY not in trial.found
    return trial


MODELS, ACCOUNT = "/v1/models", "/v1/account"


@pytest.mark.parametrize(
    ("kind", "keys", "path", "handler", "good", "found"),
    [
        ("images-edits", {}, MODELS, status(200, {"data": []}), True, "takes the key"),
        ("images-edits", {}, MODELS, status(401), False, "401"),
        ("images-edits", {}, MODELS, status(404), True, "no free request there can test the key"),
        ("images-edits", {}, MODELS, status(500), False, "500"),
        ("images-edits", {}, MODELS, generators.html, False, "no JSON"),
        ("images-edits", {}, MODELS, generators.endless, False, "longer than"),
        ("predictions", {"version": "v"}, ACCOUNT, status(200, {}), True, "takes the key"),
        ("predictions", {"version": "v"}, ACCOUNT, status(403), False, "403"),
        ("predictions", {"server": "cog"}, "/v1/health-check", status(200, {}), True, "answers"),
        ("original", {}, "/v1", generators.html, True, "is reached"),
        ("original", {}, "/v1", status(404), True, "is reached"),
        ("original", {}, "/v1", status(502), False, "502"),
    ],
)
async def test_each_kind_is_asked_for_what_is_free(
    tmp_path: Path,
    kind: str,
    keys: dict[str, Any],
    path: str,
    handler: Handler,
    good: bool,
    found: str,
) -> None:
    async with serving(path) as server:
        server.handlers = [handler]
        trial = await tried(tmp_path, kind, f"{server.url}/v1", **keys)
        assert (trial.tried, trial.good) == (f"GET {path}", good), trial
        assert found in trial.found
        ((_, headers, body),) = server.asked
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {}


async def test_a_server_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    trial = await tried(tmp_path, "original", "http://127.0.0.1:1")
    assert (trial.good, "cannot be reached" in trial.found) == (False, True)


async def test_a_comfyui_server_is_asked_for_the_nodes_of_the_workflow(tmp_path: Path) -> None:
    file = tmp_path / "w.json"
    file.write_text(json.dumps(comfyui.WORKFLOW))
    async with comfyui.serving() as comfy:
        trial = await tried(tmp_path, "comfyui", comfy.url, workflow="w.json")
        assert (trial.good, trial.found) == (True, "it has all nodes of the workflow")
        more = {**comfyui.WORKFLOW, "20": {"class_type": "FaceDetailer", "inputs": {}}}
        file.write_text(json.dumps(more))
        trial = await tried(tmp_path, "comfyui", comfy.url, workflow="w.json")
        assert (trial.good, trial.found) == (False, "it lacks nodes of w.json: FaceDetailer")
    assert comfy.queued == []
