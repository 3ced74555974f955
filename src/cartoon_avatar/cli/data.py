"""Commands on what the backend keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartoon_avatar.cli.options import (
    backend_settings,
    data_option,
    echo_json,
    json_option,
    use_data_folder,
)
from cartoon_avatar.process.command_line import command_line

if TYPE_CHECKING:
    from cartoon_avatar.backend.flows.backup import Copied
    from cartoon_avatar.backend.flows.check import Finding


@click.command(short_help="Remove what has expired, once.")
@data_option
@json_option
def sweep(data: Path | None, as_json: bool) -> None:
    """Remove expired temporary cartoons and files that no row names, as the backend does hourly.

    Originals and faces are never touched. It may run while the service does.

    \b
      cartoon-avatar sweep
      cartoon-avatar sweep --data /srv/avatars --json
    """
    from cartoon_avatar.backend.db.session import open_database
    from cartoon_avatar.backend.flows.sweep import sweep as sweep_once
    from cartoon_avatar.backend.storage.open import open_storage

    use_data_folder(data)
    settings = backend_settings()

    async def run() -> None:
        async with open_database(settings.database, settings.database_timeout_s) as database:
            swept = await sweep_once(database, open_storage(settings), settings)
        if as_json:
            echo_json(
                {"expiredCartoons": swept.expired_cartoons, "unownedFiles": swept.unowned_files}
            )
            return
        click.echo(f"expired cartoons removed: {swept.expired_cartoons}")
        click.echo(f"unowned files removed: {swept.unowned_files}")

    with database_errors_named():
        asyncio.run(run())


@click.command(short_help="Compare rows with files, both ways.")
@data_option
@click.option("--repair", is_flag=True, help="Remove stray files; nothing else is ever removed.")
@json_option
def check(data: Path | None, repair: bool, as_json: bool) -> None:
    """Compare rows with files, both ways, reading every file; ends with 1 where they differ.

    It may run while the service does.

    \b
      cartoon-avatar check
      cartoon-avatar check --data /srv/avatars --json
    """
    from cartoon_avatar.backend.db.session import open_database
    from cartoon_avatar.backend.flows.check import check as check_all
    from cartoon_avatar.backend.storage.open import open_storage

    use_data_folder(data)
    settings = backend_settings()

    async def run() -> list[Finding]:
        findings = []
        async with open_database(settings.database, settings.database_timeout_s) as database:
            async for found in check_all(database, open_storage(settings), settings, repair=repair):
                findings.append(found)
                if as_json:
                    continue
                note = "  (removed)" if found.repaired else f"  ({found.row})" if found.row else ""
                click.echo(f"{found.fault:9}  {found.key}{note}")
        return findings

    with database_errors_named():
        findings = asyncio.run(run())
    wrong = sum(not found.repaired for found in findings)
    if as_json:
        echo_json({"wrong": wrong, "findings": [asdict(found) for found in findings]})
    else:
        click.echo(f"{wrong} wrong" if wrong else "Every row has its file, and every file its row.")
    if wrong:
        raise SystemExit(1)


@click.command(short_help="Copy database, pictures and key.")
@data_option
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def backup(data: Path | None, folder: Path) -> None:
    """Copy database, pictures and key into FOLDER, while the service runs; repeatable.

    FOLDER then holds the signing key: keep it as safe as the data folder.

    \b
      cartoon-avatar backup /mnt/backups/avatars
      cartoon-avatar backup --data /srv/avatars /mnt/backups/avatars
    """
    from cartoon_avatar.backend.flows.backup import back_up

    _say_copied(back_up(_embedded_data_folder(data), folder))


@click.command(short_help="Make a data folder of a backup.")
@data_option
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path))
def restore(data: Path | None, folder: Path) -> None:
    """Make a data folder of the backup in FOLDER, where there is none yet.

    \b
      cartoon-avatar restore --data /srv/avatars /mnt/backups/avatars
    """
    from cartoon_avatar.backend.flows.backup import restore as restore_into

    try:
        _say_copied(restore_into(folder, _embedded_data_folder(data)))
    except FileExistsError as error:
        raise click.ClickException(str(error)) from error


def _embedded_data_folder(data: Path | None) -> Path:
    use_data_folder(data)
    settings = backend_settings()
    if settings.database_url or settings.storage_url:
        raise click.ClickException(
            "This copies the embedded database and local files; docs/operations.md says how to"
            " back up PostgreSQL and a bucket."
        )
    return settings.data_dir


def _say_copied(copied: Copied) -> None:
    click.echo(f"files: {copied.files}")
    if copied.gone:
        click.echo(f"deleted meanwhile, and left out: {copied.gone}")
    for key in copied.lost:
        click.echo(f"lost       {key}")
    if copied.lost:
        raise click.ClickException("Files that rows name are not there; see `check`.")


@click.command()
@data_option
@click.option("--to", "revision", default="head", show_default=True, help="`head` or `base`.")
def migrate(data: Path | None, revision: str) -> None:
    """Bring the database's schema up to date.

    The backend does this itself when it starts, unless MIGRATE_ON_START=false. `--to base` removes
    every table and row.

    \b
      cartoon-avatar migrate
    """
    from cartoon_avatar.backend.db.migrate import migrate as migrate_to
    from cartoon_avatar.backend.db.session import open_database

    use_data_folder(data)
    settings = backend_settings()

    async def run() -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with open_database(settings.database, settings.database_timeout_s) as database:
            await migrate_to(database, revision)

    with database_errors_named():
        asyncio.run(run())
    click.echo(f"The schema is at {revision}.")


@contextmanager
def database_errors_named() -> Generator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error)
        raise click.ClickException(
            f"The database cannot be used ({reason}); `{command_line('doctor')}` says more."
        ) from error
