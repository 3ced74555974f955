"""Commands that run the services."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartoon_avatar.cli.models import have_models
from cartoon_avatar.cli.options import (
    ai_settings,
    backend_settings,
    data_option,
    echo_json,
    host_and_port,
    parent_option,
    use_data_folder,
    workers_option,
)
from cartoon_avatar.cli.own_network import address_in_network, qr_code
from cartoon_avatar.process.address import listen_fault, reached_at
from cartoon_avatar.process.command_line import extra
from cartoon_avatar.process.logs import configure_logs

if TYPE_CHECKING:
    from cartoon_avatar.backend.settings import BackendSettings

# SQLite's index in shared memory and the first pages of its log; a new folder's database and
# ballast, too.
_ROOM_TO_START_BYTES = 48_000
_ROOM_TO_BEGIN_BYTES = 2_000_000


@click.command(short_help="Run everything on one machine.")
@host_and_port(8000)
@data_option
@workers_option
def serve(host: str, port: int, data: Path | None, workers: int) -> None:
    """Run the backend with its AI service started along, and keep both running.

    Ctrl-C or SIGTERM stops both, after the requests under way. Logs go to standard error, in
    words where that is a terminal and else as JSON, one object a line (LOG_FORMAT).

    \b
      cartoon-avatar serve
      cartoon-avatar serve --host 0.0.0.0 --port 80 --data /srv/avatars
    """
    from cartoon_avatar.process.supervisor import serve as serve_both

    use_data_folder(data)
    settings = backend_settings()
    ai_settings()
    _require_free(host, port)
    _require_room(settings)
    have_models()
    configure_logs("supervisor", settings.log_level, log_format=settings.log_format)
    click.echo(f"cartoon-avatar: pictures and database are in {settings.data_dir.resolve()}")
    url = f"http://{reached_at(host)}:{port}"

    def say_where() -> None:
        click.echo(f"cartoon-avatar: the page is at {url}/ (Ctrl-C stops)")
        if host in ("0.0.0.0", "::") and (address := address_in_network()):
            click.echo(f"cartoon-avatar: in your network it is at http://{address}:{port}/")
            if sys.stdout.isatty():
                click.echo(qr_code(f"http://{address}:{port}/"))

    serve_both(host, port, workers, url, dict(os.environ), when_up=say_where)


@click.command(short_help="Run the backend alone.")
@host_and_port(8000)
@data_option
@workers_option
@parent_option
def backend(host: str, port: int, data: Path | None, workers: int, with_parent: int | None) -> None:
    """Run the backend alone; AI_URL says where the AI service is.

    For two machines or containers.

    \b
      AI_URL=http://ai:8001 cartoon-avatar backend --host 0.0.0.0
    """
    from cartoon_avatar.process.server import run_server

    use_data_folder(data)
    settings = backend_settings()
    _require_room(settings)
    configure_logs("backend", settings.log_level, log_format=settings.log_format)
    run_server("cartoon_avatar.backend.app:from_environment", host, port, workers, with_parent)


@click.command(short_help="Run the AI service alone.")
@host_and_port(8001)
@click.option(
    "--ray",
    "on_ray",
    is_flag=True,
    help="Deploy it to the Ray cluster that RAY_ADDRESS names, or to one of this machine.",
)
@parent_option
def ai(host: str, port: int, on_ray: bool, with_parent: int | None) -> None:
    """Run the AI service alone; AI_TRUSTED_ORIGINS says whose pictures it may fetch.

    It belongs behind the backend, which sends it what it works on, and not on the internet.

    \b
      cartoon-avatar ai --host 0.0.0.0
      RAY_ADDRESS=head:6379 AI_MAX_REPLICAS=32 cartoon-avatar ai --ray --host 0.0.0.0
    """
    from cartoon_avatar.process.server import run_server

    settings = ai_settings()
    have_models()
    if on_ray:
        run_on_ray = _ray_serve()
        try:
            run_on_ray(settings, host, port, with_parent)
        except ConnectionError as error:
            raise click.ClickException(f"Ray cannot be reached: {error}") from error
        return
    configure_logs("ai", settings.log_level, log_format=settings.log_format)
    run_server("cartoon_avatar.ai.server:from_environment", host, port, 1, with_parent)


@click.command(short_help="Print the OpenAPI document.")
def openapi() -> None:
    """Print the OpenAPI document of the backend, to generate clients from.

    \b
      cartoon-avatar openapi > openapi.json
    """
    from cartoon_avatar.backend.app import create_app

    echo_json(create_app(backend_settings()).openapi())


def _require_free(host: str, port: int) -> None:
    """Fail at once instead of starting a service that keeps dying."""
    if reason := listen_fault(host, port):
        raise click.ClickException(
            f"Cannot listen on {host}:{port} ({reason}); choose another --port."
        )


def _require_room(settings: BackendSettings) -> None:
    """Fail at once where a start would, on a folder that is closed or a disk that is full."""
    folder = settings.data_dir
    is_new = settings.database_url is None and not (folder / "avatars.sqlite").exists()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as probe:
            # Random bytes, since some file systems store zeros as holes.
            probe.write(os.urandom(_ROOM_TO_BEGIN_BYTES if is_new else _ROOM_TO_START_BYTES))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise click.ClickException(
                f"There is no room in the data folder {folder} ({error.strerror}). Free"
                f" {'some megabytes' if is_new else 'some 100 kB'} there, or set DATA_DIR or"
                " --data to another one."
            ) from error
        raise click.ClickException(
            f"The data folder {folder} cannot be written to ({error.strerror}). Give it to the"
            f" user who runs this (id {os.getuid()}), or set DATA_DIR or --data to another one."
        ) from error


def _ray_serve() -> Callable[..., None]:
    # Ray reads it when imported: below `uv run` it would have every node build the project anew.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        from cartoon_avatar.ai.pools.ray_serve import run_on_ray
    except ModuleNotFoundError as error:
        raise click.ClickException(f"There is no {error.name} here: {extra('ray')}") from error
    return run_on_ray
