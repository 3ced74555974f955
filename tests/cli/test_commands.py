"""The command line, as somebody types it."""

from __future__ import annotations

import json
import os
import pty
import socket
import sqlite3
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import piexif
import pytest
import skimage.data
from click.testing import CliRunner, Result
from PIL import Image

from cartoon_avatar.ai import jobs
from cartoon_avatar.ai.engines.catalogue import STYLES, needs_face
from cartoon_avatar.ai.seeing.model_files import REQUIRED, models_folder
from cartoon_avatar.cli import main
from tests.ai.networks import NEGATIVE, manifest, model_of, serving


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


def test_of_a_bare_photo_the_head_of_a_drawing_is_cut(portrait: Path, tmp_path: Path):
    ways = {
        "painted": [],
        "ink": ["--style", "ink", "--seed", 3],
        "photo": ["--as-is"],
        "cartoon": ["--photo", portrait],
    }
    heads = {}
    for name, options in ways.items():
        file = tmp_path / f"{name}.png"
        made = run("cut", portrait, *options, "-o", file)
        assert made.exit_code == 0, made.output
        heads[name] = np.asarray(Image.open(file).convert("RGBA"))

    pixels = np.asarray(Image.open(portrait).convert("RGB"))
    colours = {tuple(colour) for colour in pixels.reshape(-1, 3)}

    def share_of_photo(head: np.ndarray) -> float:
        inside = head[head[..., 3] == 255][:, :3]
        return float(np.mean([tuple(colour) in colours for colour in inside]))

    assert share_of_photo(heads["photo"]) > 2 * share_of_photo(heads["painted"])
    assert (heads["photo"] == heads["cartoon"]).all()

    def share_of_flat_colours(head: np.ndarray) -> float:
        inside = head[head[..., 3] == 255][:, :3]
        _, counts = np.unique(inside, axis=0, return_counts=True)
        return float(np.sort(counts)[-500:].sum() / len(inside))

    # Shapes have few colours, but for their soft edges.
    assert share_of_flat_colours(heads["ink"]) > 2 * share_of_flat_colours(heads["photo"])


def test_a_head_becomes_a_sticker_and_several_become_a_folder_of_them(
    portrait: Path, tmp_path: Path
):
    heads = tmp_path / "heads"
    for name in ("one", "two"):
        run("cut", portrait, "--as-is", "-o", heads / f"{name}.png")

    one = run("export", heads / "one.png", "--preset", "whatsapp", "-o", tmp_path / "me.webp")
    all_ = run("export", heads, "--preset", "imessage", "-o", tmp_path / "stickers")

    assert one.exit_code == all_.exit_code == 0, one.output + all_.output
    with Image.open(tmp_path / "me.webp") as sticker:
        assert (sticker.format, sticker.size) == ("WEBP", (512, 512))
    made = sorted(file.name for file in (tmp_path / "stickers").iterdir())
    assert made == ["one-imessage.png", "two-imessage.png"]


def test_a_style_of_shapes_is_drawn_as_svg(portrait: Path, tmp_path: Path):
    file = tmp_path / "made" / "me.svg"

    drawn = run("draw", portrait, "--style", "ink", "--size", 256, "-o", file)

    assert drawn.exit_code == 0, drawn.output
    assert file.read_text().startswith("<svg ")


def test_what_cannot_be_an_svg_is_said_before_the_work(portrait: Path, tmp_path: Path):
    file, other = tmp_path / "me.svg", portrait.with_name("other.png")
    other.write_bytes(portrait.read_bytes())

    pixels = run("draw", portrait, "--style", "comic", "-o", file)
    several = run("draw", portrait, other, "--style", "ink", "-o", file)

    assert (pixels.exit_code, several.exit_code) == (2, 2)
    assert "poster, storybook, ink, flat, sticker, duotone" in pixels.output
    assert "one photo" in several.output
    assert not file.exists()


def test_a_head_is_cut_just_as_the_service_cuts_it(portrait: Path, tmp_path: Path):
    cartoon, head = tmp_path / "cartoon.png", tmp_path / "head.png"
    run("draw", portrait, "--style", "pop", "--seed", 7, "-o", cartoon)
    run("cut", cartoon, "--photo", portrait, "-o", head)

    tools, _ = jobs.open_tools(None, 1, 50_000_000)
    made = jobs.cut_head(tools, cartoon.read_bytes(), portrait.read_bytes(), jobs.HeadOptions())
    assert head.read_bytes() == made.data


