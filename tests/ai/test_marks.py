"""Every picture that leaves the AI service says how it was made, as libexiv2 reads it."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import numpy as np
import pytest
import pytest_asyncio
from click.testing import CliRunner
from fastapi import FastAPI
from PIL import Image

from cartoon_avatar.ai.engines.drawing import ENGINE_VERSION
from cartoon_avatar.cli import main
from cartoon_avatar.containers.marks import Mark, packet_of
from cartoon_avatar.contract import headers, paths
from tests.ai.conftest import running, saved, until_ready
from tests.ai.engines.remote.conftest import written
from tests.engines.generators import KEY, edited, serving
from tests.marks import said_of, xmp_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = f"built-in {ENGINE_VERSION}"
TRAINED = "trainedAlgorithmicMedia"
STICKERS = ("whatsapp", "telegram", "signal", "imessage", "circle", "square")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ai(
    app_for: Callable[..., FastAPI], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    file = tmp_path_factory.mktemp("engines") / "engines.toml"
    async with serving("/v1/images/edits") as server:
        server.handlers = [edited(saved(Image.new("RGB", (64, 64), "red"), "PNG"))]
        more: dict[str, Any] = {"model": "gpt-image-1"}
        file.write_text(
            written("images-edits", f"{server.url}/v1", style="clay", key="A_KEY", **more)
        )
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("A_KEY", KEY)
            async with running(app_for(engines=file, queue=3)) as client:
                await until_ready(client)
                yield client


async def drawn(ai: httpx.AsyncClient, photo: bytes, **asked: str) -> httpx.Response:
    response = await ai.post(
        paths.GENERATE_CARTOON, files={"image": photo}, data={"size": "256", **asked}
    )
    assert response.status_code == 200, response.text
    return response


async def cut(ai: httpx.AsyncClient, cartoon: bytes, photo: bytes, **asked: str) -> httpx.Response:
    files = {"image": cartoon, "original": photo}
    response = await ai.post(paths.PROCESS_FACE_CUT, files=files, data=asked)
    assert response.status_code == 200, response.text
    return response


def made_by_ai(photo: bytes) -> bytes:
    """A photo of the same pixels that says so."""
    image = Image.open(io.BytesIO(photo))
    return saved(image, "WEBP", lossless=True, xmp=packet_of(Mark(TRAINED)))


@pytest.mark.parametrize(
    ("style", "term"),
    [("painted", "algorithmicallyEnhanced"), ("comic", "algorithmicallyEnhanced"),
     ("ink", "algorithmicMedia")],
)  # fmt: skip
async def test_a_drawing_says_which_engine_altered_the_photo_or_drew_it_anew(
    ai: httpx.AsyncClient, astronaut: bytes, style: str, term: str
) -> None:
    response = await drawn(ai, astronaut, style=style, thumbnail="1")
    small = int(response.headers[headers.THUMBNAIL_BYTES])
    assert said_of(response.content[:-small]) == (term, OURS)
    assert said_of(response.content[-small:]) == ("algorithmicallyEnhanced", OURS)


async def test_a_generator_s_drawing_names_engine_and_model(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    cartoon = (await drawn(ai, astronaut, style="clay")).content
    assert said_of(cartoon) == (TRAINED, "clay gpt-image-1")
    xmp = xmp_of(cartoon)
    assert xmp["Xmp.iptcExt.AISystemUsed"] == "clay"
    assert xmp["Xmp.iptcExt.AISystemVersionUsed"] == "gpt-image-1"


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
async def test_a_head_its_thumbnail_and_stickers_say_what_their_cartoon_says(
    ai: httpx.AsyncClient, astronaut: bytes, kind: str
) -> None:
    cartoon = (await drawn(ai, astronaut, style="ink")).content
    response = await cut(ai, cartoon, astronaut, format=kind, thumbnail="1")
    small = int(response.headers[headers.THUMBNAIL_BYTES])
    head = response.content[:-small]
    said = ("algorithmicMedia", OURS)
    assert said_of(head) == said_of(response.content[-small:]) == said
    again = await ai.post(paths.THUMBNAIL, files={"image": head})
    assert said_of(again.content) == said
    if kind == "jpeg":
        return
    for preset in STICKERS:
        sticker = await ai.post(paths.STICKER, files={"image": head}, data={"preset": preset})
        assert said_of(sticker.content) == said


async def test_what_was_drawn_of_a_photo_that_ai_made_says_so(
    ai: httpx.AsyncClient, astronaut: bytes
) -> None:
    photo = made_by_ai(astronaut)
    for style in ("painted", "ink"):
        cartoon = (await drawn(ai, photo, style=style)).content
        assert said_of(cartoon) == (TRAINED, OURS)
        assert "Xmp.iptcExt.AISystemUsed" not in xmp_of(cartoon)  # which AI is not known
        assert said_of((await cut(ai, cartoon, photo)).content) == (TRAINED, OURS)
    thumbnail = (await ai.post(paths.THUMBNAIL, files={"image": photo})).content
    assert said_of(thumbnail) == (TRAINED, OURS)
    # A cartoon of before there were marks.
    bare = saved(Image.open(io.BytesIO(cartoon)), "PNG")
    assert said_of((await cut(ai, bare, photo)).content) == (TRAINED, OURS)


async def test_previews_and_an_svg_say_it_too(ai: httpx.AsyncClient, astronaut: bytes) -> None:
    response = await ai.post(paths.PREVIEWS, files={"image": astronaut}, data={"styles": "ink"})
    picture = response.json()["items"][0]["image"].partition(",")[2]
    assert said_of(base64.b64decode(picture)) == ("algorithmicMedia", OURS)
    document = ElementTree.fromstring((await drawn(ai, astronaut, style="ink", format="svg")).text)
    metadata = document[0]
    assert metadata.tag == "{http://www.w3.org/2000/svg}metadata"
    said = {name.partition("}")[2]: value for name, value in metadata[0][0].items()}
    assert said["DigitalSourceType"].endswith("/algorithmicMedia")
    assert said["CreatorTool"] == f"cartoon-avatar {OURS}"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
async def test_the_command_line_marks_what_it_writes_unless_told_not_to(
    astronaut: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    photo, head = tmp_path / "me.png", tmp_path / f"head.{suffix}"
    photo.write_bytes(astronaut)

    def run(*words: str | Path) -> None:
        outcome = CliRunner().invoke(main, [str(word) for word in words])
        assert outcome.exit_code == 0, outcome.output

    drawing = tmp_path / f"drawn.{suffix}"
    run("draw", photo, "--size", "256", "-o", drawing)
    assert said_of(drawing.read_bytes()) == ("algorithmicallyEnhanced", OURS)
    run("cut", drawing, "--photo", photo, "-o", head)
    assert said_of(head.read_bytes()) == ("algorithmicallyEnhanced", OURS)
    if suffix != "jpg":
        sticker = tmp_path / "me.webp"
        run("export", head, "--preset", "whatsapp", "-o", sticker)
        assert said_of(sticker.read_bytes()) == ("algorithmicallyEnhanced", OURS)
        assert sticker.stat().st_size < 100_000

    monkeypatch.setenv("MARKS", "off")
    bare = tmp_path / f"bare.{suffix}"
    run("draw", photo, "--size", "256", "-o", bare)
    assert not xmp_of(bare.read_bytes())
    assert np.array_equal(np.asarray(Image.open(bare)), np.asarray(Image.open(drawing)))


async def test_without_marks_nothing_is_written(
    app_for: Callable[..., FastAPI], astronaut: bytes
) -> None:
    async with running(app_for(marks="off")) as ai:
        await until_ready(ai)
        cartoon = (await drawn(ai, made_by_ai(astronaut))).content
        assert not xmp_of(cartoon)
        assert not xmp_of((await cut(ai, cartoon, astronaut)).content)
        svg = (await drawn(ai, astronaut, style="ink", format="svg")).text
        assert "metadata" not in svg
