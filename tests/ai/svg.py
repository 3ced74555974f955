"""What a viewer of SVG shows of a document: an independent renderer's picture."""

from __future__ import annotations

import re

import cv2
import numpy as np
import resvg_py

from cartoon_avatar.ai.pictures import Picture

# In a document's first tag.
_SIZE = re.compile(r' width="[^"]*" height="[^"]*"')


def shown(document: str, width: int, height: int) -> Picture:
    """``document``, which names its width and height, as a picture of ``width`` × ``height`` px."""
    # Told the size as an argument, resvg keeps the ratio of a document rounded to whole units: of
    # a long one, a pixel is missing.
    sized = _SIZE.sub(
        f' width="{width}" height="{height}" preserveAspectRatio="none"', document, count=1
    )
    data = resvg_py.svg_to_bytes(svg_string=sized, skip_system_fonts=True)
    bgra = cv2.imdecode(np.frombuffer(bytes(data), np.uint8), cv2.IMREAD_UNCHANGED)
    assert bgra is not None
    rgba = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA)
    return Picture(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))
