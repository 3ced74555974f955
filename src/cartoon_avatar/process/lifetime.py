"""Ends a process whose parent is gone, in the two ways that it takes.

A server and its workers poll the id of their parent. Multiprocessing's sentinel, a pipe that closes
with the parent, is also held open by every process that the parent forks later: of three workers
that take 3 s to finish, the first is notified after 6 s instead of 0.5 s.

A worker of the AI service waits for the sentinel. To the system its parent is the template that it
was forked from, which lives as long as a worker does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

_POLL_S = 0.5


def exit_with_parent(parent: int | None = None, grace_s: float = 10) -> None:
    """Have this process end once its parent is gone, also where it is gone already: by SIGTERM, and
    after ``grace_s`` without further grace.

    ``parent`` is the id of the process that started this one, by default as multiprocessing
    knows it.
    """
    parent = _parent().pid if parent is None else parent

    def watch() -> None:
        # A process whose parent was killed gets another.
        while os.getppid() == parent:
            time.sleep(_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_s)
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()


def exit_with_launcher() -> None:
    """Have this process, forked from the template, end once the one that asked for it is gone.

    At once, in the middle of a job: without it a drawing goes on to its end, and one that hangs
    for ever.
    """
    launcher = _parent()

    def watch() -> None:
        launcher.join()
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-launcher", daemon=True).start()


def _parent() -> multiprocessing.process.BaseProcess:
    parent = multiprocessing.parent_process()
    assert parent is not None
    return parent