def test_what_is_seen_in_a_photo_is_shown_and_said(portrait: Path, tmp_path: Path):
    shown = run("read", portrait, "-o", tmp_path / "seen.png", "--json")
    words = run("read", portrait)
    other = run("read", portrait, "--face", 1)

    assert shown.exit_code == words.exit_code == 0, shown.output + words.output
    (person,) = json.loads(shown.stdout)["people"]
    assert person["glasses"]["value"] == "none"
    assert person["eyesOpen"]["value"] == [True, True]
    assert "hair: short" in words.stdout
    with Image.open(tmp_path / "seen.png") as picture:
        assert picture.height >= 480
    assert other.exit_code == 1
    assert "face" in other.stderr


def test_a_folder_is_drawn_into_a_folder_and_all_styles_onto_a_sheet(
    portrait: Path, tmp_path: Path
):
    drawn = run("draw", portrait.parent, portrait, "--size", 128, "-o", tmp_path / "out")
    sheet = run("draw", portrait, "--style", "all", "--size", 128, "-o", tmp_path / "sheet.png")

    assert drawn.exit_code == sheet.exit_code == 0, drawn.output + sheet.output
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["astronaut-painted.png"]
    with Image.open(tmp_path / "sheet.png") as picture:
        columns, cell = len(STYLES), 384
        assert picture.height > cell
        assert picture.width // columns == pytest.approx(cell, abs=20)
        # A name stands above each column.
        names = np.asarray(picture.convert("L"))[: picture.height - cell - 12]
        marked = (names < 128).any(axis=0)
        assert all(part.any() for part in np.array_split(marked, columns))


def test_all_styles_are_drawn_into_a_folder_each_for_itself_and_told_as_json(
    portrait: Path, tmp_path: Path
):
    nobody, text = tmp_path / "nobody.png", tmp_path / "text.jpg"
    Image.new("RGB", (300, 300), "teal").save(nobody)
    text.write_text("no picture")
    out, head = tmp_path / "styles", tmp_path / "head.png"
    options = ("--style", "all", "--seed", 3, "--size", 64, "-o", out, "--json")

    drawn = run("draw", portrait, nobody, text, *options)
    cut = run("cut", portrait, "--size", 64, "-o", head, "--json")

    told = json.loads(drawn.stdout)
    people = {style.name for style in STYLES if needs_face(style)}
    names = [style.name for style in STYLES]
    expected = [(portrait, name) for name in names]
    expected += [(nobody, name) for name in names if name not in people]
    assert people < set(names)
    assert [(made["of"], made["style"]) for made in told["written"]] == [
        ([str(file)], name) for file, name in expected
    ]
    assert all(made["seed"] == 3 and made["width"] == 64 for made in told["written"])
    assert {Path(made["file"]) for made in told["written"]} == set(out.iterdir())
    assert [failed["file"] for failed in told["failed"]] == [str(text)]
    assert drawn.exit_code == 1
    assert f"{nobody}: no face for ink" in drawn.stderr
    (made,) = json.loads(cut.stdout)["written"]
    assert made["file"] == str(head)
    assert made["width"] == made["height"] == 64


def test_what_fails_is_named_and_the_rest_is_drawn(portrait: Path, tmp_path: Path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff no more")
    out = tmp_path / "out"

    result = run("draw", bad, portrait, tmp_path / "gone.jpg", "--size", 64, "-o", out)
    sheet = run("draw", bad, portrait, "--style", "all", "--size", 64, "-o", tmp_path / "all.png")

    assert (result.exit_code, sheet.exit_code) == (1, 1)
    assert f"{bad}: The picture is damaged" in result.stderr
    assert f"{tmp_path / 'gone.jpg'}: No such file" in result.stderr
    assert "2 of 3 went wrong" in result.stderr
    assert result.stdout == f"{out / 'astronaut-painted.png'}\n"
    assert [file.name for file in out.iterdir()] == ["astronaut-painted.png"]
    with Image.open(tmp_path / "all.png") as picture:
        assert 384 < picture.height < 2 * 384  # one row


def test_a_person_watching_sees_how_far_it_is(portrait: Path, tmp_path: Path):
    twin = portrait.with_name("twin.png")
    twin.write_bytes(portrait.read_bytes())
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = ["draw", portrait, twin, "--size", "64", "-o", tmp_path / "out"]
    with os.fdopen(screen, "rb", buffering=0) as seen:
        done = subprocess.run(
            [sys.executable, "-m", "cartoon_avatar.cli", *command],
            stdout=subprocess.PIPE,
            stderr=terminal,
            check=True,
        )
        os.close(terminal)
        shown = seen.read(65536).decode()
    assert "drawing: 100%" in shown
    assert "2/2" in shown
    assert "INFO" not in shown  # the libraries greet nobody
    assert done.stdout.decode().splitlines() == [
        str(tmp_path / "out" / f"{name}-painted.png") for name in ("astronaut", "twin")
    ]


def test_no_drawing_takes_the_place_of_another_or_of_a_photo(portrait: Path, tmp_path: Path):
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "astronaut.jpg"
    Image.open(portrait).convert("RGB").save(twin)
    (tmp_path / "out").mkdir()
    drawn_before = tmp_path / "out" / "astronaut-painted.png"
    drawn_before.write_bytes(portrait.read_bytes())
    photos = (portrait, twin, drawn_before)

    result = run("draw", *photos, "--size", 64, "-o", tmp_path / "out")
    over_itself = run("draw", portrait, "-o", portrait)
    into_itself = run("draw", portrait.parent, "-o", portrait.parent)

    assert result.exit_code == 0, result.output
    assert drawn_before.read_bytes() == portrait.read_bytes()
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "astronaut-painted-2.png",
        "astronaut-painted-3.png",
        "astronaut-painted-painted.png",
        "astronaut-painted.png",
    ]
    assert over_itself.exit_code == into_itself.exit_code == 1
    assert "is the photo itself" in over_itself.output
    assert "another folder" in into_itself.output


