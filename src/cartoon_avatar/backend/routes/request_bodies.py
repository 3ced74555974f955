"""Request bodies, for the OpenAPI document: JSON or form is read by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cartoon_avatar.backend.flows.reports import LONGEST_NOTE, REASONS
from cartoon_avatar.contract.boxes import MOST_FACES
from cartoon_avatar.contract.limits import (
    CARTOON_PX,
    LARGEST_CARTOON_PX,
    LARGEST_HEAD_PX,
    LARGEST_SEED,
    SMALLEST_CARTOON_PX,
    WIDEST_OUTLINE_PX,
)
from cartoon_avatar.contract.options import FRAMINGS
from cartoon_avatar.contract.stickers import PRESETS

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again within 24 h with the same request, the stored response comes back.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "b3f1c7e2-upload-1",
}

_REPR_DIGEST = {
    "name": "Repr-Digest",
    "in": "header",
    "required": False,
    "description": "SHA-256 of the photo's file (RFC 9530); another photo is 400.",
    "schema": {"type": "string", "maxLength": 255},
    "example": "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`respond-async` answers 202 as soon as the work is safe, with `wait=N` after N"
    " seconds at most (RFC 7240).",
    "schema": {"type": "string", "maxLength": 255},
    "example": "respond-async, wait=8",
}

_STYLE = {
    "type": "string",
    "description": "A name from `/api/styles`; without one the styles are walked through.",
    "example": "comic",
}
_SEED = {
    "type": "integer",
    "format": "int64",
    "minimum": 0,
    "maximum": LARGEST_SEED,
    "description": "Same photo, style and seed give the same picture.",
    "example": 7,
}

_CARTOON_SIZE = {
    "type": "integer",
    "minimum": SMALLEST_CARTOON_PX,
    "maximum": LARGEST_CARTOON_PX,
    "description": f"Long side of the cartoon in pixels, {CARTOON_PX} if none is named.",
    "example": CARTOON_PX,
}
_FRAMING = {
    "type": "string",
    "enum": list(FRAMINGS),
    "description": "`portrait` (if none is named) shows head and shoulders, `full` everything.",
    "example": "portrait",
}
_FACE = {
    "type": "integer",
    "minimum": 0,
    "maximum": MOST_FACES - 1,
    "description": "Whose: an index into the photo's `faces`; the most prominent is 0.",
    "example": 0,
}
_DRAWING = {
    "style": _STYLE,
    "seed": _SEED,
    "size": _CARTOON_SIZE,
    "framing": _FRAMING,
    "face": _FACE,
}

_PRESET = {
    "type": "string",
    "enum": list(PRESETS),
    "description": "Where the sticker is meant for: its size, type, margin and most bytes.",
    "example": "whatsapp",
}
_OUTLINE = {
    "outlineWidth": {
        "type": "integer",
        "minimum": 0,
        "maximum": WIDEST_OUTLINE_PX,
        "description": "Pixels of the sticker: 8, of a circle or square 0, if none is named.",
        "example": 8,
    },
    "outlineColor": {
        "type": "string",
        "pattern": "^#[0-9A-Fa-f]{6}$",
        "description": "`#FFFFFF` if none is named.",
        "example": "#FFFFFF",
    },
}

SCHEMAS: dict[str, Any] = {
    "UploadForm": {
        "title": "UploadForm",
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": {
                "type": "string",
                "format": "binary",
                "description": "The photo: JPEG, PNG, WebP, HEIC, AVIF or GIF.",
            },
            "deviceId": {
                "type": "string",
                "description": "In place of the X-Device-Id header.",
                "example": "pixel-8.a1b2c3",
            },
            **_DRAWING,
        },
    },
    "DrawingOptions": {
        "title": "DrawingOptions",
        "type": "object",
        "properties": _DRAWING,
    },
    "CutOptions": {
        "title": "CutOptions",
        "type": "object",
        "properties": {
            # No `default`: of an enum's the Dart generator makes code that does not compile.
            "format": {
                "type": "string",
                "enum": ["png", "webp", "jpeg"],
                "description": "`png` if none is named.",
                "example": "png",
            },
            "background": {
                "type": "string",
                "pattern": "^(transparent|#[0-9A-Fa-f]{6})$",
                "description": "`transparent` (if none is named) or `#RRGGBB`; jpeg has no"
                " transparency and gets white.",
                "example": "#FFD54A",
            },
            "size": {
                "type": "integer",
                "minimum": 1,
                "maximum": LARGEST_HEAD_PX,
                "description": "Side of the square in pixels.",
                "example": 512,
            },
            "face": {**_FACE, "description": f"{_FACE['description']} By default the drawn one."},
            "preset": {
                **_PRESET,
                "description": "A sticker of the head as well, which these options are of then.",
            },
            **_OUTLINE,
        },
    },
    "Recovery": {
        "title": "Recovery",
        "type": "object",
        "required": ["code"],
        "properties": {
            "code": {
                "type": "string",
                "description": "Spaces, dashes and case do not count; O is 0, I and L are 1.",
                "example": "7K3M-PZ0Q-9XWB-4TRA-2HNC",
            }
        },
    },
    "ReportOptions": {
        "title": "ReportOptions",
        "type": "object",
        "required": ["picture", "reason"],
        "properties": {
            "picture": {
                "type": "string",
                "description": "The id of a photo, cartoon or face of this device.",
                "example": "c07a5e9b1d2f4a6880b3e7d1",
            },
            "reason": {"type": "string", "enum": list(REASONS), "example": "not_me"},
            "note": {
                "type": "string",
                "maxLength": LONGEST_NOTE,
                "description": "In the user's own words.",
                "example": "",
            },
        },
    },
    "ExportOptions": {
        "title": "ExportOptions",
        "type": "object",
        "required": ["preset"],
        "properties": {
            "preset": _PRESET,
            **_OUTLINE,
            "background": {
                "type": "string",
                "pattern": "^(transparent|#[0-9A-Fa-f]{6})$",
                "description": "Fills a circle or square; all others are transparent.",
                "example": "transparent",
            },
        },
    },
}


def _body(
    name: str, *kinds: str, required: bool = False, headers: Sequence[Any] = (_IDEMPOTENCY_KEY,)
) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {
        "parameters": list(headers),
        "requestBody": {
            "required": required,
            "content": {kind: {"schema": schema} for kind in kinds},
        },
    }


_FORM = "multipart/form-data"
# Forms are taken as well; clients generated of several kinds would send all of them at once.
_JSON = "application/json"
_OF_JOBS = [_IDEMPOTENCY_KEY, _PREFER]
UPLOAD_BODY = _body("UploadForm", _FORM, required=True, headers=[*_OF_JOBS, _REPR_DIGEST])
DRAWING_BODY = _body("DrawingOptions", _JSON, headers=_OF_JOBS)
CUT_BODY = _body("CutOptions", _JSON, headers=_OF_JOBS)
RECOVERY_BODY = _body("Recovery", _JSON, required=True, headers=())
REPORT_BODY = _body("ReportOptions", _JSON, required=True, headers=())
EXPORT_BODY = _body("ExportOptions", _JSON, required=True)
