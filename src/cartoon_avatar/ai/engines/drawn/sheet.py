"""The sheet a drawing is laid on: closed paths in drawing order, written as SVG.

Only ``svg``, ``defs``, ``clipPath``, ``g``, ``rect`` and ``path`` are written, with numbers and
hex colours of our own making: nothing of the photo's bytes gets in, no script, no link.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from cartoon_avatar.ai.engines.drawn.colours import Lab, hex_of

# What is not quite opaque is drawn apart and clipped once; else browsers clip each shape, and what
# lies below it shows along the clip's edge as a hair-thin line.
_APART = 0.999


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled path with or without a line along it, or the start (a path) and end of a clip."""

    kind: Literal["path", "clip", "end"]
    d: str = ""
    fill: str = ""
    opacity: float = 1.0
    line: str = ""
    line_width: float = 0.0


@dataclass(slots=True)
class Sheet:
    """Shapes on ``width`` × ``height`` units."""

    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)

    def fill(
        self,
        d: str,
        colour: Lab,
        *,
        opacity: float = 1.0,
        line: Lab | None = None,
        line_width: float = 0.0,
    ) -> None:
        if not d:
            return
        drawn = line is not None and line_width > 0
        self.shapes.append(
            Shape(
                "path",
                d,
                hex_of(colour),
                opacity,
                hex_of(line) if drawn else "",
                line_width if drawn else 0.0,
            )
        )

    @contextmanager
    def clipped(self, d: str) -> Generator[None]:
        """What is drawn meanwhile shows only inside ``d``."""
        self.shapes.append(Shape("clip", d or "M0 0Z"))
        yield
        self.shapes.append(Shape("end"))

    def svg(self) -> str:
        return _document(self.width, self.height, self.shapes)


def circle(centre: np.ndarray, radius: float) -> str:
    """Path data of a circle, of four cubic Béziers (a ten thousandth of the radius off)."""
    x, y = (float(value) for value in centre)
    r, k = radius, 0.5522847 * radius
    return (
        f"M{x - r:.1f} {y:.1f}"
        f"C{x - r:.1f} {y - k:.1f} {x - k:.1f} {y - r:.1f} {x:.1f} {y - r:.1f}"
        f"C{x + k:.1f} {y - r:.1f} {x + r:.1f} {y - k:.1f} {x + r:.1f} {y:.1f}"
        f"C{x + r:.1f} {y + k:.1f} {x + k:.1f} {y + r:.1f} {x:.1f} {y + r:.1f}"
        f"C{x - k:.1f} {y + r:.1f} {x - r:.1f} {y + k:.1f} {x - r:.1f} {y:.1f}Z"
    )


def _document(width: float, height: float, shapes: list[Shape]) -> str:
    clips: list[str] = []
    body: list[str] = []
    for shape in shapes:
        if shape.kind == "clip":
            clips.append(
                f'<clipPath id="c{len(clips)}"><path d="{shape.d}" clip-rule="evenodd"/></clipPath>'
            )
            body.append(f'<g opacity="{_APART}" clip-path="url(#c{len(clips) - 1})">')
        elif shape.kind == "end":
            body.append("</g>")
        else:
            body.append(_path(shape))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}"><defs>{"".join(clips)}</defs>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _path(shape: Shape) -> str:
    attributes = f'd="{shape.d}" fill="{shape.fill}" fill-rule="evenodd"'
    if shape.opacity < 1:
        # Of a whole shape it would be a layer, which renderers are slow at.
        kind = "fill-opacity" if not shape.line else "opacity"
        attributes += f' {kind}="{shape.opacity:.2f}"'
    if shape.line:
        attributes += (
            f' stroke="{shape.line}" stroke-width="{shape.line_width:.1f}"'
            ' stroke-linejoin="round" stroke-linecap="round"'
        )
    return f"<path {attributes}/>"
