"""Commands that draw and cut pictures without a service."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cartoon_avatar.cli.models import have_models
from cartoon_avatar.cli.options import ai_settings
from cartoon_avatar.contract.boxes import MOST_FACES
from cartoon_avatar.contract.errors import NoFace
from cartoon_avatar.contract.limits import (
    CARTOON_PX,
    LARGEST_CARTOON_PX,
    LARGEST_HEAD_PX,
    LARGEST_SEED,
    SMALLEST_CARTOON_PX,
)
from cartoon_avatar.contract.options import FRAMINGS, Framing

# The imports of a command wait until it runs: `--help` should not load OpenCV.
if TYPE_CHECKING:
    from PIL.Image import Image
    from tqdm import tqdm

    from cartoon_avatar.ai.jobs import Tools


@click.command(short_help="Draw cartoons of photos, without a service.")
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--style",
    "style_name",
    default="painted",
    show_default=True,
    help="A style's name, or `all` for a contact sheet.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, LARGEST_SEED),
    help="Varies the drawing within its style.",
)
@click.option(
    "--size",
    default=CARTOON_PX,
    show_default=True,
    type=click.IntRange(SMALLEST_CARTOON_PX, LARGEST_CARTOON_PX),
    help="Longest side in pixels.",
)
@click.option(
    "--framing",
    default="portrait",
    show_default=True,
    type=click.Choice(FRAMINGS),
    help="Head and shoulders, or all of the photo.",
)
@click.option(
    "--face",
    default=0,
    show_default=True,
    type=click.IntRange(0, MOST_FACES - 1),
    help="Whom to draw, counted from the most prominent.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .png, .webp or .jpg file, .svg in styles of shapes; for several photos a folder, which"
    " gets .png files.",
)
def draw(
    photos: tuple[Path, ...],
    style_name: str,
    seed: int,
    size: int,
    framing: Framing,
    face: int,
    output: Path,
) -> None:
    """Draw cartoons of photos (files, or folders of them) without any service running.

    A photo that cannot be drawn is named; the others are drawn. What is transparent stays so,
    on white in a .jpg. Nothing of a photo's metadata is in what is written.

    \b
      cartoon-avatar draw me.jpg -o me.png
      cartoon-avatar draw me.jpg --style noir --seed 7 -o me.png
      cartoon-avatar draw me.jpg --style ink -o me.svg
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
    from cartoon_avatar.ai.seeing.model_files import models_folder

    names = [style.name for style in styles_in(models_folder(ai_settings().models_dir))]
    sheet = style_name == "all"
    if not sheet and style_name not in names:
        raise click.BadParameter(f"choose from {', '.join(names)} or all", param_hint="--style")
    files = photos_of(photos)
    if output.suffix.lower() == ".svg" and not output.is_dir():
        _draw_svg(files, style_name, seed, size, framing, face, output)
        return
    places: list[Path] = []
    if sheet or not is_for_folder(photos, files, output):
        require_picture_name(output, files)
    else:
        places = list(places_in(made_folder(output, photos), files, style_name))
    tools = opened_tools()

    rows: list[list[Image]] = []
    styles = names if sheet else [style_name]
    with each(files, "drawing", steps=len(styles)) as (progress, reported):
        for number, file in enumerate(files):
            with reported(file):
                row: list[Image] = []
                for style in styles:
                    try:
                        picture = draw_file(tools, file, style, seed, size, framing, face)
                    except NoFace:
                        if not sheet:
                            raise
                        picture = None  # a style that draws people only
                    if sheet:
                        row.append(cell(picture))
                    elif picture is not None:
                        write_picture(places[number] if places else output, picture)
                    progress.update()
                if sheet:
                    rows.append(row)
        if rows:
            with reported(output):
                write_picture(output, contact_sheet(names, rows))


def _draw_svg(
    files: list[Path],
    style: str,
    seed: int,
    size: int,
    framing: Framing,
    face: int,
    output: Path,
) -> None:
    from cartoon_avatar.ai.engines.catalogue import STYLES, has_svg
    from cartoon_avatar.ai.files import draw_svg_file

    shapes = [one.name for one in STYLES if has_svg(one)]
    if style not in shapes:
        raise click.BadParameter(
            f"{style} draws pixels; an .svg is drawn in {', '.join(shapes)}", param_hint="--style"
        )
    if len(files) > 1:
        raise click.BadParameter("an .svg is drawn of one photo", param_hint="--output")
    if output.resolve() == files[0].resolve():
        raise click.ClickException(f"{output} is the photo itself; choose another name.")
    tools = opened_tools()
    with each(files, "drawing") as (_, reported), reported(files[0]):
        document = draw_svg_file(tools, files[0], style, seed, size, framing, face)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(document)


