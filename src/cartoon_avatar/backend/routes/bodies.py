"""Request bodies, for the OpenAPI document: JSON or form is read by hand."""

from __future__ import annotations

from typing import Any

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again within 24 h with the same request, the stored answer comes back.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "b3f1c7e2-upload-1",
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
    "description": "Same photo, style and seed give the same picture.",
    "example": 7,
}


def _body(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"title": name, "type": "object", "properties": properties}
    return {
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": {
            "required": False,
            "content": {
                "application/json": {"schema": schema},
                "application/x-www-form-urlencoded": {"schema": schema},
                "multipart/form-data": {"schema": schema},
            },
        },
    }


UPLOAD_BODY: dict[str, Any] = {
    "parameters": [_IDEMPOTENCY_KEY],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
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
                        },
                        "style": _STYLE,
                        "seed": _SEED,
                    },
                }
            }
        },
    },
}

DRAWING_BODY = _body("DrawingWish", {"style": _STYLE, "seed": _SEED})

CUT_BODY = _body(
    "CutWish",
    {
        "format": {"type": "string", "enum": ["png", "webp", "jpeg"], "default": "png"},
        "background": {
            "type": "string",
            "default": "transparent",
            "description": "`transparent` or `#RRGGBB`; jpeg gets white if none is named.",
            "example": "#FFD54A",
        },
        "size": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1024,
            "description": "Side of the square in pixels.",
        },
    },
)
