"""What the two services agree on: paths, header names and the error body."""

from __future__ import annotations

GENERATE_CARTOON = "/generate-cartoon"
PROCESS_FACE_CUT = "/process-face-cut"
THUMBNAIL = "/thumbnail"
STYLES = "/styles"
HEALTHZ = "/healthz"
READYZ = "/readyz"
METRICS = "/metrics"

REQUEST_ID = "X-Request-Id"
STYLE = "X-Style"
SEED = "X-Seed"
ENGINE_VERSION = "X-Engine-Version"
FACE_COUNT = "X-Face-Count"
# Of the uploaded photo, upright, before any scaling.
PHOTO_WIDTH = "X-Photo-Width"
PHOTO_HEIGHT = "X-Photo-Height"
# Of the picture in the answer.
IMAGE_WIDTH = "X-Image-Width"
IMAGE_HEIGHT = "X-Image-Height"
# "left,top,width,height" in pixels of the upright input.
CROP_BOX = "X-Crop-Box"
# How the head was found: "classes" or "fallback".
CUT_PATH = "X-Cut-Path"
# Comma-separated remarks on a head: "cut-by-frame", "low-resolution".
CUT_FLAGS = "X-Cut-Flags"
# How many of the answer's last bytes are the photo's or the head's thumbnail, where one was
# asked for.
THUMBNAIL_BYTES = "X-Thumbnail-Bytes"
SERVER_TIMING = "Server-Timing"

PROBLEM_JSON = "application/problem+json"

# What a photo may be, by content.
IMAGE_TYPES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/avif": "avif",
    "image/gif": "gif",
}
