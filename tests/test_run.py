"""The script that a clone is run by, with a stand-in for the package client."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cartoon_avatar.cli import main

SCRIPT = Path(__file__).parent.parent / "run"
# Notes what it is asked, and installs programs that say how they were called.
UV = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in *--check*) [ -d "$CLONE/.venv" ]; exit ;; esac
mkdir -p "$CLONE/.venv/bin"
for program in cartoon-avatar pytest python; do
  printf '#!/bin/sh\\necho "%s in $PWD: $*; data in $DATA_DIR"\\n' $program \\
    >"$CLONE/.venv/bin/$program"
  chmod +x "$CLONE/.venv/bin/$program"
done
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(SCRIPT, folder / "run")
    return folder


def run(
    clone: Path, *words: str, cwd: Path | None = None, uv: str | None = UV
) -> subprocess.CompletedProcess[str]:
    tools = clone.parent / "tools"
    tools.mkdir(exist_ok=True)
    if uv is not None:
        (tools / "uv").write_text(uv)
        (tools / "uv").chmod(0o755)
    environment = {
        "PATH": f"{tools}:{os.defpath}",
        "CLONE": str(clone),
        "CALLS": str(clone.parent / "calls"),
    }
    cwd = cwd or clone
    script = os.path.relpath(clone / "run", cwd)
    return subprocess.run(
        [f"./{script}", *words], cwd=cwd, env=environment, capture_output=True, text=True
    )


def calls(clone: Path) -> str:
    file = clone.parent / "calls"
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("word", ["help", "-h", "--help"])
def test_help_is_given_without_installing_anything(clone: Path, word: str):
    response = run(clone, word)

    assert response.returncode == 0
    assert "./run test" in response.stdout
    assert calls(clone) == ""
    assert [path.name for path in clone.iterdir()] == ["run"]


def test_a_word_mistyped_installs_nothing_and_names_the_one_meant(clone: Path):
    response = run(clone, "drwa", "me.jpg")

    assert response.returncode == 2
    assert "Did you mean `./run draw`?" in response.stderr
    assert calls(clone) == ""


@pytest.mark.parametrize(
    ("words", "started"),
    [
        ([], "cartoon-avatar in {cwd}: serve;"),
        (["--port", "80"], "cartoon-avatar in {cwd}: serve --port 80;"),
        (["draw", "me.jpg", "-o", "a.png"], "cartoon-avatar in {cwd}: draw me.jpg -o a.png;"),
        (["cartoon-avatar", "check"], "cartoon-avatar in {cwd}: check;"),
        (["python", "a.py"], "python in {cwd}: a.py;"),
    ],
)
def test_the_service_and_its_commands_never_install_the_tests(
    clone: Path, tmp_path: Path, words: list[str], started: str
):
    first = run(clone, *words, cwd=tmp_path)
    again = run(clone, *words, cwd=tmp_path)

    for response in (first, again):
        assert response.stdout.startswith(started.format(cwd=tmp_path)), response.stderr
    assert "run: installing what the service needs into" in first.stderr
    assert again.stderr == ""
    asked = calls(clone).splitlines()
    assert len(asked) == 3  # looked, installed, looked
    assert all("--no-dev" in line and "--inexact" in line for line in asked)
    if "python" not in words:
        assert f"data in {clone}/data" in first.stdout


def test_the_tests_need_everything_and_run_where_they_are_asked_for(clone: Path):
    (clone / "tests").mkdir()

    outside = run(clone, "test", "-k", "x", cwd=clone.parent)
    inside = run(clone, "test", "test_a.py", cwd=clone / "tests")

    assert f"pytest in {clone}: -k x;" in outside.stdout
    assert f"pytest in {clone}/tests: test_a.py;" in inside.stdout
    assert "--no-dev" not in calls(clone)
    assert "models fetch" in outside.stdout


def test_what_cannot_be_installed_is_explained(clone: Path):
    response = run(clone, "doctor", uv="#!/bin/sh\necho 'no route to host' >&2; exit 2\n")

    assert response.returncode == 1
    assert "no route to host" in response.stderr
    assert "a way to PyPI or a mirror" in response.stderr
    assert run(clone, "extra", "neutral").returncode == 2


def test_extras_are_added_to_what_is_there(clone: Path):
    assert run(clone, "extra", "neural", "s3").returncode == 0
    assert "--no-dev --inexact --extra neural --extra s3" in calls(clone)


def test_every_command_can_be_run_by_its_name():
    line = next(line for line in SCRIPT.read_text().splitlines() if line.startswith("commands="))
    listed = set(line.removeprefix("commands=").strip('"').split())
    assert listed == set(main.commands) - {"check"}
