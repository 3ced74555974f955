from __future__ import annotations

import re
from pathlib import Path

import pytest

from cartoon_avatar.ai.settings import (
    AiSettings,
    BadSettings,
    settings_from_environment,
    variable_of,
)

ROOT = Path(__file__).parents[2]


def test_without_any_variable_the_service_has_what_it_needs(monkeypatch) -> None:
    for field in AiSettings.model_fields:
        monkeypatch.delenv(variable_of(field), raising=False)
    settings = settings_from_environment()
    assert settings.workers >= 1
    assert settings.threads >= 1
    assert settings.trusted_origins == ["http://127.0.0.1:8000"]
    assert settings.max_upload_bytes == 10_000_000


def test_each_setting_is_read_from_its_variable(monkeypatch) -> None:
    monkeypatch.setenv("AI_WORKERS", "3")
    monkeypatch.setenv("AI_TRUSTED_ORIGINS", "http://backend:8000, https://avatars.test")
    monkeypatch.setenv("LOG_LEVEL", "warning")
    settings = settings_from_environment()
    assert settings.workers == 3
    assert settings.trusted_origins == ["http://backend:8000", "https://avatars.test"]
    assert settings.log_level == "warning"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AI_WORKERS", "0"),
        ("AI_WORKERS", "many"),
        ("AI_QUEUE", "-1"),
        ("AI_TRUSTED_ORIGINS", "backend:8000"),
        ("AI_TRUSTED_ORIGINS", "http://backend:8000/uploads"),
        ("AI_TRUSTED_ORIGINS", "http://user@backend:8000"),
        ("AI_TRUSTED_ORIGINS", "http://good:1,ftp://bad"),
        ("AI_MAX_PIXELS", "0"),
        ("AI_MAX_UPLOAD_BYTES", "10 MB"),
        ("AI_TASK_TIMEOUT_S", "0"),
        ("AI_BODY_TIMEOUT_S", "-3"),
        ("AI_FETCH_TIMEOUT_S", "soon"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_by_its_variable(
    monkeypatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadSettings, match=variable):
        settings_from_environment()


def test_each_setting_says_what_it_is_for() -> None:
    for name, field in AiSettings.model_fields.items():
        assert field.description, name


def test_the_docs_list_each_setting_and_no_other() -> None:
    text = (ROOT / "docs/ai-service.md").read_text()
    listed = set(re.findall(r"^\| `((?:AI_|LOG_|MARKS|C2PA_)[A-Z_]*)`", text, re.MULTILINE))
    assert listed == {variable_of(field) for field in AiSettings.model_fields}


def test_nothing_else_in_the_service_reads_the_environment() -> None:
    readers = {
        path.name
        for path in (ROOT / "src/cartoon_avatar/ai").rglob("*.py")
        if re.search(r"os\.environ|getenv", path.read_text())
    }
    # model_files.py hands the environment on to package clients, at set-up.
    assert readers <= {"settings.py", "model_files.py", "ray_serve.py"}
