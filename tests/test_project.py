"""What the repository promises about itself."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from cartoon_avatar.ai.engines.catalogue import STYLES
from cartoon_avatar.ai.settings import AiSettings
from cartoon_avatar.ai.settings import variable_of as ai_variable_of
from cartoon_avatar.backend import errors
from cartoon_avatar.backend.app import create_app
from cartoon_avatar.backend.settings import BackendSettings
from cartoon_avatar.cli import main
from cartoon_avatar.contract.errors import AvatarError

ROOT = Path(__file__).parent.parent


def read(path: str) -> str:
    return (ROOT / path).read_text()


def test_the_lock_file_works_on_any_machine():
    lock = tomllib.loads(read("uv.lock"))
    places = set(re.findall(r"(\w+)://([^/\"]+)", read("uv.lock")))

    assert {scheme for scheme, _ in places} == {"https"}
    assert len({host for _, host in places}) == 2
    for package in lock["package"]:
        source = package["source"]
        assert set(source) in ({"registry"}, {"editable"}), package["name"]
        assert not str(source.get("editable", ".")).startswith("/")


def test_every_setting_is_documented_by_its_variable():
    documented = read("docs/configuration.md")
    variables = [name.upper() for name in BackendSettings.model_fields]
    variables += [ai_variable_of(name) for name in AiSettings.model_fields]

    for variable in variables:
        assert f"`{variable}`" in documented, variable


def test_every_route_is_documented(tmp_path: Path):
    documented = read("docs/api.md")
    paths = create_app(BackendSettings(data_dir=tmp_path)).openapi()["paths"]

    for path, methods in paths.items():
        for method in methods:
            assert f"{method.upper()} {path}" in documented, f"{method.upper()} {path}"


def test_every_error_code_is_documented():
    documented = read("docs/api.md")
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, AvatarError):
            assert f"`{kind.code}`" in documented, kind.code


def _commands(group: click.Group, name: str = "cartoon-avatar") -> list[tuple[str, click.Command]]:
    found = []
    for word, command in group.commands.items():
        if isinstance(command, click.Group):
            found += _commands(command, f"{name} {word}")
        else:
            found.append((f"{name} {word}", command))
    return found


@pytest.mark.parametrize(("name", "command"), _commands(main))
def test_every_command_is_documented_and_explains_itself(name: str, command: click.Command):
    assert name in read("docs/cli.md")
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{name} {option.name}"


def test_the_page_shows_a_sample_of_every_style():
    samples = ROOT / "src/cartoon_avatar/backend/page/samples/hero"

    assert {path.stem for path in samples.iterdir()} == {"photo", *(one.name for one in STYLES)}


def test_compose_starts_commands_that_are_there_with_settings_that_are_there():
    services = yaml.safe_load(read("compose.yaml"))["services"]
    ours = {name: one for name, one in services.items() if one["image"] == "cartoon-avatar"}
    settings = {name.upper() for name in BackendSettings.model_fields}

    assert ours.keys() == {"app", "backend", "ai"}
    for service in ours.values():
        assert service.get("command", ["serve"])[0] in main.commands
        assert service.get("environment", {}).keys() <= settings
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_no_file_names_a_machine():
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    # Written in two parts, so that this file passes too.
    paths = re.compile(rb"/(?:root|work)/" + rb"[a-z.]|/ho" + rb"me/[a-z]")
    for name in filter(None, tracked):
        file = ROOT / name
        if name == "uv.lock" or not file.is_file():
            continue
        found = paths.search(file.read_bytes()) if file.stat().st_size < 2_000_000 else None
        assert found is None, f"{name}: {found}"
