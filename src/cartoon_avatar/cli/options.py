"""Options that several commands have, the settings, and what is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from cartoon_avatar.ai.settings import AiSettings
    from cartoon_avatar.backend.settings import BackendSettings

Command = TypeVar("Command", bound=Callable[..., object])


def host_and_port(default_port: int) -> Callable[[Command], Command]:
    def options(command: Command) -> Command:
        command = click.option(
            "--port", default=default_port, show_default=True, help="Port to listen on."
        )(command)
        return click.option(
            "--host",
            default="127.0.0.1",
            show_default=True,
            help="Address to listen on.",
        )(command)

    return options


data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of pictures, database and signing key. [default: $DATA_DIR or ./data]",
)
workers_option = click.option(
    "--workers",
    default=1,
    show_default=True,
    help="Backend processes.",
    type=click.IntRange(1),
)
face_option = click.option(
    "--face",
    "face_index",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Which face, counted from the most prominent.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Say it as JSON, for a script.")
parent_option = click.option("--with-parent", type=int, metavar="PID", hidden=True)


def use_data_folder(data: Path | None) -> None:
    if data is not None:
        os.environ["DATA_DIR"] = str(data)


def backend_settings() -> BackendSettings:
    from cartoon_avatar.backend.settings import BadSettings, settings_from_environment

    try:
        return settings_from_environment()
    except BadSettings as error:
        raise click.ClickException(str(error)) from error


def ai_settings() -> AiSettings:
    from cartoon_avatar.ai.settings import BadSettings, settings_from_environment

    try:
        return settings_from_environment()
    except BadSettings as error:
        raise click.ClickException(str(error)) from error


def echo_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
