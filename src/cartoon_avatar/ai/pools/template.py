"""Imported once by the process that workers are forked from: what every worker needs."""

import signal

# As the workers do: a service manager's SIGTERM reaches it too, and workers end with it.
signal.signal(signal.SIGTERM, signal.SIG_IGN)

import cartoon_avatar.ai.jobs  # noqa: E402, F401
