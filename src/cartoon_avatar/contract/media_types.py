"""Media types of bodies."""

PROBLEM_JSON = "application/problem+json"
EVENT_STREAM = "text/event-stream"

SVG = "image/svg+xml"
ZIP = "application/zip"

# What a photo may be, by content, and how its file's name ends.
IMAGE_TYPES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/avif": "avif",
    "image/gif": "gif",
}
