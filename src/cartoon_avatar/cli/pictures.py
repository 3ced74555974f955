"""Commands that draw and cut pictures without a service."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from cartoon_avatar.cli.models import have_models
from cartoon_avatar.cli.options import ai_settings, face_option, json_option
from cartoon_avatar.cli.results import Written, each, message_of
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

    from cartoon_avatar.ai.jobs import CartoonOptions, Tools


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
    help="A .png, .webp or .jpg file, .svg in styles of shapes; for several photos, or all styles"
    " apart, a folder, which gets .png files.",
)
@json_option
def draw(
    photos: tuple[Path, ...],
    style_name: str,
    seed: int,
    size: int,
    framing: Framing,
    face: int,
    output: Path,
    as_json: bool,
) -> None:
    """Draw cartoons of photos (files, or folders of them) without any service running.

    What is written is named on standard output. A photo that cannot be drawn is named on
    standard error; the others are drawn. What is transparent stays so,
    on white in a .jpg. Nothing of a photo's metadata is in what is written.

    \b
      cartoon-avatar draw me.jpg -o me.png
      cartoon-avatar draw me.jpg --style noir --seed 7 -o me.png
      cartoon-avatar draw me.jpg --style ink -o me.svg
      cartoon-avatar draw me.jpg --style all -o sheet.png
      cartoon-avatar draw me.jpg --style all -o styles/
      cartoon-avatar draw holiday/ -o drawn/
    """
    from cartoon_avatar.ai.files import places_in
    from cartoon_avatar.ai.jobs import styles_in
    from cartoon_avatar.ai.seeing.model_files import models_folder

    written = Written(as_json)
    how = _How(seed, size, framing, face)
    names = [style.name for style in styles_in(models_folder(ai_settings().models_dir))]
    every = style_name == "all"
    if not every and style_name not in names:
        raise click.BadParameter(f"choose from {', '.join(names)} or all", param_hint="--style")
    files = photos_of(photos)
    if output.suffix.lower() == ".svg" and not output.is_dir():
        _draw_svg(files, style_name, how, output, written)
    elif every and output.suffix and not output.is_dir():
        _draw_sheet(files, names, how, output, written)
    elif every or is_for_folder(photos, files, output):
        folder = made_folder(output, photos)
        styles = names if every else [style_name]
        places = {style: list(places_in(folder, files, style)) for style in styles}
        _draw_each(files, places, how, written)
    else:
        require_picture_name(output, files)
        _draw_each(files, {style_name: [output]}, how, written)


class _How(NamedTuple):
    """How photos are drawn, whatever the style."""

    seed: int
    size: int
    framing: Framing
    face: int

    def options(self, style: str) -> CartoonOptions:
        from cartoon_avatar.ai.jobs import CartoonOptions

        return CartoonOptions(style, self.seed, self.size, self.framing, self.face)


def _draw_each(
    files: list[Path], places: Mapping[str, list[Path]], how: _How, written: Written
) -> None:
    """``places`` holds for each style where the drawing of each file goes."""
    from cartoon_avatar.ai.files import draw_file

    tools = opened_tools()
    with each(files, "drawing", len(places), written) as (progress, reported):
        for number, file in enumerate(files):
            with reported(file):
                for style, drawings in places.items():
                    try:
                        made = draw_file(tools, file, how.options(style))
                    except NoFace:  # a style that draws people only
                        if len(places) == 1:
                            raise
                        progress.write(f"{file}: no face for {style}", file=sys.stderr)
                    else:
                        place = drawings[number]
                        written.picture(progress, place, made, file, style=style, seed=how.seed)
                    progress.update()


def _draw_sheet(
    files: list[Path], styles: list[str], how: _How, output: Path, written: Written
) -> None:
    from cartoon_avatar.ai.files import Made, cell, contact_sheet, draw_file
    from cartoon_avatar.ai.jobs import mark_of_part

    require_picture_name(output, files)
    tools = opened_tools()
    rows: list[list[Image]] = []
    with each(files, "drawing", len(styles), written) as (progress, reported):
        for file in files:
            with reported(file):
                row: list[Image] = []
                for style in styles:
                    try:
                        made = draw_file(tools, file, how.options(style))
                        row.append(cell(made.picture))
                    except NoFace:  # a style that draws people only
                        row.append(cell(None))
                    progress.update()
                rows.append(row)
        if rows:
            with reported(output):
                sheet = Made(contact_sheet(styles, rows), tools.xmp(mark_of_part(b"")))
                written.picture(progress, output, sheet, *files, style="all", seed=how.seed)


def _draw_svg(files: list[Path], style: str, how: _How, output: Path, written: Written) -> None:
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
    with each(files, "drawing", 1, written) as (progress, reported), reported(files[0]):
        document = draw_svg_file(tools, files[0], how.options(style))
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(document)
        written.file(progress, output, files[0], style=style, seed=how.seed)


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
@face_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .png, .webp or .jpg file; for several cartoons a folder, which gets .png files.",
)
@json_option
def cut(
    pictures: tuple[Path, ...],
    style_name: str | None,
    seed: int | None,
    photo: Path | None,
    as_is: bool,
    size: int | None,
    face_index: int,
    output: Path,
    as_json: bool,
) -> None:
    """Draw photos and cut the head out of each drawing, without any service running.

    With --photo or --as-is the pictures are cartoons, which are cut as they are. The head
    has a transparent background in a .png or .webp, a white one in a .jpg.

    \b
      cartoon-avatar cut me.jpg -o head.png
      cartoon-avatar cut me.jpg --style ink -o head.png
      cartoon-avatar cut me.png --photo me.jpg -o head.png
      cartoon-avatar cut drawn/ --as-is -o heads/
    """
    from cartoon_avatar.ai.files import cut_file, draw_and_cut_file, places_in
    from cartoon_avatar.ai.jobs import styles_in
    from cartoon_avatar.ai.seeing.model_files import models_folder

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
    written = Written(as_json)
    tools = opened_tools()
    with each(files, "cutting", 1, written) as (progress, reported):
        for file, place in zip(files, places, strict=True):
            with reported(file):
                if as_is or photo is not None:
                    head = cut_file(tools, file, photo, size, face_index)
                else:
                    head = draw_and_cut_file(tools, file, style, seed or 0, size, face_index)
                written.picture(progress, place, head, file)
                progress.update()


def opened_tools() -> Tools:
    from cartoon_avatar.ai.jobs import open_tools

    settings = ai_settings()
    have_models()
    tools, _ = open_tools(settings.models_dir, 1, settings.max_pixels, settings.marks == "on")
    return tools


def photos_of(paths: tuple[Path, ...]) -> list[Path]:
    from cartoon_avatar.ai.files import photos_in

    try:
        files = photos_in(paths)
    except OSError as error:
        raise click.ClickException(message_of(error, paths[0])) from error
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
        raise click.ClickException(message_of(error, output)) from error
    return output


def require_picture_name(output: Path, files: list[Path]) -> None:
    """Fail before the work rather than after it, or after overwriting a photo."""
    from cartoon_avatar.ai.files import NotWritten, encoder_of

    try:
        encoder_of(output)
    except NotWritten as error:
        raise click.ClickException(str(error)) from error
    if output.is_dir():
        raise click.ClickException(f"{output} is a folder; a contact sheet is one file.")
    if output.resolve() in {file.resolve() for file in files}:
        raise click.ClickException(f"{output} is the photo itself; choose another name.")
