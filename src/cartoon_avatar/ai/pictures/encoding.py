"""Pictures to files."""

from __future__ import annotations

import io

from cartoon_avatar.ai.pictures.picture import Picture, image_of


def to_png(picture: Picture) -> bytes:
    return _saved(picture, "PNG", compress_level=6)


def to_webp(picture: Picture, quality: int = 90, method: int = 4) -> bytes:
    """``method`` is the encoder's effort, 0 to 6."""
    return _saved(picture, "WEBP", quality=quality, alpha_quality=100, method=method)


def to_jpeg(picture: Picture) -> bytes:
    """Alpha is left out: lay the picture on a colour first."""
    # Full colour resolution: ink on flat colour shows halved chroma as a coloured rim.
    return _saved(Picture(picture.rgb), "JPEG", quality=90, subsampling=0, optimize=True)


def _saved(picture: Picture, kind: str, **options: int | bool) -> bytes:
    """A new file that holds pixels and nothing else."""
    out = io.BytesIO()
    image_of(picture).save(out, kind, **options)
    return out.getvalue()
