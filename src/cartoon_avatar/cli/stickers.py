"""The command that makes stickers of heads."""

from __future__ import annotations

from pathlib import Path

import click

from cartoon_avatar.cli.options import ai_settings, json_option
from cartoon_avatar.cli.pictures import is_for_folder, made_folder, photos_of
from cartoon_avatar.cli.results import Written, each
from cartoon_avatar.contract.limits import LARGEST_HEAD_PX, WIDEST_OUTLINE_PX
from cartoon_avatar.contract.stickers import PRESETS
from cartoon_avatar.process.command_line import command_line


@click.command(short_help="Make stickers of heads that were cut out, without a service.")
@click.argument("heads", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--preset", required=True, type=click.Choice(PRESETS), help="What the sticker is for."
)
@click.option(
    "--outline-width",
    type=click.IntRange(0, WIDEST_OUTLINE_PX),
    help="Pixels of the sticker.  [default: 8, of a circle or square 0]",
)
@click.option("--outline-color", metavar="#RRGGBB", help="[default: #FFFFFF]")
@click.option("--background", metavar="#RRGGBB", help="Of a circle or square.  [default: #BFE0F2]")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .webp or .png file, as the preset asks for; for several heads a folder.",
)
@json_option
def export(
    heads: tuple[Path, ...],
    preset: str,
    outline_width: int | None,
    outline_color: str | None,
    background: str | None,
    output: Path,
    as_json: bool,
) -> None:
    """Make stickers of heads (as `cartoon-avatar cut` gives them), as a messenger takes them.

    Size, type, margin and most bytes follow from the preset; what each asks for is in
    docs/stickers.md. A sticker that cannot be made of so few bytes is not written.

    \b
      cartoon-avatar export head.png --preset whatsapp -o me.webp
      cartoon-avatar export head.png --preset circle --background "#FFD54A" -o me.png
      cartoon-avatar export heads/ --preset telegram -o stickers/
    """
    from cartoon_avatar.ai.files import NotWritten
    from cartoon_avatar.ai.jobs import mark_of_part
    from cartoon_avatar.ai.pictures import decode
    from cartoon_avatar.ai.stickers import sticker, suffix_of
    from cartoon_avatar.containers.marks import packet_of
    from cartoon_avatar.contract.errors import InvalidRequest, NoTransparency
    from cartoon_avatar.contract.stickers import sticker_options_of

    given = {
        "preset": preset,
        "outlineWidth": outline_width,
        "outlineColor": outline_color,
        "background": background,
    }
    try:
        options = sticker_options_of(given)
    except InvalidRequest as error:
        raise click.UsageError(error.detail) from error
    files = photos_of(heads)
    places = _places(heads, files, output, preset, suffix_of(options.preset))
    settings = ai_settings()
    written = Written(as_json)
    with each(files, "exporting", 1, written) as (progress, reported):
        for file, place in zip(files, places, strict=True):
            with reported(file):
                data = file.read_bytes()
                head = decode(data, max_pixels=settings.max_pixels, long_side=LARGEST_HEAD_PX)
                xmp = packet_of(mark_of_part(data)) if settings.marks == "on" else b""
                try:
                    _, data = sticker(head.picture, options, xmp)
                except NoTransparency as error:
                    reason = f"{file} is not cut out: `{command_line('cut')}` does that."
                    raise NotWritten(reason) from error
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
                written.file(progress, place, file, preset=preset)
                progress.update()


def _places(
    heads: tuple[Path, ...], files: list[Path], output: Path, preset: str, suffix: str
) -> list[Path]:
    """Where the sticker of each file goes."""
    from cartoon_avatar.ai.files import places_in

    if is_for_folder(heads, files, output):
        return list(places_in(made_folder(output, heads), files, preset, suffix))
    if output.suffix.lower() != suffix:
        raise click.ClickException(f"{output}: stickers for {preset} are {suffix} files.")
    if output.resolve() == files[0].resolve():
        raise click.ClickException(f"{output} is the head itself; choose another name.")
    return [output]
