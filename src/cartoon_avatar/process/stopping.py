"""A callback at SIGTERM, before the server waits for its requests."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

# By then the server has installed its own handlers, which it does once the app has started.
_AFTER_S = 0.2


async def call_at_sigterm(callback: Callable[[], None]) -> None:
    """In a worker of the server: have ``callback`` called at SIGTERM, before the server begins to
    wait for what is under way, which streams would go on for as long as that lasts.

    The server's handlers of SIGTERM and SIGINT are one and cannot be asked for, so ours takes the
    place of the first and hands over to the second.
    """
    await asyncio.sleep(_AFTER_S)

    def stop() -> None:
        callback()
        os.kill(os.getpid(), signal.SIGINT)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
