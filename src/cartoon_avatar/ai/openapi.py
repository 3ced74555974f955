"""The OpenAPI document: bodies that routes read themselves, which FastAPI does not know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from cartoon_avatar.ai.engines.catalogue import STYLES
from cartoon_avatar.contract import headers, paths
from cartoon_avatar.contract.boxes import MOST_FACES
from cartoon_avatar.contract.limits import (
    CARTOON_PX,
    LARGEST_CARTOON_PX,
    LARGEST_HEAD_PX,
    LARGEST_SEED,
    SMALLEST_CARTOON_PX,
    WIDEST_OUTLINE_PX,
)
from cartoon_avatar.contract.media_types import EVENT_STREAM, PROBLEM_JSON, SVG
from cartoon_avatar.contract.options import FRAMINGS
from cartoon_avatar.contract.stickers import PRESETS
from cartoon_avatar.http.problems import Problem

_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_WITH_THUMBNAIL: dict[str, Any] = {
    "type": "integer",
    "enum": [0, 1],
    "default": 0,
    "description": "1: a thumbnail, a WebP file, follows: of the photo, or of the head.",
}
_FACE: dict[str, Any] = {
    "type": "integer",
    "minimum": 0,
    "maximum": MOST_FACES - 1,
    "default": 0,
    "description": "Which face of the upright photo, counted from the most prominent.",
}
_CUT_OPTIONS: dict[str, Any] = {
    "format": {"type": "string", "enum": ["png", "webp", "jpeg"], "default": "png"},
    "background": {
        "type": "string",
        "pattern": "^(transparent|#[0-9a-fA-F]{6})$",
        "default": "transparent",
        "description": "JPEG, which has no transparency, gets white instead.",
    },
    "size": {
        "type": "integer",
        "minimum": 1,
        "maximum": LARGEST_HEAD_PX,
        "description": "Width and height; nothing is enlarged beyond twice its size.",
    },
    "face": _FACE,
    "face_index": {**_FACE, "deprecated": True, "description": "The older name of `face`."},
    "crop": {
        "type": "string",
        "pattern": r"^-?\d{1,6},-?\d{1,6},\d{1,6},\d{1,6}$",
        "description": "left,top,width,height in pixels of the upright original: what of it the"
        " cartoon shows. Without it, everything.",
    },
    "thumbnail": _WITH_THUMBNAIL,
}
_FRAMING = {"type": "string", "enum": list(FRAMINGS), "default": FRAMINGS[0]}
_SEED = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}
_DRAWN_AS = {
    "style": {
        "type": "string",
        "description": "Of the cartoon. With `seed` and the original, the head of one drawn of"
        " shapes is cut along them.",
    },
    "seed": {**_SEED, "description": "Of the cartoon."},
    "framing": {**_FRAMING, "description": "Of the cartoon."},
}
_SCHEMAS: dict[str, Any] = {
    "CartoonForm": {
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": {**_FILE, "description": "JPEG, PNG, WebP, HEIC, AVIF or GIF."},
            "style": {
                "type": "string",
                "examples": [style.name for style in STYLES],
                "default": STYLES[0].name,
                "description": "A name from /styles.",
            },
            "seed": _SEED,
            "size": {
                "type": "integer",
                "minimum": SMALLEST_CARTOON_PX,
                "maximum": LARGEST_CARTOON_PX,
                "default": CARTOON_PX,
                "description": "Long side of the drawing, px.",
            },
            "framing": {
                **_FRAMING,
                "description": "Head and shoulders of one person, or the whole photo.",
            },
            "face": _FACE,
            "format": {
                "type": "string",
                "enum": ["svg"],
                "description": "The shapes of a style whose `svg` is true, instead of pixels.",
            },
            "thumbnail": _WITH_THUMBNAIL,
            "cartoon_thumbnail": {
                **_WITH_THUMBNAIL,
                "description": "1: last follows a thumbnail of the drawing, a WebP file.",
            },
            "fallback": {
                "type": "integer",
                "enum": [0, 1],
                "default": 0,
                "description": "1: where an external generator fails, the first style draws.",
            },
            "stay": {
                "type": "integer",
                "enum": [0, 1],
                "default": 0,
                "description": "1: a style whose `leavesMachine` is true is 403 consent_required.",
            },
        },
    },
    "FaceCutRequest": {
        "type": "object",
        "required": ["image_url"],
        "properties": {
            "image_url": {"type": "string", "description": "The cartoon, at a trusted origin."},
            "original_url": {
                "type": "string",
                "description": "The photo it was drawn from: its head is easier to find.",
            },
            **_CUT_OPTIONS,
            **_DRAWN_AS,
        },
    },
    "FaceCutForm": {
        "type": "object",
        "required": ["image"],
        "properties": {"image": _FILE, "original": _FILE, **_CUT_OPTIONS, **_DRAWN_AS},
    },
    "ThumbnailForm": {
        "type": "object",
        "required": ["image"],
        "properties": {"image": _FILE},
    },
    "StickerForm": {
        "type": "object",
        "required": ["image", "preset"],
        "properties": {
            "image": {**_FILE, "description": "A head, as /process-face-cut gives it."},
            "preset": {"type": "string", "enum": list(PRESETS)},
            "outlineWidth": {
                "type": "integer",
                "minimum": 0,
                "maximum": WIDEST_OUTLINE_PX,
                "description": "Pixels: 8, of a circle or square 0, if none is named.",
            },
            "outlineColor": {
                "type": "string",
                "pattern": "^#[0-9a-fA-F]{6}$",
                "default": "#FFFFFF",
            },
            "background": {
                "type": "string",
                "pattern": "^(transparent|#[0-9a-fA-F]{6})$",
                "description": "A colour for a circle or square; all others are transparent.",
            },
        },
    },
}
_SCHEMAS["PreviewsForm"] = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {**_FILE, "description": "JPEG, PNG, WebP, HEIC, AVIF or GIF."},
        "face": _FACE,
        "styles": {
            "type": "string",
            "examples": ["comic,ink"],
            "description": "Names from /styles, with commas between them; all if there are none.",
        },
    },
}
_BODIES = {
    paths.GENERATE_CARTOON: {"multipart/form-data": "CartoonForm"},
    paths.PROCESS_FACE_CUT: {
        "application/json": "FaceCutRequest",
        "multipart/form-data": "FaceCutForm",
    },
    paths.THUMBNAIL: {"multipart/form-data": "ThumbnailForm"},
    paths.STICKER: {"multipart/form-data": "StickerForm"},
    paths.PREVIEWS: {"multipart/form-data": "PreviewsForm"},
}
_IMAGES = {
    paths.GENERATE_CARTOON: ("image/jpeg", "image/webp", SVG),
    paths.PROCESS_FACE_CUT: ("image/png", "image/webp", "image/jpeg"),
    paths.THUMBNAIL: ("image/webp",),
    paths.STICKER: ("image/webp", "image/png"),
    paths.PREVIEWS: ("application/json",),
}
_SIZES = (
    headers.PHOTO_WIDTH,
    headers.PHOTO_HEIGHT,
    headers.IMAGE_WIDTH,
    headers.IMAGE_HEIGHT,
    headers.SERVER_TIMING,
)
_HEADERS = {
    paths.GENERATE_CARTOON: (
        *_SIZES,
        headers.STYLE,
        headers.SEED,
        headers.ENGINE_VERSION,
        headers.FACE_COUNT,
        headers.CROP_BOX,
        headers.FACES,
        headers.THUMBNAIL_BYTES,
        headers.CARTOON_THUMBNAIL_BYTES,
        headers.FALLBACK,
        headers.ENGINE,
        headers.ALIGNED,
    ),
    paths.PROCESS_FACE_CUT: (
        *_SIZES,
        headers.FACE_COUNT,
        headers.CROP_BOX,
        headers.CUT_PATH,
        headers.CUT_FLAGS,
        headers.THUMBNAIL_BYTES,
    ),
    paths.THUMBNAIL: _SIZES,
    paths.STICKER: _SIZES,
    paths.PREVIEWS: _SIZES,
}
# Where a request accepts them.
_EVENTS = {paths.GENERATE_CARTOON, paths.PROCESS_FACE_CUT}
_EVENTS_SCHEMA = {
    "type": "string",
    "description": "Server-sent events: `queued` with `{position}` and `progress` with `{stage,"
    " progress}`, then one `result` with `{headers, mediaType, image}` (base64) or one `problem`.",
}
_PREVIEWS_SCHEMA = {
    "type": "object",
    "required": ["items"],
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["style", "image"],
                "properties": {
                    "style": {"type": "string"},
                    "image": {"type": "string", "description": "A WebP file as a data: URI."},
                },
            },
        }
    },
}
_KEY = {
    "name": headers.IDEMPOTENCY_KEY,
    "in": "header",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    "description": "For a request that may be repeated: a generator's drawing goes on when the"
    " client hangs up, and the same request gets it.",
}
_REFUSALS = {
    "400": "The picture, a field or a URL is not acceptable; the code says which.",
    "408": "The body arrived too slowly.",
    "413": "A file is too large.",
    "500": "The picture could not be made.",
    "503": "All places are taken, or the workers are starting; see Retry-After.",
}


def described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= _SCHEMAS
    schemas["Problem"] = Problem.model_json_schema(by_alias=True, mode="serialization")

    for path, bodies in _BODIES.items():
        operation = document["paths"][path]["post"]
        operation["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": _ref(name)} for kind, name in bodies.items()},
        }
        refusals = dict(_REFUSALS)
        if path == paths.PROCESS_FACE_CUT:
            refusals["422"] = "No face is in the picture."
        if path == paths.STICKER:
            refusals["422"] = "The head is on a colour, or no sticker of so few bytes can be made."
        content: dict[str, Any] = {kind: {"schema": _FILE} for kind in _IMAGES[path]}
        if path == paths.GENERATE_CARTOON:
            operation["parameters"] = [_KEY]
            refusals |= {
                "403": "With `stay`: the photo would be sent to somebody else.",
                "409": "A generator's drawing was cancelled by its Idempotency-Key.",
                "422": "No face is in the picture, or a generator refuses it by its policy.",
            }
        if path == paths.PREVIEWS:
            content = {"application/json": {"schema": _PREVIEWS_SCHEMA}}
        if path in _EVENTS:
            content[EVENT_STREAM] = {"schema": _EVENTS_SCHEMA}
        operation["responses"] = {
            "200": {
                "description": "The picture.",
                "content": content,
                "headers": {name: {"schema": {"type": "string"}} for name in _HEADERS[path]},
            },
            **{status: _problem(text) for status, text in refusals.items()},
        }
    cancel = document["paths"][paths.GENERATE_CARTOON]["delete"]
    cancel["parameters"] = [{**_KEY, "required": True}]
    cancel["responses"]["400"] = _problem("The key is missing or malformed.")
    readiness = document["paths"][paths.READYZ]["get"]["responses"]
    readiness["503"] = {
        **readiness["200"],
        "description": "No worker is warm yet, or faces cannot be found; what is missing is named.",
    }
    document["paths"][paths.METRICS]["get"]["responses"]["200"] = {
        "description": "Prometheus text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return document


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {PROBLEM_JSON: {"schema": _ref("Problem")}},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
