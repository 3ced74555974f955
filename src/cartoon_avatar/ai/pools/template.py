"""Imported once by the process that workers are forked from: what every worker needs."""

import gc
import signal

# The collector takes an eighth of the imports and finds nothing. Workers turn it on again.
gc.disable()
# As the workers do: a service manager's SIGTERM reaches it too, and workers end with it.
signal.signal(signal.SIGTERM, signal.SIG_IGN)

import cv2  # noqa: E402

# Modules that compute a table with OpenCV when they are imported would start its threads here;
# fork does not take them along, and a worker that waits for them waits for ever.
cv2.setNumThreads(1)

import cartoon_avatar.ai.jobs  # noqa: E402, F401