@pytest.mark.parametrize(
    ("name", "kind", "mode"),
    [("a.png", "PNG", "RGBA"), ("a.webp", "WEBP", "RGBA"), ("a.JPG", "JPEG", "RGB")],
)
def test_the_name_says_the_type_alpha_stays_and_metadata_does_not(
    portrait: Path, tmp_path: Path, name: str, kind: str, mode: str
):
    photo = tmp_path / "round.webp"
    canary = b"canary-4711"
    exif = piexif.dump({"0th": {piexif.ImageIFD.Artist: canary}})
    image = Image.open(portrait).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 256, 60))
    image.save(photo, lossless=True, exif=exif, xmp=canary)
    assert photo.read_bytes().count(canary) == 2

    result = run("draw", photo, "--style", "noir", "--size", 300, "-o", tmp_path / "new" / name)

    assert result.exit_code == 0, result.output
    written = tmp_path / "new" / name
    assert canary not in written.read_bytes()
    with Image.open(written) as picture:
        assert (picture.format, picture.mode, picture.size) == (kind, mode, (300, 300))
        assert not picture.getexif()
        assert not {"exif", "icc_profile", "comment"} & set(picture.info)
        # How it was made, and nothing of the photo's.
        assert b'"cartoon-avatar built-in ' in picture.info["xmp"]
        corner = picture.getpixel((150, 20))
    if mode == "RGBA":
        assert corner[3] == 0
    else:
        assert min(corner) > 250


