"""The examples of docs/generators.md as they stand there, with the addresses of servers of the
tests in place of theirs: each is read, and draws."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cartoon_avatar.ai.engines.drawing import unwatched
from cartoon_avatar.ai.engines.remote.config import read_engines
from cartoon_avatar.ai.engines.remote.engine import open_remote_engines
from tests.ai.engines.remote.conftest import ASKED
from tests.engines import comfyui
from tests.engines.generators import (
    DRAWING,
    KEY,
    Server,
    data_uri,
    edited,
    prediction,
    serving,
    status,
    streamed,
)

PAGE = (Path(__file__).parents[4] / "docs" / "generators.md").read_text()
BLOCKS = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
KEYS = {name: KEY for name in ("OPENAI_API_KEY", "AZURE_OPENAI_KEY", "REPLICATE_API_TOKEN")}
STYLE = BLOCKS[0][BLOCKS[0].index("[[engine.style]]") :]


def block(kind: str, names: str) -> str:
    """The example of an engine; one that is no more than a few keys stands in the one before."""
    (found,) = [
        number for number, text in enumerate(BLOCKS) if re.search(names, text) and "# …" not in text
    ]
    text = BLOCKS[found]
    if not text.startswith("[[engine]]"):
        given = re.findall(r"^(\w+) = ", text, re.MULTILINE)
        others = [
            line for line in BLOCKS[found - 1].splitlines() if line.partition(" = ")[0] not in given
        ]
        text = "\n".join([*others, text])
    assert f'kind = "{kind}"' in text
    return text


def at(server_url: str, text: str) -> str:
    """The example with the server's address, and its first style where it has none."""
    text, replaced = re.subn(
        r'^(url = ")https?://[^/"]+', rf"\g<1>{server_url}", text, flags=re.MULTILINE
    )
    assert replaced == 1
    if "private = true" not in text:
        text = text.replace("[[engine]]\n", "[[engine]]\nprivate = true\n")
    return text if "[[engine.style]]" in text else f"{text}\n{STYLE}"


async def drawing_by(folder: Path, text: str) -> bytes:
    file = folder / "engines.toml"
    file.write_text(text)
    configs = read_engines(file, (), KEYS)
    async with open_remote_engines(configs, KEYS, folder) as (engine,):
        return await engine.draw(ASKED, unwatched)


async def asked_of(
    folder: Path, text: str, path: str, *handlers: Any
) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """What the example asks of a server that gives these responses at ``path`` and below it."""
    async with serving(path, f"{path}/{{rest:.*}}") as server:
        server.handlers = [handler(server) for handler in handlers]
        assert await drawing_by(folder, at(server.url, text)) == DRAWING
        return server.asked


async def test_openai(tmp_path: Path) -> None:
    text = block("images-edits", "api.openai.com")
    ((path, headers, form),) = await asked_of(tmp_path, text, "/v1", lambda server: streamed())
    assert path == "/v1/images/edits"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (form["model"], form["size"], form["quality"]) == ("gpt-image-1", "1024x1024", "medium")
    assert form["stream"] == "true"


async def test_azure(tmp_path: Path) -> None:
    text = block("images-edits", "azure").replace("stream = true", "stream = false")
    ((path, headers, _),) = await asked_of(tmp_path, text, "/openai", lambda server: edited())
    assert path == "/openai/deployments/DEPLOYMENT/images/edits?api-version=2025-04-01-preview"
    assert (headers["api-key"], "Authorization" in headers) == (KEY, False)


async def test_replicate(tmp_path: Path) -> None:
    text = block("predictions", "replicate")
    made, polled = await asked_of(
        tmp_path,
        text,
        "/v1",
        lambda server: prediction(server, "starting"),
        lambda server: prediction(server, "succeeded", data_uri()),
    )
    assert made[0] == "/v1/models/black-forest-labs/flux-kontext-pro/predictions"
    assert made[1]["Authorization"] == f"Bearer {KEY}"
    inputs = made[2]["input"]
    assert inputs["input_image"].startswith("data:image/jpeg;base64,")
    assert (inputs["prompt"], inputs["seed"], inputs["output_format"]) == ("as clay", 7, "png")
    assert polled[0] == "/v1/predictions/abc"


async def test_cog(tmp_path: Path) -> None:
    succeeded = status(200, {"status": "succeeded", "output": data_uri()})
    text = block("predictions", 'server = "cog"')
    ((path, _, _),) = await asked_of(tmp_path, text, "/predictions", lambda server: succeeded)
    assert path == f"/predictions/{ASKED.key}"


async def test_comfyui_and_its_workflow(tmp_path: Path) -> None:
    (workflow,) = re.findall(r'^```json\n(\{\n  "3".*?)^```', PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "portrait.json").write_text(workflow)
    async with comfyui.serving() as server:
        text = at(server.url, block("comfyui", "comfyui"))
        assert await drawing_by(tmp_path, text) == DRAWING
        ((_, _, graph, *_),) = [one["prompt"] for one in server.history.values()]
    assert graph["6"]["inputs"]["text"] == "portrait, as clay"
    assert graph["3"]["inputs"]["seed"] == 7
    assert graph["10"]["inputs"]["image"].startswith("cartoon-avatar/")
    assert graph["9"] == json.loads(workflow)["9"]


async def test_a_server_of_the_original_design(tmp_path: Path) -> None:
    async def draw(request: web.Request) -> web.Response:
        return web.Response(body=DRAWING, content_type="image/png")

    def handler(server: Server) -> Any:
        return draw

    text = block("original", 'kind = "original"')
    ((path, _, form),) = await asked_of(tmp_path, text, "/generate-cartoon", handler)
    assert (path, form["image"]) == ("/generate-cartoon", ASKED.photo)


@pytest.mark.parametrize("text", BLOCKS)
def test_no_example_is_left_out(text: str) -> None:
    tried = ("api.openai.com", "azure", "replicate", "cog", "comfyui", "original")
    assert any(name in text for name in tried)
