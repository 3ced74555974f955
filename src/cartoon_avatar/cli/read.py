"""The command that shows what is seen in a photo."""

from __future__ import annotations

from pathlib import Path

import click

from cartoon_avatar.cli.options import echo_json, face_option, json_option
from cartoon_avatar.cli.pictures import opened_tools, require_picture_name
from cartoon_avatar.cli.results import each

# Masks are read at the size that cartoons are drawn at.
_SIDE_PX = 1024


@click.command(short_help="Show what is seen in a photo: faces, masks, the person.")
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@face_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A .png, .webp or .jpg file: the photo, masks and landmarks on it, the person in words.",
)
@json_option
def read(photo: Path, face_index: int, output: Path | None, as_json: bool) -> None:
    """Show what is seen in a photo before anything is drawn: who is in it and what they look like.

    Hair, beard, glasses, hat, light, skin, eyes and mouth are read with a confidence; what is
    not read is not drawn either.

    \b
      cartoon-avatar read me.jpg
      cartoon-avatar read me.jpg -o seen.png
      cartoon-avatar read friends.jpg --face 1 --json
    """
    from cartoon_avatar.ai.files import write_picture
    from cartoon_avatar.ai.pictures import decode
    from cartoon_avatar.ai.seeing.faces import open_face_finder
    from cartoon_avatar.ai.seeing.matting import open_mask_finder
    from cartoon_avatar.ai.seeing.report import lines_of, picture_of, values_of
    from cartoon_avatar.ai.seeing.scene import open_scene

    if output is not None:
        require_picture_name(output, [photo])
    tools = opened_tools()
    with each([photo], "reading") as (_, reported), reported(photo):
        seen = decode(photo.read_bytes(), max_pixels=tools.max_pixels, long_side=2 * _SIDE_PX)
        scene = open_scene(
            seen.picture,
            open_face_finder(tools.models),
            open_mask_finder(tools.models),
            face=face_index,
            long_side=_SIDE_PX,
        )
        if output is not None:
            write_picture(output, picture_of(scene))
        if as_json:
            echo_json(values_of(scene))
        elif output is None:
            for line in lines_of(scene):
                click.echo(line)
