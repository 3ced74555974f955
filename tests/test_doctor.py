"""`cartoon-avatar doctor` on installations that lack something."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cartoon_avatar.ai.engines.remote.ledger import open_ledger
from cartoon_avatar.ai.seeing.model_files import REQUIRED
from cartoon_avatar.cli import main
from tests.ai.engines.remote.conftest import written
from tests.ai.networks import NEGATIVE, manifest, model_of
from tests.engines.ports import free_ports

KEY = "k" * 40


@pytest.fixture(autouse=True)
def in_its_own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIN_FREE_BYTES", "0")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder as the first start leaves it."""
    folder = tmp_path / "data"
    assert CliRunner().invoke(main, ["migrate", "--data", str(folder)]).exit_code == 0
    (folder / "signing.key").write_text(KEY)
    (folder / "signing.key").chmod(0o600)
    return folder


def examined(*arguments: object) -> tuple[int, dict[str, dict[str, Any]]]:
    port = 0  # any free one
    command = ["doctor", "--json", "--port", port, *arguments]
    result = CliRunner().invoke(main, [str(word) for word in command])
    said = json.loads(result.stdout)
    wrong = [finding for finding in said["findings"] if finding["status"] == "wrong"]
    assert said["wrong"] == len(wrong)
    assert all(finding["mend"] for finding in wrong)
    return result.exit_code, {finding["check"]: finding for finding in said["findings"]}


def test_a_whole_installation_has_nothing_wrong(data: Path):
    exit_code, findings = examined("--data", data)

    assert {finding["status"] for finding in findings.values()} == {"ok"}, findings
    assert exit_code == 0
    assert len(findings) == 10


def test_before_the_first_start_nothing_is_wrong_either_and_nothing_is_made(tmp_path: Path):
    exit_code, findings = examined("--data", tmp_path / "new")

    assert exit_code == 0
    assert "made at the first start" in findings["database"]["found"]
    assert not (tmp_path / "new").exists()


def test_missing_and_damaged_models_are_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / REQUIRED[0].name).write_text("half a file")
    monkeypatch.setenv("AI_MODELS_DIR", str(tmp_path / "models"))

    exit_code, findings = examined("--data", data)

    assert exit_code == 1
    assert f"{REQUIRED[0].name} (damaged)" in findings["models"]["found"]
    assert f"{REQUIRED[1].name} (missing)" in findings["models"]["found"]
    assert "models fetch" in findings["models"]["mend"]


def test_neural_styles_are_tried_and_what_is_wrong_with_one_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("AI_MODELS_DIR", str(folder))
    model = model_of(NEGATIVE)

    def neural() -> dict[str, str]:
        return examined("--data", data)[1]["neural"]

    assert "none" in neural()["found"]
    manifest(folder, model.model_dump())
    assert "negative.onnx (missing)" in neural()["found"]
    (folder / model.file).write_bytes(b"half a file")
    assert "negative.onnx (damaged)" in neural()["found"]
    (folder / model.file).write_bytes(NEGATIVE)
    assert neural() == {"check": "neural", "status": "ok", "found": "negative", "mend": None}

    manifest(folder, {**model.model_dump(), "input": {"layout": "NHWC"}})
    assert "does not take its input" in neural()["found"]
    manifest(folder, {**model.model_dump(), "sha256": "unknown"})
    assert "style.1.sha256" in neural()["found"]
    manifest(folder, model.model_dump())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "pip install" in neural()["mend"]


def test_a_key_and_a_folder_that_others_may_read_are_wrong(data: Path):
    (data / "signing.key").chmod(0o644)
    data.chmod(0o755)

    exit_code, findings = examined("--data", data)

    assert exit_code == 1
    assert "chmod 600" in findings["signing key"]["mend"]
    assert "0644" in findings["signing key"]["found"]
    assert "chmod 700" in findings["data folder"]["mend"]


def test_a_key_that_is_too_short_is_wrong(data: Path):
    (data / "signing.key").write_text("short")

    _, findings = examined("--data", data)

    assert "5 characters" in findings["signing key"]["found"]


def test_a_folder_that_cannot_be_written_to_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Permissions do not stop root; that it is no folder stops anybody.
    taken = tmp_path / "taken"
    taken.touch()
    monkeypatch.setenv("DATA_DIR", str(taken))

    exit_code, findings = examined()

    assert exit_code == 1
    assert "chown" in findings["data folder"]["mend"]


