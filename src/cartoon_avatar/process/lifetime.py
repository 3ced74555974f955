"""Ends a process whose parent is gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time


def exit_with_parent(parent: int | None = None, grace_s: float = 10) -> None:
    """Have this process end, gracefully if it can, once its parent is gone, or if it is by now.

    A parent killed with SIGKILL cannot notify its children; they are reparented, which a thread
    started here polls for. ``parent`` is the id of the process
    that started this one, by default as multiprocessing knows it.
    """
    if parent is None:
        started_by = multiprocessing.parent_process()
        assert started_by is not None
        parent = started_by.pid

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_s)
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()
