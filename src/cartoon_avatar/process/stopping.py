"""A callback at SIGTERM, before the server waits for its requests."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


def call_at_sigterm(callback: Callable[[], None]) -> None:
    """In a worker of the server: call ``callback`` at SIGTERM, before the server waits for requests
    under way. Streams end then, which would otherwise go on for all of that wait.

    To be called while the app starts, when the server has installed its own handler, the same for
    SIGTERM and SIGINT. It cannot be read back, so ours replaces it for SIGTERM and then raises
    SIGINT.
    """

    def stop() -> None:
        callback()
        os.kill(os.getpid(), signal.SIGINT)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
