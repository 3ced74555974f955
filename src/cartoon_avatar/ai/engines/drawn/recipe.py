"""The recipe of a drawn avatar: a person's painting becomes closed paths, the paths a picture."""

from __future__ import annotations

from dataclasses import dataclass

from cartoon_avatar.ai.engines.drawing import Clock, Drawing
from cartoon_avatar.ai.engines.drawn.colours import hex_of
from cartoon_avatar.ai.engines.drawn.pen import Pen
from cartoon_avatar.ai.engines.drawn.printed import print_of
from cartoon_avatar.ai.engines.drawn.raster import rendered
from cartoon_avatar.ai.engines.drawn.reading import CANVAS
from cartoon_avatar.ai.engines.drawn.sheet import Shape, Sheet
from cartoon_avatar.ai.engines.drawn.styles import DrawnStyle
from cartoon_avatar.ai.engines.drawn.toned import toned_of
from cartoon_avatar.ai.pictures import Picture
from cartoon_avatar.ai.seeing.scene import Scene
from cartoon_avatar.contract.errors import NoFace
from cartoon_avatar.contract.options import rgb_of


def draw(scene: Scene, style: DrawnStyle, seed: int, clock: Clock | None = None) -> Drawing:
    """Draw the scene's first person, as large as its picture. Raises ``NoFace``."""
    clock = clock or Clock()
    sheet, pen = _drawn(scene, style, seed, clock)
    size = max(scene.picture.width, scene.picture.height)
    units, pixels = (sheet.width, sheet.height), (scene.picture.width, scene.picture.height)
    opaque = not style.transparent and bool(pen.reading.frame.all())
    picture = rendered(sheet.shapes, units, pixels, opaque=opaque)
    clock.done("render")
    return Drawing(picture, len(scene.faces), pen.outline * size / CANVAS, clock.stages)


def svg(scene: Scene, style: DrawnStyle, seed: int) -> str:
    """The same drawing as an SVG document. Raises ``NoFace``."""
    return _drawn(scene, style, seed, Clock())[0].svg()


@dataclass(frozen=True, slots=True)
class HeadShapes:
    """A head alone, in its place on a drawing of ``units`` (width, height), and the outline that
    is to go about it: its width as a share of the drawing's long side (0: none), its colour."""

    shapes: list[Shape]
    units: tuple[float, float]
    outline: float
    ink: tuple[int, int, int]

    def rendered(self, width: int, height: int) -> Picture:
        """The head without its outline, on nothing, ``width`` × ``height`` px."""
        return rendered(self.shapes, self.units, (width, height), opaque=False)


def head_alone(scene: Scene, style: DrawnStyle, seed: int) -> HeadShapes:
    """The head of the same drawing alone. Raises ``NoFace``.

    Head are face, ears, hair, beard and what is worn on them; neck and clothes are not.
    """
    sheet, pen = _drawn(scene, style, seed, Clock(), head_only=True)
    units = sheet.width, sheet.height
    return HeadShapes(sheet.shapes, units, pen.outline / CANVAS, rgb_of(hex_of(pen.ink)))


def _drawn(
    scene: Scene, style: DrawnStyle, seed: int, clock: Clock, *, head_only: bool = False
) -> tuple[Sheet, Pen]:
    if not scene.people:
        raise NoFace(
            "This style draws people, and no face was found in the picture. Try a picture in which"
            " a face is well seen, or another style."
        )
    draw_person = print_of if style.inks else toned_of
    return draw_person(scene, style, seed, clock, head_only=head_only)
