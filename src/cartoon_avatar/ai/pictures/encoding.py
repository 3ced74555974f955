"""Pictures to files."""

from __future__ import annotations

import io
from typing import Any

from PIL.PngImagePlugin import PngInfo

from cartoon_avatar.ai.pictures.picture import Picture, image_of

# ``xmp`` is a packet of ``containers/marks.py``. Beside it a file holds pixels and nothing else.


def to_png(picture: Picture, *, xmp: bytes = b"") -> bytes:
    texts = PngInfo()
    if xmp:
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return _saved(picture, "PNG", compress_level=6, pnginfo=texts)


def to_webp(picture: Picture, quality: int = 90, method: int = 4, *, xmp: bytes = b"") -> bytes:
    """``method`` is the encoder's effort, 0 to 6."""
    return _saved(picture, "WEBP", quality=quality, alpha_quality=100, method=method, xmp=xmp)


def to_jpeg(picture: Picture, *, xmp: bytes = b"") -> bytes:
    """Alpha is left out: lay the picture on a colour first."""
    # Full colour resolution: ink on flat colour shows halved chroma as a coloured rim.
    opaque = Picture(picture.rgb)
    return _saved(opaque, "JPEG", quality=90, subsampling=0, optimize=True, xmp=xmp)


def _saved(picture: Picture, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image_of(picture).save(out, kind, **options)
    return out.getvalue()
