"""Commands on what users reported."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartoon_avatar.cli.data import database_errors_named
from cartoon_avatar.cli.options import (
    backend_settings,
    data_option,
    echo_json,
    json_option,
    use_data_folder,
)

if TYPE_CHECKING:
    from cartoon_avatar.backend.db.tables import Report


@click.group(short_help="Pictures that users reported: list and decide.")
def reports() -> None:
    """Pictures that users reported (`POST /api/reports`), listed and decided.

    \b
      cartoon-avatar reports list
      cartoon-avatar reports close 4b7d2c90e1f54a6c83d0b2a7 --upheld
    """


@reports.command("list")
@data_option
@click.option("--all", "closed", is_flag=True, help="Those that are decided, too.")
@json_option
def list_reports(data: Path | None, closed: bool, as_json: bool) -> None:
    """List the reports that wait for a decision, the oldest first.

    \b
      cartoon-avatar reports list
      cartoon-avatar reports list --all --json
    """
    from cartoon_avatar.backend.db.reports import all_reports
    from cartoon_avatar.backend.db.session import open_database

    use_data_folder(data)
    settings = backend_settings()

    async def run() -> list[Report]:
        async with open_database(settings.database, settings.database_timeout_s) as database:
            return await database.read(partial(all_reports, closed=closed))

    with database_errors_named():
        found = asyncio.run(run())
    if as_json:
        echo_json({"reports": [_as_json(report) for report in found]})
        return
    for report in found:
        state = {None: "waits", True: "upheld", False: "dismissed"}[report.upheld]
        words = [report.id, f"{report.created_at:%Y-%m-%d %H:%M}", f"{state:9}"]
        words += [report.kind, report.picture_id, report.reason]
        # A stranger's words: no line of theirs looks like one of ours.
        click.echo("  ".join([*words, ascii(report.note) if report.note else ""]).rstrip())
    if not found:
        click.echo("Nobody has reported anything that waits.")


def _as_json(report: Report) -> dict[str, object]:
    row = dict[str, object](asdict(report))
    for name in ("created_at", "closed_at"):
        row[name] = row[name] and str(row[name])
    return row


@reports.command("close")
@data_option
@click.argument("report_id")
@click.option(
    "--upheld/--dismissed",
    required=True,
    default=None,
    help="Upheld removes the picture; a photo goes with all its cartoons and faces.",
)
def close_report(data: Path | None, report_id: str, upheld: bool) -> None:
    """Decide a report.

    \b
      cartoon-avatar reports close 4b7d2c90e1f54a6c83d0b2a7 --upheld
      cartoon-avatar reports close 4b7d2c90e1f54a6c83d0b2a7 --dismissed
    """
    from cartoon_avatar.backend.db.session import open_database
    from cartoon_avatar.backend.errors import NotFound
    from cartoon_avatar.backend.flows.reports import close
    from cartoon_avatar.backend.storage.open import open_storage

    use_data_folder(data)
    settings = backend_settings()

    async def run() -> str:
        async with open_database(settings.database, settings.database_timeout_s) as database:
            storage = open_storage(settings)
            closed = await close(database, storage, report_id=report_id, upheld=upheld)
            return closed.kind

    with database_errors_named():
        try:
            kind = asyncio.run(run())
        except NotFound as error:
            raise click.ClickException(f"No report {report_id} waits.") from error
    click.echo(f"Upheld: the {kind} is removed." if upheld else f"Dismissed: the {kind} stays.")
