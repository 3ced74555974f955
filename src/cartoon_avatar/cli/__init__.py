"""The command line: parse, call, print."""

from __future__ import annotations

import sys

import click

from cartoon_avatar.cli.data import backup, check, migrate, restore, sweep
from cartoon_avatar.cli.doctor import doctor
from cartoon_avatar.cli.engines import engines
from cartoon_avatar.cli.models import models
from cartoon_avatar.cli.moving import import_original
from cartoon_avatar.cli.pictures import cut, draw
from cartoon_avatar.cli.read import read
from cartoon_avatar.cli.reports import reports
from cartoon_avatar.cli.serve import ai, backend, openapi, serve
from cartoon_avatar.cli.stickers import export


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
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


for _command in (
    *(serve, backend, ai),
    *(draw, cut, export, read),
    *(models, engines),
    *(sweep, check, backup, restore, migrate, import_original, reports),
    *(doctor, openapi),
):
    main.add_command(_command)
