"""A cartoon's shapes, drawn again from its photo: nothing of them is kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from cartoon_avatar.backend.ai.requests import DrawingOptions, Turn
from cartoon_avatar.backend.errors import NoSvg, NotFound
from cartoon_avatar.backend.flows.cartoons import cartoon_and_original
from cartoon_avatar.backend.flows.fetching import fetched
from cartoon_avatar.backend.state import State
from cartoon_avatar.contract.options import framing_of
from cartoon_avatar.http.request_log import stage


@dataclass(frozen=True, slots=True)
class Svg:
    data: bytes
    filename: str


async def svg_of(backend: State, *, device_id: str, cartoon_id: str) -> Svg:
    """The shapes of a cartoon: the same photo, style, seed and framing give the same ones.

    Raises NotFound, and NoSvg for a style that draws pixels.
    """
    find = partial(cartoon_and_original, device_id=device_id, cartoon_id=cartoon_id)
    found = await backend.database.read(find)
    if found is None:
        raise NotFound
    cartoon, original = found
    ai = backend.ai
    until = ai.deadline()
    with_shapes = {style.name for style in await ai.styles(until=until) if style.svg}
    if cartoon.style not in with_shapes:
        raise NoSvg(cartoon.style)
    photo = await fetched(backend, original.file_path, find)
    options = DrawingOptions(
        style=cartoon.style,
        seed=cartoon.seed,
        # Shapes are read off pixels: of another size they would differ a little.
        size=max(cartoon.width, cartoon.height),
        framing=framing_of({"framing": cartoon.framing}),
        face=cartoon.face_index,
    )
    with stage("draw"):
        data = await ai.generate_svg([photo], original.mime_type, options, Turn(device_id, until))
    return Svg(data, f"{PurePosixPath(cartoon.filename).stem}.svg")
