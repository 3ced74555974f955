"""The command that takes over what a server of the original design keeps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartoon_avatar.cli.data import database_errors_named
from cartoon_avatar.cli.options import backend_settings, data_option, use_data_folder
from cartoon_avatar.cli.pictures import opened_tools

if TYPE_CHECKING:
    from cartoon_avatar.backend.flows.original_data import Inspected


@click.command(
    "import-original", short_help="Take over what a server of the original design keeps."
)
@data_option
@click.option(
    "--root",
    required=True,
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of that server that `uploads` is in.",
)
@click.argument("export", type=click.Path(file_okay=False, exists=True, path_type=Path))
def import_original(data: Path | None, root: Path, export: Path) -> None:
    """Take over photos and faces of a server of the original design, with their ids and names.

    EXPORT holds originals.json and downloaded_faces.json, as `mongoexport` writes them. Nothing
    there is changed, and what was taken over before is passed over, so repeat it as you like; it
    may run while either server does. docs/moving.md has the steps.

    \b
      cartoon-avatar import-original --root /srv/old-server export/
    """
    from cartoon_avatar.backend.db.migrate import migrate
    from cartoon_avatar.backend.db.session import open_database
    from cartoon_avatar.backend.flows.original_data import BadExport, Outcome, Server, take_over
    from cartoon_avatar.backend.signing import Signer, load_or_make_key
    from cartoon_avatar.backend.storage.open import open_storage
    from cartoon_avatar.contract.errors import AvatarError

    use_data_folder(data)
    settings = backend_settings()
    server = Server(export, root, _device_of, _open_inspect())
    counts: Counter[tuple[str, str]] = Counter()

    def note(outcome: Outcome) -> None:
        counts[outcome.file, outcome.state] += 1
        if outcome.state == "left":
            click.echo(f"left  {outcome.file} {outcome.id}: {outcome.reason}", err=True)

    async def run() -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        signing_keys = settings.signing_keys or [load_or_make_key(settings.signing_key_file)]
        storage, signer = open_storage(settings), Signer(signing_keys, None)
        async with open_database(settings.database, settings.database_timeout_s) as database:
            await migrate(database)
            async for outcome in take_over(
                database, storage, signer, server, keep_metadata=settings.keep_metadata
            ):
                note(outcome)

    try:
        with database_errors_named():
            asyncio.run(run())
    except BadExport as error:
        raise click.ClickException(str(error)) from error
    except AvatarError as error:
        raise click.ClickException(error.detail) from error
    for what, file in (("photos", "originals.json"), ("faces", "downloaded_faces.json")):
        taken, here, left = (counts[file, state] for state in ("taken", "here", "left"))
        click.echo(f"{what}: {taken} taken over, {here} were here, {left} left")
    if any(state == "left" for _, state in counts):
        raise SystemExit(1)


def _device_of(text: str) -> str | None:
    from cartoon_avatar.backend.identity import is_unset
    from cartoon_avatar.backend.routes.original_api import device_id_of

    if not text.strip() or is_unset(text):
        return None
    # Node.js reads headers as Latin-1; these are the bytes that the app sent.
    sent = text.encode("latin-1", "ignore")
    return device_id_of(sent).decode()


def _open_inspect() -> Callable[[bytes], Inspected]:
    from cartoon_avatar.ai.jobs import mark_of_part
    from cartoon_avatar.ai.jobs.results import thumbnail_of
    from cartoon_avatar.ai.pictures import decode
    from cartoon_avatar.ai.seeing.faces import open_face_finder
    from cartoon_avatar.backend.flows.original_data import Inspected

    tools = opened_tools()
    find = open_face_finder(tools.models)

    def inspect(data: bytes) -> Inspected:
        photo = decode(data, max_pixels=tools.max_pixels, long_side=_SIDE_PX)
        faces = len(find(photo.picture))
        thumbnail = thumbnail_of(photo.picture, tools.xmp(mark_of_part(data)))
        return Inspected(photo.width, photo.height, faces, thumbnail)

    return inspect


# What a drawing is made at, too.
_SIDE_PX = 1024
