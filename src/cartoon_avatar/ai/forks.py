"""The process that workers are forked from.

It has everything imported and nothing running: plain fork would carry our threads and sockets
along, and spawning would import NumPy and OpenCV for every worker.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

template = multiprocessing.get_context("forkserver")
template.set_forkserver_preload(["cartoon_avatar.ai.template"])


def start_template() -> None:
    """Otherwise it starts with the first worker."""
    forkserver.ensure_running()
