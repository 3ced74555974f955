"""ComfyUI's protocol, against a server that speaks it."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from cartoon_avatar.ai.engines.drawing import Report, unwatched
from cartoon_avatar.ai.engines.remote.config import BadEngines, read_engines
from cartoon_avatar.contract.errors import EngineUnavailable
from tests.ai.engines.remote.conftest import ASKED, Opened, written
from tests.engines.comfyui import WORKFLOW, ComfyUi, serving
from tests.engines.generators import DRAWING, KEY
from tests.patience import PATIENCE_S

ID = str(uuid.UUID(ASKED.key))


@pytest.fixture(autouse=True)
def workflow(tmp_path: Path) -> Path:
    file = tmp_path / "portrait.json"
    file.write_text(json.dumps(WORKFLOW))
    return file


async def draw(opened: Opened, comfy: ComfyUi, report: Report = unwatched, **keys: Any) -> bytes:
    async with opened("comfyui", comfy.url, workflow="portrait.json", **keys) as engine:
        return await engine.draw(ASKED, report)


async def test_the_photo_is_uploaded_the_workflow_queued_and_the_drawing_fetched(
    opened: Opened,
) -> None:
    told: list[tuple[str, float | None]] = []
    async with serving() as comfy:
        drawing = await draw(opened, comfy, lambda *report: told.append(report))
    assert drawing == DRAWING
    name = f"cartoon-avatar/{ASKED.key}.jpg"
    assert comfy.uploads == {name: b"a photo"}
    (body,) = comfy.bodies
    assert body["prompt_id"] == ID
    graph = body["prompt"]
    assert graph["10"]["inputs"]["image"] == name
    assert graph["3"]["inputs"]["seed"] == 7
    assert graph["3"]["inputs"]["steps"] == 4
    assert graph["6"]["inputs"]["text"] == "portrait, as clay"
    shares = [share for _, share in told if share is not None]
    assert told[0] == ("starting", None)
    assert shares == sorted(shares)
    # Of eight steps, four are the sampler's.
    assert {0.0, 3 / 8, 6 / 8, 1.0} <= set(shares)


async def test_without_a_websocket_the_history_tells(opened: Opened) -> None:
    async with serving(has_socket=False) as comfy:
        assert await draw(opened, comfy) == DRAWING


async def test_a_websocket_that_breaks_is_no_matter(opened: Opened) -> None:
    async with serving(hold=True) as comfy:
        drawing = asyncio.create_task(draw(opened, comfy))
        await comfy.held.wait()
        for socket in list(comfy.sockets.values()):
            await socket.close()
        comfy.free.set()
        assert await drawing == DRAWING


async def test_a_server_that_gives_ids_of_its_own_will_do(opened: Opened) -> None:
    async with serving(gives_ids=True) as comfy:
        assert await draw(opened, comfy) == DRAWING


@pytest.mark.parametrize(
    ("how", "said", "last_error"),
    [
        ({"fails": "CUDA out of memory"}, "KSampler node failed", "CUDA out of memory"),
        ({"saves": False}, "saved no picture", "saved no picture"),
        ({"loses": True}, "no longer knows", "no longer knows"),
    ],
    ids=["fails", "saves nothing", "forgets"],
)
async def test_a_failure_is_reported(
    opened: Opened, how: dict[str, Any], said: str, last_error: str
) -> None:
    async with (
        serving(**how) as comfy,
        opened("comfyui", comfy.url, workflow="portrait.json") as engine,
    ):
        with pytest.raises(EngineUnavailable, match=said) as caught:
            await engine.draw(ASKED, unwatched)
        assert "CUDA" not in caught.value.detail
        assert last_error in (engine.last_error or "")
    assert len(comfy.queued) == 1


async def test_a_workflow_that_the_server_does_not_take_is_named_to_the_operator(
    opened: Opened, workflow: Path
) -> None:
    wrong = {**WORKFLOW, "11": {"class_type": "LoadImage", "inputs": {"image": "x.png"}}}
    workflow.write_text(json.dumps(wrong))  # noqa: ASYNC240 (a test may block)
    async with (
        serving() as comfy,
        opened("comfyui", comfy.url, workflow="portrait.json") as engine,
    ):
        with pytest.raises(EngineUnavailable, match="does not take the workflow"):
            await engine.draw(ASKED, unwatched)
        assert "node 11: " in (engine.last_error or "")
        assert "x.png" in (engine.last_error or "")
        assert engine.calls_today == 0


async def test_a_cancel_interrupts_what_is_running_within_a_second(opened: Opened) -> None:
    async with serving(hold=True) as comfy:
        drawing = asyncio.create_task(draw(opened, comfy))
        await comfy.held.wait()
        drawing.cancel()
        await asyncio.wait_for(comfy.interrupted.wait(), PATIENCE_S)
        await asyncio.wait([drawing])
    assert drawing.cancelled()


async def test_a_cancel_takes_what_waits_out_of_the_queue_and_leaves_others_alone(
    opened: Opened,
) -> None:
    async with serving(hold=True) as comfy:
        other = [0, str(uuid.uuid4()), WORKFLOW, {"client_id": "another"}, ["9"]]
        comfy.pending.append(other)
        comfy.changed.set()
        await comfy.held.wait()
        drawing = asyncio.create_task(draw(opened, comfy))
        while not comfy.pending:  # noqa: ASYNC110 (no event tells)
            await asyncio.sleep(0.01)
        drawing.cancel()
        await asyncio.wait([drawing])
        assert comfy.pending == []
        assert comfy.running == [other]
        assert "POST /interrupt" not in comfy.asked


async def test_past_its_deadline_a_drawing_is_interrupted(opened: Opened) -> None:
    async with serving(hold=True) as comfy:
        while not comfy.held.is_set():  # a busy machine may ask too late
            with pytest.raises(EngineUnavailable, match="longer than 1 s"):
                await draw(opened, comfy, deadline_s=1)
        await asyncio.wait_for(comfy.interrupted.wait(), PATIENCE_S)


@pytest.mark.parametrize("ended", [False, True], ids=["still at it", "done meanwhile"])
async def test_a_drawing_of_an_attempt_that_died_is_found_again(
    opened: Opened, ended: bool
) -> None:
    # The first attempt does not end before the second has found its drawing.
    async with serving(hold=True, viewers=2) as comfy:
        first = asyncio.create_task(draw(opened, comfy))
        await comfy.held.wait()
        # As kill -9 leaves it: nobody cancels there.
        comfy.hold = False
        if ended:
            comfy.free.set()
            while not comfy.history:  # noqa: ASYNC110 (no event tells)
                await asyncio.sleep(0.01)
        again = asyncio.create_task(draw(opened, comfy))
        comfy.free.set()
        assert await again == DRAWING
        assert await first == DRAWING
    assert comfy.queued == [ID]


async def test_the_key_goes_with_every_request(opened: Opened) -> None:
    async with serving() as comfy:
        await draw(opened, comfy)
    assert comfy.keys == {f"Bearer {KEY}"}


# --- the file


GRAPH = {"1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(GRAPH), "1.inputs.image is no place for the picture"),
        (json.dumps({"1": {"class_type": "VAELoader", "inputs": {}}}), "no node has a place for"),
        (json.dumps({"nodes": [], "links": []}), "Export (API)"),
        (json.dumps({"1": {"inputs": {}}}), "1.class_type is missing"),
        (json.dumps([]), "object of nodes"),
        ("{", "is no JSON"),
        (None, "cannot be read"),
    ],
    ids=["a fixed picture", "no picture", "the editor's", "no class", "a list", "half", "no file"],
)
def test_a_workflow_that_cannot_be_used_is_named_by_file_and_key(
    tmp_path: Path, text: str | None, said: str
) -> None:
    name = "other.json"
    if text is not None:
        (tmp_path / name).write_text(text)
    message = fault(tmp_path, workflow=name)
    assert "engines.toml: line 6: engine.1.workflow: " in message
    assert str(tmp_path / name) in message
    assert said in message


def test_prompts_and_their_place_go_together(tmp_path: Path, workflow: Path) -> None:
    graph = {**WORKFLOW, "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a portrait"}}}
    workflow.write_text(json.dumps(graph))
    assert "no place for it" in fault(tmp_path, workflow="portrait.json")
    workflow.write_text(json.dumps(WORKFLOW))
    assert "no node 99" in fault(tmp_path, workflow="portrait.json", output="99")


def fault(tmp_path: Path, **keys: Any) -> str:
    file = tmp_path / "engines.toml"
    file.write_text(written("comfyui", "http://127.0.0.1:8188", **keys))
    with pytest.raises(BadEngines) as caught:
        read_engines(file, (), {})
    return str(caught.value)
