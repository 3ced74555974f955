"""The process that workers are forked from.

It has everything imported and nothing running: plain fork would carry our threads and sockets
along, and spawning would import NumPy and OpenCV for every worker.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from contextlib import suppress
from multiprocessing import forkserver
from typing import Any

template = multiprocessing.get_context("forkserver")
template.set_forkserver_preload(["cartoon_avatar.ai.pools.template"])


def start_template() -> None:
    """Otherwise it starts with the first worker."""
    forkserver.ensure_running()


_mending = threading.Lock()


def mend_template() -> None:
    """Have the next worker start a new template where this one's socket is gone.

    It lies in the temporary folder, which systems tidy up every few days. The workers of the
    old template end with it.
    """
    # Its private parts, since it has no public way to be started anew.
    server: Any = forkserver._forkserver
    with _mending:
        address = server._forkserver_address
        if address is not None and not os.path.exists(address):
            with suppress(FileNotFoundError):  # the socket, which it would remove
                server._stop()
            # The folder was deleted too, and another user may have made one of its name since.
            process: Any = multiprocessing.current_process()
            process._config.pop("tempdir", None)