def test_a_picture_may_be_2048_px_long(portrait: Path, tmp_path: Path):
    Image.open(portrait).resize((512, 100)).save(tmp_path / "wide.png")
    result = run("draw", tmp_path / "wide.png", "--size", 2048, "-o", tmp_path / "large.webp")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "large.webp") as picture:
        assert picture.size == (2048, 400)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["draw", "{photo}", "--style", "no-such", "-o", "a.png"], 2, "comic"),
        (["draw", "{photo}", "--size", "2049", "-o", "a.png"], 2, "2048"),
        (["draw", "{photo}", "-o", "{folder}/a.xyz"], 1, ".png, .webp or .jpg"),
        (["draw", "{photo}", "--style", "all", "-o", "{folder}/a.xyz"], 1, ".png, .webp or .jpg"),
        (["draw", "{photo}", "{text}", "-o", "{folder}/a.png"], 2, "need a folder"),
        (["draw", "{photo}", "{text}", "-o", "{text}/a"], 1, "Not a directory"),
        (["draw", "{photo}", "-o", "{text}/a.png"], 1, "is a file, not a folder"),
        (["draw", "{photo}", "-o", "/proc/a.png"], 1, "/proc/a.png: "),
        (["draw", "{folder}/gone.jpg", "-o", "a.png"], 1, "gone.jpg: No such file"),
        (["draw", "{text}", "-o", "a.png"], 1, "not an image"),
        (["draw", "{empty}", "-o", "a.png"], 1, "no picture"),
        (["cut", "{nobody}", "-o", "a.png"], 1, "face"),
        (["cut", "{nobody}", "{photo}", "-o", "{folder}/heads"], 1, "face"),
        (["cut", "{photo}", "--style", "nobody", "-o", "a.png"], 2, "painted"),
        (["cut", "{photo}", "--style", "ink", "--as-is", "-o", "a.png"], 2, "--style"),
        (["export", "{photo}", "--preset", "myspace", "-o", "a.webp"], 2, "whatsapp"),
        (["export", "{photo}", "--preset", "signal", "-o", "a.png"], 1, ".webp"),
        (["export", "{photo}", "--preset", "signal", "-o", "a.webp"], 1, "cartoon-avatar cut"),
        (
            ["export", "{photo}", "--preset", "signal", "--outline-color", "red", "-o", "a.webp"],
            2,
            "outlineColor",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    portrait: Path, tmp_path: Path, arguments: list[str], exit_code: int, said: str
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

    assert result.exit_code == exit_code, result.output
    assert said in result.output
    assert "Traceback" not in result.output
    if "{folder}/heads" in arguments:
        assert (tmp_path / "heads" / "astronaut-head.png").exists()


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


@pytest.mark.parametrize("command", ["serve", "backend"])
def test_a_data_folder_that_cannot_be_written_to_is_said_to_be(command: str):
    result = run(command, "--data", "/proc/data", "--port", 0)
    assert result.exit_code == 1
    assert "/proc/data cannot be written to" in result.output
    assert "--data to another" in result.output


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
    files = json.loads(models.stdout)["files"]
    assert {file["state"] for file in files} == {"ok"}
    assert all(file["licence"] and file["source"] for file in files)
    assert json.loads(document.stdout)["openapi"].startswith("3.")


def test_models_that_are_missing_end_the_list_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AI_MODELS_DIR", str(tmp_path))
    result = run("models", "list")
    assert result.exit_code == 1
    assert "missing" in result.output


@pytest.mark.parametrize(
    "command",
    [
        ["serve", "--data", "{folder}/data", "--port", "0"],
        ["ai", "--port", "0"],
        ["draw", "{photo}", "-o", "{folder}/a.png"],
        ["cut", "{photo}", "-o", "{folder}/a.png"],
        ["read", "{photo}"],
    ],
)
def test_models_that_are_missing_are_fetched_first_or_the_reason_is_said(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
):
    monkeypatch.setenv("AI_MODELS_DIR", "/proc/models")  # where nothing can be put
    result = run(*(word.format(photo=portrait, folder=tmp_path) for word in command))

    assert result.exit_code == 1
    assert "fetching 4 model files (19 MB) into /proc/models, once" in result.stderr
    assert "/proc/models cannot be written to" in result.stderr
    assert "models fetch` brings them; copy" in result.stderr
    assert not (tmp_path / "a.png").exists()


def test_a_neural_style_is_fetched_listed_and_drawn_in(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = model_of(NEGATIVE, name="ours", needs_acceptance=True)
    folder = tmp_path / "models"
    folder.mkdir()
    for file in REQUIRED:
        (folder / file.name).symlink_to(models_folder() / file.name)
    monkeypatch.setenv("AI_MODELS_DIR", str(folder))

    def state() -> str:
        styles = json.loads(run("models", "list", "--json").stdout)["neuralStyles"]
        assert all(style["licence"] and style["source"] for style in styles)
        return next(style["state"] for style in styles if style["style"] == "ours")

    with serving(NEGATIVE) as url:
        manifest(folder, {**model.model_dump(), "url": url})
        assert state() == "missing"
        unread = run("models", "fetch", "ours")
        assert (unread.exit_code, state()) == (1, "missing")
        assert model.licence in unread.output
        fetched = run("models", "fetch", "ours", "--accept-licence")
        assert (fetched.exit_code, state()) == (0, "ok"), fetched.output

    # What is there needs no web and no acceptance.
    assert run("models", "fetch", "ours").output == "ours: here\n"
    assert run("models", "fetch", "no-such").exit_code == 2
    drawn = run(
        "draw",
        portrait,
        "--style",
        "ours",
        "--size",
        64,
        "--framing",
        "full",
        "-o",
        tmp_path / "a.png",
    )
    assert drawn.exit_code == 0, drawn.output
    photo, negative = (
        np.asarray(Image.open(file).convert("RGB").resize((32, 32)), int)
        for file in (portrait, tmp_path / "a.png")
    )
    assert np.abs(negative - (255 - photo)).mean() < 6
    assert "ours" in run("draw", portrait, "--style", "x", "-o", "a.png").output

    manifest(folder, {**model.model_dump(), "input": {"layout": "NHWC"}})
    unfit = run("draw", portrait, "--style", "ours", "-o", tmp_path / "b.png")
    assert unfit.exit_code == 1
    assert "does not take its input" in unfit.output
    manifest(folder, {**model.model_dump(), "licence": None})
    for command in (["list"], ["fetch", "ours"]):
        wrong = run("models", *command)
        assert wrong.exit_code == 1
        assert "style.1.licence" in wrong.output


def test_a_database_that_cannot_be_used_is_said_to_be(tmp_path: Path):
    (tmp_path / "avatars.sqlite").write_bytes(b"no database at all" * 100)
    for command in ("sweep", "check", "migrate"):
        result = run(command, "--data", tmp_path)
        assert result.exit_code == 1
        assert "doctor" in result.output
        assert isinstance(result.exception, SystemExit)
