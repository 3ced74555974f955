"""Paths of the AI service."""

GENERATE_CARTOON = "/generate-cartoon"
PROCESS_FACE_CUT = "/process-face-cut"
THUMBNAIL = "/thumbnail"
STICKER = "/sticker"
PREVIEWS = "/previews"
STYLES = "/styles"
ENGINES = "/engines"

# Both services have these.
HEALTHZ = "/healthz"
READYZ = "/readyz"
METRICS = "/metrics"
