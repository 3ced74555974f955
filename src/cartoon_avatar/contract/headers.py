"""Header names."""

REQUEST_ID = "X-Request-Id"
SERVER_TIMING = "Server-Timing"
# The key of a drawing request that may be sent again after either side died.
IDEMPOTENCY_KEY = "Idempotency-Key"

# Of a response of the AI service:
STYLE = "X-Style"
SEED = "X-Seed"
# What drew it, and whether it shows what the photo shows in the same place: 1 or 0.
ENGINE = "X-Engine"
ALIGNED = "X-Aligned"
# Of a deterministic engine alone: as long as it is the same, so is the picture of a request.
ENGINE_VERSION = "X-Engine-Version"
FACE_COUNT = "X-Face-Count"
# Of a drawing of our own in place of a generator's: the code of the generator's failure.
FALLBACK = "X-Fallback"
# Of the uploaded photo, upright, before any scaling.
PHOTO_WIDTH = "X-Photo-Width"
PHOTO_HEIGHT = "X-Photo-Height"
# Of the picture in the response.
IMAGE_WIDTH = "X-Image-Width"
IMAGE_HEIGHT = "X-Image-Height"
# "left,top,width,height" in pixels of the upright input: what part of the photo a cartoon shows,
# or where in the cartoon a head was.
CROP_BOX = "X-Crop-Box"
# All faces of the upright photo, the most prominent first, as ``boxes.faces_text`` writes them.
FACES = "X-Faces"
# Of an SVG: opened as a document it runs nothing and fetches nothing.
SVG_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
# How the head was found: "classes", "fallback" or "shapes".
CUT_PATH = "X-Cut-Path"
# Comma-separated remarks on a head: "cut-by-frame", "low-resolution".
CUT_FLAGS = "X-Cut-Flags"
# How many bytes of the body are thumbnails, where they were requested: after the picture the
# photo's or the head's, last the drawing's.
THUMBNAIL_BYTES = "X-Thumbnail-Bytes"
CARTOON_THUMBNAIL_BYTES = "X-Cartoon-Thumbnail-Bytes"