@click.command(short_help="Draw photos and cut the heads out, without a service.")
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--style", "style_name", help="How to draw the photos.  [default: painted]")
@click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    help="Varies the drawings within their style.  [default: 0]",
)
@click.option(
    "--photo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The picture is a cartoon, drawn from this photo: it is cut as it is.",
)
@click.option("--as-is", is_flag=True, help="Draw nothing: the pictures are cartoons already.")
@click.option(
    "--size", type=click.IntRange(1, LARGEST_HEAD_PX), help="Side of the square in pixels."
)
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
    pictures: tuple[Path, ...],
    style_name: str | None,
    seed: int | None,
    photo: Path | None,
    as_is: bool,
    size: int | None,
    face_index: int,
    output: Path,
) -> None:
    """Draw photos and cut the head out of each drawing, without any service running.

    With --photo or --as-is the pictures are cartoons, which are cut as they are. The head
    lies on nothing in a .png or .webp, on white in a .jpg.

    \b
      cartoon-avatar cut me.jpg -o head.png
      cartoon-avatar cut me.jpg --style ink -o head.png
      cartoon-avatar cut me.png --photo me.jpg -o head.png
      cartoon-avatar cut drawn/ --as-is -o heads/
    """
    from cartoon_avatar.ai.files import cut_file, draw_and_cut_file, places_in, write_picture
    from cartoon_avatar.ai.jobs import styles_in
    from cartoon_avatar.ai.seeing.models import models_folder

    if (as_is or photo is not None) and not (style_name is seed is None):
        raise click.UsageError("--style and --seed are of a photo to draw; a cartoon is cut as is.")
    names = [style.name for style in styles_in(models_folder(ai_settings().models_dir))]
    style = style_name or "painted"
    if style not in names:
        raise click.BadParameter(f"choose from {', '.join(names)}", param_hint="--style")
    files = photos_of(pictures)
    if photo is not None and len(files) > 1:
        raise click.BadParameter("goes with one cartoon", param_hint="--photo")
    if is_for_folder(pictures, files, output):
        places = list(places_in(made_folder(output, pictures), files, "head"))
    else:
        require_picture_name(output, [*files, *([photo] if photo else [])])
        places = [output]
    tools = opened_tools()
    with each(files, "cutting") as (progress, reported):
        for file, place in zip(files, places, strict=True):
            with reported(file):
                if as_is or photo is not None:
                    head = cut_file(tools, file, photo, size, face_index)
                else:
                    head = draw_and_cut_file(tools, file, style, seed or 0, size, face_index)
                write_picture(place, head)
                progress.update()


def opened_tools() -> Tools:
    from cartoon_avatar.ai.jobs import open_tools

    settings = ai_settings()
    have_models()
    tools, _ = open_tools(settings.models_dir, 1, settings.max_pixels)
    return tools


def photos_of(paths: tuple[Path, ...]) -> list[Path]:
    from cartoon_avatar.ai.files import photos_in

    try:
        files = photos_in(paths)
    except OSError as error:
        raise click.ClickException(_said(error, paths[0])) from error
    if not files:
        raise click.ClickException("There is no picture in the folder.")
    return files


def is_for_folder(paths: tuple[Path, ...], files: list[Path], output: Path) -> bool:
    return len(files) > 1 or any(path.is_dir() for path in paths) or output.is_dir()


def made_folder(output: Path, paths: tuple[Path, ...]) -> Path:
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


def require_picture_name(output: Path, files: list[Path]) -> None:
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
def each(
    files: list[Path], what: str, steps: int = 1
) -> Iterator[tuple[tqdm[Any], Callable[[Path], AbstractContextManager[None]]]]:
    """A progress bar, and ``reported``: says what is wrong with a file and lets the rest go on.

    Ends the command with 1 where anything was wrong.
    """
    from tqdm import tqdm

    from cartoon_avatar.ai.engines.onnx import NetworkUnusable
    from cartoon_avatar.ai.files import NotWritten
    from cartoon_avatar.contract.errors import AvatarError

    total = len(files) * steps
    wrong = []
    with tqdm(
        total=total, desc=what, unit="picture", disable=None if total > 1 else True
    ) as progress:

        @contextmanager
        def reported(file: Path) -> Iterator[None]:
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

        yield progress, reported
    if len(wrong) > 1:
        click.echo(f"{len(wrong)} of {len(files)} went wrong.", err=True)
    if wrong:
        raise SystemExit(1)
