"""The command line, as somebody types it."""

from __future__ import annotations

import json
import socket
import sqlite3
from pathlib import Path

import pytest
import skimage.data
from click.testing import CliRunner, Result
from PIL import Image

from cartoon_avatar.cli import main


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    file = tmp_path / "photos" / "astronaut.png"
    file.parent.mkdir()
    Image.fromarray(skimage.data.astronaut()).resize((256, 256)).save(file)
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_portrait_is_drawn_and_its_head_cut_out(portrait: Path, tmp_path: Path):
    cartoon, head = tmp_path / "cartoon.png", tmp_path / "head.png"

    drawn = run("draw", portrait, "--style", "comic", "--seed", 7, "--size", 320, "-o", cartoon)
    cut = run("cut", cartoon, "--photo", portrait, "-o", head)

    assert drawn.exit_code == cut.exit_code == 0, drawn.output + cut.output
    with Image.open(cartoon) as picture:
        assert picture.size == (320, 320)
    with Image.open(head) as picture:
        assert picture.mode == "RGBA"
        assert picture.width == picture.height


def test_a_folder_is_drawn_into_a_folder_and_all_styles_onto_a_sheet(
    portrait: Path, tmp_path: Path
):
    drawn = run("draw", portrait.parent, portrait, "--size", 128, "-o", tmp_path / "out")
    sheet = run("draw", portrait, "--style", "all", "--size", 128, "-o", tmp_path / "sheet.png")

    assert drawn.exit_code == sheet.exit_code == 0, drawn.output + sheet.output
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["astronaut-comic.png"]
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.height == 384
        assert picture.width >= 8 * 384


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["draw", "{photo}", "--style", "no-such", "-o", "a.png"], "comic"),
        (["draw", "{photo}", "-o", "{folder}/a.xyz"], ".png, .webp or .jpg"),
        (["draw", "{text}", "-o", "a.png"], "not an image"),
        (["draw", "{empty}", "-o", "a.png"], "no picture"),
        (["cut", "{nobody}", "-o", "a.png"], "face"),
    ],
)
def test_what_cannot_be_done_is_said(
    portrait: Path, tmp_path: Path, arguments: list[str], said: str
):
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (300, 300), "teal").save(tmp_path / "nobody.png")
    places = {
        "photo": portrait,
        "folder": tmp_path,
        "text": tmp_path / "text.jpg",
        "empty": tmp_path / "empty",
        "nobody": tmp_path / "nobody.png",
    }

    result = run(*(argument.format(**places) for argument in arguments))

    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAX_UPLOAD_BYTES", "lots")
    result = run("sweep")
    assert result.exit_code == 1
    assert "MAX_UPLOAD_BYTES" in result.output


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--data", tmp_path, "--port", taken.getsockname()[1])
    assert result.exit_code == 1
    assert "choose another --port" in result.output


def test_the_schema_is_made_and_the_sweeper_reports(tmp_path: Path):
    data = tmp_path / "data"
    assert run("migrate", "--data", data).exit_code == 0
    swept = run("sweep", "--data", data)

    assert swept.exit_code == 0
    assert "expired cartoons removed: 0" in swept.output
    tables = sqlite3.connect(data / "avatars.sqlite")
    names = {name for (name,) in tables.execute("SELECT name FROM sqlite_master")}
    tables.close()
    assert {"devices", "originals", "regenerated_cartoons", "downloaded_faces"} <= names


def test_what_a_script_would_ask_is_answered_as_json(tmp_path: Path):
    data = tmp_path / "data"
    assert run("migrate", "--data", data).exit_code == 0

    swept = run("sweep", "--data", data, "--json")
    checked = run("check", "--data", data, "--json")
    models = run("models", "list", "--json")
    document = run("openapi")

    assert json.loads(swept.stdout) == {"expiredCartoons": 0, "unownedFiles": 0}
    assert json.loads(checked.stdout) == {"wrong": 0, "findings": []}
    assert set(json.loads(models.stdout)["files"].values()) == {"ok"}
    assert json.loads(document.stdout)["openapi"].startswith("3.")


def test_models_that_are_missing_end_the_list_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AI_MODELS_DIR", str(tmp_path))
    result = run("models", "list")
    assert result.exit_code == 1
    assert "missing" in result.output


def test_a_database_that_cannot_be_used_is_said_to_be(tmp_path: Path):
    (tmp_path / "avatars.sqlite").write_bytes(b"no database at all" * 100)
    for command in ("sweep", "check", "migrate"):
        result = run(command, "--data", tmp_path)
        assert result.exit_code == 1
        assert "doctor" in result.output
        assert isinstance(result.exception, SystemExit)
