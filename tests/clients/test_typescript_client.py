"""The TypeScript client of clients/typescript: generated, type-checked and run by Node.js."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cartoon_avatar.ai.seeing.model_files import npm_command
from tests.backend.conftest import picture
from tests.faults.conftest import StartBackend

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"
RUN = """
import { readFileSync } from "node:fs";
import { main } from "./out/client.js";
const [, , url, photo] = process.argv;
console.log((await main(url, new Blob([readFileSync(photo)]))).join("\\n"));
"""


@pytest.mark.timeout(600)
def test_it_is_type_checked_and_does_what_an_app_does(tmp_path: Path, start_backend: StartBackend):
    folder = tmp_path / "clients" / "typescript"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "out"))
    shutil.copy(CLIENT.parent / "openapi.json", folder.parent)
    npm = npm_command(tmp_path)
    run = {"cwd": folder, "check": True, "capture_output": True, "text": True}
    node = [npm[0]] if len(npm) > 1 else [shutil.which("node") or "node"]
    subprocess.run([*npm, "ci", "--no-audit", "--no-fund"], **run)
    modules = folder / "node_modules"
    generator = modules / "openapi-typescript" / "bin" / "cli.js"
    subprocess.run([*node, generator, "../openapi.json", "-o", "schema.d.ts"], **run)

    compiler = [*node, modules / "typescript" / "bin" / "tsc"]
    subprocess.run(compiler, **run)
    wrong = (folder / "client.ts").read_text().replace('"not_found"', '"no_such"')
    (folder / "client.ts").write_text(wrong)
    refused = subprocess.run([*compiler, "--noEmit"], **{**run, "check": False})
    assert refused.returncode != 0
    assert "no overlap" in refused.stdout

    (folder / "run.mjs").write_text(RUN)
    (folder / "me.jpg").write_bytes(picture())
    said = subprocess.run([*node, "run.mjs", start_backend().url, "me.jpg"], **run).stdout
    assert said.splitlines() == [
        "uploaded comic 48",
        "drawn again with seed 7",
        "refused, since it is not found",
        "kept true",
    ]
