"""A callback at SIGTERM, before the server waits for its requests."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


def call_at_sigterm(callback: Callable[[], None]) -> None:
    """In a worker of the server: have ``callback`` called at SIGTERM, before the server begins to
    wait for what is under way, which streams would go on for as long as that lasts.

    To be called while the app starts, when the server has installed its own handlers. Those of
    SIGTERM and SIGINT are one and cannot be asked for, so ours takes the place of the first and
    hands over to the second.
    """

    def stop() -> None:
        callback()
        os.kill(os.getpid(), signal.SIGINT)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
