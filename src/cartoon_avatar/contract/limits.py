"""Limits that both services hold, each once."""

MAX_UPLOAD_BYTES = 10_000_000
# The largest integer that every JSON reader and a signed 64-bit column keep exact.
LARGEST_SEED = 2**53 - 1
# Random seeds are below this.
RANDOM_SEEDS = 2**31
# Long side of a cartoon.
SMALLEST_CARTOON_PX = 64
LARGEST_CARTOON_PX = 2048
CARTOON_PX = 1024
# Side of a head's square.
LARGEST_HEAD_PX = 1024
# Around a sticker.
WIDEST_OUTLINE_PX = 32
# Around the file of a multipart body: boundaries and the other fields.
FORM_OVERHEAD_BYTES = 65_536