def test_too_little_room_is_wrong(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MIN_FREE_BYTES", str(10**18))

    exit_code, findings = examined("--data", data)

    assert exit_code == 1
    assert "MIN_FREE_BYTES" in findings["free space"]["found"]


def test_an_old_schema_is_wrong_only_where_the_start_does_not_mend_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    with sqlite3.connect(data / "avatars.sqlite") as database:
        database.execute("DELETE FROM alembic_version")
    database.close()

    mended_at_start = examined("--data", data)
    monkeypatch.setenv("MIGRATE_ON_START", "false")
    by_hand = examined("--data", data)

    assert mended_at_start[0] == 0
    assert "at the next start" in mended_at_start[1]["database"]["found"]
    assert by_hand[0] == 1
    assert "cartoon-avatar migrate" in by_hand[1]["database"]["mend"]


def test_a_schema_of_a_newer_version_is_wrong(data: Path):
    with sqlite3.connect(data / "avatars.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()

    exit_code, findings = examined("--data", data)

    assert exit_code == 1
    assert "newer version" in findings["database"]["mend"]


def test_a_file_that_is_no_database_is_wrong(data: Path):
    (data / "avatars.sqlite").write_bytes(b"no database at all" * 100)

    exit_code, findings = examined("--data", data)

    assert exit_code == 1
    assert "cannot be opened" in findings["database"]["found"]


def test_a_database_out_of_reach_is_wrong_and_its_password_is_not_said(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(
        "DATABASE_URL", f"postgresql+asyncpg://me:s3cret@127.0.0.1:{free_ports(1)[0]}/x"
    )

    exit_code, findings = examined("--data", data)

    assert exit_code == 1
    assert "DATABASE_URL" in findings["database"]["mend"]
    assert "s3cret" not in json.dumps(findings)


def test_an_ai_service_that_should_be_there_and_is_not_is_wrong(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AI_URL", f"http://127.0.0.1:{free_ports(1)[0]}")

    exit_code, findings = examined("--data", data)

    assert exit_code == 1
    assert "cartoon-avatar ai" in findings["ai service"]["mend"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ('{"status": "ready", "missing": []}', "ok", "ready"),
        ('{"status": "degraded", "missing": ["selfie.tflite"]}', "wrong", "selfie.tflite"),
        ('{"status": "starting", "missing": []}', "wrong", "starting"),
        ("<html>somebody else</html>", "wrong", "not the AI service"),
    ],
)
def test_what_the_ai_service_says_of_itself_is_passed_on(
    data: Path, monkeypatch: pytest.MonkeyPatch, body: str, status: str, said: str
):
    with _serving(body) as server:
        monkeypatch.setenv("AI_URL", f"http://127.0.0.1:{server.server_port}")
        _, findings = examined("--data", data)

    assert findings["ai service"]["status"] == status
    assert said in findings["ai service"]["found"]


def test_a_port_in_use_is_wrong_unless_it_is_ours(data: Path):
    with _serving('{"name": "something else"}') as server:
        exit_code, findings = examined("--data", data, "--port", server.server_port)
    assert exit_code == 1
    assert "--port" in findings["port"]["mend"]

    with _serving('{"name": "cartoon-avatar"}') as server:
        exit_code, findings = examined("--data", data, "--port", server.server_port)
    assert exit_code == 0
    assert "runs on" in findings["port"]["found"]


def test_a_person_reads_a_line_for_each_check_and_how_to_mend_it(data: Path):
    data.chmod(0o755)

    result = CliRunner().invoke(main, ["doctor", "--port", "0", "--data", str(data)])

    assert result.exit_code == 1
    assert "wrong  data folder" in result.output
    assert f"→ chmod 700 {data}" in result.output
    assert result.output.endswith("1 wrong\n")


@contextmanager
def _serving(body: str) -> Iterator[HTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_generators_are_tried_and_configuration_errors_name_line_and_key(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "engines.toml"
    file.write_text(written("original", "http://127.0.0.1:1", "gone"))
    monkeypatch.setenv("AI_ENGINES", str(file))
    exit_code, findings = examined("--data", data)
    assert exit_code == 1
    assert "GET /: cannot be reached" in findings["engine gone"]["found"]

    file.write_text(written("original", "http://10.0.0.9", "gone", private=False))
    result = CliRunner().invoke(main, ["doctor", "--data", str(data)])
    assert result.exit_code == 1
    assert "engines.toml: line 4: engine.1.url: is in a private network" in result.output


def test_engines_are_listed_from_file_and_ledger_where_no_service_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "engines.toml"
    file.write_text(written("original", "http://10.0.0.9", "own", price=0.25, daily_cost=1.0))
    monkeypatch.setenv("AI_ENGINES", str(file))
    monkeypatch.setenv("AI_DATA_DIR", str(tmp_path / "ledger"))
    command = ["engines", "--url", "http://127.0.0.1:1"]
    result = CliRunner().invoke(main, command)
    assert (
        "own  original at 10.0.0.9  not running, 0 of 4 calls today (0.00 spent)" in result.output
    )
    assert not (tmp_path / "ledger").exists()

    async def ask_once() -> None:
        day = str(datetime.now(UTC).date())
        await ledger.begin("own", "k", day, found_for_s=0)
        await ledger.forget("own", "k", day, charged=True)
        await ledger.note_error("own", "it answered 500")

    with open_ledger(tmp_path / "ledger") as ledger:
        asyncio.run(ask_once())
    result = CliRunner().invoke(main, command)
    assert "1 of 4 calls today (0.25 spent)" in result.output
    assert "last error: it answered 500" in result.output
